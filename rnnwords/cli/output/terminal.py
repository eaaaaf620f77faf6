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


class SignalEnd(SystemExit):
    """A signal ends the command: what it was at is left behind in order, as after Ctrl-C. The code is a shell's."""

    def __init__(self, number: int) -> None:
        self.status = 128 + number
        self.name = signal.Signals(number).name
        super().__init__(self.status)


@contextlib.contextmanager
def ended_in_order(name: str) -> Iterator[None]:
    """The signal SIGTERM or SIGHUP raises SignalEnd instead of ending the process at once: work can be kept, and
    temporary files and other processes are not left behind.

    A second SIGTERM does end it at once; of a terminal that is closed both the kernel and the shell tell. A signal that
    is ignored (nohup) stays so. Nothing happens where the machine has no such signal, and outside the main thread.
    """
    number: int | None = getattr(signal, name, None)
    of_threads = threading.current_thread() is not threading.main_thread()
    if number is None or of_threads or signal.getsignal(number) == signal.SIG_IGN:
        yield
        return

    def end(number: int, frame: object) -> None:
        signal.signal(number, signal.SIG_DFL if name == "SIGTERM" else signal.SIG_IGN)
        raise SignalEnd(number)

    before = signal.signal(number, end)
    try:
        yield
    finally:
        signal.signal(number, before)
