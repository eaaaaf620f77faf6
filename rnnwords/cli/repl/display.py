"""Display of a session: text wrapped at the edge of the terminal on one stream, notes and errors on another."""

import re
import textwrap
from collections.abc import Iterable
from typing import TextIO

from rnnwords.cli.output.messages import one_line
from rnnwords.cli.output.terminal import cell_count, columns, encodable, safe
from rnnwords.cli.repl.session import Reply

MAX_WAITING = 60  # columns of a word that is not written yet; scripts without spaces have no end of one


class SessionDisplay:
    """Two streams: `output` receives text and data, `notes` the rest. Control characters are escaped.

    A terminal shows generated words as they come. With `paragraphs`, line ends are kept and lines are wrapped between
    words at the present width; without, and on a pipe, each answer is one line.
    """

    def __init__(self, output: TextIO, notes: TextIO, *, quiet: bool = False, paragraphs: bool = True) -> None:
        self.output = output
        self.notes = notes
        self.quiet = quiet
        self.paragraphs = paragraphs
        self.live = output.isatty()
        self.column = 0
        self.open = False  # whether a line of text has not ended
        self.spaced = True  # whether that line is empty or ends in a space
        self.waiting = ""  # a word that is not written yet

    def show(self, replies: Iterable[Reply]) -> bool:
        """Show the replies to a line. Return whether the session goes on."""
        for kind, text in replies:
            if kind == "word":
                self.word(text)
            elif kind == "data":
                self.end_line()
                self._write(self.output, self._wrapped(text) + "\n")
            elif kind == "note":
                self.note(text)
            elif kind == "error":
                self.error(text)
            else:
                return False
        return True

    def word(self, text: str) -> None:
        """Write words, each with the space before it. The last one waits for the next space: a mark may follow."""
        if not self.paragraphs:
            text = text.replace("\n", " ")
        width = columns(self.output) if self.paragraphs else None
        for piece in re.findall(r"\n|[^\S\n]*\S+|[^\S\n]+", safe(text)):
            if width is None:
                self._put(piece, None)
            elif piece[0].isspace():
                self._flush(width)
                self.waiting = piece
            else:
                self.waiting += piece
                if cell_count(self.waiting) >= MAX_WAITING:
                    self._flush(width)

    def _flush(self, width: int | None) -> None:
        piece, self.waiting = self.waiting, ""
        if piece:
            self._put(piece, width)

    def _put(self, piece: str, width: int | None) -> None:
        if self.spaced:
            piece = piece.lstrip(" ")
        cells = cell_count(piece)
        if piece == "\n":
            self.column = 0
        elif width is not None and self.column > 0 and self.column + cells >= width:
            piece = "\n" + piece.lstrip()
            self.column = cell_count(piece)
        else:
            self.column += cells
        self._write(self.output, piece, flush=self.live)
        self.open, self.spaced = True, piece.endswith((" ", "\n")) or (self.spaced and not piece)

    def end_line(self, *, always: bool = False) -> None:
        """End the line of text, if there is one; with `always`, write an empty line otherwise."""
        self._flush(columns(self.output) if self.paragraphs else None)
        if self.open or always:
            self._write(self.output, "\n")
        self.open, self.spaced, self.column = False, True, 0

    def note(self, text: str) -> None:
        """Write a note, unless quiet."""
        if not self.quiet:
            self._write_note(text)

    def error(self, text: str) -> None:
        """Write an error."""
        self._write_note(f"Error: {text}")

    def _write_note(self, text: str) -> None:
        if self.live:
            self.end_line()
        line, width = one_line(text), columns(self.notes)
        lines = textwrap.wrap(line, width, break_long_words=False) if width else [line]
        self._write(self.notes, "\n".join(lines) + "\n")

    def _wrapped(self, text: str) -> str:
        """Return lines wrapped at the width of the terminal, if it is one, below their last column of words."""
        width = columns(self.output) if self.live else None
        if not width:
            return text
        wrapped = []
        for line in safe(text).split("\n"):
            indent = max((match.end() for match in re.finditer(r"\S {2,}", line)), default=0)
            below = " " * (indent if indent < width // 2 else 0)
            fits = cell_count(line) <= width
            wrapped += [line] if fits else textwrap.wrap(line, width, subsequent_indent=below, break_long_words=False)
        return "\n".join(wrapped)

    def prompt(self, text: str) -> None:
        """Write a prompt and stay on its line."""
        self._write(self.notes, text)

    def _write(self, stream: TextIO, text: str, *, flush: bool = True) -> None:
        stream.write(encodable(safe(text), stream))
        if flush:
            stream.flush()
