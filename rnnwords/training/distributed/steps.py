"""Training steps of one worker of a distributed run; `distributed.team` describes the roles.

The loss is the mean over the whole batch: each replica multiplies the mean of its rows by their share. Random numbers
are drawn for the whole batch, so a run has the same result, up to rounding, on any number of machines, and can be
resumed on another number.
"""

import dataclasses
from typing import Any

import numpy as np
import tensorflow as tf

from rnnwords.network.config import NetworkConfig
from rnnwords.network.keras_regularization import Regularization
from rnnwords.network.recurrent import Floats, Ids
from rnnwords.training.distributed.team import END, GATHER, REASONS, RESET, RESTORE, START, TRAIN, Team
from rnnwords.training.optimization.steps import RATES, Steps
from rnnwords.training.settings.config import TrainingConfig

PRECISIONS = ("float32", "bfloat16")


class DistributedSteps(Steps):
    """Steps that all replicas compute together. In the chief, each method sends its command to the other workers."""

    def __init__(self, config: NetworkConfig, training: TrainingConfig, precision: str, team: Team) -> None:
        """Raises UsageError if the batch has fewer rows than there are replicas."""
        self.team = team
        self.parts = team.parts(training.batch_size or 1)
        if team.role.chief:
            team.send(START, PRECISIONS.index(precision))
        with team.lost_workers_detected(), team.strategy.scope():
            super().__init__(config, training, precision)

    def run(self, ids: Ids, rates: Floats, step: int, outputs: Any = None) -> tuple[Floats, Floats, Floats]:
        """Train as Steps does; `ids` and `rates` are those of whole batches. There are no outputs of a teacher."""
        self.team.send(TRAIN, step, len(ids))
        return self.run_part(ids, rates, step)

    def run_part(self, ids: Ids, rates: Floats, step: int) -> tuple[Floats, Floats, Floats]:
        """Compute a part of a call of `run`. Workers other than the chief pass zeros of the shapes of its arguments."""
        sent = self.team.total(np.concatenate([rates.ravel(), ids.ravel()]).astype(np.float32))  # exact below 2^24
        rates, ids = sent[: rates.size].reshape(rates.shape), sent[rates.size :].astype(np.int32).reshape(ids.shape)
        with self.team.lost_workers_detected():
            losses, hits, norms = super().run(ids, rates, step)
        losses, hits = self.team.total(np.stack([losses, hits]).astype(np.float64)).astype(np.float32)
        return losses, hits, norms

    def _backward(
        self, ids: Any, state: Any, regularization: Regularization, share: float = 1.0, soft: Any = None
    ) -> Any:
        """Compute loss and gradients as Steps does, in each replica of this process from its rows."""
        strategy, local, count = self.team.strategy, self.team.strategy.experimental_local_results, ids.shape[0]

        def replica() -> Any:
            rows = self.parts[self.team.local_number()]
            own = tf.nest.map_structure(lambda part: part[rows], state)
            first = dataclasses.replace(regularization, first=rows.start)
            return Steps._backward(self, ids[rows], own, first, (rows.stop - rows.start) / count)

        def whole(old: Any, new: Any) -> Any:
            return tf.concat([old[: self.parts[0].start], *local(new), old[self.parts[-1].stop :]], 0)

        loss, hit, after, gradients = strategy.run(replica)
        parts = list(map(whole, tf.nest.flatten(state), tf.nest.flatten(after)))
        return tf.add_n(local(loss)), tf.add_n(local(hit)), tf.nest.pack_sequence_as(state, parts), gradients

    def _apply(self, gradients: Any) -> Any:
        """Update the weights as Steps does, with the sum of the gradients of all replicas."""
        norms = self.team.strategy.run(super()._apply, (gradients,))
        return self.team.strategy.experimental_local_results(norms)[0]

    def reset_state(self) -> None:
        """Set the recurrent state to zero in all workers."""
        if self.config.stateful:
            self.team.send(RESET)
        super().reset_state()

    def tensors(self) -> dict[str, Any]:
        """Return the tensors as Steps does, with the state of the streams of all workers."""
        if self.config.stateful:
            self.team.send(GATHER)
            self.gather_state()
        return super().tensors()

    def gather_state(self) -> None:
        """Give every worker the state of all streams, for a call of `tensors`."""
        own = slice(self.parts[0].start, self.parts[-1].stop)

        def whole(part: Any) -> Any:
            mine = np.zeros(part.shape, np.float32)
            mine[own] = part.numpy()[own]
            return tf.constant(self.team.total(mine))

        if self.team.role.workers > 1:
            self.state = tf.nest.map_structure(whole, self.state)

    def restore(self, tensors: Any) -> None:
        """Restore the tensors in all workers."""
        self.team.send(RESTORE)
        self.restore_part(tensors)

    def restore_part(self, tensors: Any) -> None:
        """Receive, or in the chief send, the tensors of a call of `restore`; the argument matters only in the chief."""
        shared = {}
        for name, own in sorted(super().tensors().items()):
            value = np.asarray(tensors[name]) if self.team.role.chief else np.zeros_like(own)
            wide = np.float32 if own.dtype == np.float32 else np.float64
            shared[name] = self.team.total(value.astype(wide)).astype(own.dtype)
        super().restore(shared)


def follow(team: Team, config: NetworkConfig, training: TrainingConfig) -> tuple[str, int]:
    """Follow the commands of the chief until the end of the run. Returns its reason, and the last step.

    Raises WorkerLostError if another worker is lost.
    """
    shape, last = (training.batch_size or 1, config.window + 1), 0
    command, numbers = team.receive()
    if command != END:  # else the chief could not start
        steps = DistributedSteps(config, training, PRECISIONS[numbers[0]], team)
    while command != END:
        command, numbers = team.receive()
        if command == TRAIN:
            step, count = numbers[:2]
            steps.run_part(np.zeros((count, *shape), np.int32), np.zeros((count, RATES), np.float32), step)
            last = step + count
        elif command == RESTORE:
            steps.restore_part({})
        elif command == RESET:
            Steps.reset_state(steps)
        elif command == GATHER:
            steps.gather_state()
    return REASONS[numbers[0]], last
