"""Saving: files that are replaced whole, under names that nobody can guess, without following links in a run.

A save writes a temporary file in the directory of the target, calls fsync, renames it over the target, and calls fsync
on the directory. At every moment the target is the whole old file or the whole new one. The name of a temporary file
cannot be guessed, and its first part is the same for all of a process: so the next run can remove those of one that was
killed, and no others.
"""

import contextlib
import errno
import functools
import os
import re
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from rnnwords.errors import SaveError
from rnnwords.files import check_name, reason

if TYPE_CHECKING:
    from typing_extensions import Buffer

TEMPORARY = re.compile(r"rnnwords-([0-9a-f]{16})-[0-9a-f]{16}\.tmp")  # token of the process, then of the file
KEPT = "the previous content is kept"


@functools.cache
def process_token() -> str:
    """Return the random part that the names of all temporary files of this process share."""
    return os.urandom(8).hex()


def replace_file(path: Path, pieces: "Iterable[Buffer]", *, kept: str = KEPT, follow_links: bool = True) -> None:
    """Replace `path` by the bytes of `pieces`, whole or not at all. The new file has the mode of the old one.

    A symbolic link stays, and its target is replaced; a pipe or device is written to. Without `follow_links` either is
    replaced by the new file, and the directory must not be a link. Raises SaveError with the path, the system's reason
    and `kept`, which says what is still there. A failed fsync is not repeated: the kernel may have dropped the failed
    pages, so only a new file can be trusted.
    """
    try:
        check_name(path)
        if follow_links and path.exists() and not (path.is_file() or path.is_dir()):
            with open(path, "wb") as stream:
                stream.writelines(pieces)
            return
        target = Path(os.path.realpath(path)) if follow_links else path
        if follow_links and target.is_symlink():  # links that lead to each other
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
        with in_directory(target.parent, follow_links=follow_links) as directory:
            _replace(directory, target.name, pieces)
            failure = _sync_failure(directory)
    except OSError as error:
        raise SaveError(f"could not save {path}: {reason(error)}; {kept}") from error
    if failure:
        raise SaveError(f"saved {path}, but a power failure could undo it: {reason(failure)}") from failure


def check_replaceable(path: Path) -> None:
    """Raise SaveError if `replace_file` would fail, as far as that shows before long work, without writing."""
    try:
        check_name(path)
        target = Path(os.path.realpath(path))
        try:
            mode = os.stat(target).st_mode
        except FileNotFoundError:
            mode = stat.S_IFREG
        if stat.S_ISDIR(mode) or stat.S_ISSOCK(mode):
            raise OSError(errno.EINVAL, f"expected a file, found a {'directory' if stat.S_ISDIR(mode) else 'socket'}")
        if stat.S_ISREG(mode) and not stat.S_ISDIR(os.stat(target.parent).st_mode):
            raise OSError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        effective = os.access in os.supports_effective_ids
        if not os.access(target.parent if stat.S_ISREG(mode) else target, os.W_OK, effective_ids=effective):
            raise OSError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        raise SaveError(f"could not save {path}: {reason(error)}; {KEPT}") from error


def _replace(directory: int, name: str, pieces: "Iterable[Buffer]") -> None:
    """Write a temporary file in the opened directory and rename it to `name`."""
    temporary = f"rnnwords-{process_token()}-{os.urandom(8).hex()}.tmp"
    descriptor = _create(directory, temporary, _status(directory, name))
    try:
        with open(descriptor, "wb") as stream:
            stream.writelines(pieces)
            stream.flush()
            os.fsync(descriptor)
        os.replace(temporary, name, src_dir_fd=directory, dst_dir_fd=directory)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary, dir_fd=directory)
        raise


def _status(directory: int, name: str) -> os.stat_result | None:
    with contextlib.suppress(FileNotFoundError):
        return os.stat(name, dir_fd=directory, follow_symlinks=False)
    return None


def _create(directory: int, name: str, old: os.stat_result | None) -> int:
    """Return the descriptor of a new file with the mode of the old one, if there is one; others can never read more."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(name, flags, 0o600 if old else 0o666, dir_fd=directory)
    if old and stat.S_ISREG(old.st_mode):
        _copy_mode(old, descriptor)
    return descriptor


def _copy_mode(old: os.stat_result, descriptor: int) -> None:
    """Give the new file the mode of the old one; without group rights where its group cannot be kept."""
    mode, new = stat.S_IMODE(old.st_mode) & 0o777, os.fstat(descriptor)
    with contextlib.suppress(OSError):  # some file systems have no modes
        if (old.st_uid, old.st_gid) != (new.st_uid, new.st_gid):
            try:
                os.fchown(descriptor, old.st_uid if os.geteuid() == 0 else -1, old.st_gid)
            except OSError:
                mode &= ~0o070
        if mode != stat.S_IMODE(new.st_mode):
            os.fchmod(descriptor, mode)


def append_to_file(path: Path, data: "Buffer") -> None:
    """Append bytes to a file, which is created if it is missing; they are on disk when this returns.

    A process that is killed in between leaves all, some or none of them at the end of the file. A file with another
    name (a hard link) is replaced, so that the content under the other name stays. Raises SaveError, also if the path
    is a link, a pipe or a device.
    """
    try:
        with in_directory(path.parent, follow_links=False) as directory:
            flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            descriptor = os.open(path.name, flags, 0o666, dir_fd=directory)
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                os.close(descriptor)
                raise OSError(errno.EINVAL, "expected a regular file, found another kind")
            with open(descriptor, "a+b") as stream:
                if status.st_nlink > 1:
                    stream.seek(0)
                    return replace_file(path, [stream.read(), data], follow_links=False)
                stream.write(data)
                stream.flush()
                os.fsync(descriptor)
            if not status.st_size and (failure := _sync_failure(directory)):  # it may be new
                raise failure
    except OSError as error:
        raise SaveError(f"could not save {path}: {reason(error)}; {KEPT}") from error


def open_new(path: Path) -> int:
    """Return the descriptor of a new file at `path`, for writing. What was there is removed; it is never followed."""
    with in_directory(path.parent, follow_links=False) as directory:
        if old := _status(directory, path.name):
            os.unlink(path.name, dir_fd=directory)
        return _create(directory, path.name, old)


def lock_file(descriptor: int) -> bool:
    """Lock an opened file for as long as it is open; return whether no other process has locked it."""
    try:
        import fcntl
    except ImportError:  # Windows
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        return True
    return True


def remove_file(path: Path) -> None:
    """Remove a file, if there is one. Its directory must not be a link."""
    with in_directory(path.parent, follow_links=False) as directory, contextlib.suppress(FileNotFoundError):
        os.unlink(path.name, dir_fd=directory)


def remove_temporary_files(directory: Path, token: str) -> None:
    """Remove the temporary files that the process with this token left in a directory. Other files stay."""
    with in_directory(directory, follow_links=False) as opened:
        for name in os.listdir(opened):
            if (match := TEMPORARY.fullmatch(name)) and match[1] == token:
                with contextlib.suppress(OSError):
                    os.unlink(name, dir_fd=opened)


@contextlib.contextmanager
def in_directory(path: Path, *, follow_links: bool) -> Iterator[int]:
    """Yield the descriptor of a directory, so that all that happens in it happens in the same one."""
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | (0 if follow_links else os.O_NOFOLLOW)
    descriptor = os.open(path, flags)
    try:
        yield descriptor
    finally:
        with contextlib.suppress(OSError):  # nothing was written to it
            os.close(descriptor)


def sync_directory(path: Path) -> None:
    """Flush the entries of a directory to disk. Raises OSError."""
    with in_directory(path, follow_links=True) as directory:
        if failure := _sync_failure(directory):
            raise failure


def _sync_failure(directory: int) -> OSError | None:
    """Flush the entries of a directory to disk, so that a rename survives a power failure; return what went wrong."""
    try:
        os.fsync(directory)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # not supported by some network file systems
            return error
    return None
