"""Input as it comes through a pipe or from a terminal, waited for so that no signal is missed."""

import select
from collections.abc import Iterator
from typing import Protocol

PATIENCE = 1.0  # seconds that a wait lasts at most, until it begins anew


class Buffered(Protocol):
    """A stream that gives what is there, as io.BufferedReader does."""

    def fileno(self) -> int: ...

    def read1(self, size: int, /) -> bytes: ...


def arriving(stream: Buffered, size: int) -> Iterator[bytes]:
    """What comes, as it comes, in blocks of at most `size` bytes, which is more than the stream's own buffer holds.

    A signal that arrives between Python's last look for signals and the wait of the system would be seen after the next
    input only, which may never come: so waits are short.
    """
    while True:
        while is_there(stream, PATIENCE) is False:
            pass
        if not (block := stream.read1(size)):
            return
        yield block


def is_there(stream: Buffered, seconds: float) -> bool | None:
    """Whether input, or its end, is there now or within so many seconds, so that `read1` would not wait; None where the
    system does not tell (Windows knows of sockets only). The stream's own buffer is empty."""
    try:
        descriptor = stream.fileno()
    except OSError:
        return True  # it is in memory
    try:
        return bool(select.select([descriptor], [], [], seconds)[0])
    except OSError:
        return None
