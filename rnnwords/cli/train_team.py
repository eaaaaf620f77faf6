"""`rnnwords train --distribute`: how a process joins the others, and what it does when not the chief."""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from rnnwords.cli.options import note
from rnnwords.config import NetworkConfig, TrainingConfig
from rnnwords.errors import MissingDependencyError, TrainingError
from rnnwords.training.distributed.cluster import Role

if TYPE_CHECKING:
    from rnnwords.forecasting.training import ForecastPlan
    from rnnwords.training.distributed.team import Team
    from rnnwords.training.plan import Plan

SIGNAL_STATUS = {"SIGINT": 130, "SIGTERM": 143}


@contextlib.contextmanager
def needs_tensorflow(command: str = "train") -> Iterator[None]:
    """Around imports of what training alone needs."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise MissingDependencyError(
            f"{command} needs {error.name}, which is not installed; install it with: pip install tensorflow tensorboard"
        ) from error


@contextlib.contextmanager
def assembled(role: Role | None, plan: "Plan | ForecastPlan", quiet: bool) -> "Iterator[Team | None]":
    """The team of the chief, or of the only process; None if nothing is distributed.

    Raises TrainingError if a worker does not come, UsageError if one does not fit.
    """
    if role is None:
        yield None
        return
    with needs_tensorflow():
        from rnnwords.training.distributed.rendezvous import gather
        from rnnwords.training.distributed.strategy import gpus, strategy_of
        from rnnwords.training.distributed.team import LostError, Team
        from rnnwords.training.native_output import silent_at_exit
    if role.workers > 1:
        settings = {"network": plan.network.to_json(), "training": plan.training.to_json()}
        gather(role, gpus(), settings, lambda line: note(line, quiet))
    try:
        with Team(strategy_of(role), role) as team:
            note(team.describe(plan.training.batch_size or 1), quiet)
            yield team
    except LostError:
        silent_at_exit()
        raise


def excuse(role: Role | None) -> None:
    """Tell the other workers of a run that is complete already."""
    from rnnwords.training.distributed.rendezvous import gather

    if role and role.workers > 1:
        gather(role, None, {"complete": True}, note)


def work(role: Role, quiet: bool) -> int:
    """The part of a worker that is not the chief: computes what the chief tells it. Returns the exit status."""
    from rnnwords.training.native_output import native_output_to, silent_at_exit

    descriptor, name = tempfile.mkstemp(prefix=f"rnnwords-worker-{role.index}-", suffix=".log")
    os.close(descriptor)
    me = f"worker {role.index} of {role.workers}"
    with native_output_to(Path(name)):
        try:
            reason, step = _work(role, me, quiet)
        except TrainingError as error:
            silent_at_exit()
            raise TrainingError(f"{me}: {error} (TensorFlow's log: {name})") from error
        except BaseException:
            os.unlink(name)
            raise
    os.unlink(name)
    if reason == "error":
        raise TrainingError(f"{me}: {role.name(0)} ended with an error, which it has told; nothing more to do here")
    ended = "this run is complete" if reason == "already" else f"done after {step:,} steps ({reason})"
    note(f"{me}: {ended}", quiet)
    return SIGNAL_STATUS.get(reason, 0)


def _work(role: Role, me: str, quiet: bool) -> tuple[str, int]:
    """How the run ended, and after how many steps."""
    with needs_tensorflow():
        from rnnwords.training.distributed.rendezvous import join
        from rnnwords.training.distributed.strategy import follow, gpus, strategy_of
        from rnnwords.training.distributed.team import Team
        from rnnwords.training.signals import on_signals
    settings = join(role, gpus(), lambda line: note(f"{me}: {line}", quiet))
    if settings.get("complete"):
        return "already", 0
    network, training = NetworkConfig.from_json(settings["network"]), TrainingConfig.from_json(settings["training"])
    team = Team(strategy_of(role), role)
    restore_signals = on_signals(team)
    try:
        note(f"{me}: training for {role.name(0)}", quiet)
        return follow(team, network, training)
    finally:
        restore_signals()
