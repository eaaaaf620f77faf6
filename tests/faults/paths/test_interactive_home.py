"""Row 47: the interactive mode without a home directory."""

import pwd
from pathlib import Path
from typing import Any

import pytest

from rnnwords.cli.repl.kept_drafts import state_directory
from tests.faults.terminal import Terminal

HOMES = {
    "none": {"HOME": ""},
    "relative": {"HOME": "here"},
    "tilde": {"HOME": "~"},
    "a file": {"HOME": "/dev/null"},
    "missing": {"HOME": "/proc/nowhere"},
    "read-only": {"HOME": "/proc"},
    "no state": {"XDG_STATE_HOME": "/proc/nowhere"},
}


@pytest.mark.parametrize("name", HOMES)
def test_row_47_the_interactive_mode_without_a_home_keeps_the_text_and_makes_no_directory(name, tmp_path):
    for directory in ("work", "tmp"):
        (tmp_path / directory).mkdir()
    changes: Any = {"XDG_STATE_HOME": None, "TMPDIR": str(tmp_path / "tmp"), **HOMES[name]}
    with Terminal(tmp_path, cwd=tmp_path / "work", **changes) as terminal:
        terminal.see("typed lines are not saved")
        terminal.type("had a")
        terminal.see("60 %")
        terminal.type("\x11")
        terminal.see("a copy is in")
        assert terminal.status() == 0
        assert terminal.shown().count("typed lines are not saved") == 1
    assert list((tmp_path / "work").iterdir()) == []
    (kept,) = (tmp_path / "tmp").glob("unsaved-*.txt")
    assert kept.read_text(encoding="utf-8").startswith("had a")


def test_row_47_a_user_without_a_home_has_no_state_directory(monkeypatch):
    def unknown(uid: int) -> Any:
        raise KeyError(uid)

    monkeypatch.setattr(pwd, "getpwuid", unknown)
    for name in ("HOME", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    assert state_directory() is None
    monkeypatch.setenv("HOME", "/home/someone")
    assert state_directory() == Path("/home/someone/.local/state/rnnwords")
