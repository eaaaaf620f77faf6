"""The model file: one self-contained `model.safetensors`.

Tensors: the weights by the names and shapes of `NetworkConfig.shapes`, `vocabulary/words` (uint8: UTF-8, one line a
rank) and `vocabulary/counts` (int64). Metadata: format, version, the configs, the training record, and a SHA-256 over
the tensor bytes, since safetensors itself has no checksum.

A safetensors file is: 8 bytes little-endian length of the header, the header (JSON), the tensor bytes. It is read by
the safetensors package, once the header is known to be sound. It is written here: the package orders metadata by
chance, and equal models should give equal bytes, without a second copy of the weights in memory.
"""

import contextlib
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
from numpy.typing import NDArray

from rnnwords import __version__
from rnnwords.config import NetworkConfig, SeriesConfig, TextConfig
from rnnwords.errors import ModelError, UsageError
from rnnwords.files import parse_json, read_bounded, replace_file
from rnnwords.network.arrays import check_shapes
from rnnwords.text.vocabulary import Vocabulary

FORMAT = "rnnwords-model"
# Major: readers of an older major cannot read it. Minor: they can, and lose nothing that they know of.
# 1.0  the first format
# 1.1  networks of numbers: input `number`, output `linear`, and `series`, their column and its scaling
VERSION = (1, 1)
MAX_BYTES = 1 << 34
MAX_HEADER = 1 << 24
_TYPES: dict[str, np.dtype[Any]] = {
    "F64": np.dtype("<f8"),
    "F32": np.dtype("<f4"),
    "I64": np.dtype("<i8"),
    "U8": np.dtype("u1"),
}
_NAMES = {dtype: name for name, dtype in _TYPES.items()}

Tensors = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, eq=False)
class Model:
    """A trained network with all that it needs to predict, and the record of how it came to be."""

    network: NetworkConfig
    vocabulary: Vocabulary
    weights: Mapping[str, NDArray[np.float32]]
    training: dict[str, Any] = field(default_factory=dict)  # settings, corpus digest, metrics: plain JSON
    series: SeriesConfig | None = None  # of a network of numbers, whose one symbol stands for its column

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
        write_tensors(path, FORMAT, VERSION, tensors, configs)

    @classmethod
    def load(cls, path: Path) -> "Model":
        """Read and verify a model file. Raises ModelNotFoundError, or ModelError that says what is damaged."""
        tensors, configs = read_tensors(path, FORMAT, VERSION, "model file")
        with _damage_named("model file", path):
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
        return cls(network, vocabulary, weights, training, series)


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


def write_tensors(
    path: Path, form: str, version: tuple[int, int], tensors: Tensors, configs: Mapping[str, Any], *, kept: str = ""
) -> None:
    """Write tensors and JSON `configs` as one safetensors file with a digest. Raises SaveError (see replace_file)."""
    # The widest types first, then by name, as the safetensors package does: so every tensor is aligned.
    order = sorted(tensors, key=lambda name: (-tensors[name].dtype.itemsize, name))
    buffers: list[Any] = []
    header: dict[str, Any] = {}
    at = 0
    for name in order:
        array = np.ascontiguousarray(tensors[name])  # which makes shape (1,) of ()
        buffers.append(array.reshape(-1).view(np.uint8).data)
        offsets = [at, at := at + array.nbytes]
        header[name] = {"dtype": _NAMES[array.dtype], "shape": list(tensors[name].shape), "data_offsets": offsets}
    metadata = {
        "format": form,
        "version": f"{version[0]}.{version[1]}",
        "program": __version__,
        "configs": json.dumps(configs, ensure_ascii=False, sort_keys=True, allow_nan=False),
    }
    metadata["sha256"] = _digest(metadata, header, buffers)
    text = json.dumps({"__metadata__": metadata, **header}, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    pieces = [len(text).to_bytes(8, "little"), text, *buffers]
    replace_file(path, pieces, **({"kept": kept} if kept else {}))


def _digest(metadata: Mapping[str, str], header: Mapping[str, Any], buffers: Sequence[Any]) -> str:
    """SHA-256 over the tensor bytes and everything that is said of them: a flipped bit anywhere is seen."""
    state = hashlib.sha256()
    for buffer in buffers:
        state.update(buffer)
    state.update(json.dumps([metadata, header], sort_keys=True).encode())
    return state.hexdigest()


def read_tensors(path: Path, form: str, version: tuple[int, int], what: str) -> tuple[dict[str, NDArray[Any]], Any]:
    """Tensors and configs of a file that `write_tensors` made, verified before anything is made of them.

    Raises ModelNotFoundError; ModelError, naming `what`, for damage, another format, or a newer version.
    """
    data = read_bounded(path, MAX_BYTES, what)
    with _damage_named(what, path):
        header, start = _header(data)
        metadata = header.pop("__metadata__", None)
        if not isinstance(metadata, dict) or metadata.get("format") != form:
            raise ModelError(f"it is no {form}")
        if not all(isinstance(value, str) for value in metadata.values()):
            raise ModelError("its metadata are not all text")
        major = metadata.get("version", "").partition(".")[0]
        if not (major.isascii() and major.isdigit() and 1 <= len(major) <= 6):
            raise ModelError("its version is no number")
    if int(major) != version[0]:
        raise ModelError(
            f"{what} {path} is of format {metadata['version']}, and this is rnnwords {__version__}, which reads "
            f"{version[0]}.x: it needs rnnwords >= {metadata.get('program')}"
        )
    with _damage_named(what, path):
        if metadata.pop("sha256", None) != _digest(metadata, header, [memoryview(data)[start:]]):
            raise ModelError("its checksum does not match")
        configs = parse_json(metadata.get("configs", ""), "its configuration")
        if not isinstance(configs, dict):
            raise ModelError("its configuration is no object")
        tensors = {}
        entries: list[tuple[str, Any]] = safetensors.deserialize(data)  # type: ignore[no-untyped-call]
        for name, entry in entries:
            if entry["dtype"] not in _TYPES:
                raise ModelError(f"tensor {name} has type {entry['dtype']}")
            try:
                tensors[name] = np.frombuffer(entry["data"], dtype=_TYPES[entry["dtype"]]).reshape(entry["shape"])
            except ValueError as error:  # a shape that the format allows and numpy does not
                raise ModelError(f"tensor {name}: {error}") from error
    return tensors, configs


@contextlib.contextmanager
def _damage_named(what: str, path: Path) -> Iterator[None]:
    """Errors about what is in a file, as ModelError that says which file it is."""
    try:
        yield
    except (ModelError, UsageError, safetensors.SafetensorError) as error:
        raise ModelError(f"{what} {path} is damaged: {error}") from error


def _header(data: bytes) -> tuple[dict[str, Any], int]:
    """The header and where the tensor bytes begin."""
    length = int.from_bytes(data[:8], "little")
    if length > min(MAX_HEADER, len(data) - 8):
        raise ModelError(f"it is cut short, or no safetensors file ({len(data):,} bytes)")
    header = parse_json(data[8 : 8 + length], "its header")
    if not isinstance(header, dict):
        raise ModelError("its header is no object")
    return header, 8 + length
