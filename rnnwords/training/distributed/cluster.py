"""The machines of a distributed run: the standard variable TF_CONFIG, checked before TensorFlow is loaded.

    {"cluster": {"worker": ["10.0.0.1:12345", "10.0.0.2:12345"]}, "task": {"type": "worker", "index": 0}}

The first worker is the chief, or the one task of type "chief" if there is one.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rnnwords.config import shown
from rnnwords.errors import TrainingError, UsageError

STRATEGIES = ("mirrored", "multiworker")
CONNECT_SECONDS = 60  # for TensorFlow to connect the workers after the rendezvous
LOST_SECONDS = 30  # without a heartbeat of a worker, after which the others end
VARIABLE = "TF_CONFIG"
EXAMPLE = (
    '{"cluster": {"worker": ["10.0.0.1:12345", "10.0.0.2:12345"]}, "task": {"type": "worker", "index": 0}}, '
    "with the index of each worker on its machine"
)


class WorkerLostError(TrainingError):
    """Another worker ended or cannot be reached."""


@dataclass(frozen=True)
class Role:
    """The role of this process among the workers."""

    strategy: str  # one of STRATEGIES
    index: int  # 0 is the chief
    addresses: tuple[str, ...]  # HOST:PORT of each worker, the chief first
    tasks: Mapping[str, int]  # number of tasks of each type

    @property
    def chief(self) -> bool:
        """Whether this process runs the training loop and writes the files."""
        return self.index == 0

    @property
    def workers(self) -> int:
        """The number of processes."""
        return len(self.addresses)

    def name(self, index: int) -> str:
        """Return the name of a worker for messages."""
        return f"{'the chief' if index == 0 else f'worker {index}'} ({self.addresses[index]})"

    def of_task(self, job: str, number: int) -> int:
        """Return the index of a task that TensorFlow names by its type and its number within the type."""
        return number + (self.tasks.get("chief", 0) if job == "worker" else 0)


def role_of(strategy: str | None, environment: Mapping[str, str]) -> Role | None:
    """Return the role of this process, for several machines from TF_CONFIG; None: the run is not distributed.

    Raises UsageError for a bad TF_CONFIG.
    """
    if strategy not in (None, *STRATEGIES):
        raise UsageError(f"`distribute`: expected one of {', '.join(STRATEGIES)}, found {shown(strategy)}")
    if strategy != "multiworker":
        return Role(strategy, 0, ("",), {}) if strategy else None
    if not (text := environment.get(VARIABLE, "").strip()):
        where = f"`distribute` multiworker: expected the environment variable {VARIABLE}"
        raise UsageError(f"{where}, for example {EXAMPLE}")
    try:
        config = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{VARIABLE}: expected JSON, for example {EXAMPLE}; found {error}") from error
    cluster, task = _entry(config, "cluster", dict, VARIABLE), _entry(config, "task", dict, VARIABLE)
    if unknown := sorted(set(cluster) - {"chief", "worker"}):
        raise UsageError(f"{VARIABLE}: expected the keys chief and worker in cluster, found {shown(unknown[0])}")
    jobs = [job for job in ("chief", "worker") if job in cluster]
    tasks = {job: _entry(cluster, job, list, f"{VARIABLE}: cluster") for job in jobs}
    if len(tasks.get("chief", [""])) != 1:
        raise UsageError(f"{VARIABLE}: expected one chief, found {len(tasks['chief'])}")
    addresses = tuple(_address(item) for items in tasks.values() for item in items)
    if twice := [address for address in addresses if addresses.count(address) > 1]:
        raise UsageError(f"{VARIABLE}: expected a different address for each worker, found {twice[0]} twice")
    job, index = task.get("type"), task.get("index", 0)
    if not isinstance(job, str) or job not in tasks:
        raise UsageError(f"{VARIABLE}: expected a task type of {', '.join(tasks)}, found {shown(job)}")
    if type(index) is not int or not 0 <= index < len(tasks[job]):
        expected = f"a task index of {job} from 0 to {len(tasks[job]) - 1}"
        raise UsageError(f"{VARIABLE}: expected {expected}, found {shown(index)}")
    first = len(tasks.get("chief", [])) if job == "worker" else 0
    return Role(strategy, first + index, addresses, {job: len(items) for job, items in tasks.items()})


def _entry(values: object, name: str, kind: type[Any], where: str) -> Any:
    """Return the value of a key. Raises UsageError unless it is of the type `kind` and not empty."""
    value = values.get(name) if isinstance(values, dict) else None
    if not isinstance(value, kind) or not value:
        what = "an object" if kind is dict else "a list of HOST:PORT"
        raise UsageError(f"{where}: expected {name!r}, {what}, found {shown(value)}; for example {EXAMPLE}")
    return value


def _address(item: object) -> str:
    """Return the address HOST:PORT. Raises UsageError for anything else."""
    host, _, port = item.rpartition(":") if isinstance(item, str) else ("", "", "")
    if not host or not port.isascii() or not port.isdecimal() or not 1 <= int(port[:9]) <= 65_535:
        raise UsageError(f"{VARIABLE}: expected HOST:PORT with a port from 1 to 65,535, found {shown(item)}")
    return str(item)


def rows_of(batch: int, part: int, parts: int) -> slice:
    """Return the rows of one of the parts of a batch. Sizes differ by at most one, and larger parts come first."""
    size, more = divmod(batch, parts)
    start = part * size + min(part, more)
    return slice(start, start + size + (part < more))
