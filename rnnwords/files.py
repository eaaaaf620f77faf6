"""Files that matter are replaced whole or added to, read within bounds, and known by their digest.

A save is: a temporary file beside the target, write, flush, fsync, rename over the target, fsync of the directory.
Whatever happens in between, the target is the old file or the new one.
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
KEPT = "what was there is kept"


def replace_file(path: Path, pieces: "Iterable[Buffer]", *, kept: str = KEPT) -> None:
    """Replace `path` by the bytes of `pieces`, whole or not at all. A link stays: the file that it names is replaced.

    Raises SaveError, which names the file, the system's reason and what is `kept`. A failed fsync is not tried again:
    the kernel may have dropped the pages that failed, so only a new file can be trusted.
    """
    try:
        if _is_device(path):
            return _write_through(path, pieces)
        target = Path(os.path.realpath(path))
        temporary = target.with_name(f"{target.name}.{os.getpid()}{TEMPORARY_SUFFIX}")
        try:
            with open(temporary, "wb") as stream:
                for piece in pieces:
                    stream.write(piece)
                stream.flush()
                os.fsync(stream.fileno())
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
        raise SaveError(f"{path} is saved, but may not survive a power loss: {reason(error)}") from error


def append_to_file(path: Path, data: "Buffer") -> None:
    """Add bytes to the end of a file, made if need be; they are on disk when this returns. Ended within, it leaves all,
    a part or nothing of them behind what was there.

    Raises SaveError, which names the file and the system's reason.
    """
    try:
        new = not path.exists()
        with open(path, "ab") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        if new:
            sync_directory(path.parent)
    except OSError as error:
        raise SaveError(f"could not save {path}: {reason(error)}; {KEPT}") from error


def _is_device(path: Path) -> bool:
    """Whether `path` is something that cannot be replaced: a pipe, a terminal, /dev/null."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)


def _write_through(path: Path, pieces: "Iterable[Buffer]") -> None:
    with open(path, "wb") as stream:
        for piece in pieces:
            stream.write(piece)


def sync_directory(directory: Path) -> None:
    """Make a rename in `directory` survive a power loss, where the file system can."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # some network file systems know no such thing
            raise
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def opened(path: Path, limit: int, what: str) -> "Iterator[tuple[FileIO, int]]":
    """`path` to be read (never memory-mapped: a file cut short under a map ends the process), and its size in bytes.

    Opening doesn't wait, as it would for a pipe that nobody writes to.

    Raises ModelNotFoundError if there is none, ModelError if it is no regular file or larger than `limit` bytes.
    """
    try:
        with open(path, "rb", buffering=0, opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as stream:
            about = os.fstat(stream.fileno())
            if not stat.S_ISREG(about.st_mode):
                raise ModelError(f"{what} {path} is no regular file")
            if about.st_size > limit:
                raise ModelError(f"{what} {path} has {about.st_size:,} bytes; at most {limit:,} are read")
            yield stream, about.st_size
    except FileNotFoundError as error:
        raise ModelNotFoundError(f"{what} {path} does not exist") from error
    except OSError as error:
        raise ModelError(f"{what} {path} cannot be read: {reason(error)}") from error


def read_bounded(path: Path, limit: int, what: str) -> bytes:
    """All bytes of `path`. Raises what `opened` raises."""
    with opened(path, limit, what) as (stream, _):
        return stream.readall()


def read_array(stream: "FileIO", size: int) -> "NDArray[np.uint8]":
    """The next bytes of a file, `size` of them or as many as there are, as an array of numpy's own memory, which large
    products are faster from: numpy asks for large pages."""
    import numpy as np

    data = np.empty(size, np.uint8)
    filled = 0
    while filled < size and (count := stream.readinto(data[filled:].data)):
        filled += count
    return data[:filled]


def parse_json(text: bytes | str, what: str) -> Any:
    """JSON without duplicate keys, NaN or infinities. Raises ModelError that begins with `what`."""

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            raise ValueError("a key stands twice")
        return found

    def finite(text: str) -> float:
        if not math.isfinite(number := float(text)):
            raise ValueError(f"{text[:20]} is no finite number")
        return number

    try:
        return json.loads(text, object_pairs_hook=unique, parse_float=finite, parse_constant=finite)
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
