"""The training steps of one worker among several; see `distribute` for who decides what.

The loss is the mean over the whole batch: each replica weighs the mean of its rows by their share. What chance decides
is drawn for the whole batch, so a run gives the same result, up to rounding, on any number of machines, and can be
resumed on another number.
"""

import dataclasses
from typing import Any

import numpy as np
import tensorflow as tf

from rnnwords.config import NetworkConfig, TrainingConfig
from rnnwords.network.keras_regularization import Noise
from rnnwords.network.recurrent import Floats, Ids
from rnnwords.training.distributed.team import FORGET, GATHER, RESTORE, START, TRAIN, Team
from rnnwords.training.optimization.steps import Steps

PRECISIONS = ("float32", "bfloat16")


class DistributedSteps(Steps):
    """Steps that all replicas of a team take together. In the chief, each method also tells the other workers."""

    def __init__(self, config: NetworkConfig, training: TrainingConfig, precision: str, team: Team) -> None:
        """Raises UsageError if the batch is too small to be split."""
        self.team = team
        self.parts = team.parts(training.batch_size or 1)
        if team.role.chief:
            team.tell(START, PRECISIONS.index(precision))
        with team.together(), team.strategy.scope():
            super().__init__(config, training, precision)

    def run(self, ids: Ids, rates: Floats, step: int) -> tuple[Floats, Floats, Floats]:
        """As in Steps; `ids` and `rates` are the whole batches."""
        self.team.tell(TRAIN, step, len(ids))
        return self.share(ids, rates, step)

    def share(self, ids: Ids, rates: Floats, step: int) -> tuple[Floats, Floats, Floats]:
        """Take part in a call of `run`. The chief's ids and rates count; others give zeros of the same shapes."""
        told = self.team.total(np.concatenate([rates.ravel(), ids.ravel()]).astype(np.float32))  # exact below 2^24
        rates, ids = told[: rates.size].reshape(rates.shape), told[rates.size :].astype(np.int32).reshape(ids.shape)
        with self.team.together():
            losses, hits, norms = super().run(ids, rates, step)
        losses, hits = self.team.total(np.stack([losses, hits]).astype(np.float64)).astype(np.float32)
        return losses, hits, norms

    def _backward(self, ids: Any, state: Any, noise: Noise, share: float = 1.0) -> Any:
        """As in Steps, by all replicas of this process, each with its rows; the gradients stay apart."""
        strategy, count = self.team.strategy, ids.shape[0]

        def replica() -> Any:
            rows = self.parts[self.team.local_number()]
            own = tf.nest.map_structure(lambda part: part[rows], state)
            first = dataclasses.replace(noise, first=rows.start)
            return Steps._backward(self, ids[rows], own, first, (rows.stop - rows.start) / count)

        loss, hit, after, gradients = strategy.run(replica)
        parts = [
            tf.concat(
                [old[: self.parts[0].start], *strategy.experimental_local_results(new), old[self.parts[-1].stop :]], 0
            )
            for old, new in zip(tf.nest.flatten(state), tf.nest.flatten(after), strict=True)
        ]
        loss, hit = (tf.add_n(strategy.experimental_local_results(one)) for one in (loss, hit))
        return loss, hit, tf.nest.pack_sequence_as(state, parts), gradients

    def _apply(self, gradients: Any) -> Any:
        """As in Steps; here the gradients of all replicas are added up."""
        norms = self.team.strategy.run(super()._apply, (gradients,))
        return self.team.strategy.experimental_local_results(norms)[0]

    def forget(self) -> None:
        """As in Steps, in all workers."""
        if self.config.stateful:
            self.team.tell(FORGET)
        super().forget()

    def tensors(self) -> dict[str, Any]:
        """As in Steps, with the state of all workers' streams."""
        if self.config.stateful:
            self.team.tell(GATHER)
            self.gather()
        return super().tensors()

    def gather(self) -> None:
        """Take part in a call of `tensors`: bring the state of all streams together."""
        own = slice(self.parts[0].start, self.parts[-1].stop)

        def whole(part: Any) -> Any:
            mine = np.zeros(part.shape, np.float32)
            mine[own] = part.numpy()[own]
            return tf.constant(self.team.total(mine))

        if self.team.role.workers > 1:
            self.state = tf.nest.map_structure(whole, self.state)

    def restore(self, tensors: Any) -> None:
        """As in Steps, in all workers."""
        self.team.tell(RESTORE)
        self.take_over(tensors)

    def take_over(self, tensors: Any) -> None:
        """Take part in a call of `restore`. The chief's tensors count; others give any of the same shapes."""
        shared = {}
        for name, own in sorted(super().tensors().items()):
            value = np.asarray(tensors[name]) if self.team.role.chief else np.zeros_like(own)
            wide = np.float32 if own.dtype == np.float32 else np.float64
            shared[name] = self.team.total(value.astype(wide)).astype(own.dtype)
        super().restore(shared)
