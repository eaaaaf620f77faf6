"""Atomic file replacement, bounded reading, strict JSON, and SHA-256 digests.

A save writes a temporary file in the directory of the target, calls fsync, renames it over the target, and calls fsync
on the directory. At every moment the target is the whole old file or the whole new one.
"""

import contextlib
import errno
import hashlib
import json
import math
import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rnnwords.errors import ModelError, ModelNotFoundError, SaveError

if TYPE_CHECKING:
    from io import FileIO

    import numpy as np
    from numpy.typing import NDArray
    from typing_extensions import Buffer

TEMPORARY_SUFFIX = ".tmp"
KEPT = "the previous content is kept"


def replace_file(path: Path, pieces: "Iterable[Buffer]", *, kept: str = KEPT) -> None:
    """Replace `path` by the bytes of `pieces`, whole or not at all. A symbolic link stays, and its target is replaced.

    Raises SaveError with the path, the system's reason and `kept`, which says what is still there. A failed fsync is
    not repeated: the kernel may have dropped the failed pages, so only a new file can be trusted.
    """
    try:
        if path.exists() and not (path.is_file() or path.is_dir()):  # a pipe or device, which cannot be replaced
            return _write(path, "wb", pieces, sync=False)
        target = Path(os.path.realpath(path))
        temporary = target.with_name(f"{target.name}.{os.getpid()}{TEMPORARY_SUFFIX}")
        try:
            _write(temporary, "wb", pieces)
            os.replace(temporary, target)
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise
    except OSError as error:
        raise SaveError(f"could not save {path}: {reason(error)}; {kept}") from error
    try:
        sync_directory(target.parent)
    except OSError as error:
        raise SaveError(f"saved {path}, but a power failure could undo it: {reason(error)}") from error


def append_to_file(path: Path, data: "Buffer") -> None:
    """Append bytes to a file, which is created if it is missing; they are on disk when this returns.

    A process that is killed in between leaves all, some or none of them at the end of the file. Raises SaveError.
    """
    try:
        new = not path.exists()
        _write(path, "ab", [data])
        if new:
            sync_directory(path.parent)
    except OSError as error:
        raise SaveError(f"could not save {path}: {reason(error)}; {KEPT}") from error


def _write(path: Path, mode: str, pieces: "Iterable[Buffer]", sync: bool = True) -> None:
    with open(path, mode) as stream:
        stream.writelines(pieces)
        if sync:
            stream.flush()
            os.fsync(stream.fileno())


def sync_directory(directory: Path) -> None:
    """Flush the entries of a directory to disk, so that a rename survives a power failure."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # not supported by some network file systems
            raise
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def open_bounded(path: Path, limit: int, description: str) -> "Iterator[tuple[FileIO, int]]":
    """Yield `path` opened for reading, and its size in bytes. Opening never waits, as it would for a pipe.

    Files are never memory-mapped: truncating a mapped file ends the process with SIGBUS. Errors name the file as
    `description`. Raises ModelNotFoundError; ModelError unless it is a regular file of at most `limit` bytes.
    """
    try:
        with open(path, "rb", buffering=0, opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as stream:
            status = os.fstat(stream.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise ModelError(f"{description} {path}: expected a regular file, found another kind")
            if status.st_size > limit:
                raise ModelError(f"{description} {path}: expected at most {limit:,} bytes, found {status.st_size:,}")
            yield stream, status.st_size
    except FileNotFoundError as error:
        raise ModelNotFoundError(f"{description} {path}: expected a file, found none") from error
    except OSError as error:
        raise ModelError(f"cannot read {description} {path}: {reason(error)}") from error


def read_bounded(path: Path, limit: int, description: str) -> bytes:
    """Return all bytes of `path`. Raises the errors of `open_bounded`."""
    with open_bounded(path, limit, description) as (stream, _):
        return stream.readall()


def read_array(stream: "FileIO", size: int) -> "NDArray[np.uint8]":
    """Return the next `size` bytes of a file, or all that are left, as an array. numpy allocates large pages for it."""
    import numpy as np

    data = np.empty(size, np.uint8)
    filled = 0
    while filled < size and (count := stream.readinto(data[filled:].data)):
        filled += count
    return data[:filled]


def parse_json(text: bytes | str, description: str) -> Any:
    """Return the value of a JSON text without duplicate keys, NaN or infinities. Raises ModelError otherwise."""

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        values = dict(pairs)
        if len(values) != len(pairs):
            raise ValueError("expected each key once, found one twice")
        return values

    def finite(text: str) -> float:
        if not math.isfinite(number := float(text)):
            raise ValueError(f"expected a finite number, found {text[:20]}")
        return number

    try:
        return json.loads(text, object_pairs_hook=unique, parse_float=finite, parse_constant=finite)
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{description} is not valid JSON: {error}") from error


def digest_of(paths: Iterable[Path]) -> str:
    """Return the SHA-256 of the bytes of the files, in order, as a hexadecimal string."""
    state = hashlib.sha256()
    for path in paths:
        with open(path, "rb") as stream:
            while data := stream.read(1 << 20):
                state.update(data)
    return state.hexdigest()


def reason(error: OSError) -> str:
    """Return the system's reason in a few words, without the path."""
    return error.strerror or str(error) or type(error).__name__
