"""The directory of encoded texts: where it is, and how processes share it."""

import atexit
import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from rnnwords.saving import TEMPORARY


def cache_directory() -> Path | None:
    """Return the directory of encoded texts: $RNNWORDS_CACHE, else in the user's cache directory.

    It may be deleted at any time. Returns None if the user has no home directory, or one that is not an absolute path.
    """
    try:
        if named := os.environ.get("RNNWORDS_CACHE"):
            return Path(named).expanduser()
        home = Path(os.environ.get("XDG_CACHE_HOME", ""))
        home = home if home.is_absolute() else Path.home() / ".cache"
    except RuntimeError:
        return None
    return home / "rnnwords" if home.is_absolute() else None


def cache_directories() -> Iterator[Path]:
    """Yield the cache directory, if it can be used, and then temporary ones, which end with the process.

    A directory may be a link, but nothing in it is followed.
    """
    usable = False
    if (directory := cache_directory()) is not None:
        with contextlib.suppress(OSError, RuntimeError):  # RuntimeError: links that lead to each other
            directory.mkdir(parents=True, exist_ok=True)
            directory = directory.resolve()
            usable = os.access(directory, os.R_OK | os.W_OK | os.X_OK)
        if usable:
            yield directory
    for _ in range(2):
        temporary = Path(tempfile.mkdtemp(prefix="rnnwords-")).resolve()
        atexit.register(shutil.rmtree, temporary, ignore_errors=True)
        yield temporary


@contextlib.contextmanager
def cache_in_use(directory: Path) -> Iterator[None]:
    """Hold a shared lock on the cache; first, remove temporary files of killed processes.

    The system releases the lock when a process ends. So a process that gets the exclusive lock knows that no other one
    is writing temporary files. Where the file system has no locks, they stay.
    """
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            for item in directory.iterdir():
                if TEMPORARY.fullmatch(item.name):
                    item.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_SH)
        yield
    finally:
        os.close(descriptor)
