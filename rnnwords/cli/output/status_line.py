"""A line at the bottom of a terminal that is redrawn in place, with whole lines printed above it."""

from typing import TextIO

ERASE = "\r\x1b[J"  # from the beginning of the line to the end of the screen


class StatusLine:
    """One line that is redrawn; it is never wider than the terminal, so that it can be erased.

    After drawing, the cursor is at its first column. A terminal that becomes narrower wraps the line below the cursor,
    where the next drawing erases it.
    """

    def __init__(self, output: TextIO) -> None:
        self.output, self.text = output, ""

    def show(self, text: str) -> None:
        """Replace the line."""
        self._write((ERASE if self.text else "") + (f"{text}\r" if text else ""))
        self.text = text

    def print(self, line: str) -> None:
        """Print a line above this one."""
        if self.text:
            self._write(f"{ERASE}{line}\n{self.text}\r")
        else:
            self._write(f"{line}\n")

    def _write(self, text: str) -> None:
        self.output.write(text)
        self.output.flush()
