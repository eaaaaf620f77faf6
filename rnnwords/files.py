"""Bounded reading, strict JSON, and SHA-256 digests."""

import contextlib
import errno
import hashlib
import json
import math
import os
import re
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rnnwords.errors import ModelError, ModelNotFoundError

if TYPE_CHECKING:
    from io import FileIO

    import numpy as np
    from numpy.typing import NDArray

MAX_VALUES = 1 << 18  # of a JSON text: in memory a value takes up to 250 bytes, whatever it takes in the text
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")  # half of a character, as JSON may write it; alone it is none


@contextlib.contextmanager
def open_bounded(path: Path, limit: int, description: str) -> "Iterator[tuple[FileIO, int]]":
    """Yield `path` opened for reading, and its size in bytes. Opening never waits, as it would for a pipe.

    Files are never memory-mapped: truncating a mapped file ends the process with SIGBUS. Errors name the file as
    `description`. Raises ModelNotFoundError; ModelError unless it is a regular file of at most `limit` bytes.
    """
    try:
        check_name(path)
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
    """Return the value of a JSON text in UTF-8 of at most MAX_VALUES values.

    Raises ModelError, also for duplicate keys, NaN, infinities and lone surrogates.
    """

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
        text = text.decode() if isinstance(text, bytes) else text
        if sum(map(text.count, ",[{")) > MAX_VALUES:
            raise ValueError(f"expected at most {MAX_VALUES:,} values, found more")
        value = json.loads(text, object_pairs_hook=unique, parse_float=finite, parse_constant=finite)
        if _SURROGATE.search(text):
            json.dumps(value, ensure_ascii=False).encode()
        return value
    except RecursionError as error:
        raise ModelError(f"{description} is not valid JSON: expected less depth") from error
    except ValueError as error:
        raise ModelError(f"{description} is not valid JSON: {str(error).partition(';')[0][:200]}") from error


def digest_of(paths: Iterable[Path]) -> str:
    """Return the SHA-256 of the bytes of the files, in order, as a hexadecimal string."""
    state = hashlib.sha256()
    for path in paths:
        with open(path, "rb") as stream:
            while data := stream.read(1 << 20):
                state.update(data)
    return state.hexdigest()


def check_name(path: Path) -> None:
    """Raise OSError for a path that no file can have: with NUL, or with surrogates that are no bytes."""
    try:
        if "\0" in os.fsdecode(os.fsencode(path)):
            raise OSError(errno.EINVAL, "no file name contains NUL")
    except UnicodeEncodeError as error:
        raise OSError(errno.EINVAL, f"no file name contains {error.object[error.start]!r}") from error


def reason(error: OSError | ValueError) -> str:
    """Return the system's reason in a few words, without the path. Paths that no file can have raise ValueError."""
    return (isinstance(error, OSError) and error.strerror) or str(error) or type(error).__name__
