"""Checkpoints with valid checksums and wrong states or tensors. An older valid one is in the same run."""

import copy
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tests.checkpoints import NEWER, OLDER, State, Tensors, checkpoint_path, run_of, signed_checkpoint
from tests.faults.fuzz.checkpoints import renew_identity
from tests.signed_files import nested

GONE = object()  # the key is removed

NUMBERS_OF_POSITION = (
    "step", "seconds", "best_loss", "best_accuracy", "evaluations_since_best", "eval_words", "steps_since_report",
    "loss_sum", "hit_sum", "epoch_steps", "epoch_hits",
)  # fmt: skip

REASONS: list[Any] = ["done", "SIGINT", "budget", 7, True, []]
EVALUATIONS: list[Any] = [[], [1.0], [1.0, 2.0], [-1.0, 0.5], ["a", 0.5], 7, "ab", [1.0, 0.5, 0.5]]

POSITION: list[tuple[str, Any]] = [
    *((name, value) for name in NUMBERS_OF_POSITION for value in (GONE, -1, "7", True, [7], {}, 1e300, 10**45)),
    *((name, None) for name in NUMBERS_OF_POSITION),
    *(("seconds", value) for value in (float("nan"), float("inf"), -0.5, 1e11)),
    *(("best_loss", value) for value in (float("nan"), 1e39, -2.0, 3.0)),
    *(("last_evaluation", value) for value in EVALUATIONS),
    *(("finished", value) for value in REASONS),
    ("step", NEWER + 1), ("step", float(NEWER)), ("steps_since_report", NEWER + 1), ("epoch_steps", 6),
    ("hit_sum", 5.1), ("epoch_hits", 3.1), ("evaluations_since_best", NEWER + 1), ("surprise", 1), ("best", 2.0),
    ("best_probability", 0.7), ("best_probability", 2), ("nearest_loss", -1), ("near_since", NEWER + 1),
]  # fmt: skip

LISTS: list[Any] = [["a"], [-9.0], [10**400], {}]

TRAINING: list[tuple[str, Any]] = [
    *((name, None) for name in ("batch_size", "optimizer", "learning_rate", "schedule", "iterations", "seed")),
    *((name, GONE) for name in ("seed", "batch_size", "iterations", "optimizer")),
    ("batch_size", 0), ("batch_size", "20"), ("optimizer", "adagrad"), ("optimizer", "rmsprop"), ("ema", 0),
    ("learning_rate", -1), ("learning_rate", float("inf")), ("iterations", NEWER), ("iterations", 2**31), ("epochs", 3),
    ("surprise", 1), ("sampling_order", "strides"),
]  # fmt: skip

METRICS: list[tuple[str, Any]] = [
    *((name, GONE) for name in ("of", "words", "loss", "perplexity", "accuracy", "max_accuracy")),
    ("of", "my text"), ("of", None), ("words", -1), ("words", "a"), ("words", 7), ("loss", 1.5), ("loss", None),
    ("loss", "1"), ("accuracy", 2), ("accuracy", 0.5), ("perplexity", -1), ("perplexity", 3.0), ("max_accuracy", [1]),
    ("max_accuracy", [9, 3]), ("max_accuracy", ["a", "b"]), ("max_accuracy", [0, 0]), ("surprise", 1),
    ("mean_probability", 0.7), ("mean_probability", 2), ("lowest_loss", -1), ("max_mean_probability", "x"),
]  # fmt: skip

STATE: list[tuple[str, Any]] = [
    *((name, value) for name in ("settings", "position", "training", "metrics", "precision", "run")
      for value in (GONE, None, 7, "x", [], {}, nested(300))),
    ("precision", "auto"), ("precision", "float16"), ("run", "0" * 64), ("surprise", {}), ("asked", {}), ("asked", 7),
]  # fmt: skip

SETTINGS: list[tuple[str, Any]] = [
    ("units", [16]), ("units", {"a": 1}), ("x" * 5_000, 1), ("corpus", GONE), ("corpus", 7),
]  # fmt: skip

PARTS = {"position": POSITION, "training": TRAINING, "metrics": METRICS, "settings": SETTINGS}


def changed(state: State, path: tuple[str, ...], value: Any) -> State:
    """Return a copy of a state with one value changed or removed. Its identity is that of the changed settings."""
    state = copy.deepcopy(state)
    inner = state
    for name in path[:-1]:
        inner = inner[name]
    if value is GONE:
        del inner[path[-1]]
    else:
        inner[path[-1]] = value
    if path != ("run",):
        renew_identity(state)
    return state


def check_refused(kind: str, content: bytes, directory: Path, step: int = NEWER) -> str:
    """Check that a run resumes from an older checkpoint than this one; return why."""
    run = run_of(kind)
    warnings: list[str] = []
    checkpoint_path(directory, OLDER).write_bytes(signed_checkpoint(run.tensors(OLDER), run.state(OLDER)))
    path = checkpoint_path(directory, step)
    path.write_bytes(content)
    assert run.resume(directory, warnings).step == OLDER
    assert len(warnings) == 1
    match = re.fullmatch(
        rf"checkpoint {path} is damaged: .*(expected|missing|JSON).*; using the checkpoint before it", warnings[0]
    )
    assert match, warnings[0]
    assert len(warnings[0]) < 500 + len(str(path))
    return warnings[0]


TENSORS: dict[str, Callable[[Tensors, str], Any]] = {
    "missing": lambda tensors, name: tensors.pop(name),
    "renamed": lambda tensors, name: tensors.update({f"{name}x": tensors.pop(name)}),
    "another one": lambda tensors, name: tensors.update({f"{name}x": tensors[name]}),
    "flat": lambda tensors, name: tensors.update({name: tensors[name][None]}),
    "short": lambda tensors, name: tensors.update({name: tensors[name].reshape(-1)[:0]}),
    "transposed": lambda tensors, name: tensors.update({name: tensors[name][None].T}),
    "float64": lambda tensors, name: tensors.update({name: tensors[name].astype(np.float64)}),
    "bytes": lambda tensors, name: tensors.update({name: tensors[name].astype(np.uint8)}),
    "NaN": lambda tensors, name: tensors.update({name: np.full_like(tensors[name], np.nan, np.float32)}),
    "infinity": lambda tensors, name: tensors.update({name: np.full_like(tensors[name], np.inf, np.float32)}),
}
