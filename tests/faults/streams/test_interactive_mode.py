"""Rows 14, 37, 39 and 64: keys, signals, control characters and unsaved texts of the interactive mode."""

import os
import re
import signal
import stat
from pathlib import Path

import pytest

from rnnwords.cli.repl.kept_drafts import DraftStore
from tests.faults.terminal import Terminal, unsaved
from tests.processes import LIMIT, coprocess, until

READY = "Ctrl-Q ends"  # the last line of the screen
MAIN_SCREEN = b"\x1b[?1049l"  # what a terminal gets when the editor gives it back


def test_row_37_the_interactive_mode_escapes_control_characters(tmp_path):
    with Terminal(tmp_path) as terminal:
        terminal.see(READY)
        terminal.type("had a g")
        terminal.see("eneral council of mice")
        terminal.see("\u2587\u2587\u2587\u2587\u2581   86 %")
        terminal.type("\t")
        terminal.see(r"\x1b]52;c;aGk=\x07\u202e\x9b")  # the next word, in the menu
        terminal.type("\x1b\r")  # the model continues
        terminal.type("\x11")
        terminal.see("a copy is in")
        assert terminal.status() == 0
        assert b"\x1b]52" not in terminal.raw
        assert "\u202e" not in terminal.shown()


def test_row_37_the_plain_mode_escapes_control_characters(tmp_path):
    with Terminal(tmp_path, "--plain") as terminal:
        terminal.see("> ")
        terminal.type("had a general council of mice\r")
        terminal.see(r"1 \x1b]52;c;aGk=\x07\u202e\x9b 100 %")
        terminal.type(":1\r")
        terminal.see(r"mice \x1b]52;c;aGk=\x07\u202e\x9b")
        terminal.type(":go\r")
        terminal.see("a copy is in", again="\x04")
        assert terminal.status() == 0
        assert b"\x1b]52" not in terminal.raw


def test_row_14_control_c_keeps_the_text_and_control_d_ends_with_0(tmp_path):
    with Terminal(tmp_path) as terminal:
        terminal.see(READY)
        terminal.type("they had")
        terminal.see("they had")
        terminal.type("\x03\x03\x04")
        terminal.see("a copy is in")
        assert terminal.status() == 0
        assert terminal.raw.count(MAIN_SCREEN) == 1
    assert unsaved(tmp_path) == ["they had\n"]


@pytest.mark.parametrize("changes", [{"TERM": "dumb"}, {"TERM": "xterm"}])
def test_row_14_control_c_cancels_a_line_of_the_plain_mode(changes, tmp_path):
    with Terminal(tmp_path, "--plain", **changes) as terminal:
        terminal.see("> ")
        terminal.type("they had")
        terminal.see("they had")
        terminal.raw = b""
        terminal.see("\n> ", again="\x03")
        terminal.type("had a\r")
        terminal.see("1 general 60 %")
        terminal.type(":go\r")
        # A Ctrl-D that is typed before the prompt is lost as readline changes the terminal's mode.
        terminal.see("a copy is in", again="\x04")
        assert terminal.status() == 0
        assert b"\x1b[?1049h" not in terminal.raw
    (text,) = unsaved(tmp_path)
    assert text.startswith("had a general council of mice")


@pytest.mark.parametrize("term", ["xterm", "dumb"])
def test_row_14_closing_the_terminal_ends_the_session_and_keeps_the_text(term, tmp_path):
    with Terminal(tmp_path, TERM=term) as terminal:
        terminal.see(READY if term == "xterm" else "> ")
        terminal.type("had a" if term == "xterm" else "had a\r")
        terminal.see("60 %")  # of the next word
        terminal.close()
        assert terminal.process.wait(LIMIT) in (0, 129)  # the end of the input may come before the signal
    assert [text.strip() for text in unsaved(tmp_path)] == ["had a"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_row_14_a_signal_ends_the_session_and_keeps_the_text(number, tmp_path):
    with Terminal(tmp_path) as terminal:
        terminal.see(READY)
        terminal.type("had a")
        terminal.see("60 %")  # of the next word, so the text has arrived
        terminal.process.send_signal(number)
        assert terminal.status() == 128 + number
        assert terminal.raw.count(MAIN_SCREEN) == 1
    assert unsaved(tmp_path) == ["had a\n"]


@pytest.mark.parametrize("arguments", [(), ("--plain",)])
def test_row_14_text_and_history_survive_sigkill_and_are_offered(arguments, tmp_path):
    draft = tmp_path / "draft.txt"
    draft.write_bytes(b"they had\r\n")
    with Terminal(tmp_path, *arguments, draft) as terminal:
        terminal.see("> " if arguments else "opened ")
        terminal.type(":words 5\rmice\r")
        until(lambda: unsaved(tmp_path) and "mice" in unsaved(tmp_path)[0])
        terminal.process.kill()
        terminal.process.wait()
    assert draft.read_bytes() == b"they had\r\n"
    assert ":words 5" in (tmp_path / "rnnwords" / "history").read_text()
    with Terminal(tmp_path) as terminal:
        terminal.see(", draft.txt, 3 words: they had mice")
        terminal.see(READY, again="\x03")
        terminal.type(":restore 1\r")
        terminal.see("restored 3 words; :save writes them to")
        terminal.type("\x13")
        terminal.see("saved ")
        terminal.type("\x11")
        assert terminal.status() == 0
    assert draft.read_bytes() == b"they had\r\nmice\r\n"
    assert unsaved(tmp_path) == []


def test_row_14_the_tutorial_prompts_for_two_words_on_a_terminal(tmp_path):
    with Terminal(tmp_path, "--tutorial") as terminal:
        terminal.see("2 words: ")
        terminal.type("had a\r")
        terminal.see("had a general council of mice")
        terminal.see("said\r\n2 words: ")
        terminal.type("\x04")
        assert terminal.status() == 0


def test_row_14_piped_lines_are_answered_one_by_one(trained, tmp_path):
    with coprocess("repl", "-n", "2", "--model", trained, cwd=tmp_path) as answer:
        for line in ("had a general", "xyz", "the mice"):
            assert answer(line).endswith("\n")


def test_row_39_no_color_draws_without_colour(tmp_path):
    seen = {}
    for value in (None, "1"):
        with Terminal(tmp_path, NO_COLOR=value, TERM="xterm-256color") as terminal:
            terminal.see(READY)
            terminal.type("had ")
            terminal.see("a general council of mice")
            terminal.see("\u2587")
            terminal.type("\x11")
            assert terminal.status() == 0
            seen[value] = terminal.raw
    colours = rb"\x1b\[(?:[0-9]+;)*(?:3[0-8]|9[0-7])[;m]"
    assert re.search(colours, seen[None])
    assert not re.search(colours, seen["1"])
    assert b"\x1b[?1049h" in seen["1"]


def test_row_64_two_unsaved_texts_are_both_kept_and_offered(tmp_path):
    for number, words in enumerate(("had a", "they")):
        with Terminal(tmp_path) as terminal:
            if number:
                terminal.see("unsaved text of earlier sessions")
                terminal.see("2 words: had a")
            terminal.see(READY, again="\x03" if number else "")
            terminal.type(f"{words}\x11")
            terminal.see("a copy is in")
            assert terminal.status() == 0
    assert sorted(unsaved(tmp_path)) == ["had a\n", "they\n"]
    with Terminal(tmp_path) as terminal:
        terminal.see("2 words: had a")
        terminal.see("1 word: they")
        terminal.type("\x11")
        assert terminal.status() == 0
    assert sorted(unsaved(tmp_path)) == ["had a\n", "they\n"]


def test_row_64_two_sessions_at_once_keep_a_text_each(tmp_path):
    with Terminal(tmp_path) as one, Terminal(tmp_path) as other:
        for terminal, words in ((one, "had a"), (other, "mice")):
            terminal.see(READY)
            terminal.type(words)
        until(lambda: sorted(unsaved(tmp_path)) == ["had a\n", "mice\n"])
        with Terminal(tmp_path, "--plain") as third:
            third.see("> ")
            assert "unsaved text" not in third.shown()


def test_row_64_texts_of_one_second_have_names_of_their_own(tmp_path, monkeypatch):
    monkeypatch.setattr("time.strftime", lambda form: "2026-01-01-000000")
    for number in range(20):
        store = DraftStore(tmp_path)
        store.update(f"{chr(97 + number)} text")
        store.set_aside()
    assert len(list(tmp_path.iterdir())) == 20
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o600}


def test_row_64_an_unsaved_text_follows_no_link_and_replaces_no_file(tmp_path, monkeypatch):
    monkeypatch.setattr("time.strftime", lambda form: "then")
    monkeypatch.setattr("secrets.token_hex", lambda size: "planted")
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path / "missing" / "nowhere"))
    monkeypatch.setattr(Path, "mkdir", lambda *_, **__: None)
    (tmp_path / "unsaved-then-planted.txt").symlink_to(tmp_path / "target")
    store = DraftStore(tmp_path)
    store.update("text")
    assert store.trouble
    assert not os.path.lexists(tmp_path / "target")
