"""Complete learning of a text: what the position of a run says about the next steps and the end."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rnnwords.model_file import Model
from rnnwords.training.best_possible import BestPossible
from rnnwords.training.complete_learning import HALVING_STEPS, LOWEST_RATE, NEAR_LOSS, CompleteLearning
from rnnwords.training.events import Finished, Saved, StepProgress
from rnnwords.training.runs.checkpoint_state import Position
from rnnwords.training.settings.config import TrainingConfig
from rnnwords.training.settings.request import StopRequest, TrainRequest
from rnnwords.training.train import train
from tests.texts import write

BEST = BestPossible(9, 10, 0.5, 0.9)


def learning(
    position: Position | None = None,
    best: BestPossible | None = BEST,
    settings: dict[str, Any] | None = None,
    **training: Any,
) -> CompleteLearning:
    values: dict[str, Any] = {"seed": 1, "schedule": "constant", **training}
    return CompleteLearning(best, TrainingConfig(**values), settings or {}, position or Position())


def near(**more: Any) -> Position:
    values: dict[str, Any] = {"step": 100, "nearest_loss": 0.5 + NEAR_LOSS / 2, "near_since": 40, **more}
    return Position(**values)


def test_rates_stay_as_they_are_far_from_the_lowest_loss():
    one = learning(Position(step=5))
    one.evaluated(0.5 + NEAR_LOSS)
    assert one.position.near_since is None
    assert one.factors(5) == (1.0, 1.0)


def test_near_the_lowest_loss_rate_and_short_windows_become_less():
    one = learning(Position(step=40))
    one.evaluated(0.5 + NEAR_LOSS / 2)
    one.evaluated(0.5 + NEAR_LOSS * 2)  # a worse evaluation changes nothing
    assert one.position.near_since == 40
    assert one.position.nearest_loss == pytest.approx(0.5 + NEAR_LOSS / 2)
    assert one.factors(40) == pytest.approx((1.0, 0.5))
    assert one.factors(40 + HALVING_STEPS) == pytest.approx((0.5, 0.5))
    assert one.factors(40 + 1000 * HALVING_STEPS)[0] == LOWEST_RATE


def test_a_schedule_of_the_user_keeps_its_rates():
    assert learning(near(), schedule="cosine").factors(10_000) == pytest.approx((1.0, 0.5))


@pytest.mark.parametrize("changed", [{"best": None}, {"stop_at_max_accuracy": False}])
def test_nothing_changes_with_validation_text_or_in_the_tutorial(changed):
    one = learning(Position(step=40, epoch_steps=0), **changed)
    one.evaluated(0.5)
    assert one.factors(1_000) == (1.0, 1.0)
    assert not one.is_near
    assert not one.ends_run


@pytest.mark.parametrize(("settings", "ends"), [({}, True), ({"seconds": 60}, True), ({"epochs": 5}, False),
                                                ({"iterations": 60}, False)])  # fmt: skip
def test_a_requested_number_of_steps_is_not_cut_short(settings, ends):
    assert learning(settings=settings).ends_run is ends


def test_epochs_near_the_maximum_accuracy_are_evaluated_until_the_text_is_learned():
    sums: dict[str, Any] = {"step": 4, "steps_since_report": 4, "loss_sum": 1.0, "epoch_steps": 4}
    assert not learning(Position(**sums, hit_sum=3.0, epoch_hits=3.0)).is_near
    assert learning(Position(**sums, hit_sum=3.3, epoch_hits=3.3)).is_near
    best: dict[str, Any] = {"best_loss": 0.5, "best_accuracy": 0.9, "eval_words": 10}
    assert learning(Position(**sums, **best, hit_sum=4.0, epoch_hits=4.0, best_probability=0.8)).is_near
    assert not learning(Position(**sums, **best, hit_sum=4.0, epoch_hits=4.0, best_probability=0.9)).is_near


def test_evaluations_of_a_part_of_a_long_text_change_nothing():
    one = learning(Position(step=40), best=BestPossible(900_000, 1_000_000, 0.5, 0.9))
    one.evaluated(0.5)
    assert one.factors(1_000) == (1.0, 1.0)


TEXT = "the cat sat on the mat and the dog sat on the rug . " * 3


def session(directory: Path, steps: int | None = None, **training: object) -> tuple[Finished, list[int]]:
    """Train in a directory until the end, or until so many steps. Returns the last event, and steps of saved models."""
    text, stop, saved = write(directory / "text.txt", TEXT), StopRequest(), []
    network = {"layers": 1, "units": 32, "embedding": 16}
    settings = {"precision": "float32", "learning_rate": 0.02, "batch_size": 20, **training}
    for event in train(TrainRequest([text], directory / "run", network=network, training=settings, seed=1), stop=stop):
        if isinstance(event, StepProgress) and steps is not None and event.step >= steps:
            stop.reason = "SIGINT"
        if isinstance(event, Saved) and event.what == "model":
            saved.append(event.step)
    assert isinstance(event, Finished)
    return event, saved


def test_training_goes_on_until_the_text_is_learned_completely_however_often_it_is_interrupted(tmp_path):
    (whole := tmp_path / "whole").mkdir()
    (parts := tmp_path / "parts").mkdir()
    finished, saved = session(whole)
    assert finished.reason == "max_accuracy"
    metrics = finished.metrics
    assert metrics["accuracy"] == metrics["max_accuracy"][0] / metrics["max_accuracy"][1]
    assert metrics["mean_probability"] >= 0.99 * metrics["max_mean_probability"]
    assert saved[-1] == finished.step
    assert finished.step > saved[-2] + 3  # it went on after the maximum accuracy
    for steps in range(4, finished.step, max(1, finished.step // 7)):
        assert session(parts, steps)[0].reason == "SIGINT"
    assert session(parts)[0].step == finished.step
    one, other = (Model.load(there / "run" / "model.safetensors") for there in (whole, parts))
    assert one.training["metrics"] == other.training["metrics"]
    for name, weight in one.weights.items():
        np.testing.assert_array_equal(other.weights[name], weight, err_msg=name)


def test_requested_steps_are_trained_and_the_best_weights_saved(tmp_path):
    finished, saved = session(tmp_path, iterations=400)
    assert (finished.reason, finished.step) == ("budget", 400)
    assert saved[-1] <= 400
    assert finished.metrics["mean_probability"] >= 0.99 * finished.metrics["max_mean_probability"]
