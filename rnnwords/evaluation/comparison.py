"""Comparison of two models on the same words of a text: which is better, and whether chance explains the difference.

Losses and hits of the two are compared word by word; `evaluation.bootstrap` gives intervals of the mean differences.
Models with the same vocabulary are compared over all words that have a probability, unknown ones as <unk>. Otherwise
only words in both vocabularies count, since <unk> then represents different words; bits per character, which all words
have if both models can spell, then decide which model is better.

Differences are this model minus the other. Shapes: N words of a chunk, V vocabulary.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnwords.errors import CorpusError, UsageError
from rnnwords.evaluation.bootstrap import MIN_BLOCKS, RESAMPLES, Array, BlockSums, interval
from rnnwords.evaluation.metrics import Observer, bits_per_character
from rnnwords.lm.interface import LanguageModel
from rnnwords.lm.perplexity import finite, perplexity
from rnnwords.lm.spelling import SpellingModel
from rnnwords.prediction.scoring import ScoredBatch, Scorer
from rnnwords.text.tokens.tokenizer import UNK
from rnnwords.text.vocabulary import Vocabulary

# Figures of a word. Those from ALL on count for each word, the first ones for those compared; NATS are with spelling.
WORDS, LOSS, HITS, OTHER_LOSS, OTHER_HITS, ALL, NATS, OTHER_NATS = range(8)


class Comparison(Observer):
    """Compares two models during an evaluation. In memory are the figures of one chunk, and sums of blocks."""

    def __init__(
        self,
        lm: LanguageModel[Any],
        other: LanguageModel[Any],
        threads: int = 1,
        literal_unk: bool = False,
        spelling: SpellingModel | None = None,
    ) -> None:
        """`literal_unk` and `spelling`, that of the other model, as in Scorer.

        Raises UsageError if the two would split a text into different words.
        """
        check_same_words(lm.vocabulary, other.vocabulary)
        self.scorer = Scorer(other, threads, literal_unk, spelling)
        self.same = set(lm.vocabulary.words) == set(other.vocabulary.words)
        self.counts = comparable(lm.vocabulary, other.vocabulary, self.same)
        self.chunk: list[Array] = []
        self.blocks = BlockSums(8)
        self.words = self.characters = 0

    def add(self, batch: ScoredBatch) -> None:
        """See Observer."""
        counts = self.counts[np.where(batch.known, batch.ids, -1)]
        self.chunk.append(np.stack([counts, *_figures(batch)], axis=1))

    def after_chunk(self, words: list[str], characters: int) -> None:
        """See Observer. Scores the words by the other model."""
        self.characters += characters
        if not words:
            return
        ours = np.concatenate(self.chunk)  # (N, 4) counts, loss, hit, nats
        others = np.concatenate([np.stack(_figures(batch), axis=1) for batch in self.scorer.score(words)])
        figures = np.concatenate([ours[:, :3], others[:, :2], np.ones((len(ours), 1)), ours[:, 3:], others[:, 2:]], 1)
        figures[figures[:, WORDS] == 0, :ALL] = 0
        self.blocks.add(figures)
        self.words += len(words)
        self.chunk = []

    def report(self, seed: int, resamples: int = RESAMPLES) -> dict[str, Any]:
        """Return both models' figures over the words compared, differences with intervals, and the verdict.

        Raises CorpusError if no word can be compared.
        """
        sums = self.blocks.sums.sum(axis=0)
        if not sums[WORDS]:
            raise CorpusError("expected words that both models know, found none; the models cannot be compared here")
        means = sums / sums[WORDS]
        blocks = len(self.blocks.sums)
        draws = self.blocks.draws(seed, resamples) if blocks >= MIN_BLOCKS else np.empty((0, 8))
        bits = self._bits(sums, draws)
        draws = draws[draws[:, WORDS] > 0]
        loss = _difference(means, draws, LOSS, OTHER_LOSS)
        decisive = (
            loss
            if self.same or bits["bits_per_character_difference"]["value"] is None
            else bits["bits_per_character_difference"]
        )
        return {
            "words": int(sums[WORDS]), "words_left_out": self.words - int(sums[WORDS]), "same_symbols": self.same,
            "loss": means[LOSS], "other_loss": means[OTHER_LOSS], "loss_difference": loss,
            "perplexity": finite(perplexity(means[LOSS])),
            "other_perplexity": finite(perplexity(means[OTHER_LOSS])),
            "perplexity_ratio": {
                name: None if nats is None else finite(perplexity(nats)) for name, nats in loss.items()
            },
            "top1": means[HITS], "other_top1": means[OTHER_HITS],
            "top1_difference": _difference(means, draws, HITS, OTHER_HITS), **bits,
            "verdict": verdict(decisive), "verdict_by": "loss" if decisive is loss else "bits_per_character",
            "confidence": 0.95, "block_words": self.blocks.length, "blocks": blocks,
            "resamples": resamples if blocks >= MIN_BLOCKS else 0, "seed": seed,
        }  # fmt: skip

    def _bits(self, sums: Array, draws: Array) -> dict[str, Any]:
        """Return bits per character of both models, over all words, and their difference."""
        ours, others = (bits_per_character(sums[column], self.characters) for column in (NATS, OTHER_NATS))
        difference: dict[str, float | None] = dict.fromkeys(("value", "low", "high"))
        if ours is not None and others is not None:
            per_word = sums[ALL] / (math.log(2) * self.characters)  # bits per character of a nat per word
            difference["value"] = ours - others
            if len(draws):
                low, high = interval((draws[:, NATS] - draws[:, OTHER_NATS]) / draws[:, ALL] * per_word)
                difference |= {"low": low, "high": high}
        return {
            "bits_per_character": ours, "other_bits_per_character": others, "bits_per_character_difference": difference,
        }  # fmt: skip


def check_same_words(vocabulary: Vocabulary, other: Vocabulary) -> None:
    """Raise UsageError, which names the settings, if the two would split a text into different words."""
    ours, theirs = vocabulary.text.to_json(), other.text.to_json()
    if different := [name for name in ours if ours[name] != theirs[name]]:
        settings = ", ".join(f"`{name}` {_shown(ours[name])} and {_shown(theirs[name])}" for name in different)
        raise UsageError(
            f"expected two models that split a text into the same words, found {settings}; train both with the same "
            "text settings"
        )


def _shown(value: object) -> object:
    return ("on" if value else "off") if isinstance(value, bool) else value  # 1 is a number here, although 1 == True


def comparable(vocabulary: Vocabulary, other: Vocabulary, same: bool) -> NDArray[np.bool_]:
    """Return (V + 1,) whether the word of each id counts; the last is for id -1, unknown words."""
    counts = [same or (word in other.ids and word != UNK) for word in vocabulary.words]
    return np.array([*counts, same and vocabulary.unk_id is not None])


def verdict(loss: dict[str, float | None]) -> str:
    """Return from the interval of the loss: `this` or `other` is better, `chance`, or the text is `too short`."""
    low, high = loss["low"], loss["high"]
    if low is None or high is None:
        return "too short"
    return "this" if high < 0 else "other" if low > 0 else "chance"


def _figures(batch: ScoredBatch) -> tuple[Array, Array, Array]:
    """Return (B,) losses in nats, whether the most probable word is the right one, and losses with the spelling."""
    losses = -batch.log_probs.astype(np.float64)
    return losses, (batch.ranks == 1).astype(np.float64), losses - batch.spelling


def _difference(means: Array, draws: Array, ours: int, others: int) -> dict[str, float | None]:
    difference: dict[str, float | None] = {"value": finite(means[ours] - means[others]), "low": None, "high": None}
    if len(draws):
        low, high = interval((draws[:, ours] - draws[:, others]) / draws[:, WORDS])
        difference |= {"low": finite(low), "high": finite(high)}
    return difference
