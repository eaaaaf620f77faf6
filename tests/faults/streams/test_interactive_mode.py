"""Rows 14, 37 and 64: keys, signals, control characters and unsaved texts of the interactive mode."""

import signal
import stat

import pytest

from rnnwords.cli.repl.unsaved import keep_text
from tests.faults.terminal import Terminal, unsaved
from tests.processes import LIMIT, coprocess


def test_row_37_the_interactive_mode_escapes_control_characters(tmp_path):
    with Terminal(tmp_path) as terminal:
        terminal.see("Tab accepts the grey text")
        terminal.type("had a g")
        terminal.see("eneral council of mice")
        terminal.see("\u2587\u2587\u2587\u2587\u2581   86 %")
        terminal.type("\t")
        terminal.type("\r")
        terminal.see(r"> had a general council of mice \x1b]52;c;aGk=\x07\u202e\x9b")
        terminal.type("\x03")
        terminal.type("\x04")
        terminal.see("a copy is in")
        assert terminal.status() == 0
        assert b"\x1b]52" not in terminal.raw
        assert "\u202e" not in terminal.shown()


@pytest.mark.parametrize("term", ["xterm", "dumb"])
def test_row_14_control_c_cancels_the_line_and_control_d_ends_with_0(term, tmp_path):
    with Terminal(tmp_path, TERM=term) as terminal:
        terminal.see("> ")
        terminal.type("they had")
        terminal.see("they had")
        if term == "dumb":
            terminal.see("\n> ", again="\x03")
        terminal.type("had a\r" if term == "dumb" else "\x03had a\r")
        # On a plain terminal, a Ctrl-D that is typed before the prompt is lost as readline changes the terminal's mode.
        terminal.see("said\r\n> " if term == "dumb" else "general council of mice")
        terminal.type("\x04")
        assert terminal.status() == 0
    (text,) = unsaved(tmp_path)
    assert text.startswith("had a general council of mice")


@pytest.mark.parametrize("term", ["xterm", "dumb"])
def test_row_14_closing_the_terminal_ends_the_session_and_keeps_the_text(term, tmp_path):
    with Terminal(tmp_path, TERM=term) as terminal:
        terminal.see("> ")
        terminal.type("had a\r")
        terminal.see("general council of mice")
        terminal.close()
        assert terminal.process.wait(LIMIT) in (0, 129)  # the end of the input may come before the signal
    (text,) = unsaved(tmp_path)
    assert text.startswith("had a general council of mice")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_row_14_a_signal_ends_the_session_and_keeps_the_text(number, tmp_path):
    with Terminal(tmp_path) as terminal:
        terminal.see("> ")
        terminal.type("had a\r")
        terminal.see("general council of mice")
        terminal.see("Tab: accept")
        terminal.process.send_signal(number)
        assert terminal.status() == 128 + number
    assert len(unsaved(tmp_path)) == 1


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


def test_row_64_two_unsaved_texts_are_both_kept_and_offered(tmp_path):
    for number, words in enumerate(("had a", "they")):
        with Terminal(tmp_path) as terminal:
            if number:
                terminal.see("unsaved text of an earlier session")
            terminal.see("Ctrl-D: end")
            terminal.type(f"{words}\r")
            terminal.see(f"> {words} ")
            terminal.see("Ctrl-D: end")
            terminal.type("\x04")
            terminal.see("a copy is in")
            assert terminal.status() == 0
    first, second = unsaved(tmp_path)
    assert {first.split()[0], second.split()[0]} == {"had", "they"}
    with Terminal(tmp_path, COLUMNS="200") as terminal:
        terminal.see("1 older in the same")
        terminal.see("Ctrl-D: end")
        terminal.type("\x04")
        assert terminal.status() == 0
    assert unsaved(tmp_path) == [first, second]


def test_row_64_texts_of_one_second_have_names_of_their_own(tmp_path, monkeypatch):
    monkeypatch.setattr("time.strftime", lambda form: "2026-01-01-000000")
    notes = {keep_text(f"text {number}", tmp_path) for number in range(20)}
    assert len(notes) == len(list(tmp_path.iterdir())) == 20
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o600}


def test_row_64_an_unsaved_text_follows_no_link_and_replaces_no_file(tmp_path, monkeypatch):
    monkeypatch.setattr("time.strftime", lambda form: "then")
    monkeypatch.setattr("secrets.token_hex", lambda size: "planted")
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path / "missing" / "\0"))
    (tmp_path / "unsaved-then-planted.txt").symlink_to(tmp_path / "target")
    with pytest.raises(ValueError, match="null"):
        keep_text("text", tmp_path)
    assert not (tmp_path / "target").exists()
