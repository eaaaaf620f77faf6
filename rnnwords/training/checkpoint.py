"""The run directory: its lock, its checkpoints, its history. The newest undamaged checkpoint always loads.

model.safetensors   the best model so far, which all other commands load
vocabulary.tsv      its vocabulary as text
checkpoints/        the complete training state, of the last two checkpoints
history.jsonl       one line per report, appended at once
logs/               TensorBoard
lock                locked while training
tensorflow.log      what TensorFlow's libraries write
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
from rnnwords.model_file import FILE_NAME
from rnnwords.tensor_file import read_tensors, write_tensors
from rnnwords.training.resume import check_same_settings, upgraded

FORMAT = "rnnwords-checkpoint"
# 1.0  the first format
# 2.0  sums instead of all losses and hits since the last report; reports are in the history only
# 3.0  fields have the names of the Python API
VERSION = (3, 0)
KEEP = 2
OTHER_KIND = "expected a model of {} in {}, found one of {}; name another `directory`"
_NAME = re.compile(r"step-(\d{10,})\.safetensors")
_OWN = {FILE_NAME, "vocabulary.tsv", "checkpoints", "history.jsonl", "logs", "lock", "tensorflow.log"}
_UNSAVED = {"checkpoints", "lock", "tensorflow.log"}  # files of a run before its first save


@dataclass(frozen=True)
class Checkpoint:
    """A complete training state: tensors by name, and everything else as JSON."""

    step: int
    tensors: Mapping[str, NDArray[Any]]
    state: dict[str, Any]


class RunDirectory:
    """The files of one run. They are only written while `locked`."""

    def __init__(self, path: Path) -> None:
        self.path, self.checkpoints, self.logs = path, path / "checkpoints", path / "logs"
        self.model, self.vocabulary = path / FILE_NAME, path / "vocabulary.tsv"
        self.history = path / "history.jsonl"

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Create the directory if necessary and hold its lock, which ends with the process, even after kill -9.

        Raises UsageError if the path is not a run directory, TrainingError if another process holds the lock, SaveError
        if the directory cannot be written.
        """
        self._refuse_foreign()
        new = [path for path in (self.path, *self.path.parents) if not path.exists()]
        try:
            self.checkpoints.mkdir(parents=True, exist_ok=True)
            for directory in (self.path, self.checkpoints):
                if not os.access(directory, os.W_OK | os.X_OK):
                    raise PermissionError(errno.EACCES, "no permission to write in it", str(directory))
            descriptor = self._acquire_lock()
        except OSError as error:
            raise SaveError(f"{self.path} cannot be written: {reason(error)}; nothing was changed") from error
        try:
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
            pattern = f"*{TEMPORARY_SUFFIX}"
            for left in (*self.path.glob(pattern), *self.checkpoints.glob(pattern)):  # by a run that was killed
                with contextlib.suppress(OSError):
                    left.unlink()
            yield
        except BaseException:
            if new:
                self._remove_if_unused(new)
            raise
        finally:
            os.close(descriptor)

    def _refuse_foreign(self) -> None:
        if self.path.exists() and not self.path.is_dir():
            raise UsageError(f"`directory`: expected a directory for the run, found a file: {self.path}")
        if self.path.is_dir() and not (self.path / "lock").exists():
            names = {item.name for item in self.path.iterdir()} - _OWN
            if foreign := sorted(name for name in names if not name.endswith(TEMPORARY_SUFFIX)):
                raise UsageError(
                    f"`directory`: expected a run or an empty directory, found other files in {self.path} "
                    f"({foreign[0]}); name a new directory"
                )

    def _acquire_lock(self) -> int:
        """Return the descriptor of the lock file, locked. Raises TrainingError if another process holds the lock."""
        while True:
            descriptor = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if os.path.samestat(os.fstat(descriptor), os.stat(self.path / "lock")):
                    return descriptor  # else its last owner has just removed it, and the loop takes the new one
            except BlockingIOError as error:
                owner = os.pread(descriptor, 20, 0).decode("ascii", "replace").strip() or "unknown"
                os.close(descriptor)
                raise TrainingError(
                    f"{self.path} is in use by process {owner}; wait for it, or name another `directory`"
                ) from error
            except FileNotFoundError:
                pass
            os.close(descriptor)

    def _remove_if_unused(self, new: Sequence[Path]) -> None:
        """Remove the new directories of a run that ended before its first save."""
        if {item.name for item in self.path.iterdir()} <= _UNSAVED and not any(self.checkpoints.iterdir()):
            with contextlib.suppress(OSError):
                self.checkpoints.rmdir()
                for name in _UNSAVED - {self.checkpoints.name}:
                    (self.path / name).unlink(missing_ok=True)
                for directory in new:
                    directory.rmdir()

    def clear(self) -> None:
        """Remove checkpoints, history and logs. The model stays until the new run saves one."""
        for item in [*self._files().values(), self.history, *self.logs.glob("events.out.tfevents.*")]:
            item.unlink(missing_ok=True)

    def _files(self) -> dict[int, Path]:
        """Return step -> checkpoint file, newest last: by the step in the name, because clocks can be wrong."""
        files = self.checkpoints.glob("step-*.safetensors")
        return dict(sorted((int(match[1]), item) for item in files if (match := _NAME.fullmatch(item.name))))

    def newest(self, warn: Callable[[str], None]) -> Checkpoint | None:
        """Return the newest undamaged checkpoint, or None if there is none; `warn` is called for each damaged one.

        Raises ModelError if all are damaged.
        """
        files = self._files()
        for step, item in reversed(files.items()):
            try:
                tensors, state, _ = read_tensors(item, FORMAT, VERSION, "checkpoint")
                return Checkpoint(step, tensors, upgraded(state))
            except ModelError as error:
                last = error
                warn(f"{error}; using the checkpoint before it")
        if files:
            raise ModelError(
                f"expected an undamaged checkpoint in {self.path}, found none ({last}); start again with `restart`"
            )
        return None

    def resumable(
        self, settings: Mapping[str, Any], seed: int | None, warn: Callable[[str], None]
    ) -> Checkpoint | None:
        """Return the newest undamaged checkpoint, as `newest` does, for a run with these settings.

        Raises ResumeError for another setting or `seed`, UsageError for numbers instead of words or the reverse,
        ModelError if its state is incomplete.
        """
        checkpoint = self.newest(warn)
        if checkpoint:
            if missing := {"training", "position", "precision", "metrics"} - set(checkpoint.state):
                raise ModelError(f"the checkpoint of {self.path} has no {min(missing)}; start again with `restart`")
            before = checkpoint.state["settings"]
            kinds = ["numbers" if "column" in one else "words" for one in (settings, before)]
            if kinds[0] != kinds[1]:
                raise UsageError(OTHER_KIND.format(kinds[0], self.path, kinds[1]))
            check_same_settings(self.path, before, settings, (checkpoint.state.get("training", {}).get("seed"), seed))
        return checkpoint

    def save(self, checkpoint: Checkpoint) -> None:
        """Write a checkpoint, then remove all but the last KEEP. Raises SaveError, which says what is kept."""
        before = [step for step in self._files() if step < checkpoint.step]
        kept = f"the checkpoint of step {before[-1]:,} is kept" if before else "there is no checkpoint yet"
        item = self.checkpoints / f"step-{checkpoint.step:010}.safetensors"
        write_tensors(item, FORMAT, VERSION, checkpoint.tensors, checkpoint.state, kept=kept)
        files = self._files()
        damaged = [old for step, old in files.items() if step > checkpoint.step]  # else the run would be beyond it
        for old in [*list(files.values())[: -KEEP - len(damaged)], *damaged]:
            with contextlib.suppress(OSError):
                old.unlink()

    def append_history(self, report: Mapping[str, Any]) -> None:
        """Append a report to the history. Raises SaveError."""
        append_to_file(self.history, f"{json.dumps(report, ensure_ascii=False, allow_nan=False)}\n".encode())

    def cut_history(self, step: int) -> None:
        """Remove reports after a step, which the resumed run repeats, and incomplete lines. Raises SaveError."""
        if self.history.exists():
            replace_file(self.history, self._reports(step))

    def _reports(self, step: int) -> Iterator[bytes]:
        """Yield the lines of the history that are reports up to a step."""
        with open(self.history, "rb") as lines:
            for line in lines:
                with contextlib.suppress(ModelError):
                    report = parse_json(line, "a report")
                    if isinstance(report, dict) and type(at := report.get("step")) is int and at <= step:
                        yield line.rstrip(b"\n") + b"\n"


def as_tensors(values: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
    """Return arrays with the number types of a checkpoint: float32, float64, int64, uint8."""
    arrays = {name: np.asarray(value) for name, value in values.items()}
    wide = {name for name, array in arrays.items() if array.dtype.kind in "iu" and array.dtype != np.uint8}
    return {name: array.astype(np.int64) if name in wide else array for name, array in arrays.items()}
