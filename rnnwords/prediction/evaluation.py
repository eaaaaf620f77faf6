"""How good a model is on a text: every word predicted from the words before it, in bounded memory.

Keystroke savings are measured as by Trnka & McCoy (2008, "Evaluating Word Prediction: Framing Keystroke Savings"): a
typist sees the 3 likeliest words that begin with what is typed so far, before the first letter and after each
keystroke, and takes the word with one key as soon as it is shown; else types all letters and a space.
"""

import functools
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from rnnwords.errors import CorpusError
from rnnwords.network.arrays import Floats, Ids
from rnnwords.prediction.predictor import Predictor
from rnnwords.text.reading import Corpus, blocks, decode
from rnnwords.text.tokenizer import EOS

BATCH = 256  # words scored at a time
SHOWN = 3  # words that a typist sees


@dataclass
class Scored:
    """A batch of words of the text with what the model said of them; all arrays are (B,)."""

    words: list[str]
    known: Ids  # bool: in the vocabulary
    log_probabilities: Floats  # nats; of <unk> where unknown; -inf where there is no <unk>
    ranks: Ids  # 1 is the likeliest word; 0 where unknown
    saved: Ids  # keystrokes saved


def score_text(predictor: Predictor, chunks: Iterator[str], savings: bool = False) -> Iterator[Scored]:
    """Score running text: every word given the words before it, the first given none (or a line end, with --eos)."""
    reader = _Reader(predictor)
    waiting: list[str] = []
    for chunk in chunks:
        waiting += predictor.vocabulary.tokenize(chunk)
        while len(waiting) >= BATCH:
            yield reader.score(waiting[:BATCH], savings)
            del waiting[:BATCH]
    if waiting:
        yield reader.score(waiting, savings)


class _Reader:
    """Where a model stands in a text."""

    def __init__(self, predictor: Predictor) -> None:
        self.predictor = predictor
        self.keys = KeystrokeSavings(predictor)
        eos = predictor.vocabulary.ranks.get(EOS) if predictor.vocabulary.text.eos else None
        self.before: list[int] = [] if eos is None else [eos]  # windows: the last words
        self.state: Any = None  # stateful: state and scores after the last word
        self.scores: Floats | None = None

    def score(self, words: list[str], savings: bool) -> Scored:
        predictor = self.predictor
        vocabulary = predictor.vocabulary
        unk = vocabulary.unk
        ids = np.array([vocabulary.ranks.get(word, -1 if unk is None else unk) for word in words])
        known = np.array([word in vocabulary.ranks for word in words])
        scores = self._stream(ids[ids >= 0]) if predictor.window is None else self._windows(ids[ids >= 0])
        if len(scores) < len(ids):  # unknown words without <unk>: predicted like the word after them, but never hit
            following = np.minimum(np.cumsum(ids >= 0) - (ids >= 0), max(0, len(scores) - 1))
            scores = scores[following] if len(scores) else np.zeros((len(ids), len(vocabulary)), np.float32)
        rows = np.arange(len(ids))
        own = np.where(ids >= 0, scores[rows, np.maximum(ids, 0)], -np.inf).astype(np.float32)
        rivals = scores if unk is None else np.where(np.arange(len(vocabulary)) == unk, -np.inf, scores)
        above = (rivals > own[:, None]).sum(axis=1)
        literal = known & (ids == (-1 if unk is None else unk))  # <unk> in the text itself
        above = np.where(literal, (scores > own[:, None]).sum(axis=1), above)
        saved = np.zeros(len(ids), np.int64)
        if savings:
            for row in np.flatnonzero(known):
                saved[row] = self.keys.saved(int(ids[row]), rivals[row])
        return Scored(words, known, own, np.where(known, above + 1, 0), saved)

    def _windows(self, ids: Ids) -> Floats:
        """(B,) known ids -> (B, V) scores, each from the words before it."""
        window = self.predictor.model.network.window
        text = np.array([*self.before, *ids], np.int64)
        first = len(self.before)
        rows: list[Floats] = []
        short = max(0, min(len(ids), window - first))  # words with less than a whole window in front
        for at in range(first, first + short):
            rows.append(
                self.predictor.context(text[:at].tolist()).log_probabilities()[None]
                if at
                else self.predictor.frequencies[None]
            )
        if short < len(ids):
            view = np.lib.stride_tricks.sliding_window_view(text[first + short - window : -1], window)
            rows.append(self.predictor.network.scores(self.predictor.network.read(view)[0]))
        self.before = text[-window:].tolist()
        return np.concatenate(rows) if rows else np.empty((0, len(self.predictor.vocabulary)), np.float32)

    def _stream(self, ids: Ids) -> Floats:
        """The same with state carried on."""
        network = self.predictor.network
        if self.scores is None:
            start = self.predictor.context()
            self.scores, self.state = start.log_probabilities()[None], start._state
        if not len(ids):
            return np.empty((0, len(self.predictor.vocabulary)), np.float32)
        outputs, self.state = network.read_all(ids[None], self.state)
        after = network.scores(outputs[0])
        scores = np.concatenate([self.scores, after[:-1]])
        self.scores = after[-1:]
        return scores


class KeystrokeSavings:
    """How many keystrokes a list of SHOWN words saves a typist."""

    def __init__(self, predictor: Predictor) -> None:
        self.predictor = predictor

    @functools.lru_cache(maxsize=200_000)  # noqa: B019 -- lives as long as one evaluation
    def _rivals(self, rank: int, letters: int) -> Ids:
        return self.predictor.starting_with(self.predictor.vocabulary.words[rank][:letters])

    def saved(self, rank: int, scores: Floats) -> int:
        """Of the letters and the space of the word at `rank`, given (V,) scores with words never shown at -inf."""
        word = self.predictor.vocabulary.words[rank]
        own = scores[rank]
        for typed in range(len(word)):
            rivals = scores if typed == 0 else scores[self._rivals(rank, typed)]
            if np.count_nonzero(rivals > own) < SHOWN:
                return len(word) - typed  # len + 1 keys without the list; `typed` + 1 with it
        return 0


@dataclass
class Metrics:
    """Sums over a text, and the figures made of them."""

    words: int = 0
    unknown: int = 0
    loss: float = 0.0  # nats, of all words that have a probability
    known_loss: float = 0.0  # nats, of words in the vocabulary
    hits: dict[int, int] = field(default_factory=lambda: {1: 0, 3: 0, 5: 0})
    reciprocal: float = 0.0
    keys: int = 0
    keys_saved: int = 0
    seconds: float = 0.0

    def add(self, batch: Scored) -> None:
        """Add a batch."""
        known = batch.known
        self.words += len(known)
        self.unknown += int(len(known) - known.sum())
        self.known_loss -= float(batch.log_probabilities[known].sum(dtype=np.float64))
        self.loss -= float(batch.log_probabilities.sum(dtype=np.float64))
        ranks = batch.ranks[known]
        for k in self.hits:
            self.hits[k] += int((ranks <= k).sum())
        self.reciprocal += float((1 / ranks).sum())
        self.keys += sum(len(word) + 1 for word in batch.words)
        self.keys_saved += int(batch.saved.sum())

    def report(self) -> dict[str, Any]:
        """The figures by the names of the JSON report; None where a figure has no finite value."""
        loss = self.loss / self.words
        known = self.words - self.unknown
        return {
            "words": self.words,
            "oov_rate": self.unknown / self.words,
            "loss": loss if math.isfinite(loss) else None,
            "perplexity": math.exp(loss) if loss < 700 else None,
            "perplexity_excluding_oov": math.exp(min(700.0, self.known_loss / known)) if known else None,
            "top1": self.hits[1] / self.words,
            "top3": self.hits[3] / self.words,
            "top5": self.hits[5] / self.words,
            "mrr": self.reciprocal / self.words,
            "keystroke_savings": self.keys_saved / self.keys,
            "words_per_second": self.words / max(self.seconds, 1e-9),
        }


def evaluate(predictor: Predictor, corpus: Corpus, progress: Callable[[int], None] | None = None) -> Metrics:
    """All figures over a corpus. Raises CorpusError if it has no words, or none that the model knows."""
    metrics = Metrics()

    def chunks() -> Iterator[str]:
        for name, path in zip(corpus.names, corpus.paths, strict=True):
            line = 1
            for block in blocks(name, path):
                yield decode(block, name, line, corpus.encoding_errors)
                line += block.count(b"\n")
                if progress:
                    progress(len(block))

    start = time.perf_counter()
    for batch in score_text(predictor, chunks(), savings=True):
        metrics.add(batch)
    metrics.seconds = time.perf_counter() - start
    names = ", ".join(corpus.names)
    if not metrics.words:
        raise CorpusError(f"{names}: no words found; at least one is needed")
    if metrics.unknown == metrics.words:
        raise CorpusError(
            f"{names}: none of its {metrics.words:,} words is in the model's vocabulary; is it the right text?"
        )
    return metrics
