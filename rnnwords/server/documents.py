"""Open documents: their text in lines, changed as the editor reports it."""

import re
from collections.abc import Sequence

from rnnwords.server.messages import Params, field
from rnnwords.server.positions import Position, index_of

# The line ends of LSP. `str.splitlines` knows more of them, such as U+2028.
_AFTER_LINE_END = re.compile(r"(?<=\n)|(?<=\r)(?!\n)")


class Document:
    """A text in lines, each with its end; the last one has none, and may be empty."""

    def __init__(self, text: str = "") -> None:
        self.lines = lines_of_document(text)
        self._counted = (0, 0)  # a line, and the number of characters before it

    @property
    def text(self) -> str:
        """The whole text."""
        return "".join(self.lines)

    def change(self, changes: Sequence[object], encoding: str) -> None:
        """Apply content changes in order: a `text` alone is the whole document, one with a `range` replaces that.

        Raises InvalidParams; the changes before an invalid one are applied.
        """
        for change in changes:
            values = field({"change": change}, "change", dict)
            text = field(values, "text", str)
            if values.get("range") is None:
                self.lines, self._counted = lines_of_document(text), (0, 0)
            else:
                self.replace(*range_of(values), text, encoding)

    def replace(self, start: Position, end: Position, text: str, encoding: str) -> None:
        """Replace a range, whose ends may come in any order."""
        (first, begin), (last, finish) = sorted(self.place(position, encoding) for position in (start, end))
        is_end = last == len(self.lines) - 1
        text = self.lines[first][:begin] + text + self.lines[last][finish:]
        if first and not begin and self.lines[first - 1].endswith("\r"):  # with \n after it, one line end
            first -= 1
            text = self.lines[first] + text
        if first < self._counted[0]:
            self._counted = (0, 0)
        lines = lines_of_document(text)
        self.lines[first : last + 1] = lines if is_end else lines[:-1]

    def before(self, line: int, size: int) -> tuple[list[str], int]:
        """Return the lines that end before `line`, as many as have `size` characters, and how many characters precede.

        The time does not depend on the length of the document while most calls are about neighbouring lines.
        """
        counted, characters = self._counted
        low, high = sorted((counted, line))
        between = sum(map(len, self.lines[low:high]))
        characters += between if counted < line else -between
        self._counted = (line, characters)
        first, left = line, size
        while first and left > 0:
            first -= 1
            left -= len(self.lines[first])
        parts = self.lines[first:line]
        return parts, characters - sum(map(len, parts))

    def place(self, position: Position, encoding: str) -> tuple[int, int]:
        """Return line and index in it of a position; after the end of a line, or of the text, that end counts."""
        if position.line >= len(self.lines):
            return len(self.lines) - 1, len(self.lines[-1])
        line = self.lines[position.line].rstrip("\r\n")
        return position.line, index_of(line, position.character, encoding)


def lines_of_document(text: str) -> list[str]:
    """Return the lines of a text with their ends, \\n, \\r\\n or \\r; the last one has none."""
    if "\r" in text:
        return _AFTER_LINE_END.split(text)
    *ended, last = text.split("\n")
    return [*(f"{line}\n" for line in ended), last]


def range_of(params: Params, name: str = "range") -> tuple[Position, Position]:
    """Return start and end of the range that is the field `name` of the parameters. Raises InvalidParams."""
    value = field(params, name, dict)
    return Position.of(value, "start"), Position.of(value, "end")
