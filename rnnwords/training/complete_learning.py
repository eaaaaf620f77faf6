"""Complete learning of a text without validation text: how near a run is, what changes on the way, and when it ends."""

from collections.abc import Mapping
from typing import Any

from rnnwords.training.best_possible import BestPossible
from rnnwords.training.runs.checkpoint_state import Position
from rnnwords.training.settings.config import TrainingConfig
from rnnwords.training.task import EVAL_WORDS

NEAR_ACCURACY = 0.85  # share of the maximum accuracy from which each epoch is followed by an evaluation
# Nats per word above the lowest loss, from which on learning rate and shortened windows become less. With constant
# ones, a text of 2,000 words was not learned completely after 90 epochs.
NEAR_LOSS = 0.3
# Steps after which the rate is half, then a third and so on (1/t, Robbins & Monro 1951). Short texts are learned before
# that: they need the full rate. With a rate in proportion to the loss, the last percent took twice as many epochs.
HALVING_STEPS = 600
LOWEST_RATE = 0.1  # of the highest one


class CompleteLearning:
    """How near a run is to the best possible figures of its text.

    All of it follows from the position and the settings of the run, so that a resumed run goes on as an unbroken one.
    """

    def __init__(
        self, best: BestPossible | None, training: TrainingConfig, settings: Mapping[str, Any], position: Position
    ) -> None:
        """`best` is None with validation text; `settings` are those that were requested."""
        self.best, self.training, self.position = best, training, position
        whole = best is not None and best.words <= EVAL_WORDS  # else an evaluation predicts a part of the text only
        self.intended = whole and training.stop_at_max_accuracy
        # A number of steps that was requested is not cut short where nothing is left to learn.
        self.ends_run = self.intended and not any(settings.get(name) for name in ("epochs", "iterations"))

    @property
    def stage(self) -> int:
        """The stage of the best evaluation so far; see `BestPossible.stage`."""
        position = self.position
        if self.best is None or position.best_accuracy is None or not position.eval_words:
            return 0
        correct = round(position.best_accuracy * position.eval_words)
        return self.best.stage(correct, position.eval_words, position.best_probability)

    @property
    def is_near(self) -> bool:
        """Whether the last epoch was so near the maximum accuracy that an evaluation may show a new stage."""
        if self.best is None or not self.intended or self.stage == 2:
            return False
        steps, hits = self.position.epoch_steps, self.position.epoch_hits
        return steps > 0 and hits / steps >= NEAR_ACCURACY * self.best.correct / self.best.words

    def factors(self, step: int) -> tuple[float, float]:
        """Return the factors of learning rate and of the share of shortened windows for the step after `step` others.

        Near the lowest loss, what keeps the network from it is the noise of the steps; less of both makes less noise.
        """
        position = self.position
        if self.best is None or position.nearest_loss is None or position.near_since is None:
            return 1.0, 1.0
        distance = min(1.0, max(0.0, position.nearest_loss - self.best.loss) / NEAR_LOSS)
        if self.training.schedule != "constant":
            return 1.0, distance
        return max(LOWEST_RATE, 1 / (1 + (step - position.near_since) / HALVING_STEPS)), distance

    def evaluated(self, loss: float) -> None:
        """Enter the loss of an evaluation into the position."""
        position = self.position
        if self.best is not None and self.intended:
            position.nearest_loss = min(loss, loss if position.nearest_loss is None else position.nearest_loss)
            if position.near_since is None and loss < self.best.loss + NEAR_LOSS:
                position.near_since = position.step
