"""Knowledge distillation (Hinton, Vinyals & Dean 2015, "Distilling the knowledge in a neural network").

A network learns from the predictions of a trained one, its teacher, as well as from the words of the text. The
probabilities of a teacher contain more than the one word that follows. A teacher without a window also predicts from
words before the window: the mean of its predictions over the occurrences of a window is a better target than the few
words that follow it in the text.

Shapes: N words, K steps, B batch, T window, H units of the teacher, V vocabulary.
"""

import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnwords.config import TextConfig
from rnnwords.errors import SaveError, UsageError
from rnnwords.files import reason
from rnnwords.model_file import FILE_NAME, Model, model_path
from rnnwords.network.config import NetworkConfig
from rnnwords.network.recurrent import Floats, Ids, Network
from rnnwords.text.encoded import EncodedText
from rnnwords.training.batches import batches_of
from rnnwords.training.settings.config import TrainingConfig
from rnnwords.training.settings.request import TrainRequest

SHARE = 0.9  # of the teacher's predictions in the targets, if none is set
STREAMS = 256  # parts of the text that a teacher without a window reads at the same time
CHUNK = 32  # words of each of them, or windows times 1 / STREAMS, at a time


def load_teacher(request: TrainRequest) -> Model | None:
    """Return the model that a request names as the teacher. Raises UsageError, ModelNotFoundError, ModelError."""
    if request.teacher is None:
        if request.training.get("teacher_share") is not None:
            raise UsageError("`teacher_share`: expected a teacher, found none; set `teacher` to a trained model")
        return None
    if request.distribute:
        raise UsageError("`teacher`: expected a run on one device, found `distribute`; leave one out")
    path = model_path(request.teacher)
    if os.path.realpath(path) == os.path.realpath(request.directory / FILE_NAME):
        raise UsageError(  # the run replaces that file, and then could not resume
            f"`teacher`: expected another directory than that of the new run, found {request.directory} for both; name "
            "another `directory`"
        )
    model = Model.load(path)
    if model.network.numeric or model.network.clusters:
        kind = "numbers" if model.network.numeric else "words with an adaptive softmax"
        raise UsageError(f"`teacher`: expected a model of words with a full softmax, found one of {kind}")
    if request.text not in (TextConfig(), model.vocabulary.text) or request.max_size or request.min_count:
        raise UsageError(
            "`teacher`: expected no text settings and no limits of the vocabulary, since the teacher has its own, "
            "found some; leave them out"
        )
    return model


@dataclass(frozen=True)
class Teacher:
    """The outputs of a teacher at the words of a text, and its output layer."""

    outputs: NDArray[np.float16]  # (N, H) of the last layer after each word, before a projection
    kernel: Floats  # (H, V), with the projection
    bias: Floats  # (V,)
    positions: Any  # batches of the run, with positions in the text instead of ids
    stateful: bool

    @classmethod
    def of(
        cls, model: Model, text: EncodedText, network: NetworkConfig, training: TrainingConfig, directory: Path
    ) -> "Teacher":
        """Return the teacher of a run on a text, which it reads once; its outputs go to an unnamed file in `directory`.

        Raises SaveError if the file cannot be written.
        """
        weights = model.weights
        if model.network.tie:
            kernel = np.ascontiguousarray(weights["embedding/embeddings"].T)
        else:
            kernel = weights["output/kernel"]
        if model.network.projects:
            kernel = weights["projection/kernel"] @ kernel
        outputs = _outputs(Network(model.network, weights, low_memory=True), text, directory)
        positions = batches_of(network, training, np.arange(len(text), dtype=np.int32))
        return cls(outputs, kernel, weights["output/bias"], positions, network.stateful)

    def batches(self, step: int, count: int) -> NDArray[np.float16]:
        """Return (K, B, H) outputs, or (K, B, T, H) of a stateful run, at the words before the targets of the steps."""
        positions = self.positions.batches(step, count)
        rows: NDArray[np.float16] = self.outputs[positions[..., :-1] if self.stateful else positions[..., -2]]
        return rows


def _outputs(network: Network, text: EncodedText, directory: Path) -> NDArray[np.float16]:
    shape = len(text), network.config.units
    try:
        with tempfile.TemporaryFile(dir=directory) as file:
            parts = _of_streams(network, text) if network.config.stateful else _of_windows(network, text)
            for start, part in parts:
                file.seek(start * shape[1] * 2)
                file.write(part.astype(np.float16).tobytes())
            file.flush()
            return np.memmap(file, np.float16, "r", shape=shape)
    except OSError as error:
        size = shape[0] * shape[1] * 2
        raise SaveError(f"could not save the outputs of the teacher, {size:,} bytes: {reason(error)}") from error


def _of_streams(network: Network, text: EncodedText) -> Iterator[tuple[int, Floats]]:
    """Yield position and (n, H) outputs of parts of the text, which is read as several streams."""
    streams = max(1, min(STREAMS, len(text) // 1_000))
    length = -(-len(text) // streams)
    ids = np.resize(np.asarray(text[0 : len(text)]), streams * length).reshape(streams, length)
    state = None
    for start in range(0, length, CHUNK):
        outputs, state = network.forward_sequence(ids[:, start : start + CHUNK], state)
        for stream, rows in enumerate(outputs):
            at = stream * length + start
            yield at, rows[: max(0, len(text) - at)]


def _of_windows(network: Network, text: EncodedText) -> Iterator[tuple[int, Floats]]:
    """Yield position and (n, H) outputs of parts of the text; the first words have shorter windows."""
    window, ids = network.config.window, np.asarray(text[0 : len(text)])
    for end in range(1, min(window, len(ids) + 1)):
        yield end - 1, network.forward(ids[None, :end])[0]
    windows: Ids = np.lib.stride_tricks.sliding_window_view(ids, window)
    for start in range(0, len(windows), STREAMS * CHUNK):
        yield start + window - 1, network.forward(windows[start : start + STREAMS * CHUNK])[0]
