"""The drawing half of the prompt: grey text behind the cursor, the menu, the keys, underlined words, kept history.

What is offered comes from `repl_suggestions`; what a line does, from `repl_commands`. A key is answered at once: menu
and grey text come from a background thread, near words from another, and are dropped if one has typed on.
"""

import asyncio
import contextlib
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from prompt_toolkit import PromptSession
from prompt_toolkit.application import get_app, run_in_terminal
from prompt_toolkit.auto_suggest import Suggestion
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.history import History
from prompt_toolkit.input import Input
from prompt_toolkit.output import Output
from prompt_toolkit.styles import Style

from rnnwords.cli.output.terminal import can_write, ended_in_order, safe, silent_keys
from rnnwords.cli.repl.commands import answer
from rnnwords.cli.repl.display import Display
from rnnwords.cli.repl.history import keep_text, open_history, state_directory
from rnnwords.cli.repl.keys import bindings
from rnnwords.cli.repl.menu import EMPTY, FULL, MenuCompleter, UnknownLexer
from rnnwords.cli.repl.session import Session
from rnnwords.cli.repl.suggestions import MENU, Suggestions

PROMPT = "> "
HINT = "Tab takes the grey text, Alt-\u2192 a word of it; Enter writes on; :help"
MENU_FIRST = 0.02  # seconds without a key before grey text is asked for
LONG = 10_000  # characters of a line
PAUSE = 0.2  # seconds without a key before near words are looked up
STYLE = Style.from_dict(
    {
        "prompt": "ansicyan",
        "unknown": "underline",
        "auto-suggestion": "ansibrightblack",
        "bottom-toolbar": "noreverse ansibrightblack",
        "completion-menu": "noinherit",
        "completion-menu.completion": "noinherit",
        "completion-menu.completion.current": "noinherit reverse",
        "completion-menu.meta.completion": "noinherit ansibrightblack",
        "completion-menu.meta.completion.current": "noinherit reverse",
        "scrollbar.background": "noinherit",
        "scrollbar.button": "noinherit",
    }
)


def run_terminal(
    session: Session,
    display: Display,
    history_path: Path | None = None,
    *,
    input: Input | None = None,
    screen: Output | None = None,
) -> None:
    """Read lines with all that a terminal offers and answer them, until Ctrl-D on an empty line, :quit or its end.

    What was written and not saved by then is kept in a file, which is told.
    """
    path = history_path or state_directory() / "history"
    history, trouble = open_history(path)
    session.tell_unknown = False
    words = len(session.predictor.vocabulary)
    display.note(trouble or f"{words:,} words; Tab takes the grey text, Enter writes on, :help tells more.")
    editor = Editor(session, display, history, input, screen)
    try:
        with ended_in_order("SIGHUP"), silent_keys(editor.prompt.app.input.fileno):
            goes_on = True
            while goes_on:
                try:
                    goes_on = _answer_line(editor, session, display)
                except KeyboardInterrupt:  # of the line, or of its answer: what is written by then stays
                    display.end_line()
    finally:
        editor.close()
        if session.document != session.saved:
            kept = keep_text(session.document, path.with_name("unsaved.txt"))
            with contextlib.suppress(OSError):  # the terminal is gone
                display.note(kept)


def _answer_line(editor: "Editor", session: Session, display: Display) -> bool:
    """Read a line and answer it. False if it was the last."""
    try:
        line = editor.read()
    except (EOFError, OSError):  # Ctrl-D, or the terminal is gone
        return False
    display.typed(PROMPT, line)
    goes_on = display.show(answer(session, line))
    display.end_line()
    return goes_on


class Editor:
    """One prompt, used again for each line, with the suggestions that belong to the session."""

    def __init__(
        self, session: Session, display: Display, history: History, input: Input | None, screen: Output | None
    ) -> None:
        self.session = session
        self.display = display
        self.suggestions = Suggestions(session)
        self.shown = ("", "")  # the line and the grey text behind it
        self.reading = False
        self.ahead = ThreadPoolExecutor(1, "predictor")  # while a line is read, the predictor is asked there alone
        self.spelling = ThreadPoolExecutor(1, "near words")
        self.prompt: PromptSession[str] = PromptSession(
            [("class:prompt", PROMPT)],
            history=history,
            completer=MenuCompleter(self.suggestions, self.ahead, can_write(FULL + EMPTY, display.output)),
            complete_while_typing=True,
            lexer=UnknownLexer(self.suggestions),
            key_bindings=bindings(self),
            bottom_toolbar=self.toolbar,
            style=STYLE,
            erase_when_done=True,
            reserve_space_for_menu=MENU + 1,
            input=input,
            output=screen,
        )
        self.spelling.submit(lambda: self.suggestions.alphabet)
        self.buffer = self.prompt.default_buffer
        self.buffer.on_text_changed += self._changed

    def read(self) -> str:
        """The next line. Raises KeyboardInterrupt for Ctrl-C and EOFError for Ctrl-D or a terminal that is gone."""
        self.suggestions.finished, self.shown, self.reading = None, ("", ""), True
        try:
            return self.prompt.prompt(pre_run=lambda: self._changed(self.buffer))
        finally:
            self.reading = False
            self.ahead.submit(int).result()  # the background has let go of the predictor

    def close(self) -> None:
        """Let the background threads end."""
        self.ahead.shutdown(wait=False, cancel_futures=True)
        self.spelling.shutdown(wait=False, cancel_futures=True)

    def _changed(self, buffer: Buffer) -> None:
        """After each key: keep the grey text if the writer types just that, and look ahead for the new line."""
        line, ghost = self.shown
        rest = (line + ghost).removeprefix(buffer.text) if buffer.text.startswith(line) else ""
        self._show(buffer.text, rest if rest != line + ghost or not buffer.text else "")
        if self.reading:
            get_app().create_background_task(self._look_ahead(buffer.text))

    def _show(self, line: str, ghost: str) -> None:
        self.shown = (line, ghost)
        self.buffer.suggestion = Suggestion(ghost) if ghost else None

    async def _look_ahead(self, line: str) -> None:
        """Grey text and, if the writer pauses, near words for unknown ones. Dropped as soon as one types on."""

        def wanted() -> bool:
            return self.reading and self.buffer.text == line

        loop = asyncio.get_running_loop()
        await asyncio.sleep(MENU_FIRST)
        ghost = await loop.run_in_executor(self.ahead, self.suggestions.ghost, line, wanted)
        if not wanted():
            return
        self._show(line, ghost)
        get_app().invalidate()
        await asyncio.sleep(PAUSE)
        for unknown in self.suggestions.unknown(line) if wanted() else ():
            await loop.run_in_executor(self.spelling, self.suggestions.near, unknown.word)
            get_app().invalidate()

    def toolbar(self) -> str:
        """The line below: what is wrong, the unknown words with near ones, or the keys."""
        text = HINT
        if self.suggestions.trouble:
            text = f"Error: {self.suggestions.trouble}"
        elif unknown := dict.fromkeys(found.word for found in self.suggestions.unknown(self.buffer.text)):
            text = "unknown: " + ", ".join(self._with_near(word) for word in list(unknown)[-3:])
        return safe(text)[: get_app().output.get_size().columns - 1]

    def _with_near(self, word: str) -> str:
        near = self.suggestions.near_known(word)
        return f"{word} ({', '.join(near)}?)" if near else word

    def take_all(self) -> None:
        """Add the grey text to the line; where none is shown yet, compute it."""
        suggestion = self.buffer.suggestion
        line = self.buffer.text
        self._take(suggestion.text if suggestion else self.ahead.submit(self.suggestions.ghost, line).result())

    def take_word(self) -> None:
        """Add the first word of the grey text."""
        if suggestion := self.buffer.suggestion:
            word = next(iter(self.session.predictor.vocabulary.tokenize(suggestion.text)), "")
            end = suggestion.text.lower().find(word.lower()) + len(word)
            self._take(suggestion.text[:end])

    def _take(self, text: str) -> None:
        if text:
            self.buffer.insert_text(text)
            self.suggestions.finished = self.buffer.text

    def take_choice(self) -> None:
        """Keep the word that is chosen in the menu, and offer the next."""
        self.buffer.complete_state = None
        self.suggestions.finished = self.buffer.text
        self.buffer.start_completion()

    def paste(self, text: str) -> None:
        """Add pasted text to the line; much of it straight to the document, as an editor of lines would get slow."""
        text = text.replace("\r\n", "\n").replace("\r", "\n")
        if not self.session.predictor.vocabulary.text.eos:
            text = re.sub(r"[ \t]*\n\s*", " ", text)
        if len(self.buffer.text) + len(text) <= LONG:
            self.buffer.insert_text(text)
            return
        self.session.add(self.buffer.text + text)
        self.buffer.reset()
        run_in_terminal(lambda: self.display.note(f"{len(text):,} characters were added to the text; Enter writes on."))
