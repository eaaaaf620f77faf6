"""Printing of generated text: wrapped and word by word on a terminal, plain in a pipe."""

import sys
from collections.abc import Iterable

from rnnwords.cli.output.terminal import encodable, safe


class Printer:
    """Prints prompts with their continuations.

    With `one_line`, line ends become spaces, so that each answer is one line. `stream` prints each piece as it comes;
    None does so on a terminal. Control characters are escaped, except in a pipe with `raw`.
    """

    def __init__(self, *, one_line: bool, end: str, stream: bool | None, raw: bool) -> None:
        self.terminal = sys.stdout.isatty()
        self.stream = self.terminal if stream is None else stream
        self.one_line, self.end, self.raw = one_line, end, raw

    def print(self, prompt: str, pieces: Iterable[str]) -> None:
        """Print the prompt as it was typed, then the pieces that follow it."""
        if self.terminal:
            self._draw(prompt, pieces if self.stream else list(pieces))
            return
        self._write(prompt)
        spaced = not prompt or prompt[-1].isspace()  # no second space after a typed one
        for piece in pieces:
            self._write(piece.removeprefix(" ") if spaced else piece)
            spaced = False
            if self.stream or "\n" in piece:
                sys.stdout.flush()
        sys.stdout.write(self.end)
        sys.stdout.flush()

    def _draw(self, prompt: str, pieces: Iterable[str]) -> None:
        from rnnwords.cli.repl.display import SessionDisplay

        display = SessionDisplay(sys.stdout, sys.stderr, paragraphs=not self.one_line)
        display.word(prompt)
        for piece in pieces:
            display.word(piece)
        display.end_line(always=True)

    def _write(self, text: str) -> None:
        if self.one_line:
            text = text.replace("\n", " ")
        sys.stdout.write(encodable(text if self.raw else safe(text), sys.stdout))
