"""Standard streams: UTF-8 in pipes, closed streams, readers that leave, and an stderr that never fails."""

import contextlib
import errno
import io
import os
import select
import sys
from typing import TYPE_CHECKING

from rnnwords.files import reason

if TYPE_CHECKING:
    from typing_extensions import Buffer


def prepare_streams() -> None:
    """Make pipes and files UTF-8 in any locale, replace closed streams, and ignore all errors of writing to stderr.

    A closed stdin is empty, a closed stderr discards, and a closed stdout fails when something is written to it, as a
    full one does. They are opened in this order, since each gets the lowest free descriptor: its own. Characters that
    stdout cannot write are escaped.
    """
    for stream, errors in ((sys.stdin, "replace"), (sys.stdout, "backslashreplace")):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding=None if stream.isatty() else "utf-8", errors=errors)
    if isinstance(sys.stdout, io.TextIOWrapper) and not os.get_blocking(sys.stdout.fileno()):
        waiting = io.BufferedWriter(_WaitingFile(sys.stdout.fileno(), "w", closefd=False))
        sys.stdout = io.TextIOWrapper(waiting, sys.stdout.encoding, "backslashreplace", line_buffering=False)
    if sys.stdin is None:
        sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: SIM115
    if sys.stdout is None:
        sys.stdout = open(os.open(os.devnull, os.O_RDONLY), "w", encoding="utf-8")  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    # Of its own descriptor, since descriptor 2 goes to a file while TensorFlow writes its log there.
    raw = io.BufferedWriter(_LossyFile(os.dup(sys.stderr.fileno()), "w"))
    sys.stderr = io.TextIOWrapper(raw, sys.stderr.encoding, "backslashreplace", line_buffering=True)


class _WaitingFile(io.FileIO):
    """A pipe that does not block, as other programs may hand over; Python would lose what it has no room for."""

    def write(self, data: "Buffer", /) -> int:
        while (count := super().write(data)) is None:
            select.select([], [self], [])
        return count


class _LossyFile(io.FileIO):
    """A file that discards what cannot be written: notes and progress are not worth a failure.

    Its disk may be full, its reader may have left, its terminal may be closed, a pipe that does not block may be full.
    """

    def write(self, data: "Buffer", /) -> int:
        with contextlib.suppress(OSError):
            if (count := super().write(data)) is not None:
                return count
        return memoryview(data).nbytes


def stdout_message(error: OSError) -> str:
    """Return the message of an error of writing to stdout."""
    if error.errno == errno.EBADF:
        return "standard output is closed; redirect it to a file or to /dev/null"
    return f"could not write to standard output: {reason(error)}"


def discard_stdout() -> None:
    """Send what is still in the buffer of stdout nowhere; Python would report at exit that it cannot be written."""
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
