"""Learning rates and budgets, by their definitions."""

import math

import pytest

from rnnwords.training.optimization.schedule import Budget, dropout, learning_rate
from rnnwords.training.settings.config import TrainingConfig

TOP = 0.02
QUARTER = 0.5 * (1 + math.sqrt(0.5))  # of a half cosine from 1 to 0, at a quarter of its way
WARM = [(0.0, 0.01), (0.05, 0.2575), (0.1, 0.505), (0.2, 1.0)]  # up in a straight line


@pytest.mark.parametrize(
    ("schedule", "warmup", "shares"),
    [
        ("constant", None, [(0.0, 1.0), (0.5, 1.0), (1.0, 1.0), (1.5, 1.0)]),
        ("constant", 0.2, [*WARM, (0.6, 1.0), (1.0, 1.0)]),
        ("cosine", 0.0, [(0.0, 1.0), (0.25, 0.01 + 0.99 * QUARTER), (0.5, 0.505), (1.0, 0.01), (1.5, 0.01)]),
        ("cosine", 0.2, [*WARM, (0.4, 0.01 + 0.99 * QUARTER), (0.6, 0.505), (1.0, 0.01)]),
        (
            "one-cycle",
            0.2,  # ignored: one-cycle has its own rise
            [(0.0, 0.04), (0.15, 0.52), (0.225, 0.04 + 0.96 * QUARTER), (0.3, 1.0),
             (0.475, 0.001 + 0.999 * QUARTER), (0.65, 0.5005), (1.0, 0.001), (1.5, 0.001)],
        ),
    ],
)  # fmt: skip
def test_learning_rates_follow_their_schedule(schedule, warmup, shares):
    config = TrainingConfig(seed=1, learning_rate=TOP, schedule=schedule, warmup=warmup)
    for spent, share in shares:
        assert learning_rate(config, spent) == pytest.approx(TOP * share), spent


@pytest.mark.parametrize("end", [0.0, TOP / 4, TOP])
def test_a_cosine_ends_at_the_last_learning_rate(end):
    config = TrainingConfig(seed=1, learning_rate=TOP, learning_rate_end=end, schedule="cosine", warmup=0.2)
    assert learning_rate(config, 0.1) == pytest.approx(TOP * 0.505)  # the warm-up does not change
    for spent, share in ((0.2, 1.0), (0.4, QUARTER), (0.6, 0.5), (1.0, 0.0), (1.5, 0.0)):
        assert learning_rate(config, spent) == pytest.approx(end + share * (TOP - end)), spent


@pytest.mark.parametrize(
    ("start", "end", "shares"),
    [
        (None, 0.6, [(0.0, 0.6), (0.5, 0.6), (1.0, 0.6)]),
        (0.2, 0.6, [(0.0, 0.2), (0.25, 0.3), (1.0, 0.6), (1.5, 0.6)]),
        (0.5, 0.1, [(0.0, 0.5), (0.75, 0.2), (1.0, 0.1)]),
        (0.4, None, [(0.0, 0.4), (0.5, 0.2), (1.0, 0.0)]),
        (None, None, [(0.0, 0.0), (1.0, 0.0)]),
    ],
)
def test_dropout_changes_linearly_from_its_start(start, end, shares):
    config = TrainingConfig(seed=1, dropout=end, dropout_start=start)
    for spent, share in shares:
        assert dropout(config, spent) == pytest.approx(share), spent


def test_the_spent_share_of_a_budget_in_epochs_steps_or_seconds():
    assert Budget.of(TrainingConfig(seed=1, epochs=4), 25).spent(30, 1e9) == pytest.approx(0.3)
    assert Budget.of(TrainingConfig(seed=1, iterations=60), 25).spent(30, 1e9) == pytest.approx(0.5)
    assert Budget.of(TrainingConfig(seed=1, seconds=60.0), 25).spent(10**9, 15.0) == pytest.approx(0.25)
