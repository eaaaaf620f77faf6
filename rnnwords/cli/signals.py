"""Signals that end a command in order, so that files and processes are cleaned up."""

import contextlib
import signal
import threading
from collections.abc import Iterator


class SignalEnd(SystemExit):
    """The end of a command by a signal. The exit status is 128 + its number, as in a shell."""

    def __init__(self, number: int) -> None:
        self.status = 128 + number
        self.name = signal.Signals(number).name
        super().__init__(self.status)


@contextlib.contextmanager
def ended_in_order(name: str) -> Iterator[None]:
    """Make SIGTERM or SIGHUP raise SignalEnd instead of ending the process at once.

    A second SIGTERM ends it at once; a second SIGHUP is ignored, since kernel and shell both send one when a terminal
    closes. Does nothing for a signal that is ignored (nohup) or that the system lacks, and outside the main thread.
    """
    number: int | None = getattr(signal, name, None)
    in_thread = threading.current_thread() is not threading.main_thread()
    if number is None or in_thread or signal.getsignal(number) == signal.SIG_IGN:
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
