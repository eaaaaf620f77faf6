"""The run directory: its lock, its checkpoints, its history. The newest good state always loads.

model.safetensors   the best weights so far: what every other command loads
vocabulary.tsv      the same vocabulary for people
checkpoints/        the whole training state, the last two steps
history.jsonl       one line a report, added as it comes
logs/               TensorBoard
lock                held while training
"""

import contextlib
import errno
import fcntl
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnwords.errors import ModelError, SaveError, TrainingError, UsageError
from rnnwords.files import TEMPORARY_SUFFIX, append_to_file, parse_json, reason, replace_file
from rnnwords.tensor_file import read_tensors, write_tensors

FORMAT = "rnnwords-checkpoint"
# 1.0  the first format
# 2.0  sums in the place of every loss and hit since the last report; the reports are in the history alone
VERSION = (2, 0)
KEEP = 2
_NAME = re.compile(r"step-(\d{10,})\.safetensors")
_OURS = {"model.safetensors", "vocabulary.tsv", "checkpoints", "history.jsonl", "logs", "lock", "tensorflow.log"}
_EMPTY = {"checkpoints", "lock", "tensorflow.log"}  # what a run directory has before the first save


@dataclass(frozen=True)
class Checkpoint:
    """A whole training state: tensors by name, and everything else as JSON."""

    step: int
    tensors: Mapping[str, NDArray[Any]]
    state: dict[str, Any]


class RunDirectory:
    """The files of one run. `open` takes the lock; nothing is written without it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.model = path / "model.safetensors"
        self.vocabulary = path / "vocabulary.tsv"
        self.checkpoints = path / "checkpoints"
        self.history = path / "history.jsonl"
        self.logs = path / "logs"

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Make the directory if need be and hold its lock; it goes with the process, even after kill -9.

        Raises UsageError if the path is something else than a run directory, TrainingError if another process holds
        the lock, SaveError if it cannot be written.
        """
        self._refuse_foreign()
        new = [path for path in (self.path, *self.path.parents) if not path.exists()]
        try:
            self.checkpoints.mkdir(parents=True, exist_ok=True)
            for directory in (self.path, self.checkpoints):
                if not os.access(directory, os.W_OK | os.X_OK):
                    raise PermissionError(errno.EACCES, "no permission to write in it", str(directory))
            descriptor = self._lock_taken()
        except OSError as error:
            raise SaveError(f"{self.path} cannot be written: {reason(error)}; nothing was changed") from error
        try:
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
            self._clean()
            yield
        except BaseException:
            if new:
                self._remove_if_unused(new)
            raise
        finally:
            os.close(descriptor)

    def _refuse_foreign(self) -> None:
        if self.path.exists() and not self.path.is_dir():
            raise UsageError(f"{self.path} is a file; --model names the directory that a run is kept in")
        if self.path.is_dir() and not (self.path / "lock").exists():
            foreign = sorted({item.name for item in self.path.iterdir()} - _OURS)
            if foreign := [name for name in foreign if not name.endswith(TEMPORARY_SUFFIX)]:
                raise UsageError(f"{self.path} holds other files ({foreign[0]}); name a new or empty directory")

    def _lock_taken(self) -> int:
        """The descriptor of the lock file, locked. Raises TrainingError if another process holds it."""
        while True:
            descriptor = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if os.path.samestat(os.fstat(descriptor), os.stat(self.path / "lock")):
                    return descriptor  # else its last owner has just removed it: take the new one
            except BlockingIOError as error:
                owner = os.pread(descriptor, 20, 0).decode("ascii", "replace").strip() or "unknown"
                os.close(descriptor)
                raise TrainingError(
                    f"{self.path} is in use by process {owner}; wait for it, or name another directory with --model"
                ) from error
            except FileNotFoundError:
                pass
            os.close(descriptor)

    def _remove_if_unused(self, new: Sequence[Path]) -> None:
        """A run that ended before it wrote anything leaves nothing behind: no directory of a mistyped name."""
        if {item.name for item in self.path.iterdir()} <= _EMPTY and not any(self.checkpoints.iterdir()):
            with contextlib.suppress(OSError):
                self.checkpoints.rmdir()
                for name in _EMPTY - {self.checkpoints.name}:
                    (self.path / name).unlink(missing_ok=True)
                for directory in new:
                    directory.rmdir()

    def _clean(self) -> None:
        """Remove temporary files that a killed run left."""
        for directory in (self.path, self.checkpoints):
            for item in directory.glob(f"*{TEMPORARY_SUFFIX}"):
                with contextlib.suppress(OSError):
                    item.unlink()

    def clear(self) -> None:
        """Forget the run (--restart): its checkpoints, history and logs. The model stays until a better one comes."""
        for item in [*self._found().values(), self.history, *self.logs.glob("events.out.tfevents.*")]:
            item.unlink(missing_ok=True)

    def _found(self) -> dict[int, Path]:
        """step -> checkpoint file, newest last. The step in the name decides, never the clock."""
        found = {}
        for item in self.checkpoints.glob("step-*.safetensors"):
            if match := _NAME.fullmatch(item.name):
                found[int(match[1])] = item
        return dict(sorted(found.items()))

    def newest(self, warn: Callable[[str], None]) -> Checkpoint | None:
        """The newest checkpoint that is whole; `warn` is told of those that are not. None if there is none.

        Raises ModelError if there are checkpoints but all are damaged.
        """
        found = self._found()
        for step, item in reversed(found.items()):
            try:
                tensors, state = read_tensors(item, FORMAT, VERSION, "checkpoint")
                return Checkpoint(step, tensors, state)
            except ModelError as error:
                last = error
                warn(f"{error}; going back to the one before")
        if found:
            raise ModelError(f"no checkpoint of {self.path} can be used ({last}); start anew with --restart")
        return None

    def save(self, checkpoint: Checkpoint) -> None:
        """Write a checkpoint whole, then remove all but the last KEEP. Raises SaveError, which says what is kept."""
        before = [step for step in self._found() if step < checkpoint.step]
        kept = f"the checkpoint of step {before[-1]:,} is kept" if before else "there is no checkpoint yet"
        item = self.checkpoints / f"step-{checkpoint.step:010}.safetensors"
        write_tensors(item, FORMAT, VERSION, checkpoint.tensors, checkpoint.state, kept=kept)
        found = self._found()
        damaged = [old for step, old in found.items() if step > checkpoint.step]  # the run went back before these
        for old in [*list(found.values())[: -KEEP - len(damaged)], *damaged]:
            with contextlib.suppress(OSError):
                old.unlink()

    def append_history(self, report: Mapping[str, Any]) -> None:
        """Add a report to the history. Raises SaveError."""
        append_to_file(self.history, f"{json.dumps(report, ensure_ascii=False, allow_nan=False)}\n".encode())

    def cut_history(self, step: int) -> None:
        """Leave only reports up to a step: later ones, and what a killed run left half-written, are made again.

        Raises SaveError.
        """
        if self.history.exists():
            replace_file(self.history, self._reports(step))

    def _reports(self, step: int) -> Iterator[bytes]:
        """The lines of the history that are reports up to a step."""
        with open(self.history, "rb") as lines:
            for line in lines:
                with contextlib.suppress(ModelError):
                    report = parse_json(line, "a report")
                    if isinstance(report, dict) and type(at := report.get("step")) is int and at <= step:
                        yield line.rstrip(b"\n") + b"\n"


def scalars(values: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
    """Arrays of any number type as the types that a checkpoint holds: float32, float64, int64, uint8."""
    found: dict[str, NDArray[Any]] = {}
    for name, value in values.items():
        array = np.asarray(value)
        if array.dtype.kind in "iu" and array.dtype != np.uint8:
            array = array.astype(np.int64)
        found[name] = array
    return found
