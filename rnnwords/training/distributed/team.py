"""Training on several devices or machines: the strategy of tf.distribute, and the commands of the chief.

Every worker has the whole network and computes the gradients of its rows of each batch; the strategy adds them, so all
workers make the same step. One worker is the chief: it runs the training loop, reads the text and writes every file.
The others follow its commands, so that every decision is made in one place.
Commands travel like gradients: as a sum over all workers, to which all but the chief add zeros. In a single process
nothing is sent.
"""

import contextlib
import os
import re
import signal
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from tensorflow.python.eager import context

from rnnwords.errors import UsageError
from rnnwords.training.distributed import cluster
from rnnwords.training.distributed.cluster import Role, WorkerLostError, rows_of
from rnnwords.training.settings.request import STOPPED, StopRequest

REASONS = ("error", "budget", "patience", "max_accuracy", *STOPPED)  # why a run ends
START, RESTORE, TRAIN, RESET, GATHER, END = range(1, 7)  # commands of the chief


def gpus() -> int:
    """Return the number of GPUs of this machine."""
    return len(tf.config.list_physical_devices("GPU"))


def make_strategy(role: Role) -> Any:
    """Return a MirroredStrategy over the devices of this machine, or a MultiWorkerMirroredStrategy over the workers.

    It must be made before TensorFlow computes anything. Raises WorkerLostError if the workers cannot be connected.
    """
    if role.strategy == "mirrored":
        os.environ.pop(cluster.VARIABLE, None)  # it describes other machines, but this strategy would read it too
        devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
        return tf.distribute.MirroredStrategy([device.name for device in devices])
    _configure(role)
    try:
        with _sigterm_handler_kept():
            return tf.distribute.MultiWorkerMirroredStrategy()
    except tf.errors.OpError as error:
        cause = str(error).splitlines()[0].partition(". ")[0][:200]
        raise WorkerLostError(f"the workers could not be connected ({cause}); start all workers again") from error


@contextlib.contextmanager
def _sigterm_handler_kept() -> Iterator[None]:
    """Put the handler of SIGTERM back at the end: TensorFlow's preemption service replaces it unnoticed."""
    handler = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread() and handler is not None:
            signal.signal(signal.SIGTERM, handler)


def _configure(role: Role) -> None:
    """Limit the time that TensorFlow waits for a worker: an option of its context, not of the strategy."""
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


class Team:
    """The replicas that train together, and the connection of this process to the others."""

    def __init__(self, strategy: Any, role: Role, stop: StopRequest) -> None:
        """`stop` is set when any of the workers is stopped."""
        self.strategy, self.role, self.stop = strategy, role, stop
        self.replicas: int = strategy.num_replicas_in_sync
        self.local = self.replicas // self.role.workers
        self._ended = False  # whether the other workers need no END any more
        vectors = [tf.TensorSpec((None,), dtype) for dtype in (tf.float32, tf.float64)]
        self._sums = {one.dtype: tf.function(self._summed, [one], autograph=False) for one in vectors}

    def parts(self, batch: int) -> list[slice]:
        """Return the rows of a batch for each replica of this process. Raises UsageError if some replica has none."""
        if batch < self.replicas:
            raise UsageError(f"`batch_size`: expected {self.replicas} or more, one row for each replica, found {batch}")
        first = self.role.index * self.local
        return [rows_of(batch, first + number, self.replicas) for number in range(self.local)]

    def local_number(self) -> int:
        """Return the index of the replica among those of this process, inside `strategy.run`."""
        number = tf.get_static_value(tf.distribute.get_replica_context().replica_id_in_sync_group)
        return int(number % self.local)

    def describe(self, batch: int) -> str:
        """Return a line about workers, replicas and rows."""
        sizes = [len(range(batch)[rows_of(batch, part, self.replicas)]) for part in range(self.replicas)]
        shared = f"{sizes[0]} rows each" if len(set(sizes)) == 1 else f"{sizes[0]} or {sizes[-1]} rows each"
        machines = f"{self.role.workers} workers, " if self.role.workers > 1 else ""
        return f"distribution: {machines}{self.replicas} replica{'s' * (self.replicas > 1)}, {shared}"

    def send(self, command: int, *numbers: float) -> None:
        """Send a command of the chief to the other workers, with up to three numbers."""
        if self.role.workers > 1:
            self._exchange([command, *numbers])

    def receive(self) -> tuple[int, list[int]]:
        """Return the next command of the chief and its numbers."""
        command, *numbers = self._exchange([])
        return command, numbers

    def _exchange(self, command: Sequence[float]) -> list[int]:
        """Return the command of the chief. With it, every worker learns whether one of them is stopped."""
        stops = [float(self.stop.reason == name) for name in STOPPED]
        sums = self.total(np.array([*command, *[0.0] * (4 - len(command)), *stops]))
        if sums[4:].any():
            self.stop.reason = self.stop.reason or STOPPED[int(np.argmax(sums[4:] > 0))]
        return [int(number) for number in sums[:4]]

    def total(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return the sum of the values of all workers (float32 or float64, any shape). Raises WorkerLostError."""
        if self.role.workers == 1:
            return values
        with self.lost_workers_detected():
            total = self._sums[tf.as_dtype(values.dtype)](tf.constant(values.ravel()))
            return np.asarray(total.numpy().reshape(values.shape))

    def _summed(self, values: Any) -> Any:
        def replica() -> Any:
            own = tf.identity(values) if self.local_number() == 0 else tf.zeros_like(values)
            return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, own)

        return self.strategy.experimental_local_results(self.strategy.run(replica))[0]

    @contextlib.contextmanager
    def lost_workers_detected(self) -> Iterator[None]:
        """Turn TensorFlow's errors about a lost worker into WorkerLostError, around what all workers do together."""
        try:
            yield
        except (
            tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.CancelledError,
            tf.errors.DeadlineExceededError, tf.errors.InternalError,
        ) as error:  # fmt: skip
            if self.role.workers == 1:
                raise
            self._ended = True
            raise WorkerLostError(
                f"{self._lost_worker(error)} ended or cannot be reached; start all workers again to resume the run"
            ) from error
        except (
            BaseException
        ):  # the others wait in a step, where no command reaches them; they detect the end of this one
            self._ended = True
            raise

    def _lost_worker(self, error: Exception) -> str:
        """Return the name of the worker that an error is about, as far as TensorFlow names one."""
        tasks = re.findall(r"/job:(chief|worker)/(?:replica:0/)?task:(\d+)", str(error))
        indices = {self.role.of_task(kind, int(number)) for kind, number in tasks}
        others = sorted(index for index in indices if index != self.role.index and index < self.role.workers)
        if not others and self.role.workers == 2:
            others = [1 - self.role.index]
        return self.role.name(others[0]) if others else "another worker"

    def dismiss(self, reason: str) -> None:
        """Send the end of the run to the other workers. Does nothing the second time, and in other workers."""
        if not self._ended and self.role.chief:
            self._ended = True
            self.send(END, REASONS.index(reason))
