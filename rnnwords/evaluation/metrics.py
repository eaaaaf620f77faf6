"""How good a model is on a text: every word predicted from the words before it, in bounded memory.

`loss` is the mean negative natural log-probability of a word. Unknown words count as <unk> (without one they have no
probability, and so neither have loss and perplexity); as hits they are misses. Words of equal score rank by frequency.
<unk> itself is passed over in the ranks, unless the text has it: see `prediction.texts`.
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from rnnwords.errors import CorpusError
from rnnwords.evaluation.keystrokes import KeystrokeSavings
from rnnwords.network.recurrent import Ids
from rnnwords.prediction.predictor import Predictor
from rnnwords.prediction.scoring import Scored, Scorer, scorer
from rnnwords.text.encoding import MARKS, has_literal_unk, words_of
from rnnwords.text.reading import Corpus
from rnnwords.text.vocabulary import Vocabulary

BANDS = (1, 2, 10, 100, 1_000, 10_000)  # occurrences in the training text from which a band reaches to the next


class Observer:
    """Looks on while a text is evaluated."""

    def add(self, batch: Scored) -> None:
        """See a batch, which won't be kept."""

    def between(self, words: list[str]) -> None:
        """Do work of one's own, untimed, now that all words of a chunk were seen."""


@dataclass
class Metrics:
    """Sums over a text, and the figures made of them."""

    vocabulary: Vocabulary
    words: int = 0
    unknown: int = 0
    marks: int = 0  # line ends, and <unk> of the text itself
    recognised: int = 0  # others that are in the vocabulary
    loss: float = 0.0  # nats, of all words that have a probability
    known_loss: float = 0.0  # nats, of words in the vocabulary
    hits: dict[int, int] = field(default_factory=lambda: {1: 0, 3: 0, 5: 0})
    reciprocal: float = 0.0
    keys: int = 0
    keys_saved: int = 0
    seconds: float = 0.0

    def __post_init__(self) -> None:
        self.keystrokes = KeystrokeSavings(self.vocabulary)
        bands = np.searchsorted(BANDS, np.asarray(self.vocabulary.counts), side="right")
        self.band_of: Ids = np.append(bands, 0)  # (V + 1,) rank -> band; the last is of rank -1, unknown words
        self.bands = np.zeros((len(BANDS) + 1, 3))  # words, loss, hits of each

    def add(self, batch: Scored) -> None:
        """Add a batch."""
        known, losses = batch.known, -batch.log_probabilities.astype(np.float64)
        self.words += len(batch)
        self.unknown += int(len(batch) - known.sum())
        marks = np.array([word in MARKS for word in batch.words])
        self.marks += int(marks.sum())
        self.recognised += int((known & ~marks).sum())
        self.known_loss += float(losses[known].sum())
        self.loss += float(losses.sum())
        ranks = batch.ranks[known]
        for k in self.hits:
            self.hits[k] += int((ranks <= k).sum())
        self.reciprocal += float((1 / ranks).sum())
        keys, saved = self.keystrokes.count(batch)
        self.keys += keys
        self.keys_saved += saved
        np.add.at(
            self.bands,
            self.band_of[np.where(known, batch.ids, -1)],
            np.stack([np.ones(len(batch)), losses, batch.ranks == 1], axis=1),
        )

    def report(self) -> dict[str, Any]:
        """The figures by the names of the JSON report; None where a figure has no finite value."""
        known = self.words - self.unknown
        return {
            "words": self.words,
            "oov_rate": self.unknown / self.words,
            "loss": finite(self.loss / self.words),
            "perplexity": perplexity(self.loss / self.words),
            "perplexity_excluding_oov": perplexity(self.known_loss / known) if known else None,
            "top1": self.hits[1] / self.words,
            "top3": self.hits[3] / self.words,
            "top5": self.hits[5] / self.words,
            "mrr": self.reciprocal / self.words,
            "keystroke_savings": self.keys_saved / max(1, self.keys),
            "words_per_second": self.words / max(self.seconds, 1e-9),
        }

    def by_frequency(self) -> list[dict[str, Any]]:
        """Words, loss and top-1 by how often the target occurs in the training text; 0 times is unknown.

        Bands without words are left out; `to` is None for the last.
        """
        limits = [0, *BANDS, None]
        return [
            {
                "from": limits[band],
                "to": None if limits[band + 1] is None else limits[band + 1] - 1,  # type: ignore[operator]
                "words": int(words),
                "loss": finite(loss / words),
                "top1": hits / words,
            }
            for band, (words, loss, hits) in enumerate(self.bands.tolist())
            if words
        ]


def perplexity(loss: float) -> float | None:
    """e to the loss in nats a word; None where that is not finite."""
    return math.exp(loss) if loss < 700 else None


def finite(number: float) -> float | None:
    """The number, or None where JSON has none for it."""
    return float(number) if math.isfinite(number) else None


def evaluate(
    predictor: Predictor,
    corpus: Corpus,
    progress: Callable[[int], None] | None = None,
    by: Scorer | None = None,
    threads: int = 1,
    observers: Sequence[Observer] = (),
) -> Metrics:
    """All figures over a corpus, of the model or `by` another scorer over its vocabulary.

    `threads` work on batches side by side; numpy's own should then be off (OPENBLAS_NUM_THREADS=1).

    Raises CorpusError if the corpus has no words, or none that the model knows.
    """
    by = by or scorer(predictor, threads, has_literal_unk(corpus, predictor.vocabulary))
    metrics = Metrics(predictor.vocabulary)
    start, untimed = time.perf_counter(), 0.0
    for words in words_of(corpus, predictor.vocabulary, progress):
        for batch in by.score(words):
            metrics.add(batch)
            for observer in observers:
                observer.add(batch)
        pause = time.perf_counter()
        for observer in observers:
            observer.between(words)
        untimed += time.perf_counter() - pause
    metrics.seconds = time.perf_counter() - start - untimed
    names = ", ".join(corpus.names)
    told = metrics.words - metrics.marks
    if not told:
        raise CorpusError(f"{names}: no words found; at least one is needed")
    if not metrics.recognised:
        raise CorpusError(f"{names}: none of its {told:,} words is in the model's vocabulary; is it the right text?")
    return metrics
