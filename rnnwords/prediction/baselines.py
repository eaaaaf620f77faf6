"""What a network must beat: the commonest word, a bigram, and a Kneser-Ney n-gram that sees as many words as it does.

All three predict over the model's own vocabulary and learn from the words that the model learned from, so that their
figures can stand beside its own. `prediction.ngram` has the mathematics.
"""

from collections.abc import Callable, Iterator

import numpy as np

from rnnwords.network.arrays import Floats, Ids
from rnnwords.prediction.ngram import KneserNey
from rnnwords.prediction.predictor import Predictor
from rnnwords.prediction.scoring import Scorer
from rnnwords.text.tokenizer import EOS

STREAM_ORDER = 5  # of the n-gram beside a network without a window: beyond it they hardly gain


class FrequencyReader:
    """Predicts the commonest words, whatever came before."""

    def __init__(self, predictor: Predictor) -> None:
        self.frequencies = predictor.frequencies

    def restart(self) -> None:
        """Nothing is remembered."""

    def predict(self, ids: Ids) -> Callable[[], Floats]:
        """(B,) -> what gives (B, V)."""
        return lambda: np.tile(self.frequencies, (len(ids), 1))


class NgramReader:
    """Predicts by an n-gram model; letters as there: C words of context."""

    def __init__(self, model: KneserNey) -> None:
        self.model = model
        self.restart()

    def restart(self) -> None:
        """The text begins as a sentence does, where the model knows what that is."""
        self.before: Ids = np.full(self.model.order - 1, -1)  # (C,); -1: no word is known from here backwards
        if self.model.boundary is not None:
            self.before[-1:] = self.model.boundary

    def predict(self, ids: Ids) -> Callable[[], Floats]:
        """(B,) -> what gives (B, V)."""
        width = self.model.order - 1
        text = np.concatenate([self.before, ids])
        contexts = np.lib.stride_tricks.sliding_window_view(text, width)[: len(ids)]  # (B, C)
        self.before = text[len(text) - width :]
        return lambda: np.log(self.model.probabilities(contexts)).astype(np.float32)


def baselines(predictor: Predictor, ids: Ids, threads: int = 1) -> Iterator[tuple[str, Scorer]]:
    """Name and scorer of each baseline, trained on (N,) ranks when its turn comes. One at a time is in memory."""
    vocabulary = predictor.vocabulary
    boundary = vocabulary.ranks.get(EOS) if vocabulary.text.eos else None
    yield "commonest word", Scorer(vocabulary, FrequencyReader(predictor), threads)
    longest = STREAM_ORDER if predictor.window is None else predictor.window + 1
    for order in sorted({2, longest}):
        name = "bigram" if order == 2 else f"Kneser-Ney {order}-gram"
        model = KneserNey.train(ids, len(vocabulary), order, boundary)
        yield name, Scorer(vocabulary, NgramReader(model), threads)
