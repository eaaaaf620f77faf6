"""The model file: one self-contained `model.safetensors` in the format of `tensor_file`.

Tensors: the weights by the names and shapes of `NetworkConfig.shapes`, `vocabulary/words` (uint8: UTF-8, one line per
id), `vocabulary/counts` (int64) and, deferred, the n-gram model as `ngram/...`. Configs: settings of the network and
the text, the training record, the fitted interpolation weights, and of a numeric network the scaling of its column.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnwords.config import FittedInterpolation, SeriesConfig, TextConfig
from rnnwords.errors import ModelError, ModelNotFoundError
from rnnwords.network.config import NetworkConfig
from rnnwords.network.recurrent import check_shapes
from rnnwords.tensor_file import DeferredTensors, Tensors, damaged_file, read_tensors, write_tensors
from rnnwords.text.vocabulary import Vocabulary

FILE_NAME = "model.safetensors"  # in a run directory
FORMAT = "rnnwords-model"
# Major: readers of an older major version cannot read the file. Minor: they can, without the new parts.
# 1.0  first format
# 1.1  numeric networks: input `number`, output `linear`, and the config `series`
# 1.2  an n-gram model and interpolation weights; unsigned integer tensors
# 2.0  standard names of settings: `mode`, `sampling_order`, `interpolation`; files of 1.x are read by their old names
VERSION = (2, 0)
NGRAM_PREFIX = "ngram/"  # of the names of its tensors


def model_path(path: Path) -> Path:
    """Return the model file that `path` names: a file, or that of a run directory. Raises ModelNotFoundError."""
    path = path / FILE_NAME if path.is_dir() else path
    if not path.exists():
        raise ModelNotFoundError(f"expected a model, found nothing at {path}; train one with: rnnwords train TEXT")
    return path


@dataclass(frozen=True, eq=False)
class Model:
    """A trained network with everything that prediction needs, and the record of its training."""

    network: NetworkConfig
    vocabulary: Vocabulary
    weights: Mapping[str, NDArray[np.float32]]
    training: dict[str, Any] = field(default_factory=dict)  # settings, corpus digest, metrics: plain JSON
    series: SeriesConfig | None = None  # of a numeric network, whose one token stands for the column
    interpolation: FittedInterpolation | None = None
    ngram: DeferredTensors | None = None  # of `lm.kneser_ney`

    def save(self, path: Path) -> None:
        """Write the model file, whole or not at all. Equal models give equal bytes. Raises SaveError."""
        tensors: dict[str, NDArray[Any]] = dict(self.weights)
        tensors["vocabulary/words"] = np.frombuffer("\n".join(self.vocabulary.words).encode(), np.uint8)
        tensors["vocabulary/counts"] = np.array(self.vocabulary.counts, np.int64)
        configs = {"network": self.network.to_json(), "text": self.vocabulary.text.to_json(), "training": self.training}
        if self.series:
            configs["series"] = self.series.to_json()
        if self.interpolation:
            configs["interpolation"] = self.interpolation.to_json()
        tensors |= self.ngram.read() if self.ngram else {}
        write_tensors(path, FORMAT, VERSION, tensors, configs, deferred=NGRAM_PREFIX)

    @classmethod
    def load(cls, path: Path) -> "Model":
        """Read and verify a model file, except its n-gram.

        Raises ModelNotFoundError, or ModelError that says what is damaged; so does reading the n-gram.
        """
        tensors, configs, ngram = read_tensors(path, FORMAT, VERSION, "model file")
        with damaged_file("model file", path):
            network = NetworkConfig.from_json(configs.get("network"))
            text = TextConfig.from_json(configs.get("text"))
            vocabulary = _vocabulary(tensors, text)
            if len(vocabulary) != network.vocabulary_size:
                raise ModelError(
                    f"expected {network.vocabulary_size:,} tokens, as the network has, found {len(vocabulary):,}"
                )
            weights = {name: tensor for name, tensor in tensors.items() if not name.startswith("vocabulary/")}
            check_shapes(network, {name: weight.shape for name, weight in weights.items()})
            for name, weight in weights.items():
                if weight.dtype != np.float32:
                    raise ModelError(f"tensor {name}: expected float32, found {weight.dtype}")
                if not (np.isfinite(weight.min(initial=0)) and np.isfinite(weight.max(initial=0))):  # allocates nothing
                    raise ModelError(f"tensor {name}: expected finite numbers, found NaN or infinity")
            training = configs.get("training")
            if not isinstance(training, dict):
                raise ModelError("expected a training record, found none")
            series = SeriesConfig.from_json(configs["series"]) if "series" in configs else None
            if network.numeric != (series is not None):
                raise ModelError("expected a numeric network and the scaling of its column, found one of the two")
            fitted = configs.get("interpolation", configs.get("mixture"))  # its name up to format 1.2
            interpolation = FittedInterpolation.from_json(fitted) if fitted is not None else None
            if (ngram is not None) != bool(interpolation and interpolation.ngram_order):
                raise ModelError("expected an n-gram and its order in the interpolation section, found one of the two")
            if interpolation and series:
                raise ModelError("expected no interpolation section for a numeric network, found one")
        return cls(network, vocabulary, weights, training, series, interpolation, ngram)


def _vocabulary(tensors: Tensors, text: TextConfig) -> Vocabulary:
    words, counts = tensors.get("vocabulary/words"), tensors.get("vocabulary/counts")
    if words is None or words.dtype != np.uint8 or counts is None or counts.dtype != np.int64 or counts.ndim != 1:
        raise ModelError("expected a vocabulary, uint8 words and int64 counts, found none")
    try:
        return Vocabulary(words.tobytes().decode().split("\n"), counts.tolist(), text)
    except UnicodeDecodeError as error:
        raise ModelError(f"expected a vocabulary in UTF-8, found other bytes at {error.start:,}") from error
