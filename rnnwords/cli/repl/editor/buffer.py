"""The text of the editor: a buffer whose undo takes little memory, and the session that it belongs to."""

from collections.abc import Callable, Iterator

from prompt_toolkit.buffer import Buffer
from prompt_toolkit.completion import Completer
from prompt_toolkit.document import Document
from prompt_toolkit.filters import Condition

from rnnwords.cli.repl.kept_drafts import DraftStore
from rnnwords.cli.repl.session import Reply, WritingModel, WritingSession, WritingSettings
from rnnwords.cli.repl.undo import UndoHistory
from rnnwords.errors import UsageError
from rnnwords.prediction.completions import end_of_text


class DraftBuffer(Buffer):
    """A buffer of many lines. Undo goes word by word; Buffer's own would keep a copy of the text for each."""

    def __init__(self, completer: Completer | None = None) -> None:
        self.versions = UndoHistory()
        self.whole = False  # whether changes are one step of undo until this is False again
        self.completes = True  # whether the menu follows what is typed
        self.before_command: UndoHistory | None = None  # the versions before a command line was begun
        super().__init__(
            completer=completer, complete_while_typing=Condition(lambda: self.completes), multiline=True,
            name="draft",
        )  # fmt: skip

    def save_to_undo_stack(self, clear_redo_stack: bool = True) -> None:
        """Record the text; without a change, nothing happens."""
        if not self.whole:
            self.versions.record(self.text, self.cursor_position)

    def validate_and_handle(self) -> None:
        """Do nothing: keys that hand in the line of a shell would empty the draft."""

    def go_to_history(self, index: int) -> None:
        """Do nothing: a draft has no history of lines."""

    def insert_text(
        self, data: str, overwrite: bool = False, move_cursor: bool = True, fire_event: bool = True
    ) -> None:
        """Insert a text at the cursor. The first letter of a word begins a step of undo."""
        before = self.document.char_before_cursor
        if data.startswith(":") and not self.line:
            self.begin_command()
        if (not before or before.isspace()) and not data[:1].isspace():
            self.save_to_undo_stack()
        super().insert_text(data, overwrite, move_cursor, fire_event)

    def undo(self) -> None:
        """Restore the version before, if there is one."""
        self.restore(self.versions.undo(self.text, self.cursor_position))

    def redo(self) -> None:
        """Restore the version that was undone last, if there is one."""
        self.restore(self.versions.redo(self.text, self.cursor_position))

    def restore(self, version: tuple[str, int] | None) -> bool:
        """Show a version; return whether there is one."""
        if version is None:
            return False
        self.document = Document(version[0], min(version[1], len(version[0])))
        return True

    @property
    def place(self) -> tuple[str, str]:
        """The text before the line of the cursor, and that line up to the cursor."""
        cursor = self.cursor_position
        start = self.text.rfind("\n", 0, cursor) + 1
        return self.text[:start], self.text[start:cursor]

    @property
    def line(self) -> str:
        """The whole line of the cursor."""
        return self.document.current_line

    @property
    def is_at_line_end(self) -> bool:
        """Whether the cursor is at the end of a line."""
        return self.text[self.cursor_position : self.cursor_position + 1] in ("", "\n")

    @property
    def is_at_text_end(self) -> bool:
        """Whether the cursor is at the end of the text."""
        return self.cursor_position == len(self.text)

    def begin_command(self) -> None:
        """Remember text, cursor and undo history: a command does not change the text."""
        self.save_to_undo_stack()
        self.before_command = self.versions.copy()

    def end_command(self) -> None:
        """Remove the line of the cursor, a command; text and undo history are as before it was begun.

        If something else has changed since, or the line is not one that was typed here, removing it is a change.
        """
        start = self.cursor_position - len(self.document.current_line_before_cursor)
        end = start + len(self.line)
        before, after = self.text[:start], self.text[end:]
        versions, self.before_command = self.before_command, None
        if versions is not None and versions.text in (before + after, before[:-1] + after):
            self.document = Document(versions.text, versions.cursor)
            self.versions = versions
        else:
            self.save_to_undo_stack()
            self.document = Document(before + after[1:], start)


class DraftSession(WritingSession):
    """The session of the text in a buffer."""

    def __init__(
        self, model: WritingModel, settings: WritingSettings, buffer: DraftBuffer, store: DraftStore | None = None
    ) -> None:
        super().__init__(model, settings, store)
        self.buffer = buffer
        self.on_learned: Callable[[], None] = lambda: None

    @property
    def document(self) -> str:
        """The whole text."""
        return self.buffer.text

    @property
    def finished_lines(self) -> str:
        """The text without the line of the cursor."""
        before, _ = self.buffer.place
        return before + self.buffer.text[len(before) + len(self.buffer.line) :]

    def learned(self) -> None:
        """Follow the model, which has learned."""
        self.on_learned()

    def set_document(self, text: str, *, undoable: bool) -> None:
        """Replace the whole text; the cursor is at its end."""
        self.buffer.save_to_undo_stack()
        self.buffer.document = Document(text, len(text))
        if not undoable:
            self.buffer.versions.clear(text)

    def last_text(self) -> tuple[str, str]:
        """Return the context of the line of the cursor, or of the last one before it with words, and that line."""
        text, cursor = self.buffer.text, self.buffer.cursor_position
        end = text.find("\n", cursor)
        text = text[: end if end >= 0 else None].rstrip()
        start = text.rfind("\n") + 1
        return end_of_text([text[:start]]), text[start:]

    def undo(self) -> Iterator[Reply]:
        """Restore the version of the text before."""
        yield from self._restored(self.buffer.versions.undo(self.buffer.text, self.buffer.cursor_position), "undo")

    def redo(self) -> Iterator[Reply]:
        """Restore the version that was undone last."""
        yield from self._restored(self.buffer.versions.redo(self.buffer.text, self.buffer.cursor_position), "redo")

    def _restored(self, version: tuple[str, int] | None, what: str) -> Iterator[Reply]:
        if not self.buffer.restore(version):
            raise UsageError(f"nothing to {what}")
        yield from ()

    def go(self, words: int | None) -> Iterator[Reply]:
        """Do nothing: the editor runs continuations beside its keys."""
        yield from ()
