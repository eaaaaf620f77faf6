"""Encoded texts: token ids on disk or in memory, and parts of them.

A series of numbers is an encoded text too: it is read in the same windows.
"""

import os
import weakref
from collections.abc import Iterable
from dataclasses import dataclass, replace
from io import FileIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnwords.errors import CorpusError
from rnnwords.files import read_array, reason

MIN_HALF = 100  # words that each half of a validation text predicts; a shorter text is not divided
Ids = NDArray[np.integer]
Values = NDArray[np.float32]  # of a series


@dataclass(frozen=True)
class IdFile:
    """A stretch of the token ids in a file, read part by part.

    The file is not memory-mapped: truncating a mapped file ends the process with SIGBUS. It stays open while any part
    of it is in use, so deleting or replacing it meanwhile does no harm.
    """

    path: Path
    stream: FileIO
    dtype: np.dtype[np.unsignedinteger]
    start: int
    stop: int

    @classmethod
    def open(cls, path: Path, dtype: np.dtype[np.unsignedinteger]) -> "IdFile":
        """Return all ids of a file. Raises OSError."""
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        stream = FileIO(descriptor, closefd=False)
        weakref.finalize(stream, os.close, descriptor)
        return cls(path, stream, dtype, 0, os.fstat(descriptor).st_size // dtype.itemsize)

    def __len__(self) -> int:
        return self.stop - self.start

    def __getitem__(self, part: slice) -> Ids:
        """Return a part as an array. Raises CorpusError if reading fails or the file has become shorter."""
        first, last, _ = part.indices(len(self))
        size = max(0, last - first) * self.dtype.itemsize
        try:
            self.stream.seek((self.start + first) * self.dtype.itemsize)
            content = read_array(self.stream, size)
        except OSError as error:
            raise CorpusError(f"cannot read the encoded text {self.path}: {reason(error)}; start again") from error
        if len(content) != size:
            raise CorpusError(
                f"expected {size:,} more bytes in the encoded text {self.path}, found {len(content):,}; remove it and "
                "start again"
            )
        return content.view(self.dtype)

    def part(self, start: int, stop: int) -> "IdFile":
        """Return the ids start..stop as an encoded text."""
        return replace(self, start=self.start + start, stop=self.start + stop)


EncodedText = Ids | Values | IdFile


def read_type(text: EncodedText) -> np.dtype[Any]:
    """Return the type in which training reads a text: int32 for ids, float32 for numbers."""
    return np.dtype(np.float32 if text.dtype.kind == "f" else np.int32)


def part_of(text: EncodedText, start: int, stop: int) -> EncodedText:
    """Return the ids start..stop of a text, without reading them."""
    return text.part(start, stop) if isinstance(text, IdFile) else text[start:stop]


def in_memory(pieces: Iterable[bytes], typecode: str) -> Ids:
    """Return the ids of a small text from the pieces that `counting.encode_corpus` yields."""
    return np.frombuffer(b"".join(pieces), np.dtype(typecode))


def cut_at(words: int, fraction: float) -> int:
    """Return the number of training words of a text of `words` words whose last `fraction` is for validation."""
    return words - int(words * fraction)


def halves(validation: EncodedText, context: int) -> tuple[EncodedText, EncodedText | None]:
    """Return the half of a validation text that chooses settings, and the half that measures their result.

    The first `context` words of each are context only, so the second begins as many words early. A text whose halves
    would predict fewer than MIN_HALF words is not divided: the second half is None.
    """
    words = len(validation) - context
    if words < 2 * MIN_HALF:
        return validation, None
    middle = context + words - words // 2
    return part_of(validation, 0, middle), part_of(validation, middle - context, len(validation))
