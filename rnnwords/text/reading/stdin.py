"""Input from a pipe or a terminal, in waits short enough that no signal is missed, and its line ends."""

import select
from collections.abc import Iterable, Iterator
from typing import Protocol

MAX_WAIT = 1.0  # seconds per wait of the system


class BufferedStream(Protocol):
    """A stream that returns the input that has arrived, such as io.BufferedReader."""

    def fileno(self) -> int: ...

    def read1(self, size: int, /) -> bytes: ...


def read_arriving(stream: BufferedStream, size: int) -> Iterator[bytes]:
    """Yield the input as it arrives, at most `size` bytes at a time; `size` exceeds the stream's own buffer.

    A signal between Python's last check for signals and the system's wait is handled only when the wait ends. So that
    this happens without input, each wait is short.
    """
    while True:
        while has_input(stream, MAX_WAIT) is False:
            pass
        if not (data := stream.read1(size)):
            return
        yield data


def with_line_feeds(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the pieces of an input with \\n for the line ends \\r\\n and \\r; nothing is held back, also after \\r."""
    after_return = False
    for piece in pieces:
        rest = piece.removeprefix(b"\n") if after_return else piece  # the line has ended already
        after_return = piece.endswith(b"\r") or (after_return and not piece)
        yield rest.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def has_input(stream: BufferedStream, seconds: float) -> bool | None:
    """Return whether input, or its end, arrives within `seconds`, so that `read1` does not wait.

    The stream's own buffer must be empty. None if the system cannot tell: Windows polls only sockets.
    """
    try:
        descriptor = stream.fileno()
    except OSError:
        return True  # in memory
    try:
        return bool(select.select([descriptor], [], [], seconds)[0])
    except OSError:
        return None
