"""What a terminal can and should show: safe characters, its width and encoding; and input without echo."""

import contextlib
import os
import re
import sys
import unicodedata
from collections.abc import Callable, Iterator
from typing import Any, TextIO

import click

# C0 but \t and \n, DEL, C1; the bidirectional controls; surrogates, which no encoding can write.
_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


ELLIPSIS = "\u2026"
MAX_WORD_WIDTH = 24  # columns of a word in a table on a terminal
_MAX_MARKS = 16  # combining marks of a letter that are shown
_NO_WIDTH = ("Mn", "Me", "Cf")  # categories of combining marks and invisible characters


def safe(text: str) -> str:
    r"""Return `text` with its control characters as visible escapes: \x1b, \u202e. \n and \t stay.

    A corpus may contain anything, and so may a vocabulary: unescaped, its words could change the title of the window,
    write the clipboard (OSC 52) or reverse the reading direction of the whole line.
    """
    return _UNSAFE.sub(_escape, text)


def is_safe(text: str) -> bool:
    """Return whether `safe` would leave the text as it is."""
    return _UNSAFE.search(text) is None


def masked(text: str) -> str:
    """Return `text` with one U+FFFD per control character but \\n: for an editor, whose cursor counts characters."""
    return _UNSAFE.sub("\ufffd", text)


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def can_write(text: str, output: TextIO) -> bool:
    """Return whether the encoding of `output` has all characters of `text`."""
    try:
        text.encode(output.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def encodable(text: str, output: TextIO) -> str:
    """Return `text` with the characters that the encoding of `output` lacks as escapes."""
    if can_write(text, output):
        return text
    encoding = output.encoding or "ascii"
    return text.encode(encoding, "backslashreplace").decode(encoding)


def cell_count(text: str) -> int:
    """Return how many columns `text` occupies: none for combining marks, two for wide characters."""
    text = text.removeprefix("\n")
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.category(char) in _NO_WIDTH else 2 if unicodedata.east_asian_width(char) in "WF" else 1
        for char in text
    )


def cut(text: str, width: int, ellipsis: str = ELLIPSIS) -> str:
    """Return `text` in at most `width` columns: a longer one ends in an ellipsis, and no letter loses its marks.

    >>> cut("a" * 900, 5), cut("\u4e2d\u6587\u5b57", 5)
    ('aaaa\u2026', '\u4e2d\u6587\u2026')
    """
    head = text[: width * _MAX_MARKS]  # the text may have a megabyte
    if len(head) == len(text) and cell_count(text) <= width:
        return text
    used = 0
    for place, character in enumerate(head):
        used += cell_count(character)
        if used >= width:
            return head[:place] + ellipsis
    return head + ellipsis


def ellipsis_for(output: TextIO) -> str:
    """Return the character at the end of a text that is cut: ~ where the encoding of `output` has no ellipsis."""
    return ELLIPSIS if can_write(ELLIPSIS, output) else "~"


def short_word(word: str, width: int | None) -> str:
    """Return a word with its control characters escaped; cut if the output has a `width`."""
    return safe(word) if width is None else cut(safe(word), MAX_WORD_WIDTH, ellipsis_for(sys.stdout))


def padded(text: str, width: int) -> str:
    """Return `text` with spaces up to `width` columns."""
    return text + " " * (width - cell_count(text))


def columns(output: TextIO) -> int | None:
    """Return the present width of the terminal that `output` writes to; None if it is not a terminal."""
    try:
        return os.get_terminal_size(output.fileno()).columns or None
    except (OSError, ValueError):
        return None


def terminal_size(output: TextIO) -> os.terminal_size:
    """Return the present size of the terminal that `output` writes to; 80 x 24 where it is unknown."""
    try:
        size = os.get_terminal_size(output.fileno())
    except (OSError, ValueError):
        size = os.terminal_size((0, 0))
    return os.terminal_size((size.columns or 80, size.lines or 24))


def plain_terminal(stream: Any) -> bool:
    """Return whether `stream` gets plain text: no terminal, or one that cannot draw. NO_COLOR only removes colour."""
    return stream is None or os.environ.get("TERM", "") in ("", "dumb") or not stream.isatty()


def coloured(text: str, colour: str) -> str:
    """Return `text` in a colour of a terminal, unless NO_COLOR is set."""
    return text if os.environ.get("NO_COLOR") else click.style(text, fg=colour)


@contextlib.contextmanager
def without_echo(descriptor: Callable[[], int]) -> Iterator[None]:
    """Pass keys to the program as they are typed, without echo, so that keys typed early are shown once.

    Ctrl-C still interrupts. Does nothing where the input is not a terminal.
    """
    try:
        import termios
    except ImportError:  # Windows
        yield
        return
    try:
        before = termios.tcgetattr(descriptor())
    except (OSError, NotImplementedError, termios.error):
        yield
        return
    silent = [*before]
    silent[3] &= ~(termios.ECHO | termios.ICANON)
    termios.tcsetattr(descriptor(), termios.TCSANOW, silent)
    try:
        yield
    finally:
        with contextlib.suppress(OSError, termios.error):  # the terminal is closed
            termios.tcsetattr(descriptor(), termios.TCSANOW, before)
