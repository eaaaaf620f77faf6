"""How a generated text reaches standard output: wrapped and as it comes on a terminal, plain in a pipe."""

import sys
from collections.abc import Iterable

from rnnwords.cli.output.terminal import can_write, safe


class Printer:
    """Prints prompts and what follows them.

    With `one_line` a line end becomes a space, so that an answer is one line. `stream` shows each piece as it comes;
    None does so on a terminal. Control characters are escaped, unless `raw` lets them into a pipe.
    """

    def __init__(
        self, *, one_line: bool = False, end: str = "\n", stream: bool | None = None, raw: bool = False
    ) -> None:
        self.terminal = sys.stdout.isatty()
        self.stream = self.terminal if stream is None else stream
        self.one_line, self.end, self.raw = one_line, end, raw

    def print(self, prompt: str, pieces: Iterable[str]) -> None:
        """The prompt as it was typed, and the pieces behind it."""
        if self.terminal:
            self._draw(prompt, pieces if self.stream else list(pieces))
            return
        self._put(prompt)
        spaced = not prompt or prompt[-1].isspace()  # no second space behind one that was typed
        for piece in pieces:
            self._put(piece.removeprefix(" ") if spaced else piece)
            spaced = False
            if self.stream or "\n" in piece:
                sys.stdout.flush()
        sys.stdout.write(self.end)
        sys.stdout.flush()

    def _draw(self, prompt: str, pieces: Iterable[str]) -> None:
        from rnnwords.cli.repl.display import Display

        display = Display(sys.stdout, sys.stderr, paragraphs=not self.one_line)
        display.word(prompt)
        for piece in pieces:
            display.word(piece)
        display.end_line(always=True)

    def _put(self, text: str) -> None:
        if self.one_line:
            text = text.replace("\n", " ")
        if not self.raw:
            text = safe(text)
        if not can_write(text, sys.stdout):
            encoding = sys.stdout.encoding or "ascii"
            text = text.encode(encoding, "backslashreplace").decode(encoding)
        sys.stdout.write(text)
