"""Whether a model is right as often as it says: its probability of the likeliest word against the share that is right.

The words of a text are put into bins of equal width by the probability of the likeliest word: of those that a user is
shown, or, in a text that has <unk> itself, of all. A model is calibrated if in each bin the share of right ones equals
the mean probability. The expected calibration error is the mean distance of the two, each bin weighted by its share of
the words (Guo et al. 2017, "On Calibration of Modern Neural Networks", equation 3). Unseen words are wrong, whatever
was predicted. (Where a model has no <unk> they are not read, and one at the end of a batch is judged by the last
prediction before it.)
"""

from typing import Any

import numpy as np

from rnnwords.evaluation.metrics import Observer
from rnnwords.prediction.scoring import Scored

BINS = 10  # of equal width; a probability on a border belongs to the lower bin


class Calibration(Observer):
    """Sums by bins over a text."""

    def __init__(self) -> None:
        self.sums = np.zeros((BINS, 3))  # words, probabilities, right ones of each bin

    def add(self, batch: Scored) -> None:
        right = batch.ranks == 1
        chance = np.minimum(np.exp(batch.rivals.max(axis=1).astype(np.float64)), 1)
        bins = np.clip(np.ceil(chance * BINS).astype(int) - 1, 0, BINS - 1)
        np.add.at(self.sums, bins, np.stack([np.ones(len(batch)), chance, right], axis=1))

    def report(self) -> dict[str, Any]:
        """The expected calibration error, and of each bin that has words: its borders, words, mean, share of right."""
        words = max(1.0, float(self.sums[:, 0].sum()))
        return {
            "expected_calibration_error": float(np.abs(self.sums[:, 1] - self.sums[:, 2]).sum() / words),
            "bins": [
                {
                    "from": number / BINS, "to": (number + 1) / BINS, "words": int(count),
                    "mean_probability": chances / count, "share_right": right / count,
                }
                for number, (count, chances, right) in enumerate(self.sums.tolist())
                if count
            ],
        }  # fmt: skip
