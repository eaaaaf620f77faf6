"""The end of a run: by its time budget, including the last evaluation and checkpoint, and by its patience."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from rnnwords.model_file import Model
from rnnwords.training import plan
from rnnwords.training.events import Finished
from rnnwords.training.runs.checkpoint import RunDirectory
from rnnwords.training.settings.request import StopRequest, TrainRequest

pytest.importorskip("tensorflow")
from rnnwords.training import loop  # loads TensorFlow
from rnnwords.training.optimization.steps import Steps
from tests.processes import returned
from tests.texts import FABLE

NETWORK = {"layers": 1, "units": 8, "embedding": 8, "tie": False, "softmax": "full"}
STEP, EVALUATION, READING = 0.1, 7.0, 3.0  # seconds


class Clock:
    """A clock that only advances by what the test adds."""

    now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch):
    """Replace the clock by which runs are timed."""
    replacement = Clock()
    for module in (loop, plan):
        monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=replacement))
    return replacement


class TimedRun:
    """Sessions of a run in a directory, by a clock."""

    def __init__(self, directory: Path, clock: Clock, **training: Any) -> None:
        self.directory, self.clock = RunDirectory(directory), clock
        self.request = TrainRequest(
            [FABLE], directory, network=NETWORK, training={"patience": 1000, **training}, seed=1
        )
        words = len(FABLE.read_text(encoding="utf-8").split())

        class TimedSteps(Steps):
            """Steps and evaluations of the durations above."""

            def run(self, ids: Any, rates: Any, step: int, outputs: Any = None) -> Any:
                clock.now += STEP * len(rates)
                return super().run(ids, rates, step)

            def evaluate(self, ids: Any) -> Any:
                clock.now += EVALUATION * len(ids) / words
                return super().evaluate(ids)

        self.steps = TimedSteps

    def session(self, stopped: bool = False) -> Finished:
        """Train to the end, or stopped after one call. Returns the last event."""
        planned = plan.make_plan(self.request, print)
        self.clock.now += READING  # the budget starts before the text is read
        stop = StopRequest("SIGINT" if stopped else None)
        with self.directory.locked():
            last = returned(loop.TrainingLoop(planned, "float32", self.steps, stop).events())
        assert isinstance(last, Finished)
        return last


@pytest.mark.parametrize("seconds", [60, 90])
def test_a_time_budget_includes_the_last_evaluation(tmp_path, clock, seconds):
    run = TimedRun(tmp_path, clock, seconds=float(seconds), batch_size=100)
    assert run.session().reason == "budget"
    assert seconds - EVALUATION < clock.now - 1_000 <= seconds + loop.CALL_SECONDS
    assert len(run.directory.history.read_text().splitlines()) > 3


@pytest.mark.parametrize("resumed", [False, True], ids=["at once", "resumed"])
def test_a_time_budget_shorter_than_an_epoch_includes_an_evaluation(tmp_path, clock, resumed, monkeypatch):
    monkeypatch.setattr(loop, "PROBE_WORDS", 48)
    run = TimedRun(tmp_path, clock, seconds=40.0, batch_size=1)
    if resumed:
        assert run.session(stopped=True).reason == "SIGINT"
        clock.now -= READING  # the second reading does not count
    assert run.session().reason == "budget"
    assert 40 - EVALUATION < clock.now - 1_000 <= 40 + loop.CALL_SECONDS
    assert len(run.directory.history.read_text().splitlines()) == 1
    assert run.directory.model.exists()


def test_a_run_ends_after_as_many_evaluations_without_a_better_one_as_its_patience(tmp_path):
    """An equal loss is not better; a better one resets the count."""
    losses = iter([3.0, 3.5, 2.0, 2.5, 2.0])

    class Evaluated(Steps):
        def evaluate(self, ids: Any) -> Any:
            return next(losses), 0.1, 1, 10

    training = {"epochs": 1000, "batch_size": 201, "patience": 2}
    planned = plan.make_plan(TrainRequest([FABLE], tmp_path, network=NETWORK, training=training, seed=1), print)
    with planned.directory.locked():
        last = returned(loop.TrainingLoop(planned, "float32", Evaluated).events())
    assert isinstance(last, Finished)
    assert (last.reason, last.step, last.metrics["loss"]) == ("patience", 25, 2.0)
    assert Model.load(planned.directory.model).training["step"] == 15
    newest = planned.directory.newest(pytest.fail)
    assert newest is not None
    assert newest.state.position.finished == "patience"
