"""Tensors and JSON in one file: what a model file and a checkpoint have in common.

The format is safetensors: 8 bytes little-endian length of the header, the header (JSON), the tensor bytes. Metadata in
the header hold the format's name and version, the configs, and a SHA-256 over all of it, since safetensors itself has
no checksum. It is written and read here rather than by the package of that name: equal contents give equal bytes, the
file is read once into memory that large products are fast from (numpy asks for large pages), and nothing is copied.
Tests hold the two to each other. Every byte belongs to exactly one tensor, so nothing overlaps and nothing hides.

Some tensors may stand apart, behind all others, with a checksum of their own: they are read when somebody needs them.
"""

import contextlib
import hashlib
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnnwords import __version__
from rnnwords.errors import ModelError, SaveError, UsageError
from rnnwords.files import KEPT, opened, parse_json, read_array, replace_file

if TYPE_CHECKING:
    from io import FileIO

MAX_BYTES = 1 << 34
MAX_HEADER = 1 << 24
_TYPES: dict[str, np.dtype[Any]] = {
    "F64": np.dtype("<f8"),
    "F32": np.dtype("<f4"),
    "I64": np.dtype("<i8"),
    "U32": np.dtype("<u4"),
    "U16": np.dtype("<u2"),
    "U8": np.dtype("u1"),
}
_NAMES = {dtype: name for name, dtype in _TYPES.items()}

Tensors = Mapping[str, NDArray[Any]]
Entry = tuple[np.dtype[Any], list[int], int, int]  # of a tensor: type, shape, first byte, last byte + 1


class Apart(NamedTuple):
    """Tensors that stand apart: how many bytes they have, and what reads them, verified."""

    size: int
    read: Callable[[], Tensors]


def write_tensors(
    path: Path,
    form: str,
    version: tuple[int, int],
    tensors: Tensors,
    configs: Mapping[str, Any],
    *,
    apart: str | None = None,
    kept: str = KEPT,
) -> None:
    """Write tensors and JSON `configs` as one safetensors file with a digest. Tensors whose names begin with `apart`
    stand apart.

    Raises SaveError: see replace_file; and for what would be too large to be read.
    """
    # The widest types first, then by name, as the safetensors package does: so every tensor is aligned.
    order = sorted(tensors, key=lambda name: (-tensors[name].dtype.itemsize, name))
    last = [name for name in order if apart and name.startswith(apart)]
    order = [*(name for name in order if not (apart and name.startswith(apart))), *last]
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
    main = len(buffers) - len(last)
    if last:
        metadata |= {"apart": str(apart), "apart-sha256": _sha256(buffers[main:]).hexdigest()}
    metadata["sha256"] = _digest(metadata, header, buffers[:main])
    text = json.dumps({"__metadata__": metadata, **header}, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    for what, size, most in (("header", len(text), MAX_HEADER), ("file", 8 + len(text) + at, MAX_BYTES)):
        if size > most:
            raise SaveError(f"could not save {path}: its {what} has {size:,} bytes; at most {most:,} are read; {kept}")
    pieces = [len(text).to_bytes(8, "little"), text, *buffers]
    replace_file(path, pieces, kept=kept)


def _digest(metadata: Mapping[str, str], header: Mapping[str, Any], buffers: Sequence[Any]) -> str:
    """SHA-256 over the tensor bytes and everything that is said of them: a flipped bit anywhere is seen."""
    state = _sha256(buffers)
    state.update(json.dumps([metadata, header], sort_keys=True).encode())
    return state.hexdigest()


def _sha256(buffers: Sequence[Any]) -> "hashlib._Hash":
    state = hashlib.sha256()
    for buffer in buffers:
        state.update(buffer)
    return state


def read_tensors(path: Path, form: str, version: tuple[int, int], what: str) -> tuple[dict[str, NDArray[Any]], Any]:
    """Tensors and configs of a file that `write_tensors` made, verified before anything is made of them. Older majors
    are read too: what they lack is the caller's to know.

    Raises ModelNotFoundError; ModelError, naming `what`, for damage, another format, or a newer version.
    """
    tensors, configs, _ = read_parts(path, form, version, what)
    return tensors, configs


def read_parts(
    path: Path, form: str, version: tuple[int, int], what: str
) -> tuple[dict[str, NDArray[Any]], Any, Apart | None]:
    """As `read_tensors`, and what stands apart, not read yet. Reading it raises the same errors."""
    with opened(path, MAX_BYTES, what) as (stream, size):
        with damage_named(what, path):
            header = _header(stream, size)
            start = stream.tell()
            metadata = header.pop("__metadata__", None)
            if not isinstance(metadata, dict) or metadata.get("format") != form:
                raise ModelError(f"it is no {form}")
            if not all(isinstance(value, str) for value in metadata.values()):
                raise ModelError("its metadata are not all text")
            major = metadata.get("version", "").partition(".")[0]
            if not (major.isascii() and major.isdigit() and 1 <= len(major) <= 6):
                raise ModelError("its version is no number")
        if not 1 <= int(major) <= version[0]:
            raise ModelError(
                f"{what} {path} is of format {metadata['version']}, and this is rnnwords {__version__}, which reads "
                f"{version[0]}.x: it needs rnnwords >= {metadata.get('program')}"
            )
        with damage_named(what, path):
            prefix = metadata.get("apart")
            last = {name: header[name] for name in header if prefix and name.startswith(prefix)}
            main = min((_entry(name, entry)[2] for name, entry in last.items()), default=size - start)
            body = read_array(stream, min(main, size - start))
            if metadata.pop("sha256", None) != _digest(metadata, header, [body.data]):
                raise ModelError("its checksum does not match")
            configs = parse_json(metadata.get("configs", ""), "its configuration")
            if not isinstance(configs, dict):
                raise ModelError("its configuration is no object")
            tensors = _tensors({name: header[name] for name in header if name not in last}, body)
            _places(last, len(body), size - start)
    if not last:
        return tensors, configs, None
    place = (start + main, size - start - main)
    return tensors, configs, Apart(place[1], lambda: _read_apart(path, what, place, last, metadata.get("apart-sha256")))


def _read_apart(
    path: Path, what: str, place: tuple[int, int], header: Mapping[str, Any], digest: str | None
) -> dict[str, NDArray[Any]]:
    """The tensors that stand apart, at the first byte and of the size that `place` says."""
    with opened(path, MAX_BYTES, what) as (stream, _):
        stream.seek(place[0])
        body = read_array(stream, place[1])
    if _sha256([body.data]).hexdigest() != digest:
        raise ModelError(f"{what} {path} is damaged, or was replaced since it was loaded: a checksum does not match")
    first = min(_entry(name, entry)[2] for name, entry in header.items())
    return _tensors(header, body, first)


def _header(stream: "FileIO", size: int) -> dict[str, Any]:
    """The header, from the beginning of the file."""
    length = int.from_bytes(stream.read(8), "little")
    if length > min(MAX_HEADER, size - 8):
        raise ModelError(f"it is cut short, or no safetensors file ({size:,} bytes)")
    header = parse_json(read_array(stream, length).tobytes(), "its header")
    if not isinstance(header, dict):
        raise ModelError("its header is no object")
    return header


def _tensors(header: Mapping[str, Any], body: NDArray[np.uint8], first: int = 0) -> dict[str, NDArray[Any]]:
    """The tensors as parts of the body: one behind the other, from its first byte to its last."""
    return {
        name: body[start - first : end - first].view(dtype).reshape(shape)
        for name, (dtype, shape, start, end) in _places(header, first, first + len(body)).items()
    }


def _places(header: Mapping[str, Any], at: int, last: int) -> dict[str, Entry]:
    """The entries of tensors that stand one behind the other, from byte `at` to `last`, in that order."""
    found = dict(sorted(((name, _entry(name, entry)) for name, entry in header.items()), key=lambda item: item[1][2:]))
    for name, (dtype, shape, first, end) in found.items():
        if first != at or end - first != math.prod(shape) * dtype.itemsize or end > last:
            raise ModelError(
                f"tensor {name} of shape {tuple(shape)} stands at bytes {first:,} to {end:,}, not from {at:,}"
            )
        at = end
    if at != last:
        raise ModelError(f"there are {last - at:,} bytes behind the last tensor")
    return found


def _entry(name: str, entry: Any) -> Entry:
    values: Any = entry if isinstance(entry, dict) else {}
    shape, offsets, dtype = values.get("shape"), values.get("data_offsets"), values.get("dtype")
    for numbers in (shape, offsets):
        if not isinstance(numbers, list) or not all(type(n) is int and 0 <= n <= MAX_BYTES for n in numbers):
            raise ModelError(f"tensor {name}: its shape or place is not described")
    if len(shape) > 8 or len(offsets) != 2:
        raise ModelError(f"tensor {name}: its shape or place is not described")
    if not isinstance(dtype, str) or dtype not in _TYPES:
        raise ModelError(f"tensor {name} has type {str(dtype)[:40]}")
    return _TYPES[dtype], shape, offsets[0], offsets[1]


@contextlib.contextmanager
def damage_named(what: str, path: Path) -> Iterator[None]:
    """Errors about what is in a file, as ModelError that says which file it is."""
    try:
        yield
    except (ModelError, UsageError) as error:
        raise ModelError(f"{what} {path} is damaged: {error}") from error
