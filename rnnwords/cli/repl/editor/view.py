"""The text of a draft on the screen: rows of whole words, unknown words marked, ghost text at the cursor."""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from itertools import accumulate

from prompt_toolkit.data_structures import Point
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.layout.controls import BufferControl, GetLinePrefixCallable, UIContent

from rnnwords.cli.output.terminal import masked
from rnnwords.cli.output.wrapping import TAB, row_starts, width_of
from rnnwords.cli.repl.editor.buffer import DraftBuffer
from rnnwords.cli.repl.suggestions import UnknownSpan
from rnnwords.cli.repl.undo import common_length

CACHED_LINES = 50_000


class Rows:
    """The rows of lines at a width. The line of the cursor has the ghost text in it."""

    def __init__(self) -> None:
        self.lines: Sequence[str] = ("",)
        self.current = 0  # the line of the cursor
        self.current_line = ""  # with the ghost text
        self._text = ""
        self._width = 0
        self._starts: list[tuple[int, ...]] = [(0,)]  # of each line, where its rows start
        self._first = [0, 1]  # the row that each line starts on, and the number of rows
        self._cache: dict[str, tuple[int, ...]] = {}  # line -> where its rows start

    def update(self, text: str, lines: Sequence[str], current: int, current_line: str, width: int) -> None:
        """Lay out the lines of a text again, as far as they have changed."""
        known: tuple[int, ...] = (0,)
        if width != self._width:
            self._width = width
            self._cache.clear()
            self._lay_out_all(lines)
        elif current != self.current or not self._is_same_around(text, lines):
            self._lay_out_all(lines)
        else:
            same = max(0, common_length(self.current_line, current_line) - width - 1)
            starts = self._starts[current]
            known = starts[: max(1, bisect_right(starts, same) - 1)]
        self._text, self.lines, self.current, self.current_line = text, lines, current, current_line
        starts = row_starts(current_line, width, known)
        if len(starts) != len(self._starts[current]) or len(self._first) != len(lines) + 1:
            self._starts[current] = starts
            self._first = [0, *accumulate(map(len, self._starts))]
        self._starts[current] = starts

    def _is_same_around(self, text: str, lines: Sequence[str]) -> bool:
        """Return whether no line but that of the cursor has changed."""
        at = self.current
        return text is self._text or (
            len(lines) == len(self.lines) and lines[:at] == self.lines[:at] and lines[at + 1 :] == self.lines[at + 1 :]
        )

    def _lay_out_all(self, lines: Sequence[str]) -> None:
        """Lay out all lines; those that were laid out before are looked up."""
        cache, width = self._cache, self._width
        if len(cache) > max(CACHED_LINES, 2 * len(lines)):
            cache.clear()
        self._starts = [
            cache[line] if line in cache else cache.setdefault(line, row_starts(line, width)) for line in lines
        ]
        self._first = []

    @property
    def count(self) -> int:
        """The number of rows."""
        return self._first[-1]

    def row_of(self, line: int, column: int) -> tuple[int, int]:
        """Return the row of a place, and where in the line this row starts."""
        place = bisect_right(self._starts[line], column) - 1
        return self._first[line] + place, self._starts[line][place]

    def place_of(self, row: int) -> tuple[int, int, int]:
        """Return line, start and end of a row."""
        row = min(max(row, 0), self.count - 1)
        line = bisect_right(self._first, row) - 1
        starts, place = self._starts[line], row - self._first[line]
        text = self.current_line if line == self.current else self.lines[line]
        return line, starts[place], starts[place + 1] if place + 1 < len(starts) else len(text)


class DraftControl(BufferControl):
    """Shows a buffer in rows of whole words."""

    def __init__(
        self, buffer: DraftBuffer, ghost: Callable[[], str], unknown: Callable[[str], list[UnknownSpan]],
        is_command: Callable[[str], bool],
    ) -> None:  # fmt: skip
        self.draft = buffer
        self.ghost, self.unknown, self.is_command = ghost, unknown, is_command
        self.rows = Rows()
        self.width = 80
        self._line = self._ghost = ""  # of the cursor
        self._column = 0
        self._spans: list[UnknownSpan] | None = None
        self._goal: tuple[int, int] | None = None  # cursor after a move between rows, and the column it is to have
        super().__init__(buffer, focusable=True)

    def preferred_height(
        self, width: int, max_available_height: int, wrap_lines: bool, get_line_prefix: GetLinePrefixCallable | None
    ) -> int | None:
        """Return all of the height: the draft fills the screen."""
        return max_available_height

    def create_content(self, width: int, height: int, preview_search: bool = False) -> UIContent:
        """Return the rows of the text; only those on the screen are made."""
        self.width = max(2, width - 1)  # the cursor needs a column after the last word
        self._update()
        return UIContent(
            get_line=self._fragments, line_count=self.rows.count, show_cursor=True,
            cursor_position=self._point(self.draft.cursor_position), menu_position=self._menu_position(),
        )  # fmt: skip

    def _update(self) -> None:
        document = self.draft.document
        row, self._column = document.translate_index_to_position(document.cursor_position)
        self._line, self._ghost, self._spans = document.lines[row], self.ghost(), None
        shown = self._line[: self._column] + self._ghost + self._line[self._column :] if self._ghost else self._line
        self.rows.update(document.text, document.lines, row, shown, self.width)

    def _menu_position(self) -> Point:
        state = self.draft.complete_state
        if state is None or self.draft.cursor_position < state.original_document.cursor_position:
            return self._point(self.draft.cursor_position)
        return self._point(state.original_document.cursor_position)

    def _point(self, cursor: int) -> Point:
        line, column = self.draft.document.translate_index_to_position(min(cursor, len(self.draft.text)))
        row, start = self.rows.row_of(line, column)
        text = self.rows.current_line if line == self.rows.current else self.rows.lines[line]
        shown = _shown(text[start:column])
        return Point(min(len(shown), self.width), row)

    def _fragments(self, row: int) -> StyleAndTextTuples:
        """Return a row of the text."""
        line, start, end = self.rows.place_of(row)
        if line != self.rows.current:
            text = self.rows.lines[line]
            return self._marked(text, self.unknown(text + " "), start, end)
        text, ghost, column = self._line, self._ghost, self._column
        if self.is_command(text):
            return [("class:command", _shown(text[start:end]))]
        if self._spans is None:
            self._spans = self.unknown(text if column == len(text) else text + " ")
        if not ghost:
            return self._marked(text, self._spans, start, end)
        fragments = self._marked(text, self._spans, start, min(end, column))
        hidden = _shown(ghost[max(0, start - column) : max(0, end - column)])
        return [*fragments, ("class:ghost", hidden)] if hidden else fragments

    def _marked(self, text: str, spans: list[UnknownSpan], start: int, end: int) -> StyleAndTextTuples:
        """Return a part of a line, its unknown words marked."""
        fragments: StyleAndTextTuples = []
        place = start
        for span in spans:
            if span.end > start and span.start < end:
                first, last = max(span.start, place), min(span.end, end)
                fragments += [("", _shown(text[place:first])), ("class:unknown", _shown(text[first:last]))]
                place = last
        return [*fragments, ("", _shown(text[place:end]))]

    def move(self, count: int) -> None:
        """Move the cursor by rows, and keep its column."""
        self._update()
        draft = self.draft
        line, column = draft.document.translate_index_to_position(draft.cursor_position)
        row, start = self.rows.row_of(line, column)
        text = self.rows.lines[line]
        goal = width_of(text[start:column])
        if self._goal is not None and self._goal[0] == draft.cursor_position:
            goal = self._goal[1]
        line, start, end = self.rows.place_of(row + count)
        text = self.rows.lines[line]
        end = min(end, len(text)) if end >= len(text) else end - 1
        place = min(start, len(text))
        while place < end and width_of(text[start : place + 1]) <= goal:
            place += 1
        draft.cursor_position = draft.document.translate_row_col_to_index(line, place)
        self._goal = (draft.cursor_position, goal)


def _shown(text: str) -> str:
    """Return a text without control characters, and with spaces for tabs."""
    return masked(text).replace("\t", " " * TAB)
