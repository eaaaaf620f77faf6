"""Checkpoints with a right checksum and a wrong state, made from bytes: row 50 of docs/faults.md.

`check` takes what a fuzzer, a seeded generator or a file gives. Beside each changed checkpoint lies an older valid one,
so that a run can always be resumed.
"""

import copy
import dataclasses
import functools
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from rnnwords.errors import ResumeError, UsageError
from rnnwords.training.batches import batches_of
from rnnwords.training.optimization import schedule
from rnnwords.training.runs.checkpoint import Checkpoint
from rnnwords.training.runs.checkpoint_state import CheckpointState
from rnnwords.training.runs.resume import resumed_config, run_identity
from tests.checkpoints import (
    BUDGET,
    FORMATS,
    KINDS,
    NEWER,
    OLDER,
    Run,
    State,
    Tensors,
    checkpoint_path,
    run_of,
    signed_checkpoint,
)
from tests.faults.fuzz.choices import Choices, json_places
from tests.signed_files import nested

VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2, 7, 0.5, -0.5, 1.5, float("nan"), float("inf"), -float("inf"), 1e308, -1e308, 1e39,
    2**31 - 1, 2**31, 2**63, 10**400, -(10**18), "", "x", "budget", "patience", "float32", "bfloat16", "sgd", "adam",
    "rmsprop", "strides", "text", "\x1b]52;c;\x07", "x" * 2_000, "9" * 5_000, [], {}, [1], [1, 2], [0.5, 0.5],
    [0.5] * 3, [None, None], ["a", "b"], [2**31, 2**31], {"a": 1}, nested(400), BUDGET, NEWER, OLDER,
)  # fmt: skip
NAMES = ("asked", "column", "settings", "position", "seed", "step", "finished", "x", "", "losses", "steps", "x" * 5_000)
DTYPES = ("<f8", "<f4", "<i8", "<u4", "<u2", "|u1")
NUMBERS = (float("nan"), float("inf"), -float("inf"), -1.0, 3e38, -3e38, 1e-45, 0.0, 1.0)


@functools.cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    """Return a directory that lasts as long as the process, in memory where that is possible."""
    memory = Path("/dev/shm")
    return tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None)


@functools.cache
def _base(kind: str, finished: str | None) -> tuple[State, Tensors, bytes]:
    """Return state and tensors of a valid checkpoint, and the older one as a file."""
    run, step = run_of(kind), BUDGET if finished == "budget" else NEWER
    older = signed_checkpoint(run.tensors(OLDER), run.state(OLDER))
    return run.state(step, finished), run.tensors(step), older


def changed(data: bytes) -> tuple[str, int, bytes, bytes]:
    """Return the kind of a run, the step in the name of its changed checkpoint, that checkpoint, and the older one."""
    choices = Choices(data)
    kind, finished = choices.one_of(KINDS), choices.one_of((None, None, None, "budget", "patience"))
    state, tensors, older = _base(kind, finished)
    step = state["position"]["step"]
    version = choices.one_of(((3, 0), (3, 0), (3, 0), (2, 0), (1, 0)))
    state, tensors = FORMATS[version](copy.deepcopy(state)), dict(tensors)
    for _ in range(1 + choices.below(3)):
        (_change_tensors if choices.below(4) == 1 else _change_state)(choices, state, tensors)
    if choices.below(2):
        renew_identity(state)
    if choices.below(16) == 1:
        step = choices.one_of((BUDGET, BUDGET + 1, 10**10, NEWER + 1))
    return kind, step, signed_checkpoint(tensors, state, version), older


def _change_state(choices: Choices, state: State, tensors: Tensors) -> None:
    places = [place for _, place in zip(range(2_000), json_places(state), strict=False)]
    if not places:
        return
    container, key = choices.one_of(places)
    action = choices.below(7)
    value = container[key]
    if action <= 1:
        container[key] = copy.deepcopy(choices.one_of(VALUES))
    elif action == 2:
        del container[key]
    elif action == 3 and isinstance(container, dict):
        container[choices.one_of(NAMES)] = container.pop(key) if choices.below(2) else copy.deepcopy(value)
    elif action == 4:
        other, name = choices.one_of(places)
        container[key] = copy.deepcopy(other[name])
    elif action == 5 and isinstance(value, int | float) and abs(value) < 1e300:
        container[key] = choices.one_of((value + 1, value - 1, -value, value * 1.5, str(value), [value], bool(value)))
    else:
        container[key] = {"x": value} if choices.below(2) else [value]


def _change_tensors(choices: Choices, state: State, tensors: Tensors) -> None:
    if not tensors:
        return
    name = choices.one_of(sorted(tensors))
    tensor = tensors[name]
    action = choices.below(7)
    if action == 0:
        del tensors[name]
    elif action == 1:
        other = choices.one_of((*sorted(tensors), "x", "weights/", "optimizer/999", "state/000", "average/000"))
        tensors[other] = tensors.pop(name) if choices.below(2) else tensor
    elif action == 2:
        shapes: tuple[tuple[int, ...], ...] = ((-1,), (1, *tensor.shape), tensor.shape[::-1], (*tensor.shape, 1))
        tensors[name] = tensor.reshape(choices.one_of(shapes))
    elif action == 3:
        tensors[name] = tensor.reshape(-1)[: choices.below(3)]
    elif action == 4:
        with np.errstate(all="ignore"):
            tensors[name] = tensor.astype(choices.one_of(DTYPES))
    else:
        values = tensor.astype(tensor.dtype, copy=True)
        with np.errstate(all="ignore"):
            number = np.array(choices.one_of(NUMBERS)).astype(tensor.dtype)
        values.reshape(-1)[choices.below(max(1, tensor.size)) : None if action == 6 else 1] = number
        tensors[name] = values


def renew_identity(state: State) -> None:
    """Write the identity that belongs to changed settings, if there are any."""
    settings, training, precision = (state.get(name) for name in ("settings", "training", "precision"))
    if isinstance(settings, dict) and isinstance(training, dict):
        state["run"] = run_identity(settings, training, str(precision))


def check(data: bytes) -> str:
    """Resume a run from the checkpoint that the bytes give; return what happened: older, newer or another setting.

    Raises AssertionError or any other exception for a finding.
    """
    kind, step, content, older = changed(data)
    folder = Path(_folder().name) / kind
    checkpoint_path(folder, OLDER).write_bytes(older)
    path = checkpoint_path(folder, step)
    path.write_bytes(content)
    warnings: list[str] = []
    try:
        found = run_of(kind).resume(folder, warnings)
    except (UsageError, ResumeError) as error:
        if len(str(error)) > 500:
            raise AssertionError("a long message") from error
        return "another setting"
    finally:
        path.unlink()
    if found.step == OLDER:
        assert len(warnings) == 1
        assert "is damaged: " in warnings[0] or "expected a format up to" in warnings[0]
        assert len(warnings[0]) < 600
        return "older"
    check_usable(run_of(kind), found)
    return "newer"


def check_usable(run: Run, checkpoint: Checkpoint) -> None:
    """Compute what a resumed run computes from its checkpoint before, in and after its first step, but the step."""
    state = checkpoint.state
    training = resumed_config(state.training, {})
    plan = dataclasses.replace(run.plan, checkpoint=checkpoint, training=training)
    position, task = plan.position, plan.task()
    assert position is not None
    identity = run_identity(state.settings, training.to_json(), state.precision)  # of the next checkpoint
    saved = dataclasses.replace(state, training=training, run=identity).to_json()
    assert CheckpointState.from_json(json.loads(json.dumps(saved, allow_nan=False))).position == state.position
    spent = schedule.Budget.of(training, batches_of(plan.network, training, task.train).steps).spent(position.step, 1.0)
    for compute in (schedule.learning_rate, schedule.dropout):
        assert np.isfinite(compute(training, spent))
    assert f"{training.learning_rate:g}"
    batches = batches_of(plan.network, training, task.train)
    assert len(batches.batches(position.step, 1)[0]) == training.batch_size
    if position.steps_since_report:
        task.figures(position.loss_sum / position.steps_since_report, position.hit_sum / position.steps_since_report)
    figures = task.metrics(position)
    assert json.dumps(figures, allow_nan=False)
    position.advance([1.0], [1.0])
    assert all(np.isfinite(tensor).all() for tensor in checkpoint.tensors.values())
