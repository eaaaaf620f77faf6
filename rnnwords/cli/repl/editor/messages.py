"""What the editor shows below the text: a pane with the output of a command, a line about the text, and a hint."""

from collections.abc import Iterable

from rnnwords.cli.output.messages import one_line
from rnnwords.cli.output.terminal import cell_count, cut, safe
from rnnwords.cli.output.wrapping import row_starts
from rnnwords.cli.repl.session import Reply

HINTS = {  # the keys of the last line of the screen -> how soon they are left out where the line is narrow
    "Tab accepts": 3,
    "Alt-\u2192 a word": 1,
    "Alt-Enter continues": 4,
    "Ctrl-S saves": 2,
    ":help": 5,
    "Ctrl-Q ends": 6,
}
KEYS = """\
Tab, Right, End, Ctrl-E    accept the grey text
Alt-Right                  accept one word of it
Down, then Enter           take a word of the menu
Enter                      end the line, or run a command such as :save
Alt-Enter                  let the model continue; Ctrl-C stops it
Ctrl-Z or Ctrl-_, Alt-Z    undo, redo
Alt-X                      type a command, wherever the cursor is
Ctrl-S                     save
Ctrl-C or Esc              close the menu or this list
Ctrl-Q                     end; Ctrl-D at the end of the text too
"""


class Messages:
    """The replies of the last command: a line, or a pane of lines that can be scrolled."""

    def __init__(self, quiet: bool) -> None:
        self.quiet = quiet
        self.pane: list[str] = []
        self.line = ""
        self.is_error = False
        self.top = 0  # the first row of the pane that is shown
        self.height = 1  # rows of the pane
        self.is_cut = False  # whether the pane has more rows than it shows

    def show(self, replies: Iterable[Reply]) -> bool:
        """Take the replies to a command. Return whether the session goes on."""
        self.close()
        data: list[str] = []
        for kind, text in replies:
            if kind == "data":
                data += safe(text).split("\n")
            elif kind == "error":
                self.line, self.is_error = f"Error: {one_line(text)}", True
            elif kind == "note" and not self.quiet and not self.is_error:
                self.line = "; ".join(filter(None, [self.line, one_line(text)]))
            elif kind == "end":
                return False
        self.pane = data
        return True

    def close(self) -> bool:
        """Remove pane and line; return whether there was anything."""
        shown = bool(self.pane or self.line)
        self.pane, self.line, self.is_error, self.top = [], "", False, 0
        return shown

    def edited(self) -> None:
        """Remove the line, since the text has changed; the pane stays."""
        self.line, self.is_error = "", False

    def scroll(self, rows: int) -> None:
        """Show other rows of the pane."""
        self.top = max(0, self.top + rows)

    def pane_rows(self, width: int, most: int) -> list[str]:
        """Return the rows of the pane that are shown: at most so many, the last of them on what is left."""
        rows = [row for line in self.pane for row in _wrapped(line, width)]
        self.height = max(1, min(len(rows), most - 1))
        self.is_cut = len(rows) > self.height
        self.top = min(self.top, max(0, len(rows) - self.height))
        shown = rows[self.top : self.top + self.height]
        left = len(rows) - self.top - self.height
        more = f"{left} more: Page Down   " if left else "Page Up   " if self.top else ""
        return [*shown, f"-- {more}Esc closes --"]


def _wrapped(line: str, width: int) -> list[str]:
    """Return the rows of a line; those after the first begin below its last column of words."""
    starts = row_starts(line, width)
    if len(starts) == 1:
        return [line]
    column = line.rstrip().rfind("   ") + 3
    indent = " " * column if 3 <= column < width // 2 else ""
    first, rest = line[: starts[1]].rstrip(), line[starts[1] :]
    below = row_starts(rest, max(8, width - len(indent)))
    ends = [*below[1:], len(rest)]
    return [first, *(indent + rest[start:end].rstrip() for start, end in zip(below, ends, strict=True))]


def hint(width: int) -> str:
    """Return as many of the keys as fit."""
    shown = dict(HINTS)
    while len(shown) > 1 and cell_count("   ".join(shown)) > width:
        del shown[min(shown, key=shown.__getitem__)]
    return cut("   ".join(shown), width)


def cut_rows(line: str, width: int, most: int) -> list[str]:
    """Return a line in at most so many rows; of a longer one, the last ends in an ellipsis."""
    rows = _wrapped(line, width)
    return rows if len(rows) <= most else [*rows[: most - 1], cut(" ".join(rows[most - 1 :]), width)]
