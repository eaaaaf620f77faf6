"""What `train` and `forecast` share: events are shown, and Ctrl-C and SIGTERM stop the run so that it can resume."""

import contextlib
import signal
import sys
from collections.abc import Generator, Iterator, Mapping
from types import FrameType
from typing import TYPE_CHECKING, Any

from click import IntRange

from rnnwords.cli.options import option, options, output_options, seed_option
from rnnwords.cli.output.notes import note, quoted
from rnnwords.cli.types import Duration, StepsOrTime

if TYPE_CHECKING:
    from rnnwords.cli.reports.train_display import RunDisplay
    from rnnwords.training.events import Finished
    from rnnwords.training.request import StopRequest

SIGNAL_STATUS = {"SIGINT": 130, "SIGTERM": 143}
run_options = options(
    option("--iterations", IntRange(1, 10**12), "Budget: steps."),
    option("--time", Duration(), "Budget: time, for example 10m."),
    option("--log-every", IntRange(1), "Steps between two reports."),
    option("--checkpoint-every", StepsOrTime(), "Steps or time between two checkpoints.  [default: 5m]"),
    option("--restart", bool, "Discard an earlier run in the directory."),
    seed_option,
    output_options,
)


def show_run(events: "Generator[Any, None, None]", display: "RunDisplay", stop: "StopRequest") -> "Finished":
    """Show the events of a run until its end, and return the last one. From its event Started on, signals stop it."""
    from rnnwords.training.events import Finished, Started

    with contextlib.closing(events), display, contextlib.ExitStack() as handlers:
        for event in events:
            if isinstance(event, Started):
                handlers.enter_context(_stopped_by_signals(stop))
            display.show(event)
            if isinstance(event, Finished):
                return event
    raise RuntimeError("the run ended without an event Finished")


@contextlib.contextmanager
def _stopped_by_signals(stop: "StopRequest") -> Iterator[None]:
    """Let Ctrl-C and SIGTERM stop the run after its current step; the second one ends the process at once."""

    def handle(number: int, frame: FrameType | None) -> None:
        stop.reason = signal.Signals(number).name
        signal.signal(number, signal.SIG_DFL)

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def stopped_status(finished: "Finished") -> int:
    """Return the exit status of a run that a signal stopped, after a note with the command that resumes it; else 0."""
    if finished.reason in SIGNAL_STATUS:
        command = ["rnnwords", *(word for word in sys.argv[1:] if word != "--restart")]
        note(f"Interrupted; step {finished.step:,} is saved. Resume with: {quoted(command)}")
    return SIGNAL_STATUS.get(finished.reason, 0)


def training_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the training settings among the options of a command."""
    from rnnwords.training.request import TRAINING_SETTINGS

    every = options["checkpoint_every"]
    training = {name: options[name] for name in TRAINING_SETTINGS if name in options and name != "checkpoint_every"}
    return {**training, "seconds": options["time"],
            "checkpoint_every" if isinstance(every, int) else "checkpoint_seconds": every}  # fmt: skip
