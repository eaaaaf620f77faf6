"""Redirects the output of TensorFlow's C++ libraries, which write log lines straight to file descriptor 2."""

import atexit
import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def native_output_to(path: Path) -> Iterator[None]:
    """Redirect file descriptor 2 to the file `path`; sys.stderr still writes where it wrote before."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    before = sys.stderr
    before.flush()
    kept = os.dup(2)
    try:
        log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
    except OSError:  # a full disk does not stop the training
        log = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
    os.dup2(log, 2)
    os.close(log)
    own = os.fdopen(kept, "w", buffering=1, encoding=before.encoding, errors="backslashreplace")
    with contextlib.suppress(OSError, ValueError, AttributeError):  # a stream without a descriptor, as in a notebook
        if before.fileno() == 2:
            sys.stderr = own
    try:
        yield
    finally:
        own.flush()
        if sys.stderr is own:
            sys.stderr = before
        os.dup2(kept, 2)
        own.close()


def discard_output_at_exit() -> None:
    """Discard what is written to file descriptor 2 as the process ends: errors of a cluster that lost a worker."""
    atexit.register(lambda: os.dup2(os.open(os.devnull, os.O_WRONLY), 2))
