"""Converted texts of a corpus, in one temporary file: each file is converted once, however often it is read."""

import os
import tempfile
import weakref
from collections.abc import Callable, Iterator
from typing import IO

from rnnwords.errors import CorpusError
from rnnwords.files import reason


class Spool:
    """A temporary file without a name, which disappears with the process."""

    def __init__(self) -> None:
        self._file: IO[bytes] | None = None
        self._size = 0
        self._places: dict[str, tuple[int, int]] = {}  # name of a text -> where it begins and ends

    def pieces(self, name: str, texts: Callable[[], Iterator[str]], size: int) -> Iterator[bytes]:
        """Yield a text in pieces of `size` bytes of UTF-8; the first time, it is made by `texts`.

        Raises CorpusError if the disk is full.
        """
        try:
            if self._file is None:
                self._file = tempfile.TemporaryFile()  # noqa: SIM115
                weakref.finalize(self, self._file.close)
            descriptor = self._file.fileno()
            if name not in self._places:
                start = self._size
                for text in texts():
                    self._size += _write(descriptor, text.encode(), self._size)
                self._places[name] = start, self._size
            at, stop = self._places[name]
            while at < stop:
                piece = os.pread(descriptor, min(size, stop - at), at)
                at += len(piece)
                yield piece
        except OSError as error:
            raise CorpusError(
                f"cannot save the text of {name} in a temporary file: {reason(error)}; set TMPDIR to a directory with "
                "more space"
            ) from error


def _write(descriptor: int, data: bytes, at: int) -> int:
    """Write all bytes at a position, and return their number."""
    rest = memoryview(data)
    while rest:
        written = os.pwrite(descriptor, rest, at)
        rest, at = rest[written:], at + written
    return len(data)
