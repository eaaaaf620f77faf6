"""Files that matter are replaced whole, read within bounds, and known by their digest.

A save is: a temporary file beside the target, write, flush, fsync, rename over the target, fsync of the directory.
Whatever happens in between, the target is the old file or the new one.
"""

import contextlib
import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rnnwords.errors import ModelError, ModelNotFoundError, SaveError

if TYPE_CHECKING:
    from typing_extensions import Buffer

TEMPORARY_SUFFIX = ".tmp"


def replace_file(path: Path, pieces: "Iterable[Buffer]", *, kept: str = "what was there is kept") -> None:
    """Replace `path` by the bytes of `pieces`, whole or not at all.

    Raises SaveError, which names the file, the system's reason and what is `kept`. A failed fsync is not tried again:
    the kernel may have dropped the pages that failed, so only a new file can be trusted.
    """
    temporary = path.with_name(f"{path.name}.{os.getpid()}{TEMPORARY_SUFFIX}")
    try:
        try:
            with open(temporary, "wb") as stream:
                for piece in pieces:
                    stream.write(piece)
                stream.flush()
                os.fsync(stream.fileno())
            os.replace(temporary, path)
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise
        sync_directory(path.parent)
    except OSError as error:
        raise SaveError(f"could not save {path}: {reason(error)}; {kept}") from error


def sync_directory(directory: Path) -> None:
    """Make a rename in `directory` survive a power loss."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_bounded(path: Path, limit: int, what: str) -> bytes:
    """All bytes of `path`, read (never memory-mapped: a file cut short under a map ends the process).

    Raises ModelNotFoundError if there is none, ModelError if it is no regular file or larger than `limit` bytes.
    """
    try:
        with open(path, "rb", buffering=0) as stream:
            size = os.fstat(stream.fileno()).st_size
            if size > limit:
                raise ModelError(f"{what} {path} has {size:,} bytes; at most {limit:,} are read")
            return stream.readall()
    except FileNotFoundError as error:
        raise ModelNotFoundError(f"{what} {path} does not exist") from error
    except OSError as error:
        raise ModelError(f"{what} {path} cannot be read: {reason(error)}") from error


def parse_json(text: bytes | str, what: str) -> Any:
    """JSON without duplicate keys, NaN or infinities. Raises ModelError that begins with `what`."""

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            raise ValueError("a key stands twice")
        return found

    def refuse(constant: str) -> None:
        raise ValueError(f"{constant} is no JSON number")

    try:
        return json.loads(text, object_pairs_hook=unique, parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{what} is not valid JSON: {error}") from error


def digest_of(paths: Iterable[Path]) -> str:
    """SHA-256 over the bytes of the files, in order, as a hexadecimal string."""
    state = hashlib.sha256()
    for path in paths:
        for block in blocks_of(path):
            state.update(block)
    return state.hexdigest()


def blocks_of(path: Path, size: int = 1 << 20) -> Iterator[bytes]:
    """The bytes of a file in blocks of at most `size`."""
    with open(path, "rb") as stream:
        while block := stream.read(size):
            yield block


def reason(error: OSError) -> str:
    """The system's reason in a few words, without the path."""
    return error.strerror or str(error) or type(error).__name__
