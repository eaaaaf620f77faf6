"""The model file: one self-contained `model.safetensors`.

Tensors: the weights by the names and shapes of `NetworkConfig.shapes`, `vocabulary/words` (uint8: UTF-8, one line a
rank) and `vocabulary/counts` (int64); an n-gram model, if there is one, as `ngram/...`, apart from the others. Configs:
those of the network and the text, the training record, of a network of numbers the scaling of its column, and the
weights by which predictions are mixed. `tensor_file` has the format.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnwords.config import NetworkConfig, SeriesConfig, TextConfig
from rnnwords.errors import ModelError
from rnnwords.network.mixture import MixtureConfig
from rnnwords.network.recurrent import check_shapes
from rnnwords.tensor_file import Apart, Tensors, damage_named, read_parts, write_tensors
from rnnwords.text.vocabulary import Vocabulary

FORMAT = "rnnwords-model"
# Major: readers of an older major cannot read it. Minor: they can, and lose nothing that they know of.
# 1.0  the first format
# 1.1  networks of numbers: input `number`, output `linear`, and `series`, their column and its scaling
# 1.2  an n-gram model beside the network, and the weights of a mixture; the unsigned types that it is stored in
VERSION = (1, 2)
NGRAM = "ngram/"  # how the names of its tensors begin


@dataclass(frozen=True, eq=False)
class Model:
    """A trained network with all that it needs to predict, and the record of how it came to be."""

    network: NetworkConfig
    vocabulary: Vocabulary
    weights: Mapping[str, NDArray[np.float32]]
    training: dict[str, Any] = field(default_factory=dict)  # settings, corpus digest, metrics: plain JSON
    series: SeriesConfig | None = None  # of a network of numbers, whose one symbol stands for its column
    mixture: MixtureConfig | None = None
    ngram: Apart | None = None  # the tensors that `prediction.ngram` makes a model of: not read before they are needed

    def save(self, path: Path) -> None:
        """Write the model file, whole or not at all. Equal models give equal bytes. Raises SaveError."""
        tensors: dict[str, NDArray[Any]] = dict(self.weights)
        tensors["vocabulary/words"] = np.frombuffer("\n".join(self.vocabulary.words).encode(), np.uint8)
        tensors["vocabulary/counts"] = np.array(self.vocabulary.counts, np.int64)
        configs = {
            "network": self.network.to_json(),
            "text": self.vocabulary.text.to_json(),
            "training": self.training,
        }
        if self.series:
            configs["series"] = self.series.to_json()
        if self.mixture:
            configs["mixture"] = self.mixture.to_json()
        tensors |= self.ngram.read() if self.ngram else {}
        write_tensors(path, FORMAT, VERSION, tensors, configs, apart=NGRAM)

    @classmethod
    def load(cls, path: Path) -> "Model":
        """Read and verify a model file, all but its n-gram.

        Raises ModelNotFoundError, or ModelError that says what is damaged; so does reading the n-gram.
        """
        tensors, configs, ngram = read_parts(path, FORMAT, VERSION, "model file")
        with damage_named("model file", path):
            network = NetworkConfig.from_json(configs.get("network"))
            text = TextConfig.from_json(configs.get("text"))
            vocabulary = _vocabulary(tensors, text)
            if len(vocabulary) != network.vocabulary_size:
                raise ModelError(f"{len(vocabulary):,} words for a network of {network.vocabulary_size:,}")
            weights = {name: tensor for name, tensor in tensors.items() if not name.startswith("vocabulary/")}
            check_shapes(network, {name: weight.shape for name, weight in weights.items()})
            for name, weight in weights.items():
                if weight.dtype != np.float32:
                    raise ModelError(f"tensor {name}: expected float32, found {weight.dtype}")
                if not _finite(weight):
                    raise ModelError(f"tensor {name} has numbers that are NaN or infinite")
            training = configs.get("training")
            if not isinstance(training, dict):
                raise ModelError("the training record is missing")
            series = SeriesConfig.from_json(configs["series"]) if "series" in configs else None
            if network.numbers != (series is not None):
                raise ModelError("a network of numbers, and no other, has the scaling of its column")
            mixture = MixtureConfig.from_json(configs["mixture"]) if "mixture" in configs else None
            if (ngram is not None) != bool(mixture and mixture.order) or (mixture and series):
                raise ModelError("a mixture of words, and nothing else, has an n-gram model of the order that it names")
        return cls(network, vocabulary, weights, training, series, mixture, ngram)


def _vocabulary(tensors: Tensors, text: TextConfig) -> Vocabulary:
    words, counts = tensors.get("vocabulary/words"), tensors.get("vocabulary/counts")
    if words is None or words.dtype != np.uint8 or counts is None or counts.dtype != np.int64 or counts.ndim != 1:
        raise ModelError("the vocabulary is missing")
    try:
        return Vocabulary(words.tobytes().decode().split("\n"), counts.tolist(), text)
    except UnicodeDecodeError as error:
        raise ModelError(f"the vocabulary is not UTF-8 at byte {error.start}") from error


def _finite(weight: NDArray[np.float32]) -> bool:
    """Whether no number is NaN or infinite; without a temporary of the weight's size."""
    return bool(np.isfinite(weight.min(initial=0)) and np.isfinite(weight.max(initial=0)))
