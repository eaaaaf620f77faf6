"""Two models on the same words of a text: which is better, and whether the difference could be chance.

Word by word the losses and hits of the two are compared; `prediction.bootstrap` says how sure the mean differences are.
Models with the same symbols are compared over all words that have a probability, unseen ones as <unk>. Else only words
known to both count: <unk> then stands for other words in each of them.

Differences are this model less the other. Shapes: N words of a chunk, V vocabulary.
"""

from typing import Any

import numpy as np

from rnnwords.errors import CorpusError, UsageError
from rnnwords.evaluation.bootstrap import FEWEST, RESAMPLES, Array, BlockSums, interval
from rnnwords.evaluation.metrics import Observer, finite, perplexity
from rnnwords.network.recurrent import Ids
from rnnwords.prediction.predictor import Predictor
from rnnwords.prediction.scoring import Scored, scorer
from rnnwords.text.tokenizer import UNK
from rnnwords.text.vocabulary import Vocabulary

WORDS, LOSS, OTHER_LOSS, HITS, OTHER_HITS = range(5)  # figures of a word


class Comparison(Observer):
    """Compares while a text is evaluated; in memory are a chunk's figures and sums of blocks."""

    def __init__(self, predictor: Predictor, other: Predictor, threads: int = 1, literal_unk: bool = False) -> None:
        """`literal_unk` as in Scorer. Raises UsageError if the two would split a text into different words."""
        check_same_words(predictor.vocabulary, other.vocabulary)
        self.scorer = scorer(other, threads, literal_unk)
        self.same = set(predictor.vocabulary.words) == set(other.vocabulary.words)
        self.counts = counting(predictor.vocabulary, other.vocabulary, self.same)
        self.chunk: list[Array] = []
        self.blocks = BlockSums(5)
        self.words = 0

    def add(self, batch: Scored) -> None:
        counted = self.counts[np.where(batch.known, batch.ids, -1)]
        self.chunk.append(np.stack([counted, *_figures(batch)], axis=1))

    def between(self, words: list[str]) -> None:
        if not words:
            return
        ours = np.concatenate(self.chunk)  # (N, 3) counted, loss, hit
        others = np.concatenate([np.stack(_figures(batch), axis=1) for batch in self.scorer.score(words)])
        figures = np.column_stack([ours[:, 0], ours[:, 1], others[:, 0], ours[:, 2], others[:, 1]])
        figures[figures[:, WORDS] == 0] = 0
        self.blocks.add(figures)
        self.words += len(words)
        self.chunk = []

    def report(self, seed: int, resamples: int = RESAMPLES) -> dict[str, Any]:
        """Both models' figures over the words compared, differences with intervals, and what they say.

        Raises CorpusError if no word can be compared.
        """
        sums = self.blocks.sums.sum(axis=0)
        if not sums[WORDS]:
            raise CorpusError("no word of the text is known to both models, so they cannot be compared on it")
        means = sums / sums[WORDS]
        blocks = len(self.blocks.sums)
        draws = self.blocks.draws(seed, resamples) if blocks >= FEWEST else np.empty((0, 5))
        draws = draws[draws[:, WORDS] > 0]
        loss = _difference(means, draws, LOSS, OTHER_LOSS)
        return {
            "words": int(sums[WORDS]),
            "words_left_out": self.words - int(sums[WORDS]),
            "same_symbols": self.same,
            "loss": means[LOSS],
            "other_loss": means[OTHER_LOSS],
            "loss_difference": loss,
            "perplexity": perplexity(means[LOSS]),
            "other_perplexity": perplexity(means[OTHER_LOSS]),
            "perplexity_ratio": {name: None if nats is None else perplexity(nats) for name, nats in loss.items()},
            "top1": means[HITS],
            "other_top1": means[OTHER_HITS],
            "top1_difference": _difference(means, draws, HITS, OTHER_HITS),
            "verdict": verdict(loss),
            "confidence": 0.95,
            "block_words": self.blocks.length,
            "blocks": blocks,
            "resamples": resamples if blocks >= FEWEST else 0,
            "seed": seed,
        }


def check_same_words(vocabulary: Vocabulary, other: Vocabulary) -> None:
    """Raise UsageError, which names the settings, if the two would split a text into different words."""
    ours, theirs = vocabulary.text.to_json(), other.text.to_json()
    if different := [name for name in ours if ours[name] != theirs[name]]:
        said = ", ".join(f"{name} {_said(ours[name])} and {_said(theirs[name])}" for name in different)
        raise UsageError(
            f"two models can be compared only where they split a text into the same words; these two have {said}; "
            "train both with the same text options"
        )


def _said(setting: object) -> str:
    return ("on" if setting else "off") if isinstance(setting, bool) else str(setting)


def counting(vocabulary: Vocabulary, other: Vocabulary, same: bool) -> Ids:
    """(V + 1,) rank -> whether the word counts; the last is of rank -1, words that the vocabulary lacks."""
    counts = [same or (word in other.ranks and word != UNK) for word in vocabulary.words]
    return np.array([*counts, same and vocabulary.unk is not None])


def verdict(loss: dict[str, float | None]) -> str:
    """What the interval of the loss says: `this` or `other` is better, `chance`, or the text is `too short`."""
    low, high = loss["low"], loss["high"]
    if low is None or high is None:
        return "too short"
    return "this" if high < 0 else "other" if low > 0 else "chance"


def _figures(batch: Scored) -> tuple[Array, Array]:
    """(B,) losses in nats, (B,) whether the likeliest word is the right one."""
    return -batch.log_probabilities.astype(np.float64), (batch.ranks == 1).astype(np.float64)


def _difference(means: Array, draws: Array, ours: int, others: int) -> dict[str, float | None]:
    found: dict[str, float | None] = {"value": finite(means[ours] - means[others]), "low": None, "high": None}
    if len(draws):
        low, high = interval((draws[:, ours] - draws[:, others]) / draws[:, WORDS])
        found |= {"low": finite(low), "high": finite(high)}
    return found
