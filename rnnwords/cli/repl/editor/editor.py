"""What the keys of the editor do: text and commands, continuations, undo, and the copy of what is not saved."""

import asyncio
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import chain
from pathlib import Path

from prompt_toolkit.application import get_app
from prompt_toolkit.document import Document

from rnnwords.cli.output.bars import BLOCK, EMPTY_BLOCK
from rnnwords.cli.output.terminal import can_write
from rnnwords.cli.repl.commands import answer, as_command, parse, resolved, words_of
from rnnwords.cli.repl.display import SessionDisplay
from rnnwords.cli.repl.editor.buffer import DraftBuffer, DraftSession
from rnnwords.cli.repl.editor.ghost import Continuation, GhostText
from rnnwords.cli.repl.editor.menu import MenuCompleter
from rnnwords.cli.repl.editor.messages import KEYS, Messages
from rnnwords.cli.repl.editor.view import DraftControl
from rnnwords.cli.repl.history import open_history
from rnnwords.cli.repl.keeping import opening_notes
from rnnwords.cli.repl.kept_drafts import DraftStore, state_directory
from rnnwords.cli.repl.session import Reply, WritingModel, WritingSettings
from rnnwords.cli.repl.suggestions import Suggestions
from rnnwords.errors import RnnwordsError

KEEP_SECONDS = 2.0  # between two times that the unsaved text is kept


class Editor:
    """A draft with the suggestions of a model."""

    def __init__(self, model: WritingModel, settings: WritingSettings, display: SessionDisplay) -> None:
        directory = state_directory()
        self.history, self.trouble = open_history(directory)
        self.recalled: list[str] | None = None  # commands of the history, newest first, while one is recalled
        self.model_thread = ThreadPoolExecutor(1, "model")
        self.suggestions = Suggestions(model)
        bars = can_write(BLOCK + EMPTY_BLOCK, display.output)
        self.completer = MenuCompleter(self.suggestions, self.model_thread, bars)
        self.buffer = DraftBuffer(self.completer)
        self.session = DraftSession(model, settings, self.buffer, DraftStore(directory))
        self.session.with_model, self.session.on_learned = self.model_thread.submit, self.suggestions.refresh
        self.session.run_steps = self.run_steps
        self.ghost = GhostText(self.session, self.buffer, self.suggestions, self.model_thread)
        self.continuation = Continuation(self.session, self.suggestions, self.model_thread)
        self.messages = Messages(display.quiet)
        self.words = 0  # of the text, as they were counted last
        self._counted: str | None = None  # the text then
        self._given_up: str | None = None  # the text that could not be kept when the session was to end
        self.control = DraftControl(self.buffer, self.ghost.text, self.suggestions.unknown, self.suggestions.is_command)
        self.buffer.on_text_changed += lambda _: self.messages.edited()

    def begin(self, file: Path | None) -> None:
        """Open the file, and show the unsaved texts of earlier sessions."""
        replies = list(opening_notes(self.session, file))
        if self.trouble:
            replies.append(Reply("note", self.trouble))
        self.messages.show(replies)
        self.count_words()

    def run_steps(self, step: Callable[[], bool]) -> None:
        """Do steps of an adaptation in the thread of the model, with what else needs it between two of them."""

        def run() -> None:
            if step():
                with suppress(RuntimeError):  # the session has ended
                    self.model_thread.submit(run)

        self.model_thread.submit(run)

    def close(self) -> None:
        """End the background threads."""
        self.ghost.close()

    async def keep_text(self) -> None:
        """From time to time keep the unsaved text, count its words, and look whether its file was changed."""
        loop = asyncio.get_running_loop()
        noted = False
        while True:
            await asyncio.sleep(KEEP_SECONDS)
            await loop.run_in_executor(None, self.session.keep)
            self.count_words()
            if self.session.trouble and not self.messages.line:
                self.messages.show([Reply("error", self.session.trouble)])
            file = self.session.file
            changed = file is not None and await loop.run_in_executor(None, file.is_changed)
            if changed and not noted and file is not None:
                again = f":open {file.path} reads it, :save! replaces it"
                note = f"{file.path.name} was changed by another program; {again}"
                self.messages.show([Reply("error", note)])
            noted = changed
            get_app().invalidate()

    def on_command_line(self) -> bool:
        """Return whether the line of the cursor is a command, or the beginning of one."""
        return self.suggestions.is_command(self.buffer.line)

    def enter(self) -> None:
        """Run the command on the line, or end the line and begin the next."""
        line = self.buffer.line
        command = parse(line)
        if command is None:
            self.buffer.save_to_undo_stack()
            self.buffer.newline(copy_margin=False)
            self.session.learn()
            self.buffer.start_completion()
            return
        try:
            resolved(command[0])
        except RnnwordsError as error:  # the line may be text: it stays
            self.messages.show([Reply("error", f"{error}; a space before the colon makes the line text")])
            return
        typed, before = self.buffer.document, self.buffer.before_command
        self.buffer.end_command()
        self.recalled = None
        self.history.append_string(line)
        self.run_command(*command)
        self.completer.silent_at = self.buffer.document
        if self.messages.is_error:  # the line stays, to be corrected
            message = self.messages.line
            self.buffer.document = typed
            self.buffer.before_command = before and before.copy()
            self.messages.line, self.messages.is_error = message, True

    def open_command_line(self) -> None:
        """Begin a command on a line of its own below that of the cursor; afterwards the text is as before."""
        buffer = self.buffer
        if self.on_command_line():
            return
        buffer.begin_command()
        buffer.cursor_position += buffer.document.get_end_of_line_position()
        buffer.insert_text("\n:" if buffer.line else ":")

    def run_command(self, name: str, argument: str = "") -> bool:
        """Run a command; return whether the session goes on."""
        if resolved(name) == "go":
            try:
                self.go(words_of(argument))
            except RnnwordsError as error:
                self.messages.show([Reply("error", as_command(str(error)))])
            return True
        replies = answer(self.session, name, argument)
        if resolved(name) == "why":  # it needs the model
            replies = iter(self.model_thread.submit(list, replies).result())
        elif resolved(name) == "help":
            replies = chain([Reply("data", KEYS)], replies)
        goes_on = self.messages.show(replies)
        self.count_words()
        if not goes_on:
            self.end()
        return goes_on

    def go(self, words: int | None = None) -> None:
        """Let the model continue at the cursor."""
        self.messages.close()
        get_app().create_background_task(self._go(words))

    async def _go(self, words: int | None) -> None:
        try:
            for reply in self.session.random_seed():
                self.messages.show([reply])
            await self.continuation.write(words)
            self.count_words()
        except RnnwordsError as error:
            self.messages.show([Reply("error", as_command(str(error)))])
        self.buffer.start_completion()

    def cancel(self) -> None:
        """Stop a continuation; else close the menu, the pane, or clear the command on the line."""
        if self.continuation.stop():
            return
        if self.buffer.complete_state is not None:
            self.buffer.cancel_completion()
        elif self.buffer.selection_state is not None:
            self.buffer.exit_selection()
        elif not self.messages.close() and self.on_command_line():
            self.buffer.end_command()

    def end(self) -> None:
        """End the session; where the text cannot be kept, only if this is repeated."""
        self.continuation.stop()
        self.session.keep()
        if self.session.trouble and self._given_up != self.buffer.text:
            self._given_up = self.buffer.text
            self.messages.show([Reply("error", f"{self.session.trouble}; ending again loses it")])
        elif not get_app().is_done:
            get_app().exit()

    def undo(self) -> None:
        """Take back the last change."""
        self.continuation.stop()
        self.messages.show(answer(self.session, "undo", ""))

    def redo(self) -> None:
        """Repeat the change that was taken back last."""
        self.messages.show(answer(self.session, "redo", ""))

    @property
    def page(self) -> int:
        """Rows of the text on the screen."""
        info = get_app().layout.current_window.render_info
        return max(1, info.window_height - 1) if info else 10

    def move(self, rows: int) -> None:
        """Move the cursor by rows, without a menu."""
        self.buffer.complete_state = None
        self.control.move(rows)

    def recall(self) -> None:
        """Replace the command on the line by an earlier one."""
        if self.recalled is None:
            self.recalled = [line for line in self.history.load_history_strings() if parse(line)]
        if self.recalled:
            line, before = self.recalled.pop(0), self.buffer.place[0]
            after = self.buffer.text[len(before) + len(self.buffer.line) :]
            self.buffer.document = Document(before + line + after, len(before) + len(line))

    def paste(self, text: str) -> None:
        """Insert pasted text as one step of undo, as it is, but without NUL characters, which no text file has."""
        self.buffer.save_to_undo_stack()
        self.buffer.insert_text(re.sub(r"\r\n?", "\n", text.replace("\0", "")), fire_event=False)

    def count_words(self) -> None:
        """Count the words of the text."""
        if self.buffer.text is not self._counted:  # of a long text this takes a while
            self._counted = self.buffer.text
            self.words = len(self._counted.split())
