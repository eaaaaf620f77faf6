"""Metrics of a language model on a text: each word is predicted from the words before it, in bounded memory.

`loss` is the mean negative natural log-probability of a word. An unknown word has the probability of <unk>; without
<unk> it has none, so loss and perplexity have no value. It is never a hit. Ties are ranked by frequency. <unk> itself
is left out of the ranks, unless the text contains it: see `text.encoding`.

`bits_per_character` compares models with different vocabularies. All words have their bits, an unknown one those of
<unk> and of its letters by the spelling model; <unk> in the text itself is a word. The characters are those of the text
as read, white space and line ends too, whatever the model makes of them.
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from rnnwords.errors import CorpusError
from rnnwords.evaluation.keystrokes import KeystrokeSavings
from rnnwords.lm.interface import Ids
from rnnwords.lm.perplexity import finite, perplexity
from rnnwords.prediction.scoring import ScoredBatch, Scorer
from rnnwords.text.encoding import SPECIAL_TOKENS
from rnnwords.text.reading.corpus import Corpus
from rnnwords.text.vocabulary import Vocabulary

BANDS = (1, 2, 10, 100, 1_000, 10_000)  # lower borders, in occurrences in the training text


class Observer:
    """Receives every batch of an evaluation."""

    def add(self, batch: ScoredBatch) -> None:
        """Process a batch, which is freed afterwards."""

    def after_chunk(self, words: list[str], characters: int) -> None:
        """Do further work after the last word of a chunk of so many characters; it is not timed."""


@dataclass
class Metrics:
    """Sums over the words of a text, from which `report` computes the metrics."""

    vocabulary: Vocabulary
    words: int = 0
    unknown: int = 0
    marks: int = 0  # line ends, and <unk> of the text itself
    recognised: int = 0  # other words of the vocabulary
    loss: float = 0.0  # nats, of all words that have a probability
    known_loss: float = 0.0  # nats, of words in the vocabulary
    spelling_loss: float = 0.0  # nats, of the letters of unknown words; NaN without a spelling model
    characters: int = 0  # of the text as read
    hits: dict[int, int] = field(default_factory=lambda: {1: 0, 3: 0, 5: 0})
    reciprocal: float = 0.0
    keys: int = 0
    keys_saved: int = 0
    seconds: float = 0.0

    def __post_init__(self) -> None:
        self.keystrokes = KeystrokeSavings(self.vocabulary)
        bands = np.searchsorted(BANDS, np.asarray(self.vocabulary.counts), side="right")
        self.band_of: Ids = np.append(bands, 0)  # (V + 1,) id -> band; the last is for id -1, unknown words
        self.bands = np.zeros((len(BANDS) + 1, 3))  # words, loss, hits of each

    def add(self, batch: ScoredBatch) -> None:
        """Add a batch."""
        known, losses = batch.known, -batch.log_probs.astype(np.float64)
        self.words += len(batch)
        self.unknown += int(len(batch) - known.sum())
        marks = np.array([word in SPECIAL_TOKENS for word in batch.words])
        self.marks += int(marks.sum())
        self.recognised += int((known & ~marks).sum())
        self.known_loss += float(losses[known].sum())
        self.loss += float(losses.sum())
        self.spelling_loss -= float(batch.spelling.sum())
        ranks = batch.ranks[known]
        for k in self.hits:
            self.hits[k] += int((ranks <= k).sum())
        self.reciprocal += float((1 / ranks).sum())
        keys, saved = self.keystrokes.count(batch)
        self.keys += keys
        self.keys_saved += saved
        figures = np.stack([np.ones(len(batch)), losses, batch.ranks == 1], axis=1)
        np.add.at(self.bands, self.band_of[np.where(known, batch.ids, -1)], figures)

    def report(self) -> dict[str, Any]:
        """Return the figures by the keys of the JSON report; None for a figure without a finite value."""
        known = self.words - self.unknown
        return {
            "words": self.words, "oov_rate": self.unknown / self.words, "loss": finite(self.loss / self.words),
            "perplexity": finite(perplexity(self.loss / self.words)),
            "perplexity_excluding_oov": finite(perplexity(self.known_loss / known)) if known else None,
            "bits_per_character": bits_per_character(self.loss + self.spelling_loss, self.characters),
            "characters": self.characters,
            **{f"top{k}": hits / self.words for k, hits in self.hits.items()},
            "mrr": self.reciprocal / self.words, "keystroke_savings": self.keys_saved / max(1, self.keys),
            "words_per_second": self.words / max(self.seconds, 1e-9),
        }  # fmt: skip

    def by_frequency(self) -> list[dict[str, Any]]:
        """Return words, loss and top-1 by the number of occurrences in the training text; 0 is unknown.

        Bands without words are left out; `to` is None for the last.
        """
        borders = zip((0, *BANDS), (*(border - 1 for border in BANDS), None), strict=True)
        return [
            {"from": low, "to": high, "words": int(words), "loss": finite(loss / words), "top1": hits / words}
            for (low, high), (words, loss, hits) in zip(borders, self.bands.tolist(), strict=True)
            if words
        ]


def bits_per_character(nats: float, characters: int) -> float | None:
    """Return the bits per character of a text of so many nats; None without a finite value."""
    return finite(nats / (math.log(2) * max(1, characters)))


def measure(
    scorer: Scorer, corpus: Corpus, progress: Callable[[int], None] | None = None, observers: Sequence[Observer] = ()
) -> Metrics:
    """Return the metrics of a scorer's language model over a corpus. `progress` is called with bytes read.

    Raises CorpusError if the corpus has no words, or none of the vocabulary.
    """
    metrics = Metrics(scorer.vocabulary)
    start, untimed = time.perf_counter(), 0.0
    for block in corpus.blocks():
        text = block.decode(corpus.encoding_errors)
        words = scorer.vocabulary.tokenize(text)
        metrics.characters += len(text)
        if progress:
            progress(len(block.data))
        for batch in scorer.score(words):
            metrics.add(batch)
            for observer in observers:
                observer.add(batch)
        pause = time.perf_counter()
        for observer in observers:
            observer.after_chunk(words, len(text))
        untimed += time.perf_counter() - pause
    metrics.seconds = time.perf_counter() - start - untimed
    names = ", ".join(corpus.names)
    words_in_text = metrics.words - metrics.marks
    if not words_in_text:
        raise CorpusError(f"{names}: expected at least one word, found none")
    if not metrics.recognised:
        raise CorpusError(
            f"{names}: expected words of the model's vocabulary, found none among {words_in_text:,}; "
            "is it the right text?"
        )
    return metrics
