"""Tests of the interactive mode with a screen: keys over a pipe, and the program in a pseudo-terminal."""

import contextlib
import io
import os
import stat
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest import mock

import pytest
from prompt_toolkit.document import Document
from prompt_toolkit.history import InMemoryHistory
from prompt_toolkit.input import PipeInput, create_pipe_input
from prompt_toolkit.output import DummyOutput

from rnnwords.cli.repl.display import SessionDisplay
from rnnwords.cli.repl.history import open_history
from rnnwords.cli.repl.menu import UnknownWordLexer
from rnnwords.cli.repl.session import Reply, WritingSession, WritingSettings
from rnnwords.cli.repl.terminal_app import LineEditor, run_terminal
from rnnwords.cli.repl.unsaved import state_directory
from rnnwords.config import TextConfig
from rnnwords.errors import UsageError
from tests.cli.repl.fake import FakeModel

pty = pytest.importorskip("pty")
LIMIT = 30  # seconds that any wait may take on a busy machine
DOWN, UP, RIGHT, ALT_RIGHT = "\x1b[B", "\x1b[A", "\x1b[C", "\x1b[1;3C"
Action = str | Callable[[], object]  # keys to press, or what to wait for


def wait(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < deadline, "the condition never held"
        time.sleep(0.005)


class Screen(io.StringIO):
    """A terminal without edges."""

    def isatty(self) -> bool:
        return True


class Desk:
    """An editor with a fake model, whose keys come through a pipe."""

    def __init__(self, model: FakeModel, keyboard: PipeInput) -> None:
        self.output = Screen()
        self.keyboard = keyboard
        session = WritingSession(model, WritingSettings(words=3))
        self.editor = LineEditor(
            session, SessionDisplay(self.output, self.output), InMemoryHistory(), keyboard, DummyOutput()
        )
        self.buffer = self.editor.buffer

    def type(self, *actions: Action) -> str:
        """Return what `read` returns while these keys are pressed."""
        with typing(self.keyboard, lambda: self.editor.reading, *actions):
            return self.editor.read()

    def ghost(self) -> str:
        return self.buffer.suggestion.text if self.buffer.suggestion else ""

    def menu(self) -> list[str]:
        state = self.buffer.complete_state
        return [completion.text for completion in state.completions] if state else []

    def has(self, text: str) -> Callable[[], bool]:
        return lambda: self.buffer.text == text


@contextlib.contextmanager
def typing(keyboard: PipeInput, *actions: Action) -> Iterator[None]:
    """Press keys from another thread, while this one reads them."""
    troubles: list[BaseException] = []

    def act() -> None:
        try:
            for action in actions:
                if isinstance(action, str):
                    keyboard.send_text(action)
                else:
                    wait(action)
        except BaseException as trouble:
            troubles.append(trouble)
            keyboard.close()

    thread = threading.Thread(target=act)
    thread.start()
    try:
        yield
    finally:
        thread.join()
        for trouble in troubles:
            raise trouble


@pytest.fixture
def desk() -> Iterator[Desk]:
    yield from desk_with(FakeModel())


def desk_with(model: FakeModel) -> Iterator[Desk]:
    with create_pipe_input() as keyboard:
        desk = Desk(model, keyboard)
        yield desk
        desk.editor.close()


def test_tab_accepts_the_ghost_text(desk: Desk) -> None:
    assert desk.type("had ", lambda: desk.ghost().startswith("a general"), "\t", "\r").startswith(
        "had a general council"
    )


def test_tab_accepts_ghost_text_that_is_not_shown_yet(desk: Desk) -> None:
    assert desk.type("had \t\r") == "had a general council of mice. they had a"


def test_right_accepts_the_ghost_text(desk: Desk) -> None:
    assert desk.type("had ", desk.ghost, RIGHT, "\r") == "had a general council of mice. they had a"


def test_alt_right_accepts_one_word(desk: Desk) -> None:
    more = (ALT_RIGHT, desk.has("had a"), desk.ghost, ALT_RIGHT, desk.has("had a general"), "\r")
    assert desk.type("had ", desk.ghost, *more) == "had a general"


def test_ghost_text_precedes_typing_and_stays_while_the_same_letters_are_typed(desk: Desk) -> None:
    seen = []
    desk.buffer.on_text_changed += lambda _: seen.append(desk.ghost())
    desk.type(lambda: desk.ghost().startswith("they had"), "t", desk.has("t"), "x", desk.has("tx"), "\r")
    assert seen[0].startswith("hey had")
    assert seen[1] == ""


def test_the_menu_completes_a_word_and_offers_the_next(desk: Desk) -> None:
    chosen = desk.has("had a genius")
    actions: list[Action] = ["had a g", lambda: desk.menu() == ["general", "genius"], DOWN, DOWN, chosen, "\r"]
    assert desk.type(*actions, lambda: desk.menu() == [" said", " they"], "\r") == "had a genius"


def test_up_selects_from_the_end_of_the_menu(desk: Desk) -> None:
    actions: list[Action] = ["had a ", lambda: len(desk.menu()) == 3, UP, desk.has("had a  genius".replace("  ", " "))]
    assert desk.type(*actions, "\t", "\r") == "had a genius"


def test_tab_completes_commands(desk: Desk) -> None:
    assert desk.type(":he", desk.menu, "\t", desk.has(":help"), "\r", "\r") == ":help"


def test_up_recalls_earlier_lines(desk: Desk) -> None:
    assert [desk.type("had\r"), desk.type(UP, "\r")] == ["had", "had"]


def test_control_c_cancels_and_control_d_ends_only_an_empty_line(desk: Desk) -> None:
    with pytest.raises(KeyboardInterrupt):
        desk.type("had\x03")
    with pytest.raises(EOFError):
        desk.type("\x04")
    assert desk.type("had\x04 a\r") == "had a"
    desk.keyboard.close()
    with pytest.raises(EOFError):
        desk.editor.read()


@pytest.mark.parametrize(("eos", "text"), [(False, "they had a"), (True, "they\n\nhad\n a")])
def test_pasted_line_ends_are_kept_only_where_they_are_tokens(eos: bool, text: str) -> None:
    for desk in desk_with(FakeModel(["<eos>"], TextConfig(eos=eos))):
        assert desk.type("\x1b[200~they\r\n\nhad\r a\x1b[201~\r") == text


def test_a_long_pasted_text_goes_to_the_document(desk: Desk) -> None:
    pasted = "\x1b[200~" + "they had\n" * 100_000 + "\x1b[201~"
    assert desk.type("a ", pasted, lambda: "900,000 characters" in desk.output.getvalue(), "\r") == ""
    assert desk.editor.session.document == "a " + "they had " * 99_999 + "they had"


def test_unknown_words_are_underlined_and_similar_ones_shown(desk: Desk) -> None:
    expected = "unknown: genral (general?)"
    assert desk.type("genral ", lambda: desk.editor.toolbar() == expected, "\r") == "genral "
    lines = UnknownWordLexer(desk.editor.suggestions).lex_document(Document("had genral\u202e a\nxyz a"))
    assert lines(0) == [("", "had "), ("class:unknown", "genral"), ("", "\ufffd a")]
    assert lines(1) == [("", ""), ("class:unknown", "xyz"), ("", " a")]


def test_an_error_of_the_model_is_shown_below_the_line(desk: Desk) -> None:
    model = desk.editor.session.model
    assert isinstance(model, FakeModel)
    model.failure = UsageError("out of order")
    assert desk.type("had ", lambda: desk.editor.toolbar() == "Error: out of order", "\r") == "had "


def test_typing_does_not_wait_for_a_slow_model(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    model, gate = desk.editor.session.model, threading.Event()
    rank = model.rank

    def slow(prompt: str, k: int = 5, *, prefix: str = "") -> object:
        gate.wait(LIMIT)
        return rank(prompt, k, prefix=prefix)

    def open_gate() -> bool:
        gate.set()
        return True

    monkeypatch.setattr(model, "rank", slow)
    actions: list[Action] = ["h", "a", "d", " ", "a", desk.has("had a"), open_gate, desk.menu, "\r"]
    assert desk.type(*actions) == "had a"


def shows(output: io.StringIO, text: str) -> Callable[[], bool]:
    return lambda: text in output.getvalue()


def session_with(state: Path, *actions: Action, words: int = 2, model: FakeModel | None = None) -> str:
    """Return what a whole session writes. Its files are in `state`/rnnwords."""
    output = Screen()
    session = WritingSession(model or FakeModel(), WritingSettings(words=words))
    with create_pipe_input() as keyboard:
        ready = [
            shows(output, action[1:]) if isinstance(action, str) and action[0] == "?" else action for action in actions
        ]
        with mock.patch.dict(os.environ, XDG_STATE_HOME=str(state)), typing(keyboard, *ready):
            run_terminal(session, SessionDisplay(output, output), input=keyboard, screen=DummyOutput())
    return output.getvalue()


def test_a_session_writes_its_text_history_and_unsaved_copy(tmp_path: Path) -> None:
    state = tmp_path / "state"
    output = session_with(
        state, "had a\r", "?> had a general council\n", "xyz\x03", ":undo\r", "?the text is: had a\n", "\r",
        "?> general council\n", "\x04",
    )  # fmt: skip
    (unsaved,) = state.glob("rnnwords/unsaved-*.txt")
    assert output.splitlines()[1:] == [
        "> had a general council",
        "> :undo",
        "removed: general council",
        "the text is: had a",
        "> general council",
        f"the text was not saved; a copy is in {unsaved}",
    ]
    assert unsaved.read_text() == "had a general council\n"
    files = [state / "rnnwords", unsaved, state / "rnnwords" / "history"]
    assert [stat.S_IMODE(path.stat().st_mode) for path in files] == [0o700, 0o600, 0o600]
    assert session_with(state, ":quit\r").splitlines()[1:] == [
        f"unsaved text of an earlier session: {unsaved}; move it to keep it, remove it to end this note", "> :quit",
    ]  # fmt: skip
    lines = open_history(state / "rnnwords")[0].load_history_strings()
    assert list(lines) == [":quit", ":undo", "had a"]


def test_control_c_stops_generation_and_keeps_its_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = FakeModel()
    generate = model.generate

    def interrupted(prompt: str, n: int = 32, **options: object) -> Iterator[str]:
        for place, word in enumerate(generate(prompt, n)):
            if n == 99 and place == 2:
                raise KeyboardInterrupt
            yield word

    monkeypatch.setattr(model, "generate", interrupted)
    output = session_with(tmp_path / "h", "had a\r", "?council\n", ":show\r", ":q\r", words=99, model=model)
    assert output.splitlines()[1:4] == ["> had a general council", "> :show", "had a general council"]


def test_history_that_cannot_be_written_is_noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    path = tmp_path / "file" / "rnnwords" / "history"
    note = f"typed lines are not saved for the next session: {path}: "
    assert session_with(tmp_path / "file", ":q\r").startswith(note)
    os.mkfifo(tmp_path / "history")
    assert "not a regular file" in str(open_history(tmp_path)[1])
    monkeypatch.setenv("XDG_STATE_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert state_directory() == tmp_path / ".local/state/rnnwords"
    monkeypatch.setenv("XDG_STATE_HOME", "/var/state")
    assert state_directory() == Path("/var/state/rnnwords")


@pytest.mark.parametrize("width", [30, 70, 200])
def test_long_lines_of_help_wrap_below_their_last_column(monkeypatch, width):
    monkeypatch.setattr("rnnwords.cli.repl.display.columns", lambda output: width)
    output = Screen()
    help_lines = [":top-p 0.9     words that make up 90 % of the probability, and no others", "short", ""]
    SessionDisplay(output, output).show([Reply("data", "\n".join(help_lines))])
    shown = output.getvalue().splitlines()
    assert all(len(line) <= width for line in shown)
    assert " ".join(output.getvalue().split()) == " ".join(" ".join(help_lines).split())
    if width == 70:
        assert shown[1].startswith(" " * 15)
        assert not shown[1][15:].startswith(" ")
    if width == 200:
        assert shown == help_lines
