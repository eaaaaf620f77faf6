"""Tensors and JSON settings in one checksummed safetensors file: the format of model files and checkpoints.

The file has 8 bytes with the length of the header (little-endian), the header (JSON), and the bytes of the tensors.
The metadata in the header hold the name and version of the format, the settings, and a SHA-256 of all of these and of
the tensors, since safetensors has no checksum. Equal contents give equal bytes. Every byte belongs to one tensor, so
tensors cannot overlap and no data can hide. Deferred tensors are stored last, with a checksum of their own, and are
read only when they are needed.

The reader and writer are written here instead of using the package safetensors (tests compare the two in both
directions), for three reasons:

- The package's `load_file` and `safe_open` memory-map the file. Truncating a mapped file ends the process with SIGBUS.
- Its readers need up to twice the memory. benchmarks/tensor_file.py measured (AMD EPYC, 2 cores, medians of 5
  processes) for a model of 37 MB: this reader 22 ms and 68 MB at peak, `load_file` and SHA-256 32 ms and 104 MB, a read
  into memory and `load` 51 ms and 104 MB. For 223 MB: 163 ms and 246 MB, 188 ms and 459 MB, 299 ms and 459 MB. numpy
  allocates large pages: predictions of the larger model take 5.6 instead of 6.5 ms, but loading it takes up to 580 ms
  while the kernel has none free.
- It checks neither duplicate keys nor a digest, and prediction would need one more dependency with compiled code.
"""

import contextlib
import functools
import hashlib
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnnwords.config import shown
from rnnwords.errors import ModelError, SaveError, UsageError
from rnnwords.files import KEPT, open_bounded, parse_json, read_array, replace_file
from rnnwords.version import __version__

if TYPE_CHECKING:
    from io import FileIO

MAX_BYTES = 1 << 34
MAX_HEADER = 1 << 24
MAX_NAME = 200  # characters of the name of a tensor
_TYPES: dict[str, np.dtype[Any]] = {
    "F64": np.dtype("<f8"), "F32": np.dtype("<f4"), "I64": np.dtype("<i8"),
    "U32": np.dtype("<u4"), "U16": np.dtype("<u2"), "U8": np.dtype("u1"),
}  # fmt: skip
_NAMES = {dtype: name for name, dtype in _TYPES.items()}

Tensors = Mapping[str, NDArray[Any]]


class Entry(NamedTuple):
    """A tensor in the header; `start` and `stop` are bytes after the header."""

    dtype: np.dtype[Any]
    shape: list[int]
    start: int
    stop: int


class DeferredTensors(NamedTuple):
    """Tensors that are read only when they are needed: their size in bytes, and what reads and verifies them."""

    size: int
    read: Callable[[], Tensors]


def write_tensors(
    path: Path,
    form: str,
    version: tuple[int, int],
    tensors: Tensors,
    configs: Mapping[str, Any],
    *,
    deferred: str | None = None,
    kept: str = KEPT,
) -> None:
    """Write tensors and JSON `configs` as a file of the format `form`, whole or not at all.

    Tensors whose names begin with `deferred` are deferred. Raises SaveError: see `replace_file`; and for a file that is
    too large to be read.
    """

    def is_deferred(name: str) -> bool:
        return deferred is not None and name.startswith(deferred)

    # Deferred ones last; widest types first, then by name, as in the safetensors package: so every tensor is aligned.
    order = sorted(tensors, key=lambda name: (is_deferred(name), -tensors[name].dtype.itemsize, name))
    buffers: list[Any] = []
    header: dict[str, Any] = {}
    start = 0
    for name in order:
        array = np.ascontiguousarray(tensors[name])  # of shape (1,) for a scalar
        buffers.append(array.reshape(-1).view(np.uint8).data)
        offsets = [start, start := start + array.nbytes]
        header[name] = {"dtype": _NAMES[array.dtype], "shape": list(tensors[name].shape), "data_offsets": offsets}
    metadata = {
        "format": form, "version": f"{version[0]}.{version[1]}", "program": __version__,
        "configs": json.dumps(configs, ensure_ascii=False, sort_keys=True, allow_nan=False),
    }  # fmt: skip
    first_deferred = sum(not is_deferred(name) for name in order)
    if first_deferred < len(order):
        metadata |= {"deferred": str(deferred), "deferred-sha256": _sha256(buffers[first_deferred:])}
    metadata["sha256"] = _digest(metadata, header, buffers[:first_deferred])
    text = json.dumps({"__metadata__": metadata, **header}, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    for part, size, limit in (("header", len(text), MAX_HEADER), ("file", 8 + len(text) + start, MAX_BYTES)):
        if size > limit:
            raise SaveError(
                f"could not save {path}: expected a {part} of at most {limit:,} bytes, found {size:,}; {kept}"
            )
    replace_file(path, [len(text).to_bytes(8, "little"), text, *buffers], kept=kept)


def _digest(metadata: Mapping[str, str], header: Mapping[str, Any], buffers: Sequence[Any]) -> str:
    """Return the SHA-256 of the tensors, the header and the metadata; it detects a flipped bit in any of them."""
    return _sha256([*buffers, json.dumps([metadata, header], sort_keys=True).encode()])


def _sha256(buffers: Sequence[Any]) -> str:
    state = hashlib.sha256()
    for buffer in buffers:
        state.update(buffer)
    return state.hexdigest()


def read_tensors(
    path: Path, form: str, version: tuple[int, int], description: str
) -> tuple[dict[str, NDArray[Any]], Any, DeferredTensors | None]:
    """Return the verified tensors and configs of a file of `write_tensors`, and its deferred tensors, if any.

    Files of older major versions are read too; the caller handles their differences. Errors, also those of reading the
    deferred tensors, name the file as `description`. Raises ModelNotFoundError; ModelError for a file that is damaged,
    of another format, or of a newer version.
    """
    with open_bounded(path, MAX_BYTES, description) as (stream, size):
        with damaged_file(description, path):
            header = _read_header(stream, size)
            start = stream.tell()
            metadata, major = _checked_metadata(header.pop("__metadata__", None), form)
        if not 1 <= major <= version[0]:
            raise ModelError(
                f"{description} {path}: expected a format up to {version[0]}.x, found {shown(metadata['version'])}; "
                f"it needs rnnwords >= {metadata.get('program', '')[:20]}, this is {__version__}"
            )
        with damaged_file(description, path):
            entries = {name: _entry(name, entry) for name, entry in header.items()}
            prefix = metadata.get("deferred") or metadata.get("apart")  # its name in format 1.2
            deferred = {name: entries.pop(name) for name in header if prefix and name.startswith(prefix)}
            stop = min((entry.start for entry in deferred.values()), default=size - start)
            body = read_array(stream, min(stop, size - start))
            if metadata.pop("sha256", None) != _digest(metadata, header, [body.data]):
                raise ModelError("expected the checksum of its content, found another")
            configs = parse_json(metadata.get("configs", ""), "its configuration")
            if not isinstance(configs, dict):
                raise ModelError(f"expected a configuration that is an object, found {type(configs).__name__}")
            tensors = _tensors(entries, body)
            _check_offsets(deferred, len(body), size - start)
    if not deferred:
        return tensors, configs, None
    digest = metadata.get("deferred-sha256", metadata.get("apart-sha256"))
    offset, length = start + stop, size - start - stop
    read = functools.partial(_read_deferred, path, description, offset, length, deferred, digest)
    return tensors, configs, DeferredTensors(length, read)


def _read_deferred(
    path: Path, description: str, offset: int, length: int, entries: Mapping[str, Entry], digest: str | None
) -> dict[str, NDArray[Any]]:
    """Return the deferred tensors, which are `length` bytes from the byte `offset` of the file."""
    with open_bounded(path, MAX_BYTES, description) as (stream, _):
        stream.seek(offset)
        body = read_array(stream, length)
    if _sha256([body.data]) != digest:
        raise ModelError(
            f"{description} {path} is damaged, or was replaced after it was loaded: expected the checksum of its "
            "deferred tensors, found another"
        )
    return _tensors(entries, body, min(entry.start for entry in entries.values()))


def _read_header(stream: "FileIO", size: int) -> dict[str, Any]:
    """Return the header at the beginning of a file of `size` bytes."""
    length = int.from_bytes(stream.read(8), "little")
    if length > min(MAX_HEADER, size - 8):
        raise ModelError(f"expected a whole safetensors file, found another or a truncated one of {size:,} bytes")
    header = parse_json(read_array(stream, length).tobytes(), "its header")
    if not isinstance(header, dict):
        raise ModelError(f"expected a header that is an object, found {type(header).__name__}")
    if (longest := max(map(len, header), default=0)) > MAX_NAME:
        raise ModelError(f"expected names of at most {MAX_NAME} characters, found one of {longest:,}")
    return header


def _checked_metadata(metadata: Any, form: str) -> tuple[dict[str, str], int]:
    """Return the metadata and the major version."""
    found = metadata.get("format") if isinstance(metadata, dict) else None
    if found != form:
        raise ModelError(f"expected the format {form}, found {shown(found)}")
    if not all(isinstance(value, str) for value in metadata.values()):
        raise ModelError("expected metadata that are text, found other values")
    major = metadata.get("version", "").partition(".")[0]
    if not (major.isascii() and major.isdigit() and 1 <= len(major) <= 6):
        raise ModelError(f"expected a version such as 1.0, found {shown(metadata.get('version'))}")
    return metadata, int(major)


def _tensors(entries: Mapping[str, Entry], body: NDArray[np.uint8], first: int = 0) -> dict[str, NDArray[Any]]:
    """Return the tensors as views of the body, whose first byte has the offset `first`."""
    _check_offsets(entries, first, first + len(body))
    return {
        name: body[start - first : stop - first].view(dtype).reshape(shape)
        for name, (dtype, shape, start, stop) in entries.items()
    }


def _check_offsets(entries: Mapping[str, Entry], start: int, stop: int) -> None:
    """Raise ModelError unless the tensors are adjacent, fill the bytes from `start` to `stop`, and fit their shapes."""
    for name, entry in sorted(entries.items(), key=lambda item: item[1][2:]):
        end = start + math.prod(entry.shape) * entry.dtype.itemsize
        if (entry.start, entry.stop) != (start, end) or end > stop:
            raise ModelError(
                f"tensor {name} of shape {tuple(entry.shape)}: expected bytes {start:,} to {shown(end)}, found "
                f"{entry.start:,} to {entry.stop:,}"
            )
        start = end
    if start != stop:
        raise ModelError(f"expected the end of the file after the last tensor, found {stop - start:,} more bytes")


def _entry(name: str, entry: Any) -> Entry:
    values: Any = entry if isinstance(entry, dict) else {}
    shape, offsets, dtype = values.get("shape"), values.get("data_offsets"), values.get("dtype")
    lists = isinstance(shape, list) and isinstance(offsets, list) and len(shape) <= 8 and len(offsets) == 2
    if not lists or not all(type(n) is int and 0 <= n <= MAX_BYTES for n in [*shape, *offsets]):
        raise ModelError(f"tensor {name}: expected a shape and two offsets, found {shown(entry)}")
    if not isinstance(dtype, str) or dtype not in _TYPES:
        raise ModelError(f"tensor {name}: expected one of the types {', '.join(_TYPES)}, found {shown(dtype)}")
    return Entry(_TYPES[dtype], shape, *offsets)


@contextlib.contextmanager
def damaged_file(description: str, path: Path) -> Iterator[None]:
    """Turn errors about the content of a file into a ModelError that names the file."""
    try:
        yield
    except (ModelError, UsageError) as error:
        raise ModelError(f"{description} {path} is damaged: {error}") from error
