"""Redirects the output of TensorFlow's C++ libraries, which write log lines straight to file descriptor 2."""

import atexit
import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from rnnwords.saving import open_new


@contextlib.contextmanager
def native_output_to(path: Path) -> Iterator[None]:
    """Redirect file descriptor 2 to a new file at `path`; sys.stderr still writes where it wrote before."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    before, own = sys.stderr, None
    with contextlib.suppress(OSError, AttributeError):  # nobody reads it, or it is None
        before.flush()
    kept = os.dup(2)
    try:
        log = open_new(path)
    except OSError:  # a full disk does not stop the training
        log = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
    os.dup2(log, 2)
    os.close(log)
    with contextlib.suppress(OSError, ValueError, AttributeError):  # a stream without a descriptor, as in a notebook
        if before.fileno() == 2:
            own = os.fdopen(os.dup(kept), "w", buffering=1, encoding=before.encoding, errors="backslashreplace")
            sys.stderr = own
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        if own:
            if sys.stderr is own:
                sys.stderr = before
            with contextlib.suppress(OSError):
                own.close()


def discard_output_at_exit() -> None:
    """Discard what is written to file descriptor 2 as the process ends: errors of a cluster that lost a worker."""
    atexit.register(lambda: os.dup2(os.open(os.devnull, os.O_WRONLY), 2))
