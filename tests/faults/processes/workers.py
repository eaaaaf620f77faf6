"""Worker processes that tests record, find, and kill."""

import threading
from pathlib import Path

import pytest

from rnnwords.text import workers
from tests.texts import FABLES, write

SECONDS = 5.0  # within which a command ends once a worker has died; a busy machine has more


class Started(list[workers._Worker]):
    """The workers that were started, in order. `began` is set with the first."""

    def __init__(self) -> None:
        super().__init__()
        self.began = threading.Event()

    def kill(self, count: int = 1) -> None:
        for worker in self[:count]:
            worker.process.kill()

    def all_ended(self) -> bool:
        return bool(self) and all(worker.process.returncode is not None for worker in self)


def children(process: int) -> list[int]:
    """Return the processes that a process has started. Skip the test where the system does not list them."""
    if not Path("/proc/self/stat").exists():
        pytest.skip("needs /proc to list processes")
    found = []
    for item in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = item.read_text(errors="replace").rpartition(")")[2].split()
        except OSError:  # it has ended
            continue
        if int(fields[1]) == process and fields[0] != "Z":
            found.append(int(item.parent.name))
    return found


def alive(processes: list[int]) -> list[int]:
    return [one for one in processes if Path(f"/proc/{one}").exists() and "\nState:\tZ" not in status_of(one)]


def status_of(process: int) -> str:
    try:
        return Path(f"/proc/{process}/status").read_text()
    except OSError:
        return "\nState:\tZ"


def long_file(path: Path, megabytes: int) -> Path:
    content = FABLES.read_bytes()
    return write(path, content * (megabytes * 1_000_000 // len(content)))
