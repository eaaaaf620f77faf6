"""The marker of a run directory, which is also its lock, and the rules of what the directory may contain.

The marker is the first file in a new run directory and the last one that is removed from it. A directory without one
belongs to somebody else. A process that is killed leaves no marker, a part of its first line, or all of it.
"""

import contextlib
import errno
import fcntl
import functools
import os
import re
import stat
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from rnnwords.errors import SaveError, TrainingError, UsageError
from rnnwords.files import reason
from rnnwords.model_file import FILE_NAME
from rnnwords.saving import (
    in_directory,
    process_token,
    remove_file,
    remove_temporary_files,
    replace_file,
    sync_directory,
)

MARKER = "rnnwords-run"
CHECKPOINTS, LOGS, NATIVE_LOG = "checkpoints", "logs", "tensorflow.log"
VOCABULARY, HISTORY = "vocabulary.tsv", "history.jsonl"
TRAINING, VALIDATION = "training", "validation"  # directories in LOGS
PROJECTOR_FILES = "words.tsv", "embedding.tsv", "projector_config.pbtxt"
LOG_FILES = ("events.out.tfevents.*", *PROJECTOR_FILES)  # patterns of names; earlier versions wrote into LOGS itself
_FILES = {FILE_NAME, VOCABULARY, HISTORY, NATIVE_LOG, "lock"}  # the last one before the marker
_DIRECTORIES: Mapping[str, Sequence[str]] = {CHECKPOINTS: (), LOGS: (TRAINING, VALIDATION)}  # name -> those in it
_NAMES = _FILES | _DIRECTORIES.keys()
_FORMAT = b"rnnwords-run 1.0\n"
_VERSION = re.compile(rb"rnnwords-run (\d{1,6})\.\d{1,6}\n")
_OWNER = re.compile(rb"last used by process +(\d+), temporary files rnnwords-([0-9a-f]{16})-\*\.tmp\n")
_UNSAVED = {MARKER, CHECKPOINTS, NATIVE_LOG}  # files of a run before its first save
_KINDS = {stat.S_IFLNK: "link", stat.S_IFIFO: "pipe", stat.S_IFSOCK: "socket"}
TRIES = 100  # to create and lock a directory that others remove at the same time
OWNER_SECONDS = 1.0  # longest wait for a process that has the lock and has not written its number yet


@contextlib.contextmanager
def locked(path: Path, has_checkpoint: Callable[[], bool]) -> Iterator[Callable[[], None]]:
    """Create the directory if necessary and hold its lock, which ends with the process, even after kill -9.

    Yield a function that raises SaveError if another directory or run has taken the place of this one since.

    `has_checkpoint` is called for a directory without a marker that has only files with the names of a run, and returns
    whether one of them is a checkpoint: then an earlier version of this program made it. Raises UsageError, before
    anything is written, if the directory belongs to somebody else or has links, pipes or devices in it; TrainingError
    if another process holds the lock; SaveError if the directory cannot be written.
    """
    with contextlib.suppress(OSError):  # a path that does not exist or is impossible
        if not stat.S_ISDIR(os.stat(path).st_mode):
            raise UsageError(f"`directory`: expected a directory for the run, found a file: {path}")
    new = [directory for directory in (path, *path.parents) if not os.path.exists(directory)]
    created = False
    descriptor = None
    try:
        try:
            descriptor, created = _acquire(path, has_checkpoint)
            _prepare(path, descriptor, [path, *(directory.parent for directory in new)] if created else [])
        except OSError as error:
            problem = "a link in it leads nowhere" if isinstance(error, FileExistsError) else reason(error)
            raise SaveError(f"{path} cannot be written: {problem}; nothing was changed") from error
        with in_directory(path, follow_links=False) as directory:
            yield functools.partial(_check_place, path, descriptor, directory)
    except BaseException:
        with contextlib.suppress(OSError):
            if created:
                _remove_if_unused(path)
            for made in new:
                made.rmdir()
        raise
    finally:
        if descriptor is not None:
            os.close(descriptor)


def _check_place(path: Path, descriptor: int, directory: int) -> None:
    """Raise SaveError if the path leads to another directory than the opened one, or to the marker of another run."""
    for item, opened in ((path, directory), (path / MARKER, descriptor)):
        with contextlib.suppress(OSError):  # a directory that was only removed or forbidden fails where it is written
            if not os.path.samestat(os.lstat(item), os.fstat(opened)):
                raise SaveError(
                    f"could not save {path}: expected the directory of this run, found another one in its place; "
                    "nothing was written to it"
                )


def _acquire(path: Path, has_checkpoint: Callable[[], bool]) -> tuple[int, bool]:
    """Return the descriptor of the marker, locked, and whether the directory has no complete marker yet."""
    for left in reversed(range(TRIES)):
        with contextlib.suppress(*[FileNotFoundError, FileExistsError] * bool(left)):  # another process removes it
            path.mkdir(parents=True, exist_ok=True)
            descriptor = _open_marker(path, has_checkpoint)
            try:
                if _lock(path, descriptor):
                    created = _is_incomplete(path, descriptor, has_checkpoint)
                    _refuse_other_kinds(path)
                    if os.fstat(descriptor).st_nlink == 1:
                        return descriptor, created
                    copy = os.pread(descriptor, 200, 0)  # `cp -l` makes a directory that shares it with its copy
                    replace_file(path / MARKER, [copy], follow_links=False)
            except BaseException:
                os.close(descriptor)
                raise
            os.close(descriptor)
    raise OSError(errno.EBUSY, os.strerror(errno.EBUSY), str(path))


def _open_marker(path: Path, has_checkpoint: Callable[[], bool]) -> int:
    """Return the descriptor of the marker, which is created in an empty directory. Raises UsageError."""
    marker, flags = path / MARKER, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        if os.path.lexists(marker):
            return os.open(marker, flags)
        names = set(os.listdir(path))
        if MARKER in names:  # another process has made it since: the next try finds it
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(marker))
        _refuse_foreign(path, names, has_checkpoint)
        _refuse_other_kinds(path)
        return os.open(marker, flags | os.O_CREAT, 0o666)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO):  # a link, a socket or device
            raise _other_kind(marker) from error
        if error.errno == errno.EISDIR:
            raise _foreign(path, MARKER) from error
        raise


def _lock(path: Path, descriptor: int) -> bool:
    """Lock the marker; return False if another process has just removed it. Raises TrainingError if one holds it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise TrainingError(
            f"{path} is in use by process {_owner(descriptor)}; wait for it, or name another `directory`"
        ) from error
    return os.path.samestat(os.fstat(descriptor), os.lstat(path / MARKER))


def _is_incomplete(path: Path, descriptor: int, has_checkpoint: Callable[[], bool]) -> bool:
    """Return whether the marker is new, or of a process that was killed as it wrote it. Raises UsageError."""
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        raise _other_kind(path / MARKER)
    text = os.pread(descriptor, 200, 0)
    if match := _VERSION.match(text):
        if int(match[1]) == 1:
            return False
        raise UsageError(
            f"`directory`: expected a run of version 1.x in {path}, found version {int(match[1])}; install a newer "
            "rnnwords, or name a new directory"
        )
    if not _FORMAT.startswith(text):
        raise _foreign(path, MARKER)
    _refuse_foreign(path, set(os.listdir(path)), has_checkpoint)
    return True


def _owner(descriptor: int) -> str:
    """Return the number of the process that holds the lock."""
    end = time.monotonic() + OWNER_SECONDS
    while not (match := _OWNER.search(os.pread(descriptor, 200, 0))):
        if time.monotonic() > end:
            return "unknown"
        time.sleep(0.01)
    return match[1].decode()


def _prepare(path: Path, descriptor: int, changed: Sequence[Path]) -> None:
    """Remove temporary files of the last process, if that was killed, and write the marker.

    It is on disk, as are the directories that the new run changed, before the run makes anything else.
    """
    text = os.pread(descriptor, 200, 0)
    before, version = _OWNER.search(text), _VERSION.match(text)
    owner = f"last used by process {os.getpid():>10}, temporary files rnnwords-{process_token()}-*.tmp\n"
    if not os.access(path, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, "no permission to write in it", str(path))
    if before and before[2].decode() != process_token():
        inner = [path / name / one for name, names in _DIRECTORIES.items() for one in ("", *names)]
        for directory in (path, *inner):
            with contextlib.suppress(OSError):
                remove_temporary_files(directory, before[2].decode())
    os.pwrite(descriptor, (version[0] if version else _FORMAT) + owner.encode(), 0)
    os.fsync(descriptor)
    for directory in changed:
        sync_directory(directory)
    checkpoints = path / CHECKPOINTS
    if not checkpoints.is_dir():
        checkpoints.mkdir()
        sync_directory(path)
    if not os.access(checkpoints, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, "no permission to write in it", str(checkpoints))


def _refuse_foreign(path: Path, names: set[str], has_checkpoint: Callable[[], bool]) -> None:
    """Raise UsageError if a directory without a complete marker has other files, except those of an earlier version.

    `names` are those in it.
    """
    if names := names - {MARKER}:
        others = names - _NAMES
        if others or not has_checkpoint():
            raise _foreign(path, min(others or names))


def _foreign(path: Path, name: str) -> UsageError:
    return UsageError(
        f"`directory`: expected a run or an empty directory, found other files in {path} ({name}); name a new directory"
    )


def _refuse_other_kinds(
    path: Path, files: Iterable[str] = _FILES, directories: Mapping[str, Sequence[str]] = _DIRECTORIES
) -> None:
    """Raise UsageError if anything in the directory is neither a regular file nor a directory.

    Also if one of the `files` is a directory, or one of the `directories` a file, or if something in these is wrong.
    """
    for item in sorted(path.iterdir()):
        if not (stat.S_ISREG(mode := item.lstat().st_mode) or stat.S_ISDIR(mode)):
            raise _other_kind(item)
        if item.name in {*files, *directories}:
            kinds = ["directory" if one else "file" for one in (item.name in directories, stat.S_ISDIR(mode))]
            if kinds[0] != kinds[1]:
                raise UsageError(f"`directory`: expected a {kinds[0]}, found a {kinds[1]}: {item}")
            if stat.S_ISDIR(mode):
                _refuse_other_kinds(item, (), dict.fromkeys(directories[item.name], ()))


def _other_kind(item: Path) -> UsageError:
    kind = _KINDS.get(stat.S_IFMT(item.lstat().st_mode), "device")
    return UsageError(f"`directory`: expected only regular files and directories in a run, found a {kind}: {item}")


def _remove_if_unused(path: Path) -> None:
    """Remove what a run has made that ends before its first save; the marker last."""
    checkpoints = path / CHECKPOINTS
    if set(os.listdir(path)) <= _UNSAVED and not (checkpoints.exists() and os.listdir(checkpoints)):
        with contextlib.suppress(FileNotFoundError):
            checkpoints.rmdir()
        remove_file(path / NATIVE_LOG)
        remove_file(path / MARKER)
