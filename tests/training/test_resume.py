"""Resuming: comparison of settings, position, history, and checkpoints of earlier formats. Faults: tests/faults."""

import dataclasses
import json
import random
import shutil

import pytest

from rnnwords.tensor_file import read_tensors, write_tensors
from rnnwords.training.runs.checkpoint import FORMAT, VERSION, RunDirectory
from rnnwords.training.runs.checkpoint_state import NEW_POSITION, CheckpointState, Position
from rnnwords.training.runs.resume import resumed_config, run_identity
from rnnwords.training.settings.config import TrainingConfig
from tests.checkpoints import NEW_METRICS, as_format_1, as_format_2
from tests.processes import checkpoints, here
from tests.runs import COMMANDS, STEPS, reports_of, result

pytestmark = pytest.mark.serial


@pytest.mark.parametrize(
    ("before", "now", "steps", "seconds"),
    [
        ({"checkpoint_every": 7}, {"checkpoint_seconds": 60.0}, None, 60.0),
        ({"checkpoint_seconds": 60.0}, {"checkpoint_every": 7}, 7, 60.0),
        ({"checkpoint_every": 7}, {"checkpoint_every": 9}, 9, 300.0),
        ({"checkpoint_every": 7}, {}, 7, 300.0),
    ],
)
def test_the_checkpoint_interval_can_change_when_a_run_is_resumed(before, now, steps, seconds):
    training = resumed_config(TrainingConfig(0, **before), now)
    assert (training.checkpoint_every, training.checkpoint_seconds) == (steps, seconds)


def test_a_new_run_does_not_continue_the_history_of_another(interrupted, tmp_path):
    there = shutil.copytree(interrupted[0], tmp_path / "copy")
    shutil.rmtree(there / "run" / "checkpoints")
    (there / "run" / "history.jsonl").write_text('{"step": 7}\n', encoding="utf-8")
    assert here(*COMMANDS["windows"], cwd=there) == 0
    assert [report["step"] for report in reports_of(there / "run")] == list(range(50, STEPS + 1, 50))


def test_the_size_of_a_position_does_not_depend_on_the_steps():
    position = Position()
    position.advance([0.1] * 100_000, [1.0] * 100_000)
    assert len(json.dumps(position.to_json())) < 400
    assert (position.step, position.steps_since_report, position.hit_sum) == (100_000, 100_000, 100_000.0)


def test_sums_of_a_position_do_not_depend_on_the_steps_per_call():
    generator = random.Random(1)
    numbers = [generator.uniform(0, 1) for _ in range(1_000)]
    whole, parts = Position(), Position()
    whole.advance(numbers, numbers)
    for at in range(0, 1_000, 7):
        parts.advance(numbers[at : at + 7], numbers[at : at + 7])
        parts = Position.from_json(json.loads(json.dumps(parts.to_json())))
    assert whole == parts


@pytest.mark.parametrize(("version", "downgraded"), [((1, 0), as_format_1), ((2, 0), as_format_2)], ids=["1.0", "2.0"])
def test_checkpoints_of_earlier_formats_are_resumed_with_equal_weights(
    version, downgraded, interrupted, unbroken, tmp_path
):
    there = shutil.copytree(interrupted[0], tmp_path / "copy")
    directory = RunDirectory(there / "run")
    for step in checkpoints(there / "run"):
        path = directory.checkpoints / f"step-{step:010}.safetensors"
        tensors, state, _ = read_tensors(path, FORMAT, VERSION, "checkpoint")
        write_tensors(path, FORMAT, version, tensors, downgraded(state))
    assert here(*COMMANDS["windows"], cwd=there) == 0
    model, reports, _ = result(there / "run")
    assert model == unbroken["windows"][0]
    assert [report["loss"] for report in reports] == pytest.approx([one["loss"] for one in unbroken["windows"][1]])


def test_the_state_of_format_2_is_upgraded_to_equal_names(interrupted):
    """A model that an earlier version saved for this run is recognised by its identity."""
    newest = RunDirectory(interrupted[0] / "run").newest(pytest.fail)
    assert newest is not None
    old = as_format_2(newest.state.to_json())
    state = CheckpointState.from_json(old)
    position = Position(**(dataclasses.asdict(newest.state.position) | NEW_POSITION))
    metrics = {name: value for name, value in newest.state.metrics.items() if name not in NEW_METRICS}
    assert dataclasses.replace(state, run=newest.state.run) == dataclasses.replace(
        newest.state, position=position, metrics=metrics
    )
    assert state.run == run_identity(old["asked"], old["training"], old["precision"])
