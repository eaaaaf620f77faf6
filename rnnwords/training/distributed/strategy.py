"""Training on several devices or machines: tf.distribute's strategy, and the two sides of a run.

Every worker holds the whole network and computes the gradients of its rows of each batch; the strategy sums them, so
all take the same step. One worker is the chief: it runs the training loop, reads the text and writes every file. The
others do what it tells them, so no decision can be taken differently in two places.
"""

import os
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.python.eager import context

from rnnwords.config import NetworkConfig, TrainingConfig
from rnnwords.training.distributed import cluster
from rnnwords.training.distributed.cluster import Role
from rnnwords.training.distributed.steps import PRECISIONS, DistributedSteps
from rnnwords.training.distributed.team import END, FORGET, GATHER, REASONS, RESTORE, TRAIN, LostError, Team
from rnnwords.training.events import Event, Finished
from rnnwords.training.loop import Run
from rnnwords.training.optimization.steps import Steps


def gpus() -> int:
    """How many GPUs this machine has."""
    return len(tf.config.list_physical_devices("GPU"))


def strategy_of(role: Role) -> Any:
    """A MirroredStrategy over the devices of this machine, or a MultiWorkerMirroredStrategy over the workers of
    TF_CONFIG, connected. Must come before TensorFlow computes anything.

    Raises LostError if the workers cannot be connected.
    """
    if role.strategy == "mirrored":
        os.environ.pop(cluster.VARIABLE, None)  # it is about other machines, but this strategy would read it too
        devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
        return tf.distribute.MirroredStrategy([device.name for device in devices])
    _configure(role)
    try:
        return tf.distribute.MultiWorkerMirroredStrategy()
    except tf.errors.OpError as error:
        cause = str(error).splitlines()[0].partition(". ")[0][:200]
        raise LostError(f"the workers could not be connected ({cause}); start all workers again") from error


def _configure(role: Role) -> None:
    """Bound the time that TensorFlow waits for a worker. Its strategy has no option for that, only its context has."""
    jobs = tf.compat.v1.ConfigProto().experimental.coordination_config.coordinated_job_list
    for name, count in role.tasks.items():
        jobs.add(name=name, num_tasks=count)
    settings = context.context()
    settings.configure_coordination_service(
        service_type="standalone",
        service_leader=f"/job:{'chief' if 'chief' in role.tasks else 'worker'}/replica:0/task:0",
        cluster_register_timeout_in_ms=cluster.CONNECT_SECONDS * 1000,
        heartbeat_timeout_in_ms=cluster.LOST_SECONDS * 1000,
        coordinated_jobs=list(jobs),
    )
    settings.coordination_service.cluster_register_with_barrier = True


def steps_of(team: Team | None) -> Callable[..., Steps]:
    """What a run makes its steps with."""
    return partial(DistributedSteps, team=team) if team else Steps


def lead(run: Run, team: Team | None) -> Iterator[Event]:
    """The events of a run, whose end the other workers are told; if one of them got a signal, the run stops too."""
    for event in run.events():
        if team and team.stop:
            run.stop = run.stop or team.stop
        if team and isinstance(event, Finished):
            team.dismiss(event.reason)
        yield event


def follow(team: Team, config: NetworkConfig, training: TrainingConfig) -> tuple[str, int]:
    """What a worker does that is not the chief: what it is told, until the end. Returns its reason, and the last step.

    Raises LostError if another worker is gone.
    """
    shape, last = (training.batch_size or 1, config.window + 1), 0
    order, numbers = team.hear()
    if order != END:  # else the chief could not begin
        steps = DistributedSteps(config, training, PRECISIONS[numbers[0]], team)
    while order != END:
        order, numbers = team.hear()
        if order == TRAIN:
            step, count = numbers[:2]
            steps.share(np.zeros((count, *shape), np.int32), np.zeros((count, 2), np.float32), step)
            last = step + count
        elif order == RESTORE:
            steps.take_over({})
        elif order == FORGET:
            Steps.forget(steps)
        elif order == GATHER:
            steps.gather()
    return REASONS[numbers[0]], last
