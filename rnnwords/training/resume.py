"""What a resumed run needs besides tensors: position, comparison of settings, states of earlier versions."""

import dataclasses
import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from rnnwords.errors import ResumeError
from rnnwords.training.config import TrainingConfig
from rnnwords.training.request import FREE_SETTINGS

# Names in checkpoints up to format 2.0 -> names now.
OLD_POSITION = {
    "best": "best_loss", "waited": "evaluations_since_best", "looked": "eval_words", "evaluated": "last_evaluation",
    "steps": "steps_since_report", "losses": "loss_sum", "hits": "hit_sum",
}  # fmt: skip
OLD_SETTINGS = {"valid": "validation", "holdout": "validation_split", **TrainingConfig.RENAMED}
OLD_METRICS = {"ceiling": "max_accuracy"}
# Settings of post-training, which checkpoints had up to format 1.0: they do not change the training.
POST_TRAINING = {"ngram", "cache", "calibrate"}


@dataclass
class Position:
    """The counters and sums of a run, as a checkpoint holds them; its size does not depend on the number of steps."""

    step: int = 0
    seconds: float = 0.0  # of training, over all sessions of the run
    best_loss: float | None = None  # the lowest of all evaluations
    best_accuracy: float | None = None
    evaluations_since_best: int = 0
    eval_words: int | None = None  # words that an evaluation predicts
    steps_since_report: int = 0
    loss_sum: float = 0.0  # over these steps
    hit_sum: float = 0.0
    epoch_steps: int = 0  # those of these steps that belong to the current epoch
    epoch_hits: float = 0.0
    last_evaluation: tuple[float, float] | None = None  # loss and accuracy, if there was one since the last report
    finished: str | None = None  # the reason

    def begin_epoch(self) -> None:
        """Reset the sums of the epoch; the next step is its first."""
        self.epoch_steps, self.epoch_hits = 0, 0.0

    def advance(self, losses: Sequence[float], hits: Sequence[float]) -> None:
        """Count steps with these losses and hits. They are added one by one, so the sums do not depend on the calls."""
        self.step += len(losses)
        self.steps_since_report += len(losses)
        self.epoch_steps += len(losses)
        for loss, hit in zip(losses, hits, strict=True):
            self.loss_sum += loss
            self.hit_sum += hit
            self.epoch_hits += hit

    def begin_report(self) -> None:
        """Reset the sums after a report."""
        self.steps_since_report, self.loss_sum, self.hit_sum, self.last_evaluation = 0, 0.0, 0.0, None
        self.begin_epoch()

    def to_json(self) -> dict[str, Any]:
        """Return the fields as plain JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Return the position from such values, with the names of any version.

        Format 1.0 has all losses and hits since the last report instead of their sums, and all reports.
        """
        values = {OLD_POSITION.get(name, name): value for name, value in values.items() if name != "reports"}
        if isinstance(losses := values.get("loss_sum"), list):
            hits = values["hit_sum"]
            values |= {"steps_since_report": len(losses), "loss_sum": math.fsum(losses), "hit_sum": math.fsum(hits)}
        if evaluation := values.get("last_evaluation"):
            values["last_evaluation"] = tuple(evaluation)
        return cls(**values)


def upgraded(state: dict[str, Any]) -> dict[str, Any]:
    """Return the state of a checkpoint of any version with the names of this version."""
    if "asked" not in state:
        return {"settings": {}, **state}
    asked = {name: value for name, value in state["asked"].items() if name not in POST_TRAINING}
    settings = {OLD_SETTINGS.get(name := key.replace("-", "_"), name): value for key, value in asked.items()}
    if settings.get("sample") == "classic":
        settings["sample"] = "tutorial"
    if "column" in settings:
        settings["test_split"] = settings.pop("validation_split", None)
    metrics = {OLD_METRICS.get(name, name): value for name, value in state.get("metrics", {}).items()}
    if metrics.get("of") == "held-out text":
        metrics["of"] = "validation text"
    rest = {name: value for name, value in state.items() if name != "asked"}
    run = run_identity(asked, state.get("training", {}), state.get("precision", ""))
    return {**rest, "settings": settings, "metrics": metrics, "run": run}


def run_identity(settings: Mapping[str, Any], training: Mapping[str, Any], precision: str) -> str:
    """Return the SHA-256, in hexadecimal, of all settings that decide the result of a run."""
    decisive = {name: value for name, value in training.items() if name not in FREE_SETTINGS or name == "seed"}
    known = {name: value for name, value in settings.items() if value is not None}
    return hashlib.sha256(json.dumps([known, decisive, precision], sort_keys=True).encode()).hexdigest()


def check_same_settings(
    directory: Path, before: Mapping[str, Any], now: Mapping[str, Any], seeds: tuple[Any, int | None]
) -> None:
    """Raise ResumeError, which names the first setting that differs with both values. `seeds` are those before and now.

    A seed of None now is the one before.
    """
    names = [*now, *sorted(set(before) - set(now))]
    pairs = {name: (before.get(name), now.get(name)) for name in names}
    if seeds[1] is not None:
        pairs["seed"] = seeds
    for name, (old, new) in pairs.items():
        if old != new:
            raise ResumeError(
                f"{directory} holds a run with `{name}` {_shown(old)}, found `{name}` {_shown(new)}; "
                "name another `directory`, or start again with `restart`"
            )


def resumed_config(training: Mapping[str, Any], given: Mapping[str, Any]) -> TrainingConfig:
    """Return the settings of a resumed run: those of its checkpoint, with the free settings that are `given` now."""
    free = {name: given[name] for name in FREE_SETTINGS & set(given)}
    if "checkpoint_seconds" in free:
        free = {"checkpoint_every": None, **free}  # which would have priority over the time
    return dataclasses.replace(TrainingConfig.from_json(training), **free)


def _shown(value: Any) -> str:
    if value is None:
        return "not set"
    return f"{value[:12]}..." if isinstance(value, str) and len(value) == 64 else str(value)
