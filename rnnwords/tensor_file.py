"""Tensors and JSON settings in one checksummed safetensors file: the format of model files and checkpoints.

The file has 8 bytes with the length of the header (little-endian), the header (JSON), and the bytes of the tensors.
The metadata in the header hold the name and version of the format, the settings, and a SHA-256 of all of these and of
the tensors, since safetensors has no checksum. Equal contents give equal bytes. Every byte belongs to one tensor, so
tensors cannot overlap and no data can hide. Deferred parts, whose tensors have a common prefix, are stored last. Each
has a checksum of its own and is read only when it is needed.

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
import hashlib
import json
import os
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnnwords.config import shown
from rnnwords.errors import ModelError, SaveError, UsageError
from rnnwords.files import open_bounded, parse_json, read_array, reason
from rnnwords.saving import KEPT, replace_file
from rnnwords.tensor_header import (
    MAX_BYTES,
    MAX_HEADER,
    TYPES,
    DeferredPart,
    Entry,
    check_format,
    check_offsets,
    checked_metadata,
    deferred_parts,
    entry_of,
    format_in,
    read_header,
)
from rnnwords.version import __version__

if TYPE_CHECKING:
    from io import FileIO

_NAMES = {dtype: name for name, dtype in TYPES.items()}

Tensors = Mapping[str, NDArray[Any]]
Configs = dict[str, Any]


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
    deferred: Sequence[str] = (),
    kept: str = KEPT,
    follow_links: bool = True,
    key: str = "configs",
) -> None:
    """Write tensors and JSON `configs` as a file of the format `form`, whole or not at all.

    Tensors whose names begin with one of the prefixes `deferred` are a deferred part. `key` is that of the configs in
    the metadata. Raises SaveError: see `replace_file`; and for a file that is too large to be read.
    """
    part_of = {name: next((n for n, one in enumerate(deferred, 1) if name.startswith(one)), 0) for name in tensors}
    # Deferred ones last; widest types first, then by name, as in the safetensors package: so every tensor is aligned.
    order = sorted(tensors, key=lambda name: (part_of[name], -tensors[name].dtype.itemsize, name))
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
        key: json.dumps(configs, ensure_ascii=False, sort_keys=True, allow_nan=False),
    }  # fmt: skip
    parts = [[buffer for name, buffer in zip(order, buffers, strict=True) if part_of[name] == n]
             for n in range(len(deferred) + 1)]  # fmt: skip
    if stored := {one: _sha256(part) for one, part in zip(deferred, parts[1:], strict=True) if part}:
        metadata |= {"deferred": " ".join(stored), "deferred-sha256": " ".join(stored.values())}
    metadata["sha256"] = _digest(metadata, header, parts[0])
    text = json.dumps({"__metadata__": metadata, **header}, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    for part, size, limit in (("header", len(text), MAX_HEADER), ("file", 8 + len(text) + start, MAX_BYTES)):
        if size > limit:
            raise SaveError(
                f"could not save {path}: expected a {part} of at most {limit:,} bytes, found {size:,}; {kept}"
            )
    replace_file(path, [len(text).to_bytes(8, "little"), text, *buffers], kept=kept, follow_links=follow_links)


def _digest(metadata: Mapping[str, str], header: Mapping[str, Any], buffers: Sequence[Any]) -> str:
    """Return the SHA-256 of the tensors, the header and the metadata; it detects a flipped bit in any of them."""
    return _sha256([*buffers, json.dumps([metadata, header], sort_keys=True).encode()])


def _sha256(buffers: Sequence[Any]) -> str:
    state = hashlib.sha256()
    for buffer in buffers:
        state.update(buffer)
    return state.hexdigest()


def read_tensors(
    path: Path,
    form: str,
    version: tuple[int, int],
    description: str,
    check: Callable[[Configs, Mapping[str, Entry]], None] = lambda configs, entries: None,
) -> tuple[dict[str, NDArray[Any]], Configs, dict[str, DeferredTensors]]:
    """Return the verified tensors and configs of a file of `write_tensors`, and its deferred parts by prefix.

    Files of older major versions are read too; the caller handles their differences. `check` is called before the
    tensors are read, so that it can refuse, by a ModelError, a file that would need much memory in vain. Errors, also
    those of reading the deferred tensors, name the file as `description`. Raises ModelNotFoundError; ModelError for a
    file that is damaged, of another format, or of a newer version.
    """
    with open_bounded(path, MAX_BYTES, description) as (stream, size):
        with damaged_file(description, path):
            header = read_header(stream, size)
            start = stream.tell()
        check_format(header.get("__metadata__"), form, f"{description} {path}")
        with damaged_file(description, path):
            metadata, major = checked_metadata(header.pop("__metadata__"))
        if not 1 <= major <= version[0]:
            raise ModelError(
                f"{description} {path}: expected a format up to {version[0]}.x, found {shown(metadata['version'])}; "
                f"it needs rnnwords >= {metadata.get('program', '')[:20]}, this is {__version__}"
            )
        with damaged_file(description, path):
            entries = {name: entry_of(name, entry) for name, entry in header.items()}
            deferred = deferred_parts(metadata, entries, size - start)
            stop = min((part.start for part in deferred.values()), default=size - start)
            check_offsets(entries, 0, stop)
            configs = parse_json(metadata.get("configs", ""), "its configuration")
            if not isinstance(configs, dict):
                raise ModelError(f"expected a configuration that is an object, found {type(configs).__name__}")
            check(configs, entries)
            body = read_array(stream, stop)
            if metadata.pop("sha256", None) != _digest(metadata, header, [body.data]):
                raise ModelError("expected the checksum of its content, found another")
            tensors = _tensors(entries, body)
        name = f"{description} {path}"
        return tensors, configs, {
            prefix: DeferredTensors(part.stop - part.start, _DeferredReader(stream, name, start, part))
            for prefix, part in deferred.items()
        }  # fmt: skip


def stored_format(path: Path) -> str | None:
    """Return the name of the format of a safetensors file; None for any other file, or if there is none to read."""
    with contextlib.suppress(ModelError), open_bounded(path, MAX_BYTES, "file") as (stream, size):
        return format_in(read_header(stream, size).get("__metadata__"))
    return None


class _DeferredReader:
    """Reads the tensors of a deferred part, from a file that stays open and whose tensors begin at a byte `offset`.

    A save replaces the file, and the open one stays as it was: tensors and deferred tensors are always of one save.
    """

    def __init__(self, stream: "FileIO", name: str, offset: int, part: DeferredPart) -> None:
        self.name, self.offset, self.part = name, offset + part.start, part
        self.descriptor = os.dup(stream.fileno())
        weakref.finalize(self, os.close, self.descriptor)

    def __call__(self) -> dict[str, NDArray[Any]]:
        """Return the verified tensors. Raises ModelError."""
        body = np.empty(self.part.stop - self.part.start, np.uint8)
        filled = 0
        try:
            while filled < len(body) and (
                count := os.preadv(self.descriptor, [body[filled:].data], self.offset + filled)
            ):
                filled += count
        except OSError as error:
            raise ModelError(f"cannot read {self.name}: {reason(error)}") from error
        if _sha256([body[:filled].data]) != self.part.digest:
            raise ModelError(
                f"{self.name} is damaged, or was overwritten after it was loaded: expected the checksum of its "
                "deferred tensors, found another"
            )
        return _tensors(self.part.entries, body, self.part.start)


def _tensors(entries: Mapping[str, Entry], body: NDArray[np.uint8], first: int = 0) -> dict[str, NDArray[Any]]:
    """Return the tensors as views of the body, whose first byte has the offset `first`."""
    check_offsets(entries, first, first + len(body))
    return {
        name: body[start - first : stop - first].view(dtype).reshape(shape)
        for name, (dtype, shape, start, stop) in entries.items()
    }


@contextlib.contextmanager
def damaged_file(description: str, path: Path) -> Iterator[None]:
    """Turn errors about the content of a file into a ModelError that names the file.

    Settings of a file are not in backquotes, in which the command line replaces them by its options.
    """
    try:
        yield
    except (ModelError, UsageError) as error:
        raise ModelError(f"{description} {path} is damaged: {str(error).replace('`', '')}") from error
