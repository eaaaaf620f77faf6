"""Export to Keras: a `.keras` file of stock layers, which `keras.saving.load_model` opens without rnnwords.

The file is a ZIP archive, of which Keras reads only its own parts. The vocabulary and the settings are two more: see
`reading.description`.
"""

import contextlib
import json
import shutil
import tempfile
import warnings
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from rnnwords.export.reading import by_length, description, first_ids
from rnnwords.lm.interface import Floats
from rnnwords.prediction.predictor import Predictor
from rnnwords.training.native_output import native_output_to
from rnnwords.training.tensorflow_loading import check_limits, keras_defaults, tensorflow_required

# Rounding of float32: 7e-6 for random weights of 2 x 512 units with logits of up to 80, 1e-6 for trained ones.
TOLERANCE = 1e-4
CONFIG = "config.json"  # in the file: of Keras; and two parts that Keras ignores
VOCABULARY, SETTINGS = "rnnwords/vocabulary.txt", "rnnwords/settings.json"
NEW = "quantization_config"  # a setting of layers, null here, that Keras 3.15 writes and Keras 3.12 refuses
PURPOSE = "export to Keras"
REMEDY = "free memory, and run the command again"


class KerasFile:
    """A written file, opened by Keras. Messages of TensorFlow go to a file with a similar name."""

    def __init__(self, path: Path, predictor: Predictor) -> None:
        from rnnwords.export.keras_model import reader

        self.path, self.first = path, first_ids(predictor)
        self.stateful = predictor.model.network.stateful
        with _keras(path):
            self.read = reader(path)

    def probabilities(self, contexts: Sequence[Sequence[int]]) -> Floats:
        """See Exported. Without a window, contexts of all lengths are read at once, filled with zeros at their end."""
        with _keras(self.path):
            if not self.stateful:
                return by_length(contexts, self.first, self.read)
            whole = [[*self.first, *context] for context in contexts]
            ids = np.zeros((len(whole), max(map(len, whole))), np.int64)
            for row, context in enumerate(whole):
                ids[row, : len(context)] = context
            return self.read(ids)[range(len(whole)), [len(context) - 1 for context in whole]]


def write(predictor: Predictor, path: Path) -> KerasFile:
    """Write the network as a model of stock Keras layers. Raises MissingDependencyError, TrainingError."""
    check_limits(purpose=PURPOSE)
    with native_output_to(_log(path)), tensorflow_required(PURPOSE):
        from rnnwords.export.keras_model import save
    saved = path.with_name(f"saved{path.suffix}")
    with _keras(path), _temporary_files_in(path.parent):
        save(predictor.model.network, predictor.model.weights, saved)
    _complete(saved, path, dict(zip((VOCABULARY, SETTINGS), description(predictor), strict=True)))
    saved.unlink()
    return KerasFile(path, predictor)


@contextlib.contextmanager
def _keras(path: Path) -> Iterator[None]:
    """Call Keras with its default settings, without its warnings, and with its messages in a file next to `path`."""
    with warnings.catch_warnings(), native_output_to(_log(path)), keras_defaults(REMEDY):
        warnings.simplefilter("ignore")
        yield


@contextlib.contextmanager
def _temporary_files_in(directory: Path) -> Iterator[None]:
    """Let Keras write its temporary files to a directory that is removed later: it leaves them after an error."""
    before, tempfile.tempdir = tempfile.tempdir, str(directory)
    try:
        yield
    finally:
        tempfile.tempdir = before


def _complete(saved: Path, path: Path, texts: Mapping[str, str]) -> None:
    """Copy an archive, with more texts, and without the setting NEW."""
    with zipfile.ZipFile(saved) as before, zipfile.ZipFile(path, "w") as after:
        for name in before.namelist():
            with before.open(name) as source, after.open(name, "w") as target:
                if name == CONFIG:
                    config = json.load(source, object_hook=lambda values: {k: v for k, v in values.items() if k != NEW})
                    target.write(json.dumps(config).encode())
                else:
                    shutil.copyfileobj(source, target)
        for name, text in texts.items():
            after.writestr(name, text, zipfile.ZIP_DEFLATED)


def _log(path: Path) -> Path:
    return path.with_suffix(".log")
