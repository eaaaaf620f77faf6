"""Batches for training: windows or streams of an encoded text, in an order that follows from seed and step.

The order is a pure function of (seed, epoch, step), so a resumed run reads the same batches as an unbroken one.
Shapes: B batch, T window.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnwords.network.config import NetworkConfig
from rnnwords.text.encoded import EncodedText, Ids, read_type
from rnnwords.training.settings.config import TrainingConfig

STREAM_WORDS = 64  # time steps per call when a stateful network is evaluated
MAX_STREAMS = 32  # of a text in the evaluation of a stateful network
SHUFFLE_BLOCK = 1 << 22  # windows shuffled at a time: bounds memory; shorter texts are shuffled as a whole


@dataclass
class _Batches:
    text: EncodedText
    window: int  # T
    batch_size: int  # B
    seed: int


@dataclass
class Windows(_Batches):
    """All windows of T words with the word after each, in batches of B, shuffled in every epoch."""

    def __post_init__(self) -> None:
        self.count = max(0, len(self.text) - self.window)
        self._loaded: tuple[int, int] = (-1, -1)  # epoch and position of the block in memory

    @property
    def steps(self) -> int:
        """Steps per epoch; the last batch is filled up from the beginning of the epoch."""
        return -(-self.count // self.batch_size)

    def batches(self, step: int, count: int) -> NDArray[Any]:
        """Return (count, B, T + 1) ids or numbers of the steps `step`, `step` + 1, ...; all must lie in one epoch."""
        epoch, within = divmod(step, self.steps)
        rows = np.arange(within * self.batch_size, (within + count) * self.batch_size) % self.count
        windows = np.empty((len(rows), self.window + 1), read_type(self.text))
        blocks = -(-self.count // SHUFFLE_BLOCK)
        order = np.random.default_rng([self.seed, epoch]).permutation(blocks)
        sizes = np.minimum(SHUFFLE_BLOCK, self.count - order * SHUFFLE_BLOCK)
        ends = np.cumsum(sizes)
        positions = np.searchsorted(ends, rows, side="right")
        for position in np.unique(positions):
            inside = positions == position
            self._load(epoch, int(position), int(order[position]), int(sizes[position]))
            starts = self._order[rows[inside] - (ends[position] - sizes[position])]
            windows[inside] = self._ids[starts[:, None] + np.arange(self.window + 1)]
        return windows.reshape(count, self.batch_size, self.window + 1)

    def _load(self, epoch: int, position: int, block: int, size: int) -> None:
        """Read a block of the text and draw the order of its windows, unless it is in memory."""
        if self._loaded != (epoch, position):
            self._ids = np.asarray(self.text[block * SHUFFLE_BLOCK : block * SHUFFLE_BLOCK + size + self.window])
            self._order = np.random.default_rng([self.seed, epoch, position]).permutation(size)
            self._loaded = (epoch, position)


@dataclass
class Strides(Windows):
    """Adjacent windows, T + 1 words apart, from a random start of 0 to T + 1 words in each epoch.

    An epoch reads every word once, as in the tutorial that the recipe `tutorial` reproduces; many epochs together read
    every window.
    """

    @property
    def steps(self) -> int:
        """Steps per epoch: those that fit after the largest start."""
        return max(0, (self.count - self.window - 2) // (self.window + 1) + 1) // self.batch_size

    def batches(self, step: int, count: int) -> Ids:
        """Return (count, B, T + 1) ids of the steps `step`, `step` + 1, ...; all must lie in one epoch."""
        epoch, within = divmod(step, self.steps)
        start = int(np.random.default_rng([self.seed, epoch]).integers(0, self.window + 2))
        start += within * self.batch_size * (self.window + 1)
        ids = np.asarray(self.text[start : start + count * self.batch_size * (self.window + 1)])
        return ids.astype(np.int32).reshape(count, self.batch_size, self.window + 1)


@dataclass
class Streams(_Batches):
    """B parallel streams, each a stretch of the text, T words per step: truncated back-propagation through time.

    In each epoch every stream is rotated by a random number of words (Press 2019, "Partially shuffling the training
    data to improve language models"), so that the streams of a batch and the boundaries between steps change.
    """

    def __post_init__(self) -> None:
        self.length = (len(self.text) - 1) // self.batch_size  # words per stream

    @property
    def steps(self) -> int:
        """Steps per epoch."""
        return max(1, self.length // self.window - 1) if self.length > self.window else 0

    def batches(self, step: int, count: int) -> Ids:
        """Return (count, B, T + 1) ids; stream b continues from step to step. All steps must lie in one epoch."""
        epoch, within = divmod(step, self.steps)
        shifts = np.random.default_rng([self.seed, epoch]).integers(0, self.length, self.batch_size)
        rows = np.stack([
            self._rotated(stream * self.length, int(shift) + within * self.window, count * self.window + 1)
            for stream, shift in enumerate(shifts)
        ])  # fmt: skip
        windows = np.lib.stride_tricks.sliding_window_view(rows, self.window + 1, axis=1)  # (B, ., T + 1)
        return np.ascontiguousarray(windows[:, :: self.window].swapaxes(0, 1))

    def _rotated(self, first: int, start: int, count: int) -> Ids:
        """Return `count` ids of the stream whose first word is `first`, from `start` on; its end meets its start."""
        start %= self.length
        parts = []
        while count:
            part = np.asarray(self.text[first + start : first + min(self.length, start + count)], np.int32)
            parts.append(part)
            count, start = count - len(part), 0
        return np.concatenate(parts)


def batches_of(network: NetworkConfig, training: TrainingConfig, text: EncodedText) -> Windows | Strides | Streams:
    """Return the batches of a run. Their number of steps only depends on the length of the text."""
    kind = Streams if network.stateful else Strides if training.sampling_order == "strides" else Windows
    return kind(text, network.window, training.batch_size or 1, training.seed)


def evaluated_streams(ids: Ids) -> Ids:
    """Return the (B, T + 1) streams in which the evaluation of a stateful network reads a text (N,)."""
    streams = max(1, min(MAX_STREAMS, (len(ids) - 1) // (4 * STREAM_WORDS)))
    length = (len(ids) - 1) // streams
    return np.stack([ids[b * length : (b + 1) * length + 1] for b in range(streams)])
