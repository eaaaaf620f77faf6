"""What a terminal may be shown (no control characters out of a vocabulary, nothing it cannot write), and its keys."""

import contextlib
import os
import re
import signal
import threading
import unicodedata
from collections.abc import Callable, Iterator
from typing import TextIO

# C0 but \t and \n, DEL, C1; the bidirectional controls; surrogates, which no encoding can write.
_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def safe(text: str) -> str:
    r"""`text` with its control characters as visible escapes: \x1b, \u202e. \n and \t stay.

    A corpus may hold anything, and so may a vocabulary: raw, its words could retitle the window, write the clipboard
    (OSC 52) or turn the reading direction of the whole line.
    """
    return _UNSAFE.sub(_escape, text)


def is_safe(text: str) -> bool:
    """Whether `safe` would leave the text as it is."""
    return _UNSAFE.search(text) is None


def masked(text: str) -> str:
    """`text` with one U+FFFD for each control character but \\n: for an editor, whose cursor counts characters."""
    return _UNSAFE.sub("\ufffd", text)


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def can_write(text: str, output: TextIO) -> bool:
    """Whether the encoding of `output` has all characters of `text`."""
    try:
        text.encode(output.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def cell_count(text: str) -> int:
    """Columns that `text` takes: none for combining marks, two for wide characters."""
    text = text.removeprefix("\n")
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text
    )


def columns(output: TextIO) -> int | None:
    """The width of the terminal that `output` writes to, now; None if it is none."""
    try:
        return os.get_terminal_size(output.fileno()).columns or None
    except (OSError, ValueError):
        return None


@contextlib.contextmanager
def silent_keys(descriptor: Callable[[], int]) -> Iterator[None]:
    """Keys go to the program as they are typed and are not echoed, so that what is typed early is shown once.

    Ctrl-C still interrupts. Nothing happens where the input is no terminal.
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
        with contextlib.suppress(OSError, termios.error):  # the terminal is gone
            termios.tcsetattr(descriptor(), termios.TCSANOW, before)


@contextlib.contextmanager
def closing_terminal_ends() -> Iterator[None]:
    """A closed terminal or SIGTERM raises SystemExit instead of ending the process at once: work can be kept."""

    def end(number: int, frame: object) -> None:
        raise SystemExit(128 + number)

    numbers = [getattr(signal, name) for name in ("SIGHUP", "SIGTERM") if hasattr(signal, name)]
    if threading.current_thread() is not threading.main_thread():
        numbers = []  # only the main thread may say what a signal does
    before = {number: signal.signal(number, end) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
