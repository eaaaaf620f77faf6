"""The program in this process, as a user sees it: status, stdout, stderr."""

import contextlib
import io
import sys
from pathlib import Path

from rnnwords.cli import run
from rnnwords.errors import RnnwordsError


def answer(*words: str, stdin: bytes = b"") -> tuple[int, str, str]:
    """Run the program, and return its status and what it printed."""
    out, err = io.StringIO(), io.StringIO()
    before, sys.stdin = sys.stdin, io.TextIOWrapper(io.BytesIO(stdin), encoding="utf-8")
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = run(list(words))
    finally:
        sys.stdin = before
    return status, out.getvalue(), err.getvalue()


def check_message(error: RnnwordsError, path: Path | str = "") -> None:
    """Check that a message is short, and names the path of the file that it is about, if there is one."""
    assert len(str(error)) <= 500 + 2 * len(str(path)), len(str(error))
    assert str(path) in str(error), str(error)


def check_status(status: int, out: str, err: str) -> None:
    """Check that the program either worked, or failed with one line and nothing else."""
    assert status in (0, 1, 2), status
    assert not status or (err.startswith("Error: ") and err.count("\n") == 1), err
    assert all(len(line) <= 500 for line in err.split("\n")), err
