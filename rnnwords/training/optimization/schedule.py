"""Learning rate and dropout as functions of the spent share of the budget, and the budget itself."""

import math
from dataclasses import dataclass

from rnnwords.training.settings.config import TrainingConfig


def learning_rate(config: TrainingConfig, spent: float) -> float:
    """Return the learning rate after the share `spent` (0 to 1) of the budget.

    constant: warm-up, then constant. cosine: warm-up, then a half cosine down to `learning_rate_end`, by default 1 %
    (Loshchilov & Hutter 2017). one-cycle: up in the first 30 %, down in the rest, both half cosines (Smith 2018).
    """
    top = config.learning_rate or 0.0
    if config.schedule == "one-cycle":
        rise = 0.3
        if spent < rise:
            return top * (0.04 + 0.96 * _half_cosine(1 - spent / rise))
        return top * (0.001 + 0.999 * _half_cosine((spent - rise) / (1 - rise)))
    warmup = config.warmup or 0.0
    if spent < warmup:
        return top * (0.01 + 0.99 * spent / warmup)
    if config.schedule == "cosine":
        end = 0.01 if config.learning_rate_end is None else config.learning_rate_end / top
        return top * (end + (1 - end) * _half_cosine((spent - warmup) / (1 - warmup)))
    return top


def dropout(config: TrainingConfig, spent: float) -> float:
    """Return the dropout rate after the share `spent` (0 to 1) of the budget: linear from `dropout_start` to `dropout`.

    Overfitting only begins late in training, so that early dropout slows learning down without a gain (Morerio et al.
    2017, "Curriculum dropout", whose schedule rises faster in the beginning).
    """
    top = config.dropout or 0.0
    if config.dropout_start is None:
        return top
    return config.dropout_start + (top - config.dropout_start) * min(1.0, spent)


def _half_cosine(share: float) -> float:
    """Return half a period of a cosine: 1 at 0, 0 at 1."""
    return 0.5 * (1 + math.cos(math.pi * min(1.0, max(0.0, share))))


@dataclass(frozen=True)
class Budget:
    """The length of a run: steps or seconds."""

    steps: int | None
    seconds: float | None

    @classmethod
    def of(cls, config: TrainingConfig, steps_per_epoch: int) -> "Budget":
        """Return the budget of a config with exactly one of epochs, iterations and seconds."""
        steps = config.iterations or (config.epochs or 1) * steps_per_epoch
        return cls(steps if config.seconds is None else None, config.seconds)

    def spent(self, step: int, seconds: float) -> float:
        """Return the spent share after `step` steps and `seconds` seconds; 1 or more: the run ends."""
        return seconds / self.seconds if self.seconds else step / (self.steps or 1)
