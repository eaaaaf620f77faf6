"""Input from a pipe or a terminal, in waits short enough that no signal is missed."""

import select
from collections.abc import Iterator
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
