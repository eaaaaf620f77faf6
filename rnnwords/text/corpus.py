"""Encoded corpora: ids on disk or in memory, the held-out part, and the order in which training reads them.

The order is a pure function of (seed, epoch, step), so a resumed run reads exactly what an unbroken one would have.
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

Ids = NDArray[np.integer]
Values = NDArray[np.float32]  # a series of numbers is read by the same windows as a text
BLOCK = 1 << 22  # windows shuffled at a time: memory stays bounded, and texts up to this size are shuffled whole


@dataclass(frozen=True)
class IdFile:
    """Ids in a file, of which parts are read (not mapped: a file cut short under a map ends the process).

    The file is held open for as long as a part of it is in use: removed or replaced meanwhile, it is read on.
    """

    path: Path
    stream: FileIO
    dtype: np.dtype[np.unsignedinteger]
    start: int
    stop: int

    @classmethod
    def opened(cls, path: Path, dtype: np.dtype[np.unsignedinteger]) -> "IdFile":
        """All ids of a file. Raises OSError if it cannot be opened."""
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        stream = FileIO(descriptor, closefd=False)
        weakref.finalize(stream, os.close, descriptor)
        return cls(path, stream, dtype, 0, os.fstat(descriptor).st_size // dtype.itemsize)

    def __len__(self) -> int:
        return self.stop - self.start

    def __getitem__(self, part: slice) -> Ids:
        """A part, as an array. Raises CorpusError if it cannot be read, or the file is shorter than it was."""
        first, last, _ = part.indices(len(self))
        size = max(0, last - first) * self.dtype.itemsize
        try:
            self.stream.seek((self.start + first) * self.dtype.itemsize)
            content = read_array(self.stream, size)
        except OSError as error:
            raise CorpusError(f"the encoded text {self.path} cannot be read: {reason(error)}; start again") from error
        if len(content) != size:
            raise CorpusError(f"the encoded text {self.path} was cut short; remove it and start again")
        return content.view(self.dtype)

    def part(self, start: int, stop: int) -> "IdFile":
        """The ids start..stop as a text of their own."""
        return replace(self, start=self.start + start, stop=self.start + stop)


Text = Ids | Values | IdFile


def read_type(text: Text) -> np.dtype[Any]:
    """What training reads a text as: ids as int32, numbers as float32."""
    return np.dtype(np.float32 if text.dtype.kind == "f" else np.int32)


def part_of(text: Text, start: int, stop: int) -> Text:
    """The ids start..stop of a text, without reading them."""
    return text.part(start, stop) if isinstance(text, IdFile) else text[start:stop]


def in_memory(pieces: Iterable[bytes], typecode: str) -> Ids:
    """The ids of a small text, from the pieces that `counting.encode_corpus` yields."""
    return np.frombuffer(b"".join(pieces), np.dtype(typecode))


def cut_at(words: int, fraction: float) -> int:
    """How many of `words` words are for training when the last `fraction` is held out."""
    return words - int(words * fraction)


@dataclass
class Windows:
    """All windows of T words and the word after each, shuffled anew every epoch, in batches of B."""

    text: Text
    window: int  # T
    batch_size: int  # B
    seed: int

    def __post_init__(self) -> None:
        self.count = max(0, len(self.text) - self.window)
        self._held: tuple[int, int] = (-1, -1)  # epoch and place of the block in memory

    @property
    def steps(self) -> int:
        """Steps an epoch; the last batch is filled up from the beginning of the epoch."""
        return -(-self.count // self.batch_size)

    def batches(self, step: int, count: int) -> NDArray[Any]:
        """(count, B, T + 1) ids or numbers of the steps `step`, `step` + 1, ...; all must lie in one epoch."""
        epoch, within = divmod(step, self.steps)
        rows = np.arange(within * self.batch_size, (within + count) * self.batch_size) % self.count
        found = np.empty((len(rows), self.window + 1), read_type(self.text))
        blocks = -(-self.count // BLOCK)
        order = np.random.default_rng([self.seed, epoch]).permutation(blocks)
        sizes = np.minimum(BLOCK, self.count - order * BLOCK)
        ends = np.cumsum(sizes)
        places = np.searchsorted(ends, rows, side="right")
        for place in np.unique(places):
            mine = places == place
            self._hold(epoch, int(place), int(order[place]), int(sizes[place]))
            first = self._order[rows[mine] - (ends[place] - sizes[place])]
            found[mine] = self._ids[first[:, None] + np.arange(self.window + 1)]
        return found.reshape(count, self.batch_size, self.window + 1)

    def _hold(self, epoch: int, place: int, block: int, size: int) -> None:
        """Read a block of the text and draw the order of its windows, unless it is in memory."""
        if self._held != (epoch, place):
            self._ids = np.asarray(self.text[block * BLOCK : block * BLOCK + size + self.window])
            self._order = np.random.default_rng([self.seed, epoch, place]).permutation(size)
            self._held = (epoch, place)


@dataclass
class Strides(Windows):
    """Windows one behind the other, T + 1 words apart, from a start of 0 to T + 1 words drawn anew each epoch: an epoch
    takes every word once, as the story predictor does, and the epochs together see every window."""

    @property
    def steps(self) -> int:
        """Steps an epoch: as many as fit whatever the start."""
        return max(0, (self.count - self.window - 2) // (self.window + 1) + 1) // self.batch_size

    def batches(self, step: int, count: int) -> Ids:
        """(count, B, T + 1) ids of the steps `step`, `step` + 1, ...; all must lie in one epoch."""
        epoch, within = divmod(step, self.steps)
        start = int(np.random.default_rng([self.seed, epoch]).integers(0, self.window + 2))
        start += within * self.batch_size * (self.window + 1)
        ids = np.asarray(self.text[start : start + count * self.batch_size * (self.window + 1)])
        return ids.astype(np.int32).reshape(count, self.batch_size, self.window + 1)


@dataclass
class Streams:
    """B streams read side by side, each a stretch of the text, T words a step: truncated back-propagation through time.

    Each epoch begins a little further on, so that the cuts between steps fall elsewhere.
    """

    text: Text
    window: int  # T
    batch_size: int  # B
    seed: int

    def __post_init__(self) -> None:
        self.length = (len(self.text) - 1) // self.batch_size  # words of a stream

    @property
    def steps(self) -> int:
        """Steps an epoch."""
        return max(1, self.length // self.window - 1) if self.length > self.window else 0

    def batches(self, step: int, count: int) -> Ids:
        """(count, B, T + 1) ids; stream b goes on from one step to the next. All steps must lie in one epoch."""
        epoch, within = divmod(step, self.steps)
        room = self.length - self.steps * self.window
        shift = int(np.random.default_rng([self.seed, epoch]).integers(0, room + 1))
        found = np.empty((count, self.batch_size, self.window + 1), np.int32)
        for stream in range(self.batch_size):
            start = stream * self.length + shift + within * self.window
            ids = np.asarray(self.text[start : start + count * self.window + 1])
            for k in range(count):
                found[k, stream] = ids[k * self.window : (k + 1) * self.window + 1]
        return found


def ceiling(text: Text, window: int) -> tuple[int, int]:
    """(right, all): how many of all windows a predictor that sees `window` words can have right at the most.

    The same words in front can be followed by different ones; of each such group only the commonest can be right.
    """
    ids = np.asarray(text[0 : len(text)]).astype(np.int64)
    count = len(ids) - window
    if count < 1:
        return 0, 0
    context = ids[:count]
    for t in range(1, window):
        _, context = np.unique(context * (int(ids.max()) + 1) + ids[t : t + count], return_inverse=True)
    pairs, times = np.unique(context * (int(ids.max()) + 1) + ids[window:], return_counts=True)
    best = np.zeros(int(context.max()) + 1, np.int64)
    np.maximum.at(best, pairs // (int(ids.max()) + 1), times)
    return int(best.sum()), count
