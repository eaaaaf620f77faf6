"""The interactive mode with a screen: keys over a pipe, and the real thing in a pseudo-terminal."""

import contextlib
import io
import os
import re
import select
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from prompt_toolkit.document import Document
from prompt_toolkit.history import InMemoryHistory
from prompt_toolkit.input import PipeInput, create_pipe_input
from prompt_toolkit.output import DummyOutput

from rnnwords.cli.repl.display import Display
from rnnwords.cli.repl.history import open_history, state_directory
from rnnwords.cli.repl.menu import UnknownLexer, bar
from rnnwords.cli.repl.session import Reply, Session, Settings
from rnnwords.cli.repl.terminal_app import Editor, run_terminal
from rnnwords.config import TextConfig
from rnnwords.errors import UsageError
from tests.cli.repl.test_session import Fake
from tests.helpers import ROOT

pty = pytest.importorskip("pty")
LIMIT = 30  # seconds that anything may take on a busy machine
DOWN, UP, RIGHT, ALT_RIGHT = "\x1b[B", "\x1b[A", "\x1b[C", "\x1b[1;3C"
Action = str | Callable[[], object]  # keys to press, or what to wait for


def wait(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.005)


class Screen(io.StringIO):
    """A terminal without edges."""

    def isatty(self) -> bool:
        return True


class Desk:
    """An editor over a fake predictor, whose keys come through a pipe."""

    def __init__(self, predictor: Fake, keyboard: PipeInput) -> None:
        self.output = Screen()
        self.keyboard = keyboard
        session = Session(predictor, Settings(words=3))
        self.editor = Editor(session, Display(self.output, self.output), InMemoryHistory(), keyboard, DummyOutput())
        self.buffer = self.editor.buffer

    def type(self, *actions: Action) -> str:
        """What `read` returns while these keys are pressed."""
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
    yield from desk_with(Fake())


def desk_with(predictor: Fake) -> Iterator[Desk]:
    with create_pipe_input() as keyboard:
        desk = Desk(predictor, keyboard)
        yield desk
        desk.editor.close()


def test_tab_takes_the_grey_text(desk: Desk) -> None:
    assert desk.type("had ", lambda: desk.ghost().startswith("a general"), "\t", "\r").startswith(
        "had a general council"
    )


def test_tab_does_not_wait_for_the_grey_text_to_be_shown(desk: Desk) -> None:
    assert desk.type("had \t\r") == "had a general council of mice. they had a"


def test_right_takes_the_grey_text(desk: Desk) -> None:
    assert desk.type("had ", desk.ghost, RIGHT, "\r") == "had a general council of mice. they had a"


def test_alt_right_takes_a_word(desk: Desk) -> None:
    more = (ALT_RIGHT, desk.has("had a"), desk.ghost, ALT_RIGHT, desk.has("had a general"), "\r")
    assert desk.type("had ", desk.ghost, *more) == "had a general"


def test_grey_text_is_there_before_anything_is_typed_and_stays_while_one_types_along(desk: Desk) -> None:
    seen = []
    desk.buffer.on_text_changed += lambda _: seen.append(desk.ghost())
    desk.type(lambda: desk.ghost().startswith("they had"), "t", desk.has("t"), "x", desk.has("tx"), "\r")
    assert seen[0].startswith("hey had")
    assert seen[1] == ""


def test_the_menu_completes_a_word_and_offers_the_next(desk: Desk) -> None:
    chosen = desk.has("had a genius")
    actions: list[Action] = ["had a g", lambda: desk.menu() == ["general", "genius"], DOWN, DOWN, chosen, "\r"]
    assert desk.type(*actions, lambda: desk.menu() == [" said", " they"], "\r") == "had a genius"


def test_up_chooses_from_the_end_of_the_menu(desk: Desk) -> None:
    actions: list[Action] = ["had a ", lambda: len(desk.menu()) == 3, UP, desk.has("had a  genius".replace("  ", " "))]
    assert desk.type(*actions, "\t", "\r") == "had a genius"


def test_commands_are_completed(desk: Desk) -> None:
    assert desk.type(":he", desk.menu, "\t", desk.has(":help"), "\r", "\r") == ":help"


def test_up_brings_the_lines_before(desk: Desk) -> None:
    assert [desk.type("had\r"), desk.type(UP, "\r")] == ["had", "had"]


def test_control_c_and_control_d(desk: Desk) -> None:
    with pytest.raises(KeyboardInterrupt):
        desk.type("had\x03")
    with pytest.raises(EOFError):
        desk.type("\x04")
    assert desk.type("had\x04 a\r") == "had a"
    desk.keyboard.close()
    with pytest.raises(EOFError):
        desk.editor.read()


@pytest.mark.parametrize(("eos", "text"), [(False, "they had a"), (True, "they\n\nhad\n a")])
def test_lines_are_pasted_as_text(eos: bool, text: str) -> None:
    for desk in desk_with(Fake(["<eos>"], TextConfig(eos=eos))):
        assert desk.type("\x1b[200~they\r\n\nhad\r a\x1b[201~\r") == text


def test_a_long_text_is_pasted_into_the_document(desk: Desk) -> None:
    pasted = "\x1b[200~" + "they had\n" * 100_000 + "\x1b[201~"
    assert desk.type("a ", pasted, lambda: "900,000 characters" in desk.output.getvalue(), "\r") == ""
    assert desk.editor.session.document == "a " + "they had " * 99_999 + "they had"


def test_unknown_words_are_underlined_and_near_ones_offered(desk: Desk) -> None:
    wanted = "unknown: genral (general?)"
    assert desk.type("genral ", lambda: desk.editor.toolbar() == wanted, "\r") == "genral "
    lines = UnknownLexer(desk.editor.suggestions).lex_document(Document("had genral\u202e a\nxyz a"))
    assert lines(0) == [("", "had "), ("class:unknown", "genral"), ("", ""), ("class:unknown", "\ufffd"), ("", " a")]
    assert lines(1) == [("", ""), ("class:unknown", "xyz"), ("", " a")]


def test_a_predictor_in_trouble_is_told_below(desk: Desk) -> None:
    predictor = desk.editor.session.predictor
    assert isinstance(predictor, Fake)
    predictor.failure = UsageError("out of order")
    assert desk.type("had ", lambda: desk.editor.toolbar() == "Error: out of order", "\r") == "had "


def test_a_slow_predictor_does_not_keep_from_typing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    predictor, gate = desk.editor.session.predictor, threading.Event()
    rank = predictor.rank

    def slow(prompt: str, k: int = 5, *, prefix: str = "") -> object:
        gate.wait(LIMIT)
        return rank(prompt, k, prefix=prefix)

    def open_gate() -> bool:
        gate.set()
        return True

    monkeypatch.setattr(predictor, "rank", slow)
    actions: list[Action] = ["h", "a", "d", " ", "a", desk.has("had a"), open_gate, desk.menu, "\r"]
    assert desk.type(*actions) == "had a"


def test_bars() -> None:
    assert [bar(share) for share in (0, 0.62, 1)] == ["▁▁▁▁▁", "▇▇▇▁▁", "▇▇▇▇▇"]


def shows(output: io.StringIO, text: str) -> Callable[[], bool]:
    return lambda: text in output.getvalue()


def session_with(path: Path, *actions: Action, words: int = 2, predictor: Fake | None = None) -> str:
    """What a whole session writes."""
    output = Screen()
    session = Session(predictor or Fake(), Settings(words=words))
    with create_pipe_input() as keyboard:
        ready = [
            shows(output, action[1:]) if isinstance(action, str) and action[0] == "?" else action for action in actions
        ]
        with typing(keyboard, *ready):
            run_terminal(session, Display(output, output), path, input=keyboard, screen=DummyOutput())
    return output.getvalue()


def test_a_session(tmp_path: Path) -> None:
    path = tmp_path / "state" / "rnnwords" / "history"
    output = session_with(
        path, "had a\r", "?> had a general council\n", "xyz\x03", ":undo\r", "?the text is: had a\n", "\r",
        "?> general council\n", "\x04",
    )  # fmt: skip
    assert output.splitlines()[1:] == [
        "> had a general council",
        "> :undo",
        "taken back: general council",
        "the text is: had a",
        "> general council",
        f"the text was not saved; it is kept in {path.with_name('unsaved.txt')}",
    ]
    assert path.with_name("unsaved.txt").read_text() == "had a general council\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert session_with(path, ":quit\r").splitlines()[1:] == ["> :quit"]
    assert list(open_history(path)[0].load_history_strings()) == [":quit", ":undo", "had a"]


def test_control_c_ends_a_text_that_is_being_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    predictor = Fake()
    generate = predictor.generate

    def interrupted(prompt: str, n: int = 32, **options: object) -> Iterator[str]:
        for place, word in enumerate(generate(prompt, n)):
            if n == 99 and place == 2:
                raise KeyboardInterrupt
            yield word

    monkeypatch.setattr(predictor, "generate", interrupted)
    output = session_with(tmp_path / "h", "had a\r", "?council\n", ":show\r", ":q\r", words=99, predictor=predictor)
    assert output.splitlines()[1:4] == ["> had a general council", "> :show", "had a general council"]


def test_history_that_cannot_be_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    path = tmp_path / "file" / "history"
    assert session_with(path, ":q\r").startswith(f"lines are not kept for the next time: {path}: ")
    os.mkfifo(tmp_path / "pipe")
    assert "no regular file" in str(open_history(tmp_path / "pipe")[1])
    monkeypatch.setenv("XDG_STATE_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert state_directory() == tmp_path / ".local/state/rnnwords"
    monkeypatch.setenv("XDG_STATE_HOME", "/var/state")
    assert state_directory() == Path("/var/state/rnnwords")


PROGRAM = """
import os, sys
os.close(os.open(os.ttyname(0), os.O_RDWR))  # the leader of a session gets its terminal by opening one
from rnnwords.cli.repl.command import run_repl
from rnnwords.cli.repl.session import Settings
from tests.cli.repl.test_session import HOSTILE, Fake
predictor = Fake([HOSTILE])
predictor.next["mice"] = {HOSTILE: 1.0}
run_repl(predictor, Settings(words=6), classic="--classic" in sys.argv)
"""


class Terminal:
    """A process in a pseudo-terminal of its own, and all that it wrote."""

    def __init__(self, state: Path, *arguments: str, **environment: str) -> None:
        self.master, slave = pty.openpty()
        values = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "TERM")}
        values |= {
            "TERM": "xterm",
            "PYTHONUTF8": "1",
            "XDG_STATE_HOME": str(state),
            "INPUTRC": "/dev/null",
            **environment,
        }
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, *arguments],
            stdin=slave, stdout=slave, stderr=slave, env=values, start_new_session=True,
            cwd=ROOT,
        )  # fmt: skip
        os.close(slave)
        self.raw = b""

    def see(self, text: str, again: str = "") -> None:
        """Wait until the terminal has shown `text`, colours and cursor movements left out; press `again` until then.

        Python may miss a Ctrl-C in the moment before it waits for keys, and heeds it at the next key.
        """
        deadline = time.monotonic() + LIMIT
        pressed = 0.0
        while text not in self.shown():
            assert time.monotonic() < deadline, f"{text!r} is not in {self.shown()!r}"
            if again and time.monotonic() > pressed + 1:
                self.type(again)
                pressed = time.monotonic()
            assert self.read(), f"{text!r} is not in {self.shown()!r}"

    def read(self) -> bool:
        """Take up what the process wrote, as a terminal does. False if it has ended."""
        if select.select([self.master], [], [], 0.1)[0]:
            try:
                data = os.read(self.master, 65_536)
            except OSError:  # Linux says EIO when the other side is closed
                return False
            self.raw += data
            for _ in range(data.count(b"\x1b[6n")):  # where is the cursor?
                os.write(self.master, b"\x1b[1;1R")
            return data != b""
        return True

    def status(self) -> int:
        """The exit status. Until then the output is read: a process may wait for that before it ends."""
        deadline = time.monotonic() + LIMIT
        while self.read():
            assert time.monotonic() < deadline, f"it does not end: {self.shown()!r}"
        return self.process.wait(LIMIT)

    def shown(self) -> str:
        return re.sub(r"\x1b(\[[0-9;?]*[A-Za-z]|[=>])", "", self.raw.decode(errors="replace"))

    def type(self, keys: str) -> None:
        os.write(self.master, keys.encode())

    def close(self) -> None:
        with contextlib.suppress(OSError):
            os.close(self.master)

    def __enter__(self) -> "Terminal":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
        self.process.kill()
        self.process.wait()


def test_in_a_real_terminal(tmp_path: Path) -> None:
    with Terminal(tmp_path) as terminal:
        terminal.see("Tab takes the grey text")
        terminal.type("had a g")
        terminal.see("eneral council of mice")
        terminal.see("▇▇▇▇▁   86 %")
        terminal.type("\t")
        terminal.type("\r")
        terminal.see(r"> had a general council of mice \x1b]52;c;aGk=\x07\u202e\x9b")
        terminal.type("\x03")
        terminal.type("\x04")
        terminal.see("it is kept in")
        assert terminal.status() == 0
        assert b"\x1b]52" not in terminal.raw
        assert "\u202e" not in terminal.shown()


def test_a_closed_terminal_ends_it_and_keeps_the_text(tmp_path: Path) -> None:
    with Terminal(tmp_path) as terminal:
        terminal.type("had a\r")
        terminal.see("> had a general council of mice")
        terminal.close()
        assert terminal.process.wait(LIMIT) is not None
    assert (tmp_path / "rnnwords/unsaved.txt").read_text().startswith("had a general council of mice")


@pytest.mark.parametrize("environment", [{"TERM": "dumb"}, {"NO_COLOR": "1"}])
def test_a_plain_terminal(tmp_path: Path, environment: dict[str, str]) -> None:
    with Terminal(tmp_path, **environment) as terminal:
        terminal.see("> ")
        terminal.type("had x")
        terminal.see("had x")
        terminal.see("\n> ", again="\x03")
        terminal.type("had a\r")
        terminal.see("\ngeneral council of mice")
        terminal.see("said\r\n> ")
        terminal.type("\x04")
        assert terminal.status() == 0
        assert "\u2587" not in terminal.shown()
        assert b"\x1b[3" not in terminal.raw


def test_the_classic_prompt_in_a_terminal(tmp_path: Path) -> None:
    with Terminal(tmp_path, "--classic") as terminal:
        terminal.see("2 words: ")
        terminal.type("had a\r")
        terminal.see("had a general council of mice")
        terminal.see("said\r\n2 words: ")
        terminal.type("\x04")
        assert terminal.status() == 0


@pytest.mark.parametrize("width", [30, 70, 200])
def test_long_lines_of_help_go_on_below_their_words(monkeypatch, width):
    monkeypatch.setattr("rnnwords.cli.repl.display.columns", lambda output: width)
    output = Screen()
    help_lines = [":top-p 0.9     words that make up 90 % of the probability, and no others", "short", ""]
    Display(output, output).show([Reply("data", "\n".join(help_lines))])
    shown = output.getvalue().splitlines()
    assert all(len(line) <= width for line in shown)
    assert " ".join(output.getvalue().split()) == " ".join(" ".join(help_lines).split())
    if width == 70:
        assert shown[1].startswith(" " * 15)
        assert not shown[1][15:].startswith(" ")
    if width == 200:
        assert shown == help_lines
