"""What a network must beat: the commonest word, a bigram, and a Kneser-Ney n-gram that sees as many words as it does.

All of them predict over the model's own vocabulary and learn from the words that the model learned from, so that their
figures can stand beside its own. `prediction.ngram` has the mathematics.
"""

from collections.abc import Callable, Iterator

import numpy as np

from rnnwords.errors import UsageError
from rnnwords.lm.kneser_ney import KneserNey
from rnnwords.lm.loading import ngram_of
from rnnwords.network.recurrent import Floats, Ids
from rnnwords.prediction.predictor import Predictor
from rnnwords.prediction.ranking import log_frequencies
from rnnwords.prediction.scoring import Reader, Scorer
from rnnwords.text.encoding import ids_of, trained_part
from rnnwords.text.reading import Corpus

COMMONEST = "commonest word"
STREAM_ORDER = 5  # of the n-gram beside a network without a window: beyond it they hardly gain


class FrequencyReader:
    """Predicts the commonest words, whatever came before."""

    def __init__(self, frequencies: Floats) -> None:
        self.frequencies = frequencies  # (V,) natural log-probabilities

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


def baselines(
    predictor: Predictor, text: Corpus | None, order: int | None = None, threads: int = 1, literal_unk: bool = False
) -> Iterator[tuple[str, Scorer]]:
    """Name and scorer of each baseline, trained on the training text when its turn comes; one at a time is in memory.

    `order` is that of the longest n-gram; by default it sees as many words as the network. Without the text there are
    the commonest word, by the counts of the vocabulary, and the n-gram that the model file holds. Raises UsageError if
    it holds none, CorpusError if the text has no word of the vocabulary.
    """
    if text is None and predictor.model.ngram is None:
        raise UsageError(
            "--baseline needs the text that the model was trained on, which its file does not hold; name it with "
            "--train-text FILE"
        )
    readers = _kept(predictor) if text is None else _trained(predictor, text, order)
    return ((name, Scorer(predictor.vocabulary, reader, threads, literal_unk)) for name, reader in readers)


def _kept(predictor: Predictor) -> Iterator[tuple[str, Reader]]:
    yield COMMONEST, FrequencyReader(predictor.frequencies)
    ngram = ngram_of(predictor.model)
    yield _named(ngram.order), NgramReader(ngram)


def _trained(predictor: Predictor, text: Corpus, order: int | None) -> Iterator[tuple[str, Reader]]:
    vocabulary = predictor.vocabulary
    ids = trained_part(ids_of(text, vocabulary), predictor.model)
    yield COMMONEST, FrequencyReader(log_frequencies(np.bincount(ids, minlength=len(vocabulary))))
    longest = order or (STREAM_ORDER if predictor.window is None else predictor.window + 1)
    for n in sorted({2, longest}):
        yield _named(n), NgramReader(KneserNey.train(ids, len(vocabulary), n, vocabulary.line_end))


def _named(order: int) -> str:
    return "bigram" if order == 2 else f"Kneser-Ney {order}-gram"
