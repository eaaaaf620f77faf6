"""A budget of time holds to the end of the run, the last look and checkpoint included: by a clock of our own."""

from types import SimpleNamespace
from typing import Any

import pytest

from rnnwords.config import TextConfig
from rnnwords.training import plan
from rnnwords.training.checkpoint import RunDirectory
from rnnwords.training.events import Finished
from tests.helpers import FABLE

pytest.importorskip("tensorflow")
from rnnwords.training import loop  # loads TensorFlow
from rnnwords.training.steps import Steps

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


@pytest.mark.parametrize("seconds", [60, 90])
def test_the_last_look_is_within_the_time(tmp_path, monkeypatch, seconds):
    clock = Clock()

    class Timed(Steps):
        """Steps and looks at the text that take as long as is said above."""

        def run(self, ids: Any, rates: Any, step: int) -> Any:
            clock.now += STEP * len(rates)
            return super().run(ids, rates, step)

        def evaluate(self, ids: Any) -> Any:
            clock.now += LOOK
            return super().evaluate(ids)

    for module in (loop, plan):
        monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=clock))
    asked = plan.Asked([FABLE], TextConfig(), NETWORK, {"seconds": float(seconds), "batch_size": 100, "patience": 1000})
    planned = plan.make_plan(RunDirectory(tmp_path), asked, lambda: 1, print)
    clock.now += READ  # the time begins before the text is read
    run = loop.Run(planned, "float32", Timed)
    with planned.directory.locked():
        *_, last = run.events()
    assert isinstance(last, Finished)
    assert last.reason == "budget"
    took = clock.now - 1_000
    assert seconds - LOOK < took <= seconds + loop.CALL_SECONDS
    assert len(planned.directory.history.read_text().splitlines()) > 3
