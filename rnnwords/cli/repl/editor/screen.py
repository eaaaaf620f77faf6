"""What the editor shows: the text, the menu over it, and below it the output of commands, the status and the keys."""

import os

from prompt_toolkit.application import get_app
from prompt_toolkit.filters import Condition
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.layout import (
    ConditionalContainer,
    Dimension,
    Float,
    FloatContainer,
    FormattedTextControl,
    HSplit,
    Layout,
    Window,
)
from prompt_toolkit.layout.menus import CompletionsMenu
from prompt_toolkit.styles import Style

from rnnwords.cli.output.messages import one_line
from rnnwords.cli.output.terminal import cell_count, cut, safe
from rnnwords.cli.repl.editor.editor import Editor
from rnnwords.cli.repl.editor.messages import cut_rows, hint
from rnnwords.cli.repl.kept_drafts import counted
from rnnwords.cli.repl.suggestions import MENU_SIZE

_COLOURED = not os.environ.get("NO_COLOR")  # without colours, other attributes show the same differences
STYLE = Style.from_dict(
    {
        "command": "ansicyan",
        "unknown": "underline",
        "ghost": "ansibrightblack" if _COLOURED else "italic",
        "status": "reverse",
        "hint": "ansibrightblack",
        "error": "bold",
        "pane-end": "ansibrightblack",
        "completion-menu": "noinherit bg:#3a3a3a #ffffff" if _COLOURED else "noinherit reverse",
        "completion-menu.completion": "",
        "completion-menu.completion.current": "noinherit bg:#d0d0d0 #000000" if _COLOURED else "noinherit bold",
        "completion-menu.meta.completion": "noinherit bg:#3a3a3a #bcbcbc" if _COLOURED else "noinherit reverse",
        "completion-menu.meta.completion.current": "noinherit bg:#d0d0d0 #000000" if _COLOURED else "noinherit bold",
        "scrollbar.background": "noinherit",
        "scrollbar.button": "noinherit",
    }
)

MIN_PANE_ROWS, MIN_STATUS_ROWS = 8, 4  # of a terminal: below, the text has all of it
MAX_MESSAGE_ROWS = 4
SHORT_TEXT = 20_000  # characters whose words are counted after each key


class Screen:
    """The parts of the screen of an editor."""

    def __init__(self, editor: Editor) -> None:
        self.editor = editor
        self.messages = editor.messages

    def layout(self) -> Layout:
        """Return the layout."""
        menu = Float(
            CompletionsMenu(max_height=MENU_SIZE, scroll_offset=1), xcursor=True, ycursor=True, transparent=False
        )
        pane = Window(FormattedTextControl(self._pane), height=self._pane_height)
        status = Window(FormattedTextControl(self._status), height=1, style="class:status")
        keys = Window(FormattedTextControl(self._hint), height=lambda: Dimension.exact(len(self._message_rows())))
        bars = [
            ConditionalContainer(pane, Condition(lambda: bool(self.messages.pane) and self._rows() >= MIN_PANE_ROWS)),
            ConditionalContainer(status, Condition(lambda: self._rows() >= MIN_STATUS_ROWS)),
            ConditionalContainer(keys, Condition(lambda: self._rows() >= MIN_STATUS_ROWS)),
        ]
        text = Window(self.editor.control, wrap_lines=False)
        return Layout(HSplit([FloatContainer(text, [menu]), *bars]), text)

    def _columns(self) -> int:
        return get_app().output.get_size().columns

    def _rows(self) -> int:
        return get_app().output.get_size().rows

    def _pane(self) -> StyleAndTextTuples:
        rows = self.messages.pane_rows(self._columns(), self._most_rows())
        return [("", "\n".join(rows[:-1]) + "\n"), ("class:pane-end", rows[-1])]

    def _pane_height(self) -> Dimension:
        return Dimension.exact(len(self.messages.pane_rows(self._columns(), self._most_rows())))

    def _most_rows(self) -> int:
        return self._rows() // 2

    def _status(self) -> str:
        """Return the line about the text: its file, whether it is saved, its words, the unknown ones of the line."""
        if len(self.editor.buffer.text) < SHORT_TEXT:
            self.editor.count_words()
        file = self.editor.session.file
        name = safe(file.path.name) if file else "no file"
        state = "unsaved" if self.editor.session.unsaved else "saved" if file and self.editor.session.saved else ""
        if self.editor.continuation.running:
            state = "continues; Ctrl-C stops"
        left = "  ".join(filter(None, [f" {name}", state, counted(self.editor.words)]))
        unknown = dict.fromkeys(span.word for span in self.editor.suggestions.unknown(self.editor.buffer.place[1]))
        right = "unknown: " + ", ".join(map(self._with_similar, list(unknown)[-3:])) if unknown else ""
        room = self._columns() - cell_count(left) - 3
        right = cut(safe(right), room) if room > 12 else ""
        return left + " " * (self._columns() - cell_count(left) - cell_count(right) - 1) + right + " "

    def _with_similar(self, word: str) -> str:
        similar = self.editor.suggestions.similar_cached(word)
        return f"{word} ({', '.join(similar)}?)" if similar else word

    def _hint(self) -> StyleAndTextTuples:
        """Return the last rows: an error or note, or the keys."""
        if self._message():
            is_error = self.messages.is_error or self.editor.suggestions.trouble
            return [("class:error" if is_error else "", "\n".join(self._message_rows()))]
        return [("class:hint", hint(self._columns() - 1))]

    def _message(self) -> str:
        trouble = self.editor.suggestions.trouble
        return f"Error: {one_line(trouble)}" if trouble else self.messages.line

    def _message_rows(self) -> list[str]:
        """Return the rows of the message, as many as there is room for; one at least."""
        most = MAX_MESSAGE_ROWS if self._rows() >= MIN_PANE_ROWS else 1
        return cut_rows(self._message(), self._columns() - 1, most)
