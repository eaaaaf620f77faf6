"""The size of a network that is trained for a given time, for machines of several speeds."""

from dataclasses import replace
from pathlib import Path

import pytest

from rnnwords.errors import ResumeError
from rnnwords.model_file import Model
from rnnwords.network.config import NetworkConfig
from rnnwords.training.plan import make_plan
from rnnwords.training.runs.resume import check_same_settings
from rnnwords.training.settings import time_budget
from rnnwords.training.settings.config import TrainingConfig
from rnnwords.training.settings.defaults import complete
from rnnwords.training.settings.request import TrainRequest
from rnnwords.training.settings.time_budget import SIZES, START, may_choose_size, seconds_per_pass, time_choice
from tests.processes import here
from tests.texts import FABLE

DEFAULT = NetworkConfig(10_000, window=3, layers=1, units=512, embedding=256, tie=True)
TRAINING = complete(TrainingConfig(1, seconds=60.0, precision="float32"), 100_000, 99_997, stateful=False)
UNITS = [512, *(size["units"] for size in SIZES)]


@pytest.fixture
def speed(monkeypatch):
    """Return a function that sets the operations per second of this machine."""

    def set_speed(operations: float) -> None:
        monkeypatch.setattr(time_budget, "seconds_per_operation", lambda: 1 / operations)
        monkeypatch.setattr(time_budget, "GPU", "/nonexistent/gpu")

    return set_speed


def units(seconds: float, words: int = 100_000) -> int:
    choice = time_choice(seconds, DEFAULT, words, TRAINING)
    assert bool(choice.size) == bool(choice.note)
    return int(choice.size.get("units", DEFAULT.units))


def test_more_time_and_faster_machines_choose_larger_networks(speed):
    speed(1e11)
    by_time = [units(seconds) for seconds in (10, 60, 120, 600, 6_000)]
    assert by_time == sorted(by_time)
    assert (by_time[0], by_time[-1]) == (min(UNITS), 512)
    assert units(600, words=10**9) == min(UNITS)
    by_speed = []
    for operations in (1e9, 1e10, 1e11, 1e12, 1e13):
        speed(operations)
        by_speed.append(units(60))
    assert by_speed == sorted(by_speed)
    assert set(by_speed) >= {min(UNITS), 512}


def test_a_pass_takes_as_long_as_its_operations(speed):
    speed(1e11)
    seconds = seconds_per_pass(DEFAULT, 100_000, TRAINING)
    assert seconds_per_pass(DEFAULT, 200_000, TRAINING) == pytest.approx(2 * seconds)
    assert seconds_per_pass(replace(DEFAULT, window=6), 100_000, TRAINING) > 1.5 * seconds
    assert seconds_per_pass(replace(DEFAULT, mode="stateful"), 100_000, TRAINING) < 0.9 * seconds
    speed(2e11)
    assert seconds_per_pass(DEFAULT, 100_000, TRAINING) == pytest.approx(seconds / 2)


def test_a_smaller_default_is_kept(speed):
    speed(1e8)
    small = replace(DEFAULT, units=64, embedding=64)
    assert time_choice(START + 1, small, 100_000, TRAINING).size == {}


def test_a_requested_size_and_gpus_leave_no_choice(monkeypatch, tmp_path):
    free = {"layers": None, "units": None, "embedding": None}
    monkeypatch.setattr(time_budget, "GPU", "/nonexistent/gpu")
    assert may_choose_size(free)
    for name in free:
        assert not may_choose_size({**free, name: 1})
    monkeypatch.setattr(time_budget, "GPU", str(tmp_path))
    assert not may_choose_size(free)


def test_a_resumed_run_keeps_the_size_of_its_checkpoint(speed, tmp_path, capfd):
    command = ("train", FABLE, "--time", "1s", "--seed", "1", "--model", "run")
    speed(1e8)
    assert here(*command, cwd=tmp_path) == 0
    err = capfd.readouterr().err
    assert "settings: 1 x 128 units for the time budget: about 0." in err
    assert Model.load(tmp_path / "run" / "model.safetensors").network.units == 128
    speed(1e15)
    assert here(*command, cwd=tmp_path) == 0
    assert "for the time budget" not in capfd.readouterr().err
    request = TrainRequest([Path(FABLE)], tmp_path / "run", training={"seconds": 1.0}, seed=1)
    assert make_plan(request, print).network.units == 128
    assert make_plan(replace(request, directory=tmp_path / "new"), print).network.units == 512
    assert here(*command, "--units", "512", cwd=tmp_path) == 2


def test_runs_of_earlier_versions_recorded_the_default_size_as_requested():
    check_same_settings(Path("run"), {"layers": 2, "units": 512}, {"layers": None, "units": None}, (1, 1))
    with pytest.raises(ResumeError, match="`units`"):
        check_same_settings(Path("run"), {"layers": 2, "units": 512}, {"layers": None, "units": 256}, (1, 1))
    with pytest.raises(ResumeError, match="`layers`"):
        check_same_settings(Path("run"), {"layers": 1, "units": 512}, {"layers": None, "units": None}, (1, 1))
