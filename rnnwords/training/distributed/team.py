"""The workers that train together, and how they keep in step.

What the chief tells the others goes the way that the gradients go: a sum over all workers, to which all but the chief
add zeros. In a single process there is nobody to talk to, and nothing of this costs anything.
"""

import contextlib
import re
from collections.abc import Iterator, Sequence
from typing import Any, Self

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from rnnwords.errors import TrainingError, UsageError
from rnnwords.training.distributed.cluster import Role, rows_of

REASONS = ("error", "budget", "patience", "ceiling", "SIGINT", "SIGTERM")  # why a run ends
START, RESTORE, TRAIN, FORGET, GATHER, END = range(1, 7)  # what the chief tells


class LostError(TrainingError):
    """Another worker ended or cannot be reached."""


class Team:
    """The replicas that train together, and what this process has to do with the others."""

    def __init__(self, strategy: Any, role: Role) -> None:
        self.strategy, self.role = strategy, role
        self.replicas: int = strategy.num_replicas_in_sync
        self.local = self.replicas // self.role.workers
        self.stop: str | None = None  # set by a signal, here or in another worker
        self._over = False
        self._sums = {
            dtype: tf.function(self._summed, input_signature=[tf.TensorSpec((None,), dtype)], autograph=False)
            for dtype in (tf.float32, tf.float64)
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *raised: object) -> None:
        """Let the other workers end, if nothing has told them yet."""
        with contextlib.suppress(LostError):
            self.dismiss("error")

    def parts(self, batch: int) -> list[slice]:
        """The rows of a batch that each replica of this process has. Raises UsageError if some have none."""
        if batch < self.replicas:
            raise UsageError(
                f"a batch of {batch} cannot be split among {self.replicas} replicas; take a larger --batch-size"
            )
        first = self.role.index * self.local
        return [rows_of(batch, first + number, self.replicas) for number in range(self.local)]

    def local_number(self) -> int:
        """Inside of `strategy.run`: which of the replicas of this process it is."""
        number = tf.get_static_value(tf.distribute.get_replica_context().replica_id_in_sync_group)
        return int(number % self.local)

    def describe(self, batch: int) -> str:
        """One line for people."""
        sizes = [len(range(batch)[rows_of(batch, part, self.replicas)]) for part in range(self.replicas)]
        shared = f"{sizes[0]} rows each" if len(set(sizes)) == 1 else f"{sizes[0]} or {sizes[-1]} rows each"
        machines = f"{self.role.workers} workers, " if self.role.workers > 1 else ""
        return f"distribution: {machines}{self.replicas} replica{'s' * (self.replicas > 1)}, {shared}"

    def tell(self, command: int, *numbers: float) -> None:
        """The chief's order to the other workers, with up to three numbers."""
        if self.role.workers > 1:
            self._exchange([command, *numbers])

    def hear(self) -> tuple[int, list[int]]:
        """What the chief tells: the order and its numbers."""
        command, *numbers = self._exchange([])
        return command, numbers

    def _exchange(self, order: Sequence[float]) -> list[int]:
        """The chief's order, in which everybody can ask to stop."""
        asks = [float(self.stop == name) for name in ("SIGINT", "SIGTERM")]
        heard = self.total(np.array([*order, *[0.0] * (4 - len(order)), *asks]))
        if heard[4:].any():
            self.stop = self.stop or ("SIGINT" if heard[4] else "SIGTERM")
        return [int(number) for number in heard[:4]]

    def total(self, values: NDArray[Any]) -> NDArray[Any]:
        """The sum of all workers' values (float32 or float64, any shape). Raises LostError if one is gone."""
        if self.role.workers == 1:
            return values
        with self.together():
            total = self._sums[tf.as_dtype(values.dtype)](tf.constant(values.ravel()))
            found: NDArray[Any] = total.numpy().reshape(values.shape)
        return found

    def _summed(self, values: Any) -> Any:
        def replica() -> Any:
            own = tf.identity(values) if self.local_number() == 0 else tf.zeros_like(values)
            return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, own)

        return self.strategy.experimental_local_results(self.strategy.run(replica))[0]

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """Around what all workers do at once: TensorFlow's errors about a lost one become LostError."""
        try:
            yield
        except (
            tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.CancelledError,
            tf.errors.DeadlineExceededError, tf.errors.InternalError,
        ) as error:  # fmt: skip
            if self.role.workers == 1:
                raise
            self._over = True
            raise LostError(
                f"{self._culprit(error)} ended or cannot be reached; to go on from the last checkpoint, start all "
                "workers again"
            ) from error
        except BaseException:
            self._over = True  # the others wait for this process where they hear no order; they notice that it ends
            raise

    def _culprit(self, error: Exception) -> str:
        """The worker that an error is about, as far as it says so."""
        names = {
            self.role.of_task(kind, int(number))
            for kind, number in re.findall(r"/job:(chief|worker)/(?:replica:0/)?task:(\d+)", str(error))
        }
        others = sorted(index for index in names if index != self.role.index and index < self.role.workers)
        if not others and self.role.workers == 2:
            others = [1 - self.role.index]
        return self.role.name(others[0]) if others else "another worker"

    def dismiss(self, reason: str) -> None:
        """Tell the other workers that the run ended. Does nothing the second time, and in other workers."""
        if not self._over and self.role.chief:
            self._over = True
            self.tell(END, REASONS.index(reason))
