"""The line editor on a terminal: ghost text, menu, keys, underlined words, history.

Keys are answered at once: menu and ghost text are computed in one background thread, similar words in another, and
results for a line that has changed since are dropped.
"""

import asyncio
import os
import re
from concurrent.futures import ThreadPoolExecutor

from prompt_toolkit import PromptSession
from prompt_toolkit.application import get_app, run_in_terminal
from prompt_toolkit.auto_suggest import Suggestion
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.filters import completion_is_selected
from prompt_toolkit.history import History
from prompt_toolkit.input import Input
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.keys import Keys
from prompt_toolkit.output import Output
from prompt_toolkit.styles import Style

from rnnwords.cli.output.bars import BLOCK, EMPTY_BLOCK
from rnnwords.cli.output.terminal import can_write, safe, without_echo
from rnnwords.cli.repl.commands import answer
from rnnwords.cli.repl.display import SessionDisplay
from rnnwords.cli.repl.history import open_history
from rnnwords.cli.repl.menu import MenuCompleter, UnknownWordLexer
from rnnwords.cli.repl.session import WritingSession
from rnnwords.cli.repl.suggestions import MENU_SIZE, Suggestions
from rnnwords.cli.repl.unsaved import state_directory, unsaved_text_kept

PROMPT = "> "
HINT = "Tab: accept the grey text   Alt-\u2192: accept a word   Enter: continue   :help   Ctrl-D: end"
GHOST_DELAY = 0.02  # seconds without a key before ghost text is computed, so that the menu comes first
SIMILAR_DELAY = 0.2  # seconds without a key before similar words are looked up
MAX_LINE = 10_000  # characters; longer pasted text goes straight to the document
STYLE = Style.from_dict(
    {
        "prompt": "ansicyan",
        "unknown": "underline",
        "auto-suggestion": "italic" if os.environ.get("NO_COLOR") else "ansibrightblack",  # differs from typed text
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
    session: WritingSession, display: SessionDisplay, *, input: Input | None = None, screen: Output | None = None
) -> None:  # fmt: skip
    """Read lines in the editor and answer them, until Ctrl-D on an empty line, :quit or the end of the terminal.

    Unsaved text is kept in a file then, and a note names it.
    """
    directory = state_directory()
    history, trouble = open_history(directory)
    session.notes_unknown = False
    words = len(session.model.vocabulary)
    display.note(
        trouble or f"{words:,} words; Tab accepts the grey text, Enter continues it, :help lists the commands."
    )
    editor = LineEditor(session, display, history, input, screen)
    with unsaved_text_kept(session, display, directory):
        try:
            with without_echo(editor.prompt.app.input.fileno):
                goes_on = True
                while goes_on:
                    try:
                        goes_on = _answer_line(editor, session, display)
                    except KeyboardInterrupt:  # cancels the line or its answer; what is written stays
                        display.end_line()
        finally:
            editor.close()


def _answer_line(editor: "LineEditor", session: WritingSession, display: SessionDisplay) -> bool:
    """Read a line and answer it. Return whether the session goes on."""
    try:
        line = editor.read()
    except (EOFError, OSError):  # Ctrl-D, or the terminal is closed
        return False
    display.word(PROMPT + line)  # the editor has erased it; the generated words follow on the same line
    goes_on = display.show(answer(session, line))
    display.end_line()
    return goes_on


class LineEditor:
    """A prompt for one line after another, with the suggestions of the session."""

    def __init__(
        self, session: WritingSession, display: SessionDisplay, history: History, input: Input | None,
        screen: Output | None,
    ) -> None:  # fmt: skip
        self.session = session
        self.display = display
        self.suggestions = Suggestions(session)
        self.shown = ("", "")  # the line and the ghost text after it
        self.reading = False
        self.model_thread = ThreadPoolExecutor(1, "model")  # the only one that uses the model while a line is read
        self.spelling_thread = ThreadPoolExecutor(1, "similar words")
        bars = can_write(BLOCK + EMPTY_BLOCK, display.output)
        self.prompt: PromptSession[str] = PromptSession(
            [("class:prompt", PROMPT)], history=history, style=STYLE, input=input, output=screen,
            completer=MenuCompleter(self.suggestions, self.model_thread, bars), complete_while_typing=True,
            lexer=UnknownWordLexer(self.suggestions), key_bindings=self._keys(), bottom_toolbar=self.toolbar,
            erase_when_done=True, reserve_space_for_menu=MENU_SIZE + 1,
        )  # fmt: skip
        self.spelling_thread.submit(lambda: self.suggestions.alphabetical)
        self.buffer = self.prompt.default_buffer
        self.buffer.on_text_changed += self._changed

    def _keys(self) -> KeyBindings:
        """Return the keys that differ from those of prompt_toolkit. Of several bindings, the last one has priority."""
        keys = KeyBindings()

        @keys.add("tab")
        def tab(event: KeyPressEvent) -> None:
            if self.suggestions.is_command(self.buffer.text):
                if self.buffer.complete_state is None:
                    self.buffer.start_completion(select_first=True)
                else:
                    self.buffer.complete_next()
            elif self.buffer.document.is_cursor_at_the_end:
                self.accept_all()

        @keys.add("tab", filter=completion_is_selected)
        @keys.add("enter", filter=completion_is_selected)
        def accept(event: KeyPressEvent) -> None:
            self.accept_entry()

        @keys.add("escape", "right")
        @keys.add("escape", "f")
        def alt_right(event: KeyPressEvent) -> None:
            if self.buffer.document.is_cursor_at_the_end:
                self.accept_word()

        @keys.add(Keys.BracketedPaste)
        def paste(event: KeyPressEvent) -> None:
            self.paste(event.data)

        return keys

    def read(self) -> str:
        """Return the next line. Raises KeyboardInterrupt for Ctrl-C, EOFError for Ctrl-D or a closed terminal."""
        self.suggestions.finished, self.shown, self.reading = None, ("", ""), True
        try:
            return self.prompt.prompt(pre_run=lambda: self._changed(self.buffer))
        finally:
            self.reading = False
            self.model_thread.submit(int).result()  # until the thread no longer uses the model

    def close(self) -> None:
        """End the background threads."""
        self.model_thread.shutdown(wait=False, cancel_futures=True)
        self.spelling_thread.shutdown(wait=False, cancel_futures=True)

    def _changed(self, buffer: Buffer) -> None:
        """After each key, keep the ghost text if it begins with the key, and compute suggestions for the new line."""
        line, ghost = self.shown
        rest = (line + ghost).removeprefix(buffer.text) if buffer.text.startswith(line) else ""
        self._show(buffer.text, rest if rest != line + ghost or not buffer.text else "")
        if self.reading:
            get_app().create_background_task(self._suggest(buffer.text))

    def _show(self, line: str, ghost: str) -> None:
        self.shown = (line, ghost)
        self.buffer.suggestion = Suggestion(ghost) if ghost else None

    async def _suggest(self, line: str) -> None:
        """Compute ghost text and, after a pause, similar words for unknown ones; stop when the line changes."""

        def needed() -> bool:
            return self.reading and self.buffer.text == line

        loop = asyncio.get_running_loop()
        await asyncio.sleep(GHOST_DELAY)
        ghost = await loop.run_in_executor(self.model_thread, self.suggestions.ghost, line, needed)
        if not needed():
            return
        self._show(line, ghost)
        get_app().invalidate()
        await asyncio.sleep(SIMILAR_DELAY)
        for span in self.suggestions.unknown(line) if needed() else ():
            await loop.run_in_executor(self.spelling_thread, self.suggestions.similar, span.word)
            get_app().invalidate()

    def toolbar(self) -> str:
        """Return the line below: an error, the unknown words with similar ones, or the keys."""
        text = HINT
        if self.suggestions.trouble:
            text = f"Error: {self.suggestions.trouble}"
        elif unknown := dict.fromkeys(span.word for span in self.suggestions.unknown(self.buffer.text)):
            text = "unknown: " + ", ".join(self._with_similar(word) for word in list(unknown)[-3:])
        return safe(text)[: get_app().output.get_size().columns - 1]

    def _with_similar(self, word: str) -> str:
        similar = self.suggestions.similar_cached(word)
        return f"{word} ({', '.join(similar)}?)" if similar else word

    def accept_all(self) -> None:
        """Insert the ghost text; if none is shown yet, compute it."""
        suggestion = self.buffer.suggestion
        line = self.buffer.text
        self._insert(suggestion.text if suggestion else self.model_thread.submit(self.suggestions.ghost, line).result())

    def accept_word(self) -> None:
        """Insert the first word of the ghost text."""
        if suggestion := self.buffer.suggestion:
            word = next(iter(self.session.model.vocabulary.tokenize(suggestion.text)), "")
            end = suggestion.text.lower().find(word.lower()) + len(word)
            self._insert(suggestion.text[:end])

    def _insert(self, text: str) -> None:
        if text:
            self.buffer.insert_text(text)
            self.suggestions.finished = self.buffer.text

    def accept_entry(self) -> None:
        """Keep the word that is selected in the menu, and offer the next."""
        self.buffer.complete_state = None
        self.suggestions.finished = self.buffer.text
        self.buffer.start_completion()

    def paste(self, text: str) -> None:
        """Insert pasted text into the line, or, since long lines make the editor slow, a long one into the document."""
        text = text.replace("\r\n", "\n").replace("\r", "\n")
        if not self.session.model.vocabulary.text.eos:
            text = re.sub(r"[ \t]*\n\s*", " ", text)
        if len(self.buffer.text) + len(text) <= MAX_LINE:
            self.buffer.insert_text(text)
            return
        self.session.add(self.buffer.text + text)
        self.buffer.reset()
        run_in_terminal(lambda: self.display.note(f"added {len(text):,} characters to the text; Enter continues it."))
