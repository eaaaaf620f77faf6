"""A session of a run: TensorFlow is loaded, its log goes to a file, the workers join, and the loop trains.

Texts and series of numbers share `run_session`; of several workers, all but the chief do `work`.
"""

import contextlib
import os
import tempfile
from collections.abc import Generator, Iterator
from functools import partial
from pathlib import Path

from rnnwords.errors import TrainingError
from rnnwords.network.config import NetworkConfig
from rnnwords.training.distributed.cluster import Role, WorkerLostError
from rnnwords.training.distributed.rendezvous import gather, join
from rnnwords.training.events import Event, Finished, Note, Started
from rnnwords.training.native_output import discard_output_at_exit, native_output_to
from rnnwords.training.settings.config import TrainingConfig
from rnnwords.training.settings.request import StopRequest
from rnnwords.training.task import RunPlan
from rnnwords.training.tensorflow_loading import check_limits, keras_defaults, tensorflow_required


def run_session(
    plan: RunPlan, *, restart: bool, stop: StopRequest | None = None, role: Role | None = None
) -> Generator[Event, None, Finished]:
    """Train until the run ends or is stopped; yield the events, return the last one. A complete run only returns it.

    With `restart` the earlier run in the directory is removed once TensorFlow is loaded. With a `role` this process is
    the chief: see `training.distributed`. Raises MissingDependencyError, TrainingError, SaveError, UsageError.
    """
    stop = stop or StopRequest()
    if plan.checkpoint and plan.position and plan.complete:
        if role and role.workers > 1:
            yield from gather(role, None, {"complete": True})
        return Finished("already", plan.position.step, plan.position.seconds, plan.checkpoint.state.metrics)
    check_limits(plan.network, plan.training.batch_size or 1)
    with native_output_to(plan.directory.native_log):
        with tensorflow_required():
            from rnnwords.training.distributed.steps import DistributedSteps
            from rnnwords.training.distributed.team import Team, gpus, make_strategy
            from rnnwords.training.loop import TrainingLoop
            from rnnwords.training.optimization.precision import choose_precision
            from rnnwords.training.optimization.steps import Steps
        team = None
        try:
            if role:
                if role.workers > 1:
                    settings = {"network": plan.network.to_json(), "training": plan.training.to_json()}
                    yield from gather(role, gpus(), settings)
                team = Team(make_strategy(role), role, stop)
                yield Note(team.describe(plan.training.batch_size or 1))
            resumed = plan.checkpoint
            precision = choose_precision(resumed.state.precision if resumed else plan.training.precision)
            if restart:
                plan.directory.clear()
            with keras_defaults():
                loop = TrainingLoop(plan, precision, partial(DistributedSteps, team=team) if team else Steps, stop)
                yield Started(precision)
                with stop.checked():
                    finished = yield from loop.events()
            if team:
                team.dismiss(finished.reason)
            return finished
        except WorkerLostError:
            discard_output_at_exit()
            raise
        finally:
            if team:
                with contextlib.suppress(WorkerLostError):
                    team.dismiss("error")  # does nothing if the run has ended


def work(role: Role, stop: StopRequest | None = None) -> Iterator[Event]:
    """Connect to the chief and follow its commands until the run ends. Writes no files of the run.

    Yields Note, Started and Finished, whose metrics are empty. Raises TrainingError (the chief ended with an error, or
    a worker is lost), UsageError (this worker does not match the chief), MissingDependencyError.
    """
    name = f"worker {role.index} of {role.workers}"
    descriptor, log = tempfile.mkstemp(prefix=f"rnnwords-worker-{role.index}-", suffix=".log")
    os.close(descriptor)
    with native_output_to(Path(os.path.realpath(log))):
        try:
            finished = yield from _follow(role, name, stop or StopRequest())
        except TrainingError as error:
            discard_output_at_exit()
            raise TrainingError(f"{name}: {error} (TensorFlow's log: {log})") from error
        except BaseException:
            os.unlink(log)
            raise
    os.unlink(log)
    if finished.reason == "error":
        raise TrainingError(f"{name}: {role.name(0)} ended with an error, which it shows")
    already = finished.reason == "already"
    yield Note(f"{name}: this run is complete" if already else f"{name}: done after {finished.step:,} steps")
    yield finished


def _follow(role: Role, name: str, stop: StopRequest) -> Generator[Event, None, Finished]:
    check_limits()
    with tensorflow_required():
        from rnnwords.training.distributed.steps import follow
        from rnnwords.training.distributed.team import Team, gpus, make_strategy
    settings = yield from join(role, gpus())
    if settings.get("complete"):
        return Finished("already", 0, 0.0, {})
    network, training = NetworkConfig.from_json(settings["network"]), TrainingConfig.from_json(settings["training"])
    team = Team(make_strategy(role), role, stop)
    yield Note(f"{name}: training for {role.name(0)}")
    yield Started(training.precision)
    with keras_defaults(), stop.checked():
        reason, step = follow(team, network, training)
    return Finished(reason, step, 0.0, {})
