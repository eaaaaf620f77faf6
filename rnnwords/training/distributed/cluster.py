"""Which machines train together: the standard TF_CONFIG, read and checked before TensorFlow is loaded.

    {"cluster": {"worker": ["10.0.0.1:12345", "10.0.0.2:12345"]}, "task": {"type": "worker", "index": 0}}

The first worker is the chief, or the one task of type "chief" if there is one.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rnnwords.config import shown
from rnnwords.errors import UsageError

STRATEGIES = ("mirrored", "multiworker")
CONNECT_SECONDS = 60  # for TensorFlow to connect workers that have met
LOST_SECONDS = 30  # without a sign of life from a worker, until the others give up
VARIABLE = "TF_CONFIG"
EXAMPLE = (
    '{"cluster": {"worker": ["10.0.0.1:12345", "10.0.0.2:12345"]}, "task": {"type": "worker", "index": 0}}, '
    "with the index of each worker on its machine"
)


@dataclass(frozen=True)
class Role:
    """The place of this process among the workers."""

    strategy: str  # one of STRATEGIES
    index: int  # 0 is the chief
    addresses: tuple[str, ...]  # HOST:PORT of each worker, the chief first
    tasks: Mapping[str, int]  # how many tasks of each type there are, as TensorFlow counts them

    @property
    def chief(self) -> bool:
        """Whether this process decides and writes."""
        return self.index == 0

    @property
    def workers(self) -> int:
        """How many processes train together."""
        return len(self.addresses)

    def name(self, index: int) -> str:
        """A worker as messages call it."""
        return f"{'the chief' if index == 0 else f'worker {index}'} ({self.addresses[index]})"

    def of_task(self, job: str, number: int) -> int:
        """The index of a task that TensorFlow names by its type and its number in it."""
        return number + (self.tasks.get("chief", 0) if job == "worker" else 0)


def role_of(strategy: str | None, environment: Mapping[str, str]) -> Role | None:
    """The role of this process; for several machines the one that TF_CONFIG gives it. None: nothing is distributed.

    Raises UsageError, which says what is wrong with TF_CONFIG.
    """
    if strategy != "multiworker":
        return Role(strategy, 0, ("",), {}) if strategy else None
    if not (text := environment.get(VARIABLE, "").strip()):
        raise UsageError(f"distribute multiworker needs the environment variable {VARIABLE}, for example {EXAMPLE}")
    try:
        config = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{VARIABLE} is not valid JSON ({error}); expected something like {EXAMPLE}") from error
    cluster, task = _entry(config, "cluster", dict, VARIABLE), _entry(config, "task", dict, VARIABLE)
    if unknown := sorted(set(cluster) - {"chief", "worker"}):
        raise UsageError(f"{VARIABLE}: cluster may have chief and worker; got {shown(unknown[0])}")
    jobs = [job for job in ("chief", "worker") if job in cluster]
    tasks = {job: _entry(cluster, job, list, f"{VARIABLE}: cluster") for job in jobs}
    if len(tasks.get("chief", [""])) != 1:
        raise UsageError(f"{VARIABLE}: there must be one chief; got {len(tasks['chief'])}")
    addresses = tuple(_address(item) for items in tasks.values() for item in items)
    if twice := [address for address in addresses if addresses.count(address) > 1]:
        raise UsageError(f"{VARIABLE}: {twice[0]} stands twice; each worker needs an address of its own")
    job, index = task.get("type"), task.get("index", 0)
    if not isinstance(job, str) or job not in tasks:
        raise UsageError(f"{VARIABLE}: task type must be one of {', '.join(tasks)}; got {shown(job)}")
    if isinstance(index, bool) or not isinstance(index, int) or not 0 <= index < len(tasks[job]):
        raise UsageError(
            f"{VARIABLE}: task index must be a whole number from 0 to {len(tasks[job]) - 1}, a place in the list of "
            f"{job}; got {shown(index)}"
        )
    counts = {job: len(items) for job, items in tasks.items()}
    return Role(strategy, index + (counts.get("chief", 0) if job == "worker" else 0), addresses, counts)


def _entry(values: object, name: str, kind: type[Any], where: str) -> Any:
    """The value of a key, of the type `kind`."""
    found = values.get(name) if isinstance(values, dict) else None
    if not isinstance(found, kind) or not found:
        what = "an object" if kind is dict else "a list of HOST:PORT"
        raise UsageError(f"{where} must have {name!r}, {what}; got {shown(found)}. Expected something like {EXAMPLE}")
    return found


def _address(item: object) -> str:
    """HOST:PORT, checked."""
    host, _, port = item.rpartition(":") if isinstance(item, str) else ("", "", "")
    if not host or not port.isascii() or not port.isdecimal() or not 1 <= int(port[:9]) <= 65_535:
        raise UsageError(f"{VARIABLE}: expected an address HOST:PORT with a port from 1 to 65,535; got {shown(item)}")
    return str(item)


def rows_of(batch: int, part: int, parts: int) -> slice:
    """The rows of a batch that belong to one of its parts: as equal as can be, the larger ones first."""
    size, more = divmod(batch, parts)
    start = part * size + min(part, more)
    return slice(start, start + size + (part < more))
