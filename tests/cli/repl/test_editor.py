"""Tests of the editor: keys over a pipe, what they change, and what the screen would show."""

import contextlib
import io
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from prompt_toolkit.data_structures import Size
from prompt_toolkit.input import PipeInput, create_pipe_input
from prompt_toolkit.output import DummyOutput

from rnnwords.cli.output import wrapping
from rnnwords.cli.repl.display import SessionDisplay
from rnnwords.cli.repl.editor import editor
from rnnwords.cli.repl.editor.app import application, run
from rnnwords.cli.repl.editor.editor import Editor
from rnnwords.cli.repl.editor.messages import cut_rows
from rnnwords.cli.repl.editor.screen import Screen
from rnnwords.cli.repl.session import WritingSettings
from rnnwords.config import TextConfig
from rnnwords.errors import UsageError
from rnnwords.prediction.completions import NO_REPEAT_NGRAM
from tests.cli.repl.fake import FakeModel

LIMIT = 30  # seconds that any wait may take on a busy machine
ESC, ALT_ENTER, PASTE, END_PASTE = "\x1b", "\x1b\r", "\x1b[200~", "\x1b[201~"
DOWN, UP, RIGHT, LEFT, HOME, END = "\x1b[B", "\x1b[A", "\x1b[C", "\x1b[D", "\x1b[H", "\x1b[F"
ALT_RIGHT, ALT_X, PAGE_DOWN = "\x1b[1;3C", "\x1bx", "\x1b[6~"
UNDO, SAVE, QUIT, CTRL_C, CTRL_D, CTRL_E = "\x1a", "\x13", "\x11", "\x03", "\x04", "\x05"
Action = str | Callable[[], object]  # keys to press, or what to wait for


def wait(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < deadline, "the condition never held"
        time.sleep(0.005)


class Terminal(DummyOutput):
    """An output of a given size."""

    def __init__(self, rows: int, columns: int) -> None:
        self.size = Size(rows, columns)

    def get_size(self) -> Size:
        return self.size


class Desk:
    """An editor with a fake model, whose keys come through a pipe."""

    def __init__(
        self, keyboard: PipeInput, model: FakeModel, file: Path | None = None, size: tuple[int, int] = (24, 80)
    ):
        self.keyboard = keyboard
        display = SessionDisplay(io.StringIO(), io.StringIO())
        self.editor = Editor(model, WritingSettings(words=3), display)
        self.app = application(self.editor, keyboard, Terminal(*size))
        self.editor.begin(file)
        self.buffer = self.editor.buffer
        self.screen = Screen(self.editor)

    def type(self, *actions: Action) -> str:
        """Press keys, then Ctrl-Q; return the text."""
        with typing(self.keyboard, lambda: self.app.is_running, *actions, QUIT):
            run(self.app, self.editor)
        return self.buffer.text

    def ghost(self) -> str:
        return self.editor.ghost.text()

    def menu(self) -> list[str]:
        state = self.buffer.complete_state
        return [completion.text for completion in state.completions] if state else []

    def has(self, text: str) -> Callable[[], bool]:
        return lambda: self.buffer.text == text

    def rows(self) -> list[str]:
        """Return the rows of the text as they were drawn last."""
        content = self.editor.control.create_content(self.app.output.get_size().columns, 10)
        return ["".join(text for _, text, *_ in content.get_line(row)) for row in range(content.line_count)]

    def line(self) -> str:
        return self.editor.messages.line


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


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the directory of the unsaved texts and the history."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "state" / "rnnwords"


Open = Callable[..., Desk]


@pytest.fixture
def opened() -> Iterator[Open]:
    """Return a function that opens an editor, with the arguments of `Desk`."""
    with contextlib.ExitStack() as stack:

        def open_desk(
            model: FakeModel | None = None, file: Path | None = None, size: tuple[int, int] = (24, 80)
        ) -> Desk:
            desk = Desk(stack.enter_context(create_pipe_input()), model or FakeModel(), file, size)
            stack.callback(desk.editor.close)
            stack.callback(desk.editor.session.set_aside)
            return desk

        yield open_desk


@pytest.fixture
def desk(opened: Open) -> Desk:
    return opened()


def test_enter_ends_the_line_and_begins_the_next(desk: Desk) -> None:
    assert desk.type("they had\r\rmice\r") == "they had\n\nmice\n"


@pytest.mark.parametrize("key", ["\t", RIGHT, END, CTRL_E])
def test_keys_accept_the_ghost_text(key: str, desk: Desk) -> None:
    wanted = "had a general council of mice. they had a"
    assert desk.type("had ", lambda: desk.ghost().startswith("a general"), key) == wanted


def test_tab_accepts_ghost_text_that_is_not_shown_yet(desk: Desk) -> None:
    assert desk.type("had \t") == "had a general council of mice. they had a"


def test_alt_right_accepts_one_word(desk: Desk) -> None:
    more = (ALT_RIGHT, desk.has("had a"), desk.ghost, ALT_RIGHT, desk.has("had a general"))
    assert desk.type("had ", desk.ghost, *more) == "had a general"


def test_ghost_text_stays_while_the_same_letters_are_typed(desk: Desk) -> None:
    seen = []
    desk.app.after_render += lambda _: seen.append((desk.buffer.text, desk.ghost()))
    desk.type(
        lambda: desk.ghost().startswith("they had"), "t", desk.has("t"), lambda: seen[-1][0] == "t", "x", desk.has("tx")
    )
    assert next(ghost for text, ghost in seen if text == "t").startswith("hey had")
    assert not any(ghost for text, ghost in seen if text == "tx")


def test_ghost_text_appears_in_an_earlier_line_only_where_something_is_typed(desk: Desk) -> None:
    desk.type("had\rmice", desk.ghost, UP, lambda: desk.buffer.cursor_position == 3)
    time.sleep(0.1)
    assert desk.ghost() == ""
    assert desk.type(" ", lambda: desk.ghost().startswith("a general"), "\t").startswith("had a general")


def test_ghost_text_repeats_no_sequence_of_four_words(desk: Desk) -> None:
    model = desk.editor.session.model
    assert isinstance(model, FakeModel)
    desk.type("had ", desk.ghost)
    assert {call["no_repeat_ngram"] for call in model.generated} == {NO_REPEAT_NGRAM}


@pytest.mark.parametrize("keys", [ALT_ENTER, "\r:go\r", f"{ALT_X}go\r"])
def test_alt_enter_and_go_continue_the_text(keys: str, opened: Open) -> None:
    model = FakeModel()
    desk = opened(model)
    text = desk.type("had a", keys, lambda: "council" in desk.buffer.text, lambda: not desk.editor.continuation.running)
    assert " ".join(text.split()).startswith("had a general council of" if "\r:" not in keys else "had a")
    assert model.generated[-1]["no_repeat_ngram"] == NO_REPEAT_NGRAM


def test_a_continuation_completes_a_started_word_and_keeps_the_text_after_it(desk: Desk) -> None:
    assert desk.type("had a gen mice", LEFT * 5, ALT_ENTER, desk.has("had a general council of mice mice")) == (
        "had a general council of mice mice"
    )


def continuation_held(desk: Desk, monkeypatch: pytest.MonkeyPatch, after: int) -> Callable[[], bool]:
    """Hold continuations after some words; return a function that frees them and returns whether they have ended."""
    model, gate = desk.editor.session.model, threading.Event()
    generate = model.generate

    def slow(prompt: str, n: int = 32, **options: object) -> Iterator[str]:
        for place, word in enumerate(generate(prompt, n)):
            if n == 3 and place == after:
                gate.wait(LIMIT)
            yield word

    def freed() -> bool:
        gate.set()
        return not desk.editor.continuation.running

    monkeypatch.setattr(model, "generate", slow)
    return freed


def test_control_c_stops_a_continuation_and_one_undo_removes_it(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    freed = continuation_held(desk, monkeypatch, after=2)
    desk.type("had a", ALT_ENTER, desk.has("had a general council"), CTRL_C, freed)
    assert desk.buffer.text == "had a general council"
    assert desk.type(UNDO) == "had a"


def test_a_key_during_a_continuation_ends_it_and_is_not_lost(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    freed = continuation_held(desk, monkeypatch, after=1)
    assert (
        desk.type("had a", ALT_ENTER, desk.has("had a general"), "!", desk.has("had a general!"), freed)
        == "had a general!"
    )


def test_the_menu_completes_a_word_and_offers_the_next(desk: Desk) -> None:
    chosen = desk.has("had a genius")
    actions: list[Action] = ["had a g", lambda: desk.menu() == ["general", "genius"], DOWN, DOWN, chosen, "\r"]
    assert desk.type(*actions, lambda: desk.menu() == [" said", " they"]) == "had a genius"


def test_up_leaves_the_menu_for_the_line_above(desk: Desk) -> None:
    assert desk.type("mice\rhad a ", desk.menu, UP, "!") == "mice!\nhad a "


def test_undo_goes_back_word_by_word_and_redo_forward(desk: Desk) -> None:
    assert desk.type("they had a", UNDO) == "they had "
    assert desk.type(UNDO) == "they "
    assert desk.type("\x1bz") == "they had "
    assert desk.type(UNDO, UNDO, UNDO) == ""
    assert desk.line() == "Error: nothing to undo"


def test_a_command_runs_on_enter_and_leaves_the_text(desk: Desk) -> None:
    assert desk.type("had a\r:temp 0.5\r") == "had a\n"
    assert desk.editor.session.settings.temperature == 0.5
    assert desk.line() == "temperature 0.5"


def test_alt_x_opens_a_command_line_and_returns_to_the_place_in_the_text(desk: Desk) -> None:
    assert desk.type("they had\rmice", UP, HOME, ALT_X, "words 7\r", "X") == "Xthey had\nmice"
    assert desk.editor.session.settings.words == 7
    assert desk.type(ALT_X, "wor", CTRL_C, CTRL_C) == "Xthey had\nmice"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (":nonsense of mice", "unknown command :nonsense; :help lists the commands; a space before the colon makes"),
        (":new mice", ":new: expected no argument, found 'mice'"),
        (":help me", ":help: expected no argument, found 'me'"),
        (":words many", ":words: expected a whole number between 1 and 100,000, found 'many'"),
        (":open", "expected a file name, found none; type :open story.txt"),
        (":open missing/draft.txt", "could not save "),
        (":restore", "expected the number of a text, found none; :drafts lists them"),
        (":restore 1", "no unsaved text of an earlier session"),
        (":go away", "expected a number of words, 1 to 100,000, found 'away'"),
        (":save", "expected a file name, found none; type :save story.txt"),
    ],
)
def test_a_command_with_an_error_stays_on_its_line(line: str, message: str, desk: Desk) -> None:
    assert desk.type(f"had\r{line}\r") == f"had\n{line}"
    assert desk.line().startswith(f"Error: {message}")


def test_a_line_with_a_space_before_the_colon_is_text(desk: Desk) -> None:
    assert desk.type(" :help\r:) mice\r") == " :help\n:) mice\n"


def test_tab_completes_commands_and_file_names(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "story.txt").write_text("they had\n")
    desk.type(":he", desk.menu, "\t", desk.has(":help"), "\r", "\r", lambda: desk.editor.messages.pane)
    assert any("Alt-Enter" in line for line in desk.editor.messages.pane)
    assert desk.type(":open sto", lambda: desk.menu() == ["ry.txt"], "\t", "\r", "\r") == "they had\n"


def test_up_recalls_earlier_commands(opened: Open) -> None:
    opened().type(":words 5\r:words 6\r")
    assert opened().type(":", UP) == ":words 6"
    assert opened().type(":", UP, UP) == ":words 5"


def test_why_explains_the_line_of_the_cursor(desk: Desk) -> None:
    desk.type("they had\rmice\r:why\r", lambda: desk.editor.messages.pane)
    assert [line.split()[0] for line in desk.editor.messages.pane] == ["mice"]
    desk.type(UP, UP, ALT_X, "why\r", lambda: len(desk.editor.messages.pane) == 2)
    assert [line.split()[0] for line in desk.editor.messages.pane] == ["they", "had"]


def test_the_pane_is_scrolled_and_closed(opened: Open) -> None:
    desk = opened(size=(15, 50))
    desk.type(":help\r", lambda: desk.editor.messages.pane)
    rows = desk.screen._pane()
    assert "more: Page Down" in rows[1][1]
    desk.type(PAGE_DOWN, lambda: desk.editor.messages.top)
    assert desk.screen._pane()[0] != rows[0]
    desk.type(CTRL_C, lambda: not desk.editor.messages.pane)


@pytest.mark.parametrize("keys", [CTRL_D, "\r:quit\r", "\r:q\r"])
def test_control_d_at_the_end_of_the_text_and_quit_end(keys: str, desk: Desk) -> None:
    with typing(desk.keyboard, lambda: desk.app.is_running, "had", keys):
        run(desk.app, desk.editor)
    assert desk.buffer.text.rstrip("\n") == "had"


def test_control_d_elsewhere_deletes_a_character_and_a_closed_terminal_ends(desk: Desk) -> None:
    assert desk.type("had", LEFT, CTRL_D) == "ha"

    def closed() -> bool:
        desk.keyboard.close()
        return True

    with typing(desk.keyboard, lambda: desk.app.is_running, closed):
        run(desk.app, desk.editor)


def test_pasted_text_keeps_its_lines_and_is_one_step_of_undo(desk: Desk) -> None:
    pasted = "they\r\n\nhad\r a" + "\nmice" * 100_000
    desk.type("of ", PASTE + pasted + END_PASTE, lambda: len(desk.buffer.text) > 100_000)
    assert desk.buffer.text == "of " + pasted.replace("\r\n", "\n").replace("\r", "\n")
    assert desk.type(UNDO) == "of "


def test_unknown_words_are_marked_and_similar_ones_shown(desk: Desk) -> None:
    desk.type("xyz\rhad genral ", lambda: "genral (general?)" in desk.screen._status())
    content = desk.editor.control.create_content(80, 10)
    assert ("class:unknown", "xyz") in content.get_line(0)
    assert ("class:unknown", "genral") in content.get_line(1)


def test_control_characters_are_never_drawn(desk: Desk) -> None:
    desk.type(PASTE + "a\x1b]52;\x07 \u202e a\tb" + END_PASTE)
    assert desk.rows() == ["a\ufffd]52;\ufffd \ufffd a    b"]


def test_an_error_of_the_model_is_shown_below_the_text(desk: Desk) -> None:
    model = desk.editor.session.model
    assert isinstance(model, FakeModel)
    model.failure = UsageError("out of order")
    desk.type("had ", lambda: "Error: out of order" in desk.screen._hint()[0][1])
    desk.type(ALT_ENTER, lambda: desk.line() == "Error: out of order")


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
    assert desk.type("h", "a", "d", " ", "a", desk.has("had a"), open_gate, desk.menu) == "had a"


def test_a_file_is_edited_in_any_line_and_saved(opened: Open, tmp_path: Path) -> None:
    path = tmp_path / "draft.txt"
    path.write_bytes(b"they had\r\nmice")
    desk = opened(file=path)
    assert (
        desk.type(UP, END, " a", desk.has("they had a\nmice"), SAVE, lambda: "saved" in desk.line())
        == "they had a\nmice"
    )
    assert path.read_bytes() == b"they had a\r\nmice"
    assert " draft.txt  saved  4 words" in desk.screen._status()


def test_a_file_that_another_program_changed_is_noticed(
    opened: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(editor, "KEEP_SECONDS", 0.05)
    path = tmp_path / "draft.txt"
    path.write_text("they had\n")
    desk = opened(file=path)
    desk.type(
        "mice",
        lambda: desk.app.is_running and path.write_text("another\n"),
        lambda: "was changed" in desk.line(),
    )
    desk.type(SAVE, lambda: "was changed by another program; :save! replaces it" in desk.line())
    assert path.read_text() == "another\n"
    desk.type("\r:save!\r", lambda: desk.line().startswith("saved"))
    assert path.read_text() == "they had\nmice\n"


def test_the_text_is_kept_while_it_is_written(desk: Desk, state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(editor, "KEEP_SECONDS", 0.05)

    def kept() -> list[str]:
        return [path.read_text() for path in state.glob("unsaved-*.txt")]

    desk.type("they had", lambda: kept() == ["they had\n"], " a", lambda: kept() == ["they had a\n"])


def test_long_lines_are_rows_of_whole_words_and_the_cursor_moves_by_rows(opened: Open) -> None:
    desk = opened(size=(24, 20))
    desk.type(PASTE + "they had a general council of mice. they said" + END_PASTE, UP)
    assert desk.rows() == ["they had a general ", "council of mice. ", "they said"]
    assert desk.buffer.cursor_position == len("they had a general council o")
    desk.type(UP)
    assert desk.buffer.cursor_position == len("they had ")
    desk.type(DOWN, DOWN)
    assert desk.buffer.cursor_position == len(desk.buffer.text)


def test_rows_stay_right_while_a_long_draft_is_edited(opened: Open) -> None:
    desk = opened(size=(24, 20))
    text = "they had a general council of mice.\n" * 200
    desk.editor.session.set_document(text, undoable=False)
    desk.buffer.cursor_position = 36 * 100 + 8
    for keys in (" of mice", "\r", "\x7f", "a\r\rb", UP, UP, "they", UNDO, UNDO, DOWN, "\x0b"):
        desk.type(keys)
        desk.editor.ghost._ghost = ""
        drawn = desk.rows()
        fresh = Desk(desk.keyboard, FakeModel(), size=(24, 20))
        fresh.editor.session.set_document(desk.buffer.text, undoable=False)
        fresh.buffer.cursor_position = desk.buffer.cursor_position
        assert drawn == fresh.rows()
        fresh.editor.close()


def test_a_text_with_line_ends_as_tokens_is_continued_over_lines(opened: Open) -> None:
    model = FakeModel(["<eos>"], TextConfig(eos=True))
    model.next = {"had": {"<eos>": 1.0}, "<eos>": {"they": 1.0}, "they": {"a": 1.0}}
    desk = opened(model)
    assert desk.type("had", ALT_ENTER, desk.has("had\nthey a")) == "had\nthey a"


def test_a_key_lays_out_its_own_line_alone(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = opened()
    desk.editor.session.set_document("they had a general council of mice\n" * 10_000, undoable=False)
    desk.buffer.cursor_position = 35 * 5_000 - 1
    desk.rows()
    laid_out = []
    row_starts = wrapping.row_starts

    def counted(text: str, width: int, known: tuple[int, ...] = (0,)) -> tuple[int, ...]:
        laid_out.append(text)
        return row_starts(text, width, known)

    monkeypatch.setattr("rnnwords.cli.repl.editor.view.row_starts", counted)
    desk.type(" a", "b", "c")
    assert 0 < len(laid_out) < 30


def test_page_down_moves_in_the_text_beside_a_short_pane(opened: Open) -> None:
    desk = opened()
    desk.editor.session.set_document("mice\n" * 100, undoable=False)
    desk.buffer.cursor_position = 0
    assert desk.type(ALT_X, "settings\r", lambda: desk.editor.messages.pane, PAGE_DOWN).startswith("mice")
    assert desk.buffer.cursor_position > 0


ENDING = {"\x11", "\x04", "\x1a", "\x1f"}  # Ctrl-Q and Ctrl-D end; Ctrl-Z and Ctrl-_ undo


@pytest.mark.parametrize(
    "keys",
    ["".join(map(chr, range(1, 16))), "".join(map(chr, range(16, 32))), "<>#.!_-", "ulctvbfdny", "0123*?\\~"],
)
def test_no_key_loses_text_that_undo_does_not_restore(keys: str, opened: Open) -> None:
    for key in keys:
        for pressed in {key, f"\x1b{key}"} if key < " " else {f"\x1b{key}"}:
            if key in ENDING:
                continue
            desk = opened()
            desk.type("they had\rmice", pressed, "a" if key == "\x1d" else "")
            for _ in range(9):
                if desk.buffer.text == "they had\nmice" or desk.line():
                    break
                desk.type(UNDO)
            assert desk.buffer.text == "they had\nmice", repr(pressed)


def test_commands_are_no_steps_of_undo(desk: Desk) -> None:
    desk.type(
        "they had a", ALT_X, "undo\r", desk.has("they had "), ALT_X, "undo\r", desk.has("they "),
        ALT_X, "redo\r", desk.has("they had "), ALT_X, "words 5\r", UNDO, desk.has("they "),
    )  # fmt: skip


def test_undo_as_a_line_of_its_own_takes_back_the_text_above(desk: Desk) -> None:
    assert desk.type("they\rhad\r:undo\r") == "they\nhad"
    assert desk.line() == ""


def test_the_end_is_refused_once_where_the_text_can_be_kept_nowhere(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("rnnwords.cli.repl.kept_drafts._write_new", fail)
    message = "the text cannot be kept: No space left on device; :save FILE saves it; ending again loses it"
    assert desk.type("they", QUIT, lambda: desk.line() == f"Error: {message}") == "they"


@pytest.mark.parametrize("columns", [40, 50, 80])
def test_a_long_message_is_shown_whole(columns: int) -> None:
    message = "could not save /home/somebody/drafts/story.txt: No space left on device; the text is still here, unsaved"
    rows = cut_rows(message, columns, 4)
    assert len(rows) <= 4
    assert all(len(row) <= columns for row in rows)
    assert "".join(rows).replace(" ", "") == message.replace(" ", "")
    assert cut_rows(message, 20, 2)[1].endswith("\u2026")


def test_pasted_text_with_nul_characters_can_be_opened_again(opened: Open, tmp_path: Path) -> None:
    path = tmp_path / "draft.txt"
    assert opened(file=path).type(f"{PASTE}they\0 had{END_PASTE}", SAVE, path.exists) == "they had"
    assert opened(file=path).buffer.text == "they had\n"
