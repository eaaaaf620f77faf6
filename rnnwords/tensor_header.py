"""The header of a tensor file, checked before any tensor is read: metadata, and type, shape and bytes of each tensor.

`tensor_file` describes the format. A file that others made can hold anything, so everything has a limit, and what an
error shows of a value is short.
"""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from rnnwords.config import shown
from rnnwords.errors import ModelError
from rnnwords.files import parse_json, read_array

if TYPE_CHECKING:
    from io import FileIO

MAX_BYTES = 1 << 34
MAX_HEADER = 1 << 24
MAX_NAME = 200  # characters of the name of a tensor
MAX_PARTS = 16  # deferred ones
# Formats of this program -> what to do with such a file where another one is expected.
HINTS = {
    "rnnwords-model": "",
    "rnnwords-arrays": ", arrays for other programs; pass the model that they were exported from",
    "rnnwords-checkpoint": "; pass the run directory that contains the checkpoint",
}
TYPES: dict[str, np.dtype[Any]] = {
    "F64": np.dtype("<f8"), "F32": np.dtype("<f4"), "I64": np.dtype("<i8"),
    "U32": np.dtype("<u4"), "U16": np.dtype("<u2"), "U8": np.dtype("u1"),
}  # fmt: skip


class Entry(NamedTuple):
    """A tensor in the header; `start` and `stop` are bytes after the header."""

    dtype: np.dtype[Any]
    shape: list[int]
    start: int
    stop: int


class DeferredPart(NamedTuple):
    """The deferred tensors of one prefix; `start` and `stop` are bytes after the header, `digest` their SHA-256."""

    entries: Mapping[str, Entry]
    start: int
    stop: int
    digest: str


def read_header(stream: "FileIO", size: int) -> dict[str, Any]:
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


def format_in(metadata: Any) -> str | None:
    """Return the name of the format, if there is one."""
    found = metadata.get("format") if isinstance(metadata, dict) else None
    return found if isinstance(found, str) else None


def check_format(metadata: Any, form: str, file: str) -> None:
    """Raise ModelError unless the metadata are those of a file of this format; `file` is what the message names."""
    found = format_in(metadata)
    if found != form:
        problem = f"expected the format {form}, found {shown(found)}"
        raise ModelError(f"{file}: {problem}{HINTS[found]}" if found in HINTS else f"{file} is damaged: {problem}")


def checked_metadata(metadata: Any) -> tuple[dict[str, str], int]:
    """Return the metadata and the major version."""
    if not all(isinstance(value, str) for value in metadata.values()):
        raise ModelError("expected metadata that are text, found other values")
    major = metadata.get("version", "").partition(".")[0]
    if not (major.isascii() and major.isdigit() and 1 <= len(major) <= 6):
        raise ModelError(f"expected a version such as 1.0, found {shown(metadata.get('version'))}")
    return metadata, int(major)


def check_offsets(entries: Mapping[str, Entry], start: int, stop: int) -> None:
    """Raise ModelError unless the tensors are adjacent, fill the bytes from `start` to `stop`, and fit their shapes."""
    for name, entry in sorted(entries.items(), key=lambda item: item[1][2:]):
        end = start + math.prod(entry.shape) * entry.dtype.itemsize
        if (entry.start, entry.stop) != (start, end) or end > stop:
            is_cut = (entry.start, entry.stop) == (start, end)
            found = f"their end at {stop:,}" if is_cut else f"{entry.start:,} to {entry.stop:,}"
            raise ModelError(
                f"tensor {shown_name(name)} of shape {tuple(entry.shape)}: expected bytes {start:,} to {shown(end)}, "
                f"found {found}"
            )
        start = end
    if start != stop:
        raise ModelError(f"expected the end of the file after the last tensor, found {stop - start:,} more bytes")


def deferred_parts(metadata: Mapping[str, str], entries: dict[str, Entry], size: int) -> dict[str, DeferredPart]:
    """Remove the tensors of deferred parts from `entries`, and return the parts by prefix, in the order of the file.

    The last part ends at the byte `size`.
    """
    prefixes, digests = (
        metadata.get(name, metadata.get(name.replace("deferred", "apart"), "")).split()  # its name in format 1.2
        for name in ("deferred", "deferred-sha256")
    )
    if not len(set(prefixes)) == len(digests) == len(prefixes) <= MAX_PARTS:
        raise ModelError(
            f"expected at most {MAX_PARTS} different deferred parts, each with one digest, found {len(prefixes):,} and "
            f"{len(digests):,} digests"
        )
    parts: dict[str, DeferredPart] = {}
    for prefix, digest in zip(reversed(prefixes), reversed(digests), strict=True):
        found = {name: entries.pop(name) for name in list(entries) if name.startswith(prefix)}
        if not found:
            raise ModelError(f"expected tensors {shown_name(prefix + '...')}, which are deferred, found none")
        start = min(entry.start for entry in found.values())
        check_offsets(found, start, size)
        parts[prefix] = DeferredPart(found, start, size, digest)
        size = start
    return dict(reversed(parts.items()))


def entry_of(name: str, entry: Any) -> Entry:
    """Return the entry of a tensor from its JSON value."""
    values: Any = entry if isinstance(entry, dict) else {}
    shape, offsets, dtype = values.get("shape"), values.get("data_offsets"), values.get("dtype")
    lists = isinstance(shape, list) and isinstance(offsets, list) and len(shape) <= 8 and len(offsets) == 2
    if not lists or not all(type(n) is int and 0 <= n <= MAX_BYTES for n in [*shape, *offsets]):
        raise ModelError(f"tensor {shown_name(name)}: expected a shape and two offsets, found {shown(entry)}")
    if not isinstance(dtype, str) or dtype not in TYPES:
        raise ModelError(
            f"tensor {shown_name(name)}: expected one of the types {', '.join(TYPES)}, found {shown(dtype)}"
        )
    return Entry(TYPES[dtype], shape, *offsets)


def shown_name(name: str) -> str:
    """Return the name of a tensor as an error message shows it."""
    return name if name.isprintable() and len(name) <= 80 else shown(name)
