"""Row 39: plain output where the terminal, the locale or the user allows no more."""

import re
import subprocess
import sys
from typing import Any

import pytest

from tests.faults.terminal import Terminal
from tests.processes import TINY, environment, in_terminal, screen
from tests.texts import FABLE

COLOUR = re.compile(rb"\x1b\[(?:\d+;)*(?:3[0-8]|4[0-8]|9\d|10\d)(?:;\d+)*m")

PLAIN: dict[str, Any] = {
    "TERM=dumb": {"TERM": "dumb"},
    "no TERM": {"TERM": None},
    "no locale": {"TERM": "dumb", "LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    "ASCII": {"TERM": "dumb", "PYTHONIOENCODING": "ascii"},
}


@pytest.mark.parametrize("name", PLAIN)
def test_row_39_a_plain_terminal_gets_lines_without_drawing(name, tmp_path):
    with Terminal(tmp_path, **{"PYTHONUTF8": "0", **PLAIN[name]}) as terminal:
        terminal.see("> ")
        terminal.type("had a\r")
        terminal.see("1 general 60 %")
        terminal.type(":go 2\r")
        terminal.see("general council\r\n> ")
        terminal.type("\x04")
        assert terminal.status() == 0
        assert "\u2587" not in terminal.shown()
        assert b"\x1b[3" not in terminal.raw


def test_row_39_no_color_removes_colour_and_nothing_else(trained, tmp_path):
    with Terminal(tmp_path, NO_COLOR="1") as terminal:
        terminal.see("Tab accepts")
        terminal.type("had a g")
        terminal.see("eneral council of mice")
        terminal.see("\u2587\u2587\u2587\u2587\u2581   86 %")
        terminal.type("\x11")  # Ctrl-Q
        assert terminal.status() == 0
        assert not COLOUR.search(terminal.raw)
    status, seen = in_terminal("explain", "the mice", "--model", trained, cwd=tmp_path, env=environment(NO_COLOR="1"))
    assert status == 0
    assert "\u2587" in seen.decode()


ENVIRONMENTS: dict[str, Any] = {
    **PLAIN,
    "LANG=C": {"LANG": "C", "LC_ALL": None},
    "NO_COLOR": {"NO_COLOR": "1"},
    "COLUMNS=20": {"COLUMNS": "20"},
    "COLUMNS=x": {"COLUMNS": "x", "LINES": "-1"},
    "unknown TERM": {"TERM": "no-such-terminal"},
}

SHOWING: dict[str, Any] = {
    "help": ["--help"],
    "build-vocab": ["build-vocab", FABLE],
    "eval": ["eval", FABLE],
    "explain": ["explain", "the mice"],
    "generate": ["generate", "the mice"],
    "info": ["info"],
    "predict": ["predict", "the mice"],
    "score": ["score", "the mice"],
    "train": ["train", FABLE, *TINY],  # of a run that is complete
}


@pytest.mark.parametrize("where", ["terminal", "pipe"])
@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_row_39_every_command_shows_plain_text_in_any_environment(name, where, run, tmp_path):
    """One command after the other in one process, since only its environment matters."""
    env = environment(RNNWORDS_MODEL=str(run), **ENVIRONMENTS[name])
    words = [[*map(str, words), *(["--model", str(run)] if words[0] == "train" else [])] for words in SHOWING.values()]
    script = f"from rnnwords.cli import run, prepare_streams\nprepare_streams()\nfor words in {words!r}:\n"
    script += "    status = run(words)\n    assert status == 0, (words, status)\n"
    (tmp_path / "script.py").write_text(script, encoding="utf-8")
    if where == "pipe":
        done = subprocess.run(
            [sys.executable, tmp_path / "script.py"], cwd=tmp_path, env=env, capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr
        assert b"\x1b" not in done.stdout + done.stderr
        assert "\u2501".encode() not in done.stderr
        return
    terminal = Terminal(
        tmp_path,
        program=(sys.executable, tmp_path / "script.py"),
        cwd=tmp_path,
        RNNWORDS_MODEL=str(run),
        **ENVIRONMENTS[name],
    )
    with terminal:
        assert terminal.status() == 0, terminal.shown()
        assert not COLOUR.search(terminal.raw) or name not in (*PLAIN, "NO_COLOR")
        assert "Traceback" not in terminal.shown()


LONG = "antidisestablishmentarianismification"


@pytest.mark.parametrize("columns", [30, 100])
@pytest.mark.parametrize(
    "arguments",
    [
        ["build-vocab", FABLE], ["eval", FABLE], ["explain", "the mice"], ["generate", "the mice"], ["info"],
        ["info", "--history"], ["predict", "the mice"], ["score", f"the {LONG} mice"],
    ],
    ids=lambda arguments: " ".join(map(str, arguments[:2])).replace(str(FABLE), ""),
)  # fmt: skip
def test_row_39_bars_tables_and_charts_are_ascii_where_the_locale_is(arguments, columns, run, tmp_path):
    env = environment(RNNWORDS_MODEL=str(run), LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")
    status, seen = in_terminal(*arguments, cwd=tmp_path, env=env, columns=columns)
    assert status == 0, seen
    assert seen.isascii()
    assert not re.search(rb"\\[xu][0-9a-f]", seen)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["NO_COLOR", "COLUMNS=20", "TERM=dumb", "no locale", "ASCII"])
def test_row_39_training_is_readable_in_any_environment(name, tmp_path):
    changes = ENVIRONMENTS[name]
    status, seen = in_terminal("train", FABLE, *TINY, "--model", "run", cwd=tmp_path, env=environment(**changes))
    assert status == 0, seen
    assert not COLOUR.search(seen) or name == "COLUMNS=20"
    bar = "\u2501".encode() in seen
    assert bar == (name in ("NO_COLOR", "COLUMNS=20"))
    assert any(line.startswith("next: rnnwords") for line in screen(seen))
