"""TensorFlow's C++ parts write log lines straight to file descriptor 2. They belong in a file, not on the terminal."""

import atexit
import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def native_output_to(path: Path) -> Iterator[None]:
    """Send what is written to descriptor 2 to the file `path`; Python's own sys.stderr still reaches the user."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    before = sys.stderr
    before.flush()
    kept = os.dup(2)
    try:
        log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
    except OSError:  # a full disk: the log is no reason to stop
        log = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
    os.dup2(log, 2)
    os.close(log)
    own = os.fdopen(kept, "w", buffering=1, encoding=before.encoding, errors="backslashreplace")
    sys.stderr = own
    try:
        yield
    finally:
        own.flush()
        sys.stderr = before
        os.dup2(kept, 2)
        own.close()


def silent_at_exit() -> None:
    """Nothing goes to descriptor 2 when the process ends: TensorFlow complains there as it leaves a broken cluster."""
    atexit.register(lambda: os.dup2(os.open(os.devnull, os.O_WRONLY), 2))
