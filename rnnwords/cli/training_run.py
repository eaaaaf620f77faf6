"""What `train` and `forecast` share: events are shown, and signals stop the run so that it can resume."""

import contextlib
import os
import shutil
import signal
import sys
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rnnwords.cli.options import option, options, output_options, plain_option, seed_option
from rnnwords.cli.output.notes import command_line, note
from rnnwords.cli.signals import end, end_at_once_next, signals_handled
from rnnwords.cli.types import MAX_STEPS, Duration, StepsOrTime, Whole

if TYPE_CHECKING:
    from rnnwords.cli.reports.training.train_display import RunDisplay
    from rnnwords.training.events import Finished
    from rnnwords.training.settings.request import StopRequest

SIGNAL_STATUS = {"SIGINT": 130, "SIGTERM": 143, "SIGHUP": 129}
run_options = options(
    option("--iterations", Whole(1, 2**31 - 1), "Budget: steps."),
    option("--time", Duration(), "Budget: time, for example 10m."),
    option("--log-every", Whole(1, MAX_STEPS), "Steps between two reports."),
    option("--checkpoint-every", StepsOrTime(), "Steps or time between two checkpoints.  [default: 5m]"),
    option("--restart", bool, "Discard an earlier run in the directory."),
    seed_option,
    plain_option,
    output_options,
)


def show_run(events: "Generator[Any, None, None]", display: "RunDisplay", stop: "StopRequest") -> "Finished":
    """Show the events of a run until its end, and return the last one.

    A signal stops the training after its current step; before and after the training, and the second time, it ends the
    process.
    """
    from rnnwords.training.events import Finished

    def respond(number: int) -> None:
        if not stop.in_training:
            end(number)
        end_at_once_next()
        stop.reason = signal.Signals(number).name

    with contextlib.closing(events), display, signals_handled(respond):
        for event in events:
            display.show(event)
            if isinstance(event, Finished):
                return event
    raise RuntimeError("the run ended without an event Finished")


def stopped_status(finished: "Finished") -> int:
    """Return the exit status of a run that a signal stopped, after a note with the command that resumes it; else 0."""
    if finished.reason in SIGNAL_STATUS:
        command = ["rnnwords", *(word for word in sys.argv[1:] if word != "--restart")]
        again = command_line(command, "the same command")
        note(f"Interrupted; step {finished.step:,} is saved. Resume with: {again}")
    return SIGNAL_STATUS.get(finished.reason, 0)


def tensorboard_command(directory: Path) -> str | None:
    """Return the command that shows the logs of a run in TensorBoard; None if it has none."""
    from rnnwords.training.runs.run_directory import LOGS

    logs = directory / LOGS
    if not any(file.stat().st_size for file in logs.rglob("events.out.tfevents.*")):
        return None
    name = "tensorboard"
    own = os.path.join(os.path.dirname(sys.executable), name)  # where the environment of this program is not active
    program = [name] if shutil.which(name) else [own] if os.path.exists(own) else [sys.executable, "-m", f"{name}.main"]
    path = str(logs) if str(logs)[0] not in "-~" else os.path.join(os.curdir, logs)
    return command_line([*program, "--logdir", path], "tensorboard --help")


def training_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the training settings among the options of a command."""
    from rnnwords.training.settings.request import TRAINING_SETTINGS

    every = options["checkpoint_every"]
    training = {name: options[name] for name in TRAINING_SETTINGS if name in options and name != "checkpoint_every"}
    return {**training, "seconds": options["time"],
            "checkpoint_every" if isinstance(every, int) else "checkpoint_seconds": every}  # fmt: skip
