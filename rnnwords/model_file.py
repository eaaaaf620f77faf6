"""The model file: one self-contained `model.safetensors` in the format of `tensor_file`.

Tensors: the weights by the names and shapes of `NetworkConfig.shapes`, `vocabulary/words` (uint8: UTF-8, one line per
id), `vocabulary/counts` (int64), `vocabulary/spacing` (uint8: see `text.spacing.spacing_lines`) and, each deferred, the
n-gram model as `ngram/...`, the spelling model as `spelling/...` and statistics of the gradients as `adaptation/...`.
Configs: settings of the network and the text, the training record, the fitted interpolation weights, the settings of
the adaptation, and of a numeric network the scaling of its column.
"""

import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnwords.config import AdaptationConfig, FittedInterpolation, HeldOutFigures, SeriesConfig, TextConfig, shown
from rnnwords.errors import ModelError, ModelNotFoundError
from rnnwords.files import reason
from rnnwords.network.config import NetworkConfig
from rnnwords.network.overflow import check_weights
from rnnwords.network.recurrent import check_shapes
from rnnwords.tensor_file import DeferredTensors, Tensors, damaged_file, read_tensors, write_tensors
from rnnwords.tensor_header import Entry
from rnnwords.text.spacing.spacing_lines import read_spacing, spacing_lines
from rnnwords.text.vocabulary import Vocabulary
from rnnwords.text.vocabulary_file import MAX_BYTES, MAX_LENGTH

FILE_NAME = "model.safetensors"  # in a run directory
FORMAT = "rnnwords-model"
ARRAYS_FORMAT = "rnnwords-arrays"  # of `export`, for other programs: no model
# Major: readers of an older major version cannot read the file. Minor: they can, without the new parts.
# 1.0  first format
# 1.1  numeric networks: input `number`, output `linear`, and the config `series`
# 1.2  an n-gram model and interpolation weights; unsigned integer tensors
# 2.0  standard names of settings: `mode`, `sampling_order`, `interpolation`; files of 1.x are read by their old names
# 3.0  text settings `normalize` and `rules`, tokens by UAX #29; learned spacing as `vocabulary/spacing`
# 3.1  deferred parts `spelling/...` and `adaptation/...`, and the config `adaptation`
VERSION = (3, 1)
NGRAM_PREFIX, VOCABULARY_PREFIX = "ngram/", "vocabulary/"  # of the names of their tensors
SPELLING_PREFIX, ADAPTATION_PREFIX = "spelling/", "adaptation/"
DEFERRED_PREFIXES = (NGRAM_PREFIX, SPELLING_PREFIX, ADAPTATION_PREFIX)
_SPACING = VOCABULARY_PREFIX + "spacing"
MAX_SPACING_BYTES = MAX_SPELLING_BYTES = 1 << 24
MAX_ADAPTATION = 4  # bytes per byte of the weights
MAX_WORD_BYTES = 4 * MAX_LENGTH
COUNTED = 1 << 20  # bytes in which line ends are counted at a time, before millions of lines are made
_TEXT, _NUMBER = (str, type(None)), (int, float, type(None))
HELD_OUT = "held_out"  # key of the training record: HeldOutFigures
_RECORD_TYPES: dict[str, tuple[type, ...]] = {
    "corpus": _TEXT, "validation": _TEXT, "valid": _TEXT, "run": _TEXT, "words": (int, type(None)), "metrics": (dict,),
    "loss": _NUMBER, "ancestors": (list, type(None)),
}  # fmt: skip


def model_path(path: Path) -> Path:
    """Return the model file that `path` names: a file, or that of a run directory.

    Raises ModelNotFoundError, ModelError for a path that the system refuses.
    """
    try:
        if stat.S_ISDIR(path.stat().st_mode) and path.name != FILE_NAME:  # else a directory in place of the file
            path = path / FILE_NAME
            path.stat()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise ModelNotFoundError(
            f"expected a model, found nothing at {path}; train one with: rnnwords train TEXT"
        ) from error
    except (OSError, ValueError) as error:
        raise ModelError(f"cannot read model file {path}: {reason(error)}") from error
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
    ngram: DeferredTensors | None = None  # of `lm.ngram.kneser_ney`
    spelling: DeferredTensors | None = None  # of `lm.spelling`
    adaptation: DeferredTensors | None = None  # statistics of the gradients, for dynamic evaluation
    adaptation_config: AdaptationConfig | None = None

    def save(self, path: Path, *, follow_links: bool = True) -> None:
        """Write the model file, whole or not at all. Equal models give equal bytes. Raises SaveError.

        A symbolic link at the path stays, and its target is replaced; without `follow_links` the link is replaced.
        """
        tensors: dict[str, NDArray[Any]] = dict(self.weights)
        tensors[VOCABULARY_PREFIX + "words"] = np.frombuffer("\n".join(self.vocabulary.words).encode(), np.uint8)
        tensors[VOCABULARY_PREFIX + "counts"] = np.array(self.vocabulary.counts, np.int64)
        if spacing := self.vocabulary.spacing:
            tensors[_SPACING] = np.frombuffer("\n".join(spacing_lines(spacing)).encode(), np.uint8)
        configs = {"network": self.network.to_json(), "text": self.vocabulary.text.to_json(), "training": self.training}
        if self.series:
            configs["series"] = self.series.to_json()
        if self.interpolation:
            configs["interpolation"] = self.interpolation.to_json()
        if self.adaptation_config:
            configs["adaptation"] = self.adaptation_config.to_json()
        for part in (self.ngram, self.spelling, self.adaptation):
            tensors |= part.read() if part else {}
        write_tensors(path, FORMAT, VERSION, tensors, configs, deferred=DEFERRED_PREFIXES, follow_links=follow_links)

    @classmethod
    def load(cls, path: Path) -> "Model":
        """Read and verify a model file, except its deferred parts.

        Raises ModelNotFoundError, or ModelError that names what is damaged; so does reading a deferred part.
        """
        tensors, configs, parts = read_tensors(path, FORMAT, VERSION, "model file", _check_header)
        with damaged_file("model file", path):
            network = NetworkConfig.from_json(configs.get("network"))
            vocabulary = _vocabulary(tensors, TextConfig.from_json(configs.get("text")))
            weights = {name: tensor for name, tensor in tensors.items() if not name.startswith(VOCABULARY_PREFIX)}
            check_weights(network, weights)
            training = _training_record(configs.get("training"))
            series = SeriesConfig.from_json(configs["series"]) if "series" in configs else None
            if network.numeric != (series is not None):
                raise ModelError("expected a numeric network and the scaling of its column, found one of the two")
            fitted = configs.get("interpolation", configs.get("mixture"))  # its name up to format 1.2
            interpolation = FittedInterpolation.from_json(fitted) if fitted is not None else None
            ngram, spelling, adaptation = (parts.get(prefix) for prefix in DEFERRED_PREFIXES)
            if (ngram is not None) != bool(interpolation and interpolation.ngram_order):
                raise ModelError("expected an n-gram and its order in the interpolation section, found one of the two")
            settings = AdaptationConfig.from_json(configs["adaptation"]) if "adaptation" in configs else None
            if (adaptation is None) != (settings is None):
                raise ModelError("expected an adaptation section and its tensors, found one of the two")
            if series and (interpolation or spelling or settings):
                raise ModelError("expected a numeric network alone, found a section for words")
            largest = MAX_ADAPTATION * sum(weight.nbytes for weight in weights.values())
            for name, part, most in (
                (SPELLING_PREFIX, spelling, MAX_SPELLING_BYTES), (ADAPTATION_PREFIX, adaptation, largest),
            ):  # fmt: skip
                if part and part.size > most:
                    raise ModelError(f"tensors {name}...: expected at most {most:,} bytes, found {part.size:,}")
        return cls(network, vocabulary, weights, training, series, interpolation, ngram, spelling, adaptation, settings)


def _check_header(configs: Mapping[str, Any], entries: Mapping[str, Entry]) -> None:
    """Raise ModelError or UsageError unless the tensors are those of the network and a vocabulary of its size."""
    network = NetworkConfig.from_json(configs.get("network"))
    check_shapes(
        network, {name: entry.shape for name, entry in entries.items() if not name.startswith(VOCABULARY_PREFIX)}
    )
    words, counts = (entries.get(VOCABULARY_PREFIX + part) for part in ("words", "counts"))
    if words is None or words.dtype != np.uint8 or counts is None or counts.dtype != np.int64:
        raise ModelError("expected a vocabulary, uint8 words and int64 counts, found none")
    if counts.shape != [network.vocabulary_size]:
        raise ModelError(
            f"expected {network.vocabulary_size:,} tokens, as the network has, found counts of shape {counts.shape}"
        )
    most = min(MAX_BYTES, network.vocabulary_size * (MAX_WORD_BYTES + 1))
    if (found := words.stop - words.start) > most:
        raise ModelError(f"expected words of at most {most:,} bytes, found {found:,}")
    spacing = entries.get(_SPACING)
    if spacing and (spacing.dtype != np.uint8 or spacing.stop - spacing.start > MAX_SPACING_BYTES):
        raise ModelError(f"expected spacing of at most {MAX_SPACING_BYTES:,} bytes, uint8, found otherwise")


def _vocabulary(tensors: Tensors, text: TextConfig) -> Vocabulary:
    words, counts = tensors[VOCABULARY_PREFIX + "words"].reshape(-1), tensors[VOCABULARY_PREFIX + "counts"]
    parts = (words[start : start + COUNTED] for start in range(0, len(words), COUNTED))
    if (found := 1 + sum(np.count_nonzero(part == ord("\n")) for part in parts)) != len(counts):
        raise ModelError(f"expected one word for each of {len(counts):,} counts, found {found:,}")
    try:
        lines = str(tensors[_SPACING].reshape(-1).data, "utf-8").split("\n") if _SPACING in tensors else []
        return Vocabulary(str(words.data, "utf-8").split("\n"), counts.tolist(), text, read_spacing(lines))
    except UnicodeDecodeError as error:
        raise ModelError(f"expected a vocabulary in UTF-8, found other bytes at {error.start:,}") from error


def _training_record(record: Any) -> dict[str, Any]:
    """Return the training record. Raises ModelError or UsageError unless what is read from it has the right types."""
    if not isinstance(record, dict):
        raise ModelError("expected a training record, found none")
    metrics = record.get("metrics", {})
    loss = metrics.get("loss") if isinstance(metrics, dict) else None
    values = {**record, "metrics": metrics, "loss": loss}
    for name, types in _RECORD_TYPES.items():
        if not isinstance(values.get(name), types) or type(values.get(name)) is bool:
            expected = " or ".join(one.__name__ for one in types).replace("NoneType", "null")
            raise ModelError(f"training record, {name}: expected {expected}, found {shown(values[name])}")
    if HELD_OUT in record:
        HeldOutFigures.from_json(record[HELD_OUT])
    return record
