"""Signals that end a command in order, so that files and processes are cleaned up."""

import _thread
import contextlib
import signal
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType

NAMES = ("SIGINT", "SIGTERM", "SIGHUP")  # Windows lacks the last one
REPEAT_SECONDS = 0.05  # in which signals are one: timeout(1) sends two, and so do kernel and shell for a terminal
IMPORTS = "<frozen importlib._bootstrap>"  # the file name of frames that import a module


class SignalEnd(SystemExit):
    """The end of a command by a signal. The exit status is 128 + its number, as in a shell."""

    def __init__(self, number: int) -> None:
        self.status = 128 + number
        self.name = signal.Signals(number).name
        super().__init__(self.status)


def end(number: int) -> None:
    """Raise KeyboardInterrupt for SIGINT, SignalEnd for other signals. After the latter, the next one ends at once."""
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    end_at_once_next()
    raise SignalEnd(number)


def end_at_once_next() -> None:
    """Make the next SIGINT or SIGTERM end the process. A second SIGHUP is ignored: a closing terminal causes several.

    Call it only in a function that `signals_handled` has called.
    """
    for name, action in zip(NAMES, (signal.SIG_DFL, signal.SIG_DFL, signal.SIG_IGN), strict=True):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, action)


@contextlib.contextmanager
def signals_handled(respond: Callable[[int], None] = end) -> Iterator[None]:
    """Call `respond` with the number of a signal that ends commands, in the main thread, and never during an import.

    An exception during the import of a C extension becomes another one, with a traceback; so the call waits for the end
    of the import, unless a second signal comes. A signal that is ignored, as SIGHUP after nohup, stays ignored. Outside
    the main thread nothing changes.
    """
    waiting: set[int] = set()  # signals that came during an import
    came: dict[int, float] = {}  # the time of each
    responding = False

    def handle(number: int, frame: FrameType | None) -> None:
        nonlocal responding
        if responding:
            return
        if _imports(frame):
            since = time.monotonic() - came.setdefault(number, time.monotonic())
            if number not in waiting:
                waiting.add(number)
                threading.Timer(REPEAT_SECONDS, again, [number]).start()
            elif since > REPEAT_SECONDS:
                signal.signal(number, signal.SIG_DFL)
                signal.raise_signal(number)
            return
        responding = True
        try:
            time.sleep(REPEAT_SECONDS)
            respond(number)
        finally:
            responding = False

    def again(number: int) -> None:
        waiting.discard(number)
        _thread.interrupt_main(signal.Signals(number))

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = [getattr(signal, name) for name in NAMES if hasattr(signal, name)]
    found = {number: signal.getsignal(number) for number in numbers}
    before = {number: handler for number, handler in found.items() if handler not in (signal.SIG_IGN, None)}
    for number in before:
        signal.signal(number, handle)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _imports(frame: FrameType | None) -> bool:
    """Return whether a module is being imported in this frame or one of its callers."""
    while frame is not None:
        if frame.f_code.co_filename == IMPORTS:
            return True
        frame = frame.f_back
    return False
