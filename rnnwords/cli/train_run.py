"""How `train` and `forecast` carry out a run: TensorFlow's own output kept from the terminal, signals, the display."""

import os
import secrets
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from rnnwords.cli.options import LATEST, MODELS, note, quoted
from rnnwords.cli.train_team import SIGNAL_STATUS, assembled, excuse, needs_tensorflow
from rnnwords.files import replace_file
from rnnwords.training.distributed.cluster import Role

if TYPE_CHECKING:
    from rnnwords.cli.reports.train_display import Display
    from rnnwords.forecasting.training import ForecastPlan
    from rnnwords.training.events import Finished
    from rnnwords.training.plan import Plan


def carry_out(
    plan: "Plan | ForecastPlan",
    display: "Display",
    described: Iterable[str],
    *,
    role: Role | None = None,
    restart: bool,
    quiet: bool,
    command: str = "train",
) -> "Finished":
    """Run the plan, telling first what is `described`; a run that is complete already is left as it is."""
    from rnnwords.cli.reports.train_display import also_in_force
    from rnnwords.training.events import Finished, Position, Saved
    from rnnwords.training.native_output import native_output_to

    if plan.found and Position.from_json(plan.found.state["position"]).finished:
        position = Position.from_json(plan.found.state["position"])
        excuse(role)
        return Finished("already", position.step, position.seconds, plan.found.state["metrics"])
    for line in described:
        note(line, quiet)
    log = plan.directory.path / "tensorflow.log"
    with native_output_to(log), assembled(role, plan, quiet) as team:
        with needs_tensorflow(command):
            from rnnwords.training.distributed.strategy import lead, steps_of
            from rnnwords.training.loop import Run
            from rnnwords.training.optimization.precision import choose_precision
            from rnnwords.training.signals import on_signals
        if restart:
            plan.directory.clear()
        precision = plan.found.state["precision"] if plan.found else choose_precision(plan.training.precision or "auto")
        note(also_in_force(plan.network, plan.training, precision), quiet)
        run = Run(plan, precision, steps_of(team))
        restore_signals = on_signals(run)
        try:
            with display:
                for event in lead(run, team):
                    display.show(event)
                    if isinstance(event, Saved) and event.what == "model" and command == "train":
                        _remember(plan.directory.path)
                    if isinstance(event, Finished):
                        return event
        finally:
            restore_signals()
    raise RuntimeError("the run ended without saying how")


def _remember(path: Path) -> None:
    """Make this the model that commands take when none is named, if it is one of those under models/."""
    if path.parent.resolve() == MODELS.resolve():
        name = os.fsencode(f"{path.name}\n")
        if not LATEST.exists() or LATEST.read_bytes() != name:
            replace_file(LATEST, [name])


def new_seed(seed: int | None) -> int:
    """The seed that was given, or one drawn; the run tells it with its settings."""
    return secrets.randbelow(2**32) if seed is None else seed


def interrupted(finished: "Finished") -> int:
    """The exit status of a run that a signal ended, with the command that resumes it told; 0 for any other."""
    if finished.reason in SIGNAL_STATUS:
        note(f"Interrupted; step {finished.step:,} is saved. Resume with: {quoted(_command())}")
    return SIGNAL_STATUS.get(finished.reason, 0)


def _command() -> list[str]:
    """The command as it was typed, without what would throw away what is to be resumed."""
    return ["rnnwords", *(word for word in sys.argv[1:] if word != "--restart")]


def warn(message: str) -> None:
    """A warning on stderr."""
    note(f"Warning: {message}")
