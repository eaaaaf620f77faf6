"""How the replies of a session reach its output: words wrapped at the edge, all else a line; notes apart from data."""

import re
import textwrap
from collections.abc import Iterable
from typing import TextIO

from rnnwords.cli.output.terminal import can_write, cell_count, columns, safe
from rnnwords.cli.repl.session import Reply


class Display:
    """Two streams: `output` takes the text and what was asked for, `notes` the rest. All of it is escaped.

    A terminal gets generated words as they come. With `paragraphs` it keeps line ends and breaks lines between words
    at its present width; without, and on a pipe, each answer is one line, so that a program can ask line by line.
    """

    def __init__(self, output: TextIO, notes: TextIO, *, quiet: bool = False, paragraphs: bool = True) -> None:
        self.output = output
        self.notes = notes
        self.quiet = quiet
        self.paragraphs = paragraphs
        self.live = output.isatty()
        self.column = 0
        self.open = False  # a line of text is not ended yet
        self.spaced = True  # nothing on that line, or a space, is the last that was written

    def show(self, replies: Iterable[Reply]) -> bool:
        """Show the replies to one line. False if the session is to end."""
        for kind, text in replies:
            if kind == "word":
                self.word(text)
            elif kind == "data":
                self.end_line()
                self._put(self.output, self._fitted(text) + "\n")
            elif kind == "note":
                self.note(text)
            elif kind == "error":
                self.complain(text)
            else:
                return False
        return True

    def word(self, text: str) -> None:
        """Write words, each with the space in front of it."""
        if not self.paragraphs:
            text = text.replace("\n", " ")
        width = columns(self.output) if self.paragraphs else None
        for piece in re.findall(r"\n|[^\S\n]*\S+|[^\S\n]+", safe(text)):
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
            self._put(self.output, piece, flush=self.live)
            self.open, self.spaced = True, piece.endswith((" ", "\n")) or (self.spaced and not piece)

    def typed(self, prompt: str, line: str) -> None:
        """Write what was typed, where an editor has wiped it: the generated words go on behind it."""
        self.word(prompt + line)

    def end_line(self, *, always: bool = False) -> None:
        """End the line of text, if there is one, or `always`: then an empty one answers, too."""
        if self.open or always:
            self._put(self.output, "\n")
        self.open, self.spaced, self.column = False, True, 0

    def note(self, text: str) -> None:
        """A line that is no data; none if quiet."""
        if not self.quiet:
            self._tell(text)

    def complain(self, text: str) -> None:
        """One line about what went wrong."""
        self._tell(f"Error: {text}")

    def _tell(self, text: str) -> None:
        if self.live:
            self.end_line()
        width = columns(self.notes)
        lines = textwrap.wrap(safe(text), width, break_long_words=False) if width else [text]
        self._put(self.notes, "\n".join(lines) + "\n")

    def _fitted(self, text: str) -> str:
        """Lines as wide as the terminal, if it is one; what is too long goes on below its last column of words."""
        width = columns(self.output) if self.live else None
        if not width:
            return text
        found = []
        for line in safe(text).split("\n"):
            indent = max((match.end() for match in re.finditer(r"\S {2,}", line)), default=0)
            below = " " * (indent if indent < width // 2 else 0)
            fits = cell_count(line) <= width
            found += [line] if fits else textwrap.wrap(line, width, subsequent_indent=below, break_long_words=False)
        return "\n".join(found)

    def ask(self, prompt: str) -> None:
        """Write a prompt and stay on its line."""
        self._put(self.notes, prompt)

    def _put(self, stream: TextIO, text: str, *, flush: bool = True) -> None:
        text = safe(text)
        if not can_write(text, stream):
            encoding = stream.encoding or "ascii"
            text = text.encode(encoding, "backslashreplace").decode(encoding)
        stream.write(text)
        if flush:
            stream.flush()
