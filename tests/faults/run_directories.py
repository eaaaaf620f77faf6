"""Run directories that `train` must refuse and leave unchanged."""

import os
import stat
from pathlib import Path

import pytest

from tests.processes import TINY, here, in_time, matched
from tests.texts import FABLE, ROOT

MARKER = "rnnwords-run"
COMMAND: list[str | Path] = ["train", FABLE, *TINY, "--quiet"]


def everything(directory: Path) -> dict[str, tuple[int, int, bytes | str | None]]:
    """Return kind and mode, modification time and content of all that is under a directory, and of itself."""
    found: dict[str, tuple[int, int, bytes | str | None]] = {}
    for item in [directory, *sorted(directory.rglob("*"))]:
        status = item.lstat()
        content: bytes | str | None = None
        if stat.S_ISLNK(status.st_mode):
            content = os.readlink(item)
        elif stat.S_ISREG(status.st_mode):
            content = item.read_bytes()
        found[str(item.relative_to(directory))] = (status.st_mode, status.st_mtime_ns, content)
    return found


def refused(capfd: pytest.CaptureFixture[str], place: Path, pattern: str, *options: str, status: int = 2) -> None:
    """Check that `train` in the directory `place` ends with this status and one line, and changes nothing."""
    before = everything(place.parent)
    capfd.readouterr()
    with in_time(20):
        assert here(*COMMAND, "--model", place, *options, cwd=ROOT) == status
    out, err = capfd.readouterr()
    assert (out, len(err.splitlines())) == ("", 1), err
    matched(err, pattern)
    assert everything(place.parent) == before
