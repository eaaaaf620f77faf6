"""Calibration of a model (Guo et al. 2017, "On Calibration of Modern Neural Networks"): reliability by confidence bins.

The words of a text are binned by the probability of the most probable word (<unk> counts only in a text that has it
itself). A model is calibrated if in each bin the accuracy equals the mean probability. The expected calibration error
(equation 3) is the mean distance of the two, weighted by words. An unknown word counts as an error. A model without
<unk> does not read unknown words; one at the end of a batch has the prediction of the last word read.
"""

from typing import Any

import numpy as np

from rnnwords.evaluation.metrics import Observer
from rnnwords.prediction.scoring import ScoredBatch

BINS = 10  # of equal width; a probability on a border belongs to the lower bin


class Reliability(Observer):
    """Sums per bin over a text."""

    def __init__(self) -> None:
        self.sums = np.zeros((BINS, 3))  # words, probabilities, hits of each bin

    def add(self, batch: ScoredBatch) -> None:
        """See Observer."""
        hits = batch.ranks == 1
        confidence = np.minimum(np.exp(batch.ranking_log_probs.max(axis=1).astype(np.float64)), 1)
        bins = np.clip(np.ceil(confidence * BINS).astype(int) - 1, 0, BINS - 1)
        np.add.at(self.sums, bins, np.stack([np.ones(len(batch)), confidence, hits], axis=1))

    def report(self) -> dict[str, Any]:
        """Return the expected calibration error, and borders, words, mean probability and accuracy of each used bin."""
        words = max(1.0, float(self.sums[:, 0].sum()))
        return {
            "expected_calibration_error": float(np.abs(self.sums[:, 1] - self.sums[:, 2]).sum() / words),
            "bins": [
                {
                    "from": number / BINS, "to": (number + 1) / BINS, "words": int(count),
                    "mean_probability": probs / count, "share_right": hits / count,
                }
                for number, (count, probs, hits) in enumerate(self.sums.tolist())
                if count
            ],
        }  # fmt: skip
