"""Learning rates and dropout as pure functions of the share of the budget that is spent, and the budget itself."""

import math
from dataclasses import dataclass

from rnnwords.config import TrainingConfig


def rate(config: TrainingConfig, spent: float) -> float:
    """The learning rate after the share `spent` (0 to 1) of the budget.

    constant: warm-up, then level. cosine: warm-up, then a half cosine down to `learning_rate_end`, else to 1 %
    (Loshchilov & Hutter 2017).
    one-cycle: a rise over the first third, a fall over the rest, both half cosines (Smith 2018).
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
    """The share of units that is dropped after the share `spent` (0 to 1) of the budget.

    From `dropout_start`, if there is one, evenly to `dropout`, which it is at the end: while a network knows little,
    noise only holds it up; what it must be kept from, learning the text by heart, comes late (Morerio et al. 2017,
    "Curriculum dropout", whose rise is steeper in the beginning).
    """
    top = config.dropout or 0.0
    if config.dropout_start is None:
        return top
    return config.dropout_start + (top - config.dropout_start) * min(1.0, spent)


def _half_cosine(share: float) -> float:
    """From 1 at 0 to 0 at 1."""
    return 0.5 * (1 + math.cos(math.pi * min(1.0, max(0.0, share))))


@dataclass(frozen=True)
class Budget:
    """What a run may spend: steps or seconds."""

    steps: int | None
    seconds: float | None

    @classmethod
    def of(cls, config: TrainingConfig, steps_an_epoch: int) -> "Budget":
        """The budget that a config with exactly one of epochs, iterations, seconds asks for."""
        if config.seconds is not None:
            return cls(None, config.seconds)
        return cls(config.iterations or (config.epochs or 1) * steps_an_epoch, None)

    def spent(self, step: int, seconds: float) -> float:
        """The share spent after so many steps and seconds; 1 or more is all of it."""
        if self.steps is not None:
            return step / self.steps
        return seconds / (self.seconds or 1.0)
