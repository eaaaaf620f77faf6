"""The files of a run: model, checkpoints, history. The newest undamaged checkpoint always loads.

rnnwords-run        marks the directory as a run, and is locked while training; see `run_directory`
model.safetensors   the best model so far, which all other commands load
vocabulary.tsv      its vocabulary as text
checkpoints/        the complete training state, of the last two checkpoints
history.jsonl       one line per report, appended at once
logs/               TensorBoard: training and validation
tensorflow.log      what TensorFlow's libraries write
"""

import contextlib
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnwords.errors import ModelError, UsageError
from rnnwords.files import parse_json
from rnnwords.model_file import FILE_NAME, Model
from rnnwords.network.config import NetworkConfig
from rnnwords.saving import append_to_file, in_directory, remove_file, replace_file
from rnnwords.tensor_file import damaged_file, read_tensors, write_tensors
from rnnwords.training.batches import batches_of
from rnnwords.training.optimization.schedule import Budget
from rnnwords.training.runs.checkpoint_state import CheckpointState
from rnnwords.training.runs.checkpoint_tensors import STEPS, check_tensors
from rnnwords.training.runs.resume import check_same_settings
from rnnwords.training.runs.run_directory import (
    CHECKPOINTS,
    HISTORY,
    LOG_FILES,
    LOGS,
    NATIVE_LOG,
    TRAINING,
    VALIDATION,
    VOCABULARY,
    locked,
)

FORMAT = "rnnwords-checkpoint"
# 1.0  the first format
# 2.0  sums instead of all losses and hits since the last report; reports are in the history only
# 3.0  fields have the names of the Python API
VERSION = (3, 0)
KEEP = 2
OTHER_KIND = "expected a model of {} in {}, found one of {}; name another `directory`"
_NAME = re.compile(r"step-(\d{10,})\.safetensors")


@dataclass(frozen=True)
class Checkpoint:
    """A complete training state: tensors by name, and everything else."""

    step: int
    tensors: Mapping[str, NDArray[Any]]
    state: CheckpointState

    def check_fits(self, network: NetworkConfig, words: int) -> None:
        """Raise ModelError unless a run of this network on so many training words (or values) can have this state."""
        training, position = self.state.training, self.state.position
        check_tensors(network, training, self.tensors)
        if (steps := int(self.tensors[STEPS])) != self.step:
            raise ModelError(f"expected {self.step:,} steps of the optimizer, found {steps:,}")
        text = np.broadcast_to(np.zeros(1, np.int32), words)  # takes no memory
        if (steps := batches_of(network, training, text).steps) < 1:
            raise ModelError(f"expected a batch or more of {words:,} words, found a larger `batch_size`")
        budget = Budget.of(training, steps).steps
        last = position.finished == "budget"
        if budget is not None and not (self.step == budget if last else self.step < budget):
            raise ModelError(f"expected {'' if last else 'less than '}{budget:,} steps, found {self.step:,}")


class RunDirectory:
    """The files of one run. They are only written while `locked`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._check_place: Callable[[], None] = lambda: None  # raises SaveError if another run took the place of this
        # The directory may be a link; inside it, none is followed.
        self._root = root = Path(os.path.realpath(path)) if os.path.islink(path) and os.path.isdir(path) else path
        self.checkpoints, self.logs, self.native_log = root / CHECKPOINTS, root / LOGS, root / NATIVE_LOG
        self.model, self.vocabulary, self.history = root / FILE_NAME, root / VOCABULARY, root / HISTORY

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Create the directory if necessary and hold its lock, which ends with the process, even after kill -9.

        Raises UsageError if the path is not a run directory, TrainingError if another process holds the lock, SaveError
        if the directory cannot be written.
        """
        with locked(self._root, self._has_checkpoint) as self._check_place:
            yield

    def _has_checkpoint(self) -> bool:
        """Return whether an undamaged checkpoint, of any version, is in the directory."""
        for item in self._files().values():
            with contextlib.suppress(ModelError):
                read_tensors(item, FORMAT, VERSION, "checkpoint")
                return True
        return False

    def clear(self) -> None:
        """Remove checkpoints, history and logs. The model stays until the new run saves one."""
        for item in [*self._files().values(), self.history, *self._log_files()]:
            remove_file(item)

    def _log_files(self) -> list[Path]:
        with contextlib.suppress(FileNotFoundError), in_directory(self.logs, follow_links=False):
            places = [self.logs, self.logs / TRAINING, self.logs / VALIDATION]
            return [item for place in places for pattern in LOG_FILES for item in place.glob(pattern)]
        return []

    def _files(self) -> dict[int, Path]:
        """Return step -> checkpoint file, newest last: by the step in the name, because clocks can be wrong."""
        files = self.checkpoints.glob("step-*.safetensors")
        return dict(sorted((int(match[1]), item) for item in files if (match := _NAME.fullmatch(item.name))))

    def newest(
        self, warn: Callable[[str], None], check: Callable[[Checkpoint], None] = lambda _: None
    ) -> Checkpoint | None:
        """Return the newest undamaged checkpoint, or None if there is none; `warn` is called for each damaged one.

        One for which `check` raises ModelError is damaged too. Raises ModelError if all are.
        """
        files = self._files()
        for step, item in reversed(files.items()):
            try:
                tensors, state, deferred = read_tensors(item, FORMAT, VERSION, "checkpoint")
                with damaged_file("checkpoint", item):
                    checkpoint = Checkpoint(step, tensors, CheckpointState.from_json(state))
                    if (found := checkpoint.state.position.step) != step or deferred:
                        raise ModelError(f"expected step {step:,}, as in its name, and no more, found {found:,}")
                check(checkpoint)
                return checkpoint
            except ModelError as error:
                last = error
                warn(f"{error}; using the checkpoint before it")
        if files:
            raise ModelError(
                f"expected an undamaged checkpoint in {self.path}, found none ({last}); start again with `restart`"
            )
        return None

    def resumable(
        self, settings: Mapping[str, Any], seed: int | None, network: Callable[[Checkpoint], NetworkConfig], words: int,
        warn: Callable[[str], None],
    ) -> Checkpoint | None:  # fmt: skip
        """Return the newest undamaged checkpoint, as `newest` does, for a run with these settings on so many words.

        `network` returns the configuration that a checkpoint must fit; for its UsageError the checkpoint is damaged.
        Raises ResumeError for another setting or `seed`, UsageError for numbers instead of words or the reverse.
        """

        def check(checkpoint: Checkpoint) -> None:
            before = checkpoint.state.settings
            kinds = ["numbers" if numeric else "words" for numeric in ("column" in settings, checkpoint.state.numeric)]
            if kinds[0] != kinds[1]:
                raise UsageError(OTHER_KIND.format(kinds[0], self.path, kinds[1]))
            check_same_settings(self.path, before, settings, (checkpoint.state.training.seed, seed))
            with damaged_file("checkpoint", self._files()[checkpoint.step]):
                checkpoint.check_fits(network(checkpoint), words)

        return self.newest(warn, check)

    def save(self, checkpoint: Checkpoint) -> None:
        """Write a checkpoint, then remove all but the last KEEP. Raises SaveError, which says what is kept."""
        self._check_place()
        before = [step for step in self._files() if step < checkpoint.step]
        kept = f"the checkpoint of step {before[-1]:,} is kept" if before else "there is no checkpoint yet"
        item = self.checkpoints / f"step-{checkpoint.step:010}.safetensors"
        write_tensors(
            item, FORMAT, VERSION, checkpoint.tensors, checkpoint.state.to_json(), kept=kept, follow_links=False
        )
        files = self._files()
        damaged = [old for step, old in files.items() if step > checkpoint.step]  # else the run would be beyond it
        for old in [*list(files.values())[: -KEEP - len(damaged)], *damaged]:
            with contextlib.suppress(OSError):
                remove_file(old)

    def save_model(self, model: Model) -> None:
        """Write the model that all other commands load. Raises SaveError."""
        self._check_place()
        model.save(self.model, follow_links=False)

    def append_history(self, report: Mapping[str, Any]) -> None:
        """Append a report to the history. Raises SaveError."""
        self._check_place()
        append_to_file(self.history, f"{json.dumps(report, ensure_ascii=False, allow_nan=False)}\n".encode())

    def cut_history(self, step: int) -> None:
        """Remove reports after a step, which the resumed run repeats, and incomplete lines. Raises SaveError."""
        if self.history.exists():
            replace_file(self.history, self._reports(step), follow_links=False)

    def _reports(self, step: int) -> Iterator[bytes]:
        """Yield the lines of the history that are reports up to a step."""
        no_wait = os.O_NOFOLLOW | os.O_NONBLOCK  # for a pipe, if it is one
        with open(self.history, "rb", opener=lambda name, flags: os.open(name, flags | no_wait)) as lines:
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
