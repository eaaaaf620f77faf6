"""Ctrl-C and SIGTERM end a run between two graph calls, so that it can be saved and resumed."""

import signal
from collections.abc import Callable
from typing import Any, Protocol


class Stoppable(Protocol):
    """What can be asked to stop: by the name of the signal."""

    stop: str | None


def on_signals(run: Stoppable) -> Callable[[], None]:
    """Let Ctrl-C and SIGTERM end the run between two graph calls; a second one ends the process at once.

    Returns a function that puts the old handlers back.
    """
    names = {signal.SIGINT: "SIGINT", signal.SIGTERM: "SIGTERM"}
    before = {number: signal.getsignal(number) for number in names}

    def stop(number: int, frame: Any) -> None:
        run.stop = names[signal.Signals(number)]
        signal.signal(number, signal.SIG_DFL)

    for number in names:
        signal.signal(number, stop)

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    return restore
