"""Fixtures of the tests of texts."""

import re

import pytest

from tests.faults.texts.samples import COMMANDS
from tests.processes import ask


@pytest.fixture
def refused(trained, tmp_path, capsys, monkeypatch):
    """Return a function that checks that a command refuses a text with one line and changes no file."""
    monkeypatch.chdir(tmp_path)

    def check(command, name, message, *options, stdin=None):
        before = sorted(tmp_path.iterdir())
        arguments = [str(word).format(name, model=trained) for word in COMMANDS[command]]
        status, out, err = ask(capsys, monkeypatch, *arguments, *options, stdin=stdin)
        assert status == 2, err
        assert out == ""
        assert re.search(message, err), err
        assert len(err.splitlines()) == 1, err
        assert err.startswith("Error: ")
        assert len(err) <= 500
        assert sorted(tmp_path.iterdir()) == before

    return check
