"""When a run ends: by its time, the last look and checkpoint included, by a clock of our own; by its patience."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from rnnwords.config import TextConfig
from rnnwords.model_file import Model
from rnnwords.training import plan
from rnnwords.training.checkpoint import RunDirectory
from rnnwords.training.events import Finished
from tests.helpers import FABLE

pytest.importorskip("tensorflow")
from rnnwords.training import loop  # loads TensorFlow
from rnnwords.training.optimization.steps import Steps

NETWORK = {
    "window": 3, "stateful": False, "layers": 1, "units": 8, "cell": "lstm", "input": "embedding", "embedding": 8,
    "tie": False, "softmax": "full",
}  # fmt: skip
STEP, LOOK, READ = 0.1, 7.0, 3.0  # seconds


class Clock:
    """Stands still but for what is said to have taken time."""

    now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch):
    """The clock by which runs are timed."""
    found = Clock()
    for module in (loop, plan):
        monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=found))
    return found


class Trained:
    """Runs in a directory, by a clock."""

    def __init__(self, place: Path, clock: Clock, **training: Any) -> None:
        self.directory, self.clock = RunDirectory(place), clock
        self.asked = plan.Asked([FABLE], TextConfig(), NETWORK, {"patience": 1000, **training})
        words = len(FABLE.read_text(encoding="utf-8").split())

        class Timed(Steps):
            """Steps and looks at the text that take as long as is said above."""

            def run(self, ids: Any, rates: Any, step: int) -> Any:
                clock.now += STEP * len(rates)
                return super().run(ids, rates, step)

            def evaluate(self, ids: Any) -> Any:
                clock.now += LOOK * len(ids) / words
                return super().evaluate(ids)

        self.steps = Timed

    def session(self, stop: bool = False) -> Finished:
        """Train to the end, or, if it is to stop, for one call. Returns how it ended."""
        planned = plan.make_plan(self.directory, self.asked, lambda: 1, print)
        self.clock.now += READ  # the time begins before the text is read
        run = loop.Run(planned, "float32", self.steps)
        with self.directory.locked():
            for event in run.events():
                run.stop, last = "SIGINT" if stop else None, event
        assert isinstance(last, Finished)
        return last


@pytest.mark.parametrize("seconds", [60, 90])
def test_the_last_look_is_within_the_time(tmp_path, clock, seconds):
    run = Trained(tmp_path, clock, seconds=float(seconds), batch_size=100)
    assert run.session().reason == "budget"
    assert seconds - LOOK < clock.now - 1_000 <= seconds + loop.CALL_SECONDS
    assert len(run.directory.history.read_text().splitlines()) > 3


@pytest.mark.parametrize("resumed", [False, True], ids=["at once", "resumed"])
def test_so_it_is_where_the_time_ends_before_the_first_look_is_due(tmp_path, clock, resumed, monkeypatch):
    monkeypatch.setattr(loop, "TRIED", 48)
    run = Trained(tmp_path, clock, seconds=40.0, batch_size=1)
    if resumed:
        assert run.session(stop=True).reason == "SIGINT"
        clock.now -= READ  # the text is read again, which is not of the run's own time
    assert run.session().reason == "budget"
    assert 40 - LOOK < clock.now - 1_000 <= 40 + loop.CALL_SECONDS
    assert len(run.directory.history.read_text().splitlines()) == 1
    assert run.directory.model.exists()


def test_a_run_ends_when_its_patience_does(tmp_path):
    """Equal is no better; a better look makes patience whole again."""
    looks = iter([3.0, 3.5, 2.0, 2.5, 2.0])

    class Seen(Steps):
        def evaluate(self, ids: Any) -> Any:
            return next(looks), 1, 10

    asked = plan.Asked([FABLE], TextConfig(), NETWORK, {"epochs": 1000, "batch_size": 201, "patience": 2})
    planned = plan.make_plan(RunDirectory(tmp_path), asked, lambda: 1, print)
    with planned.directory.locked():
        *_, last = loop.Run(planned, "float32", Seen).events()
    assert isinstance(last, Finished)
    assert (last.reason, last.step, last.metrics["loss"]) == ("patience", 25, 2.0)
    assert Model.load(planned.directory.model).training["step"] == 15
    found = planned.directory.newest(pytest.fail)
    assert found is not None
    assert found.state["position"]["finished"] == "patience"
