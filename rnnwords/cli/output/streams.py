"""Standard streams: UTF-8 in pipes, closed streams, and readers that leave."""

import contextlib
import io
import os
import sys


def prepare_streams() -> None:
    """Make pipes and files UTF-8 in any locale, and replace a closed stdin or stderr by the null device.

    Characters that stdout cannot write are escaped.
    """
    for stream, errors in ((sys.stdin, "replace"), (sys.stdout, "backslashreplace")):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding=None if stream.isatty() else "utf-8", errors=errors)
    if sys.stdin is None:
        sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115


def discard_stdout() -> None:
    """Send what is still in the buffer of stdout nowhere; Python would report at exit that it cannot be written."""
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
