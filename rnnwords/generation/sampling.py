"""From scores to words: greedy choice, sampling, and what is held back: repetition and copies of a text.

Scores are natural log-probabilities, an array (V,) of float32 or float64; -inf is a word that is never chosen. Words
are ranks 0..V-1. All is a function of (scores, history, generator); the caller's arrays stay as they are. Letters: V
vocabulary, K words still in play.

Follows Keskar et al. 2019 (CTRL), section 4.1, for the repetition penalty, on log-probabilities and over a window;
Paulus et al. 2018, section 2.5, for no-repeat n-grams; Fan et al. 2018 for top-k; Holtzman et al. 2020, section 3.1,
for top-p, with the cutoff of karpathy/llama2.c. Leaves out typical sampling, mirostat, contrastive search.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnwords.config import Config, within
from rnnwords.errors import ModelError, UsageError
from rnnwords.generation.overlap import Overlap

Scores = NDArray[np.floating[Any]]  # (V,), nats
Words = NDArray[np.intp]  # (K,), ranks

RECENT = 64  # words, the prompt's included, that the repetition penalty looks back on
_NO_WORDS = np.empty(0, dtype=np.intp)


@dataclass(frozen=True)
class Sampling(Config):
    """How the next word is chosen: greedily, unless a temperature, top_k or top_p is given (then temperature is 1)."""

    temperature: float | None = within(0.001, 100.0, default=None)
    top_k: int | None = within(1, 1_000_000, default=None)
    top_p: float | None = within(0.001, 1.0, default=None)
    repetition_penalty: float = within(1.0, 100.0, default=1.0)
    no_repeat: int | None = within(1, 100, default=None)  # length of the n-grams that never occur twice

    @property
    def greedy(self) -> bool:
        """Whether the most probable word is taken, so that no chance is needed."""
        return self.temperature is None and self.top_k is None and self.top_p is None


class History:
    """What a text has said so far, prompt included, as far as choosing needs it. A word's cost does not grow."""

    def __init__(self, ids: Iterable[int] = (), no_repeat: int | None = None, overlap: Overlap | None = None) -> None:
        self.no_repeat = no_repeat
        self.overlap = overlap  # a text of which not too many words in a row may be taken over
        self.recent: deque[int] = deque(maxlen=RECENT)
        self._prefix: tuple[int, ...] = ()  # the last no_repeat - 1 words, fewer at the start
        self._followers: dict[tuple[int, ...], Words] = {}  # prefix -> the words seen after it, an array never mutated
        for word in ids:
            self.append(word)

    def append(self, word: int) -> None:
        """Add one word."""
        self.recent.append(word)
        width = (self.no_repeat or 1) - 1
        if self.no_repeat and len(self._prefix) == width:
            followers = self._followers.get(self._prefix, _NO_WORDS)
            if not (followers == word).any():
                self._followers[self._prefix] = np.append(followers, word)
        self._prefix = (*self._prefix, word)[-width:] if width else ()

    def banned(self) -> Words:
        """The words that would complete an n-gram that has occurred already, in order of occurrence."""
        return self._followers.get(self._prefix, _NO_WORDS)

    def copied(self) -> Words:
        """The words that would take over too many in a row from the text of `overlap`."""
        return _NO_WORDS if self.overlap is None else self.overlap.following(list(self.recent))

    def fork(self, *ids: int) -> "History":
        """A copy, with `ids` appended, that goes its own way: for several samples of one prompt, and for beams."""
        other = History(no_repeat=self.no_repeat, overlap=self.overlap)
        other.recent, other._prefix, other._followers = self.recent.copy(), self._prefix, self._followers.copy()
        for word in ids:
            other.append(word)
        return other


def adjust(scores: Scores, history: History, sampling: Sampling) -> Scores:
    """(V,) -> (V,): the scores after the bans and the repetition penalty; not normalised again.

    A word among the last 64 has its log-probability multiplied by the penalty, once: p becomes p ** penalty. (CTRL
    divides logits, which favours a word whose logit is negative; log-probabilities never change sign.) Where the ban
    of repeats would leave no word at all, it is lifted for this one choice; the ban of copies never is. Raises
    UsageError if every score is -inf, ModelError if any is NaN or +inf.
    """
    if sampling.no_repeat != history.no_repeat:
        raise ValueError(f"no_repeat is {sampling.no_repeat} in the sampling but {history.no_repeat} in the history")
    scores = scores.copy()
    copied = history.copied()
    scores[copied[copied < scores.size]] = -np.inf  # beyond V stand words that cannot be written
    best = scores.max(initial=-np.inf)
    if best == -np.inf:
        raise UsageError(f"no word is left to choose from: all {scores.size:,} are excluded")
    if not np.isfinite(best):
        raise ModelError(f"expected finite log-probabilities from the model, received {best}")
    if sampling.repetition_penalty != 1:
        scores[list(history.recent)] *= sampling.repetition_penalty
    repeats = history.banned()
    if not repeats.size:
        return scores
    allowed = scores.copy()
    allowed[repeats] = -np.inf
    return allowed if allowed.max() > -np.inf else scores


def distribution(scores: Scores, sampling: Sampling) -> tuple[Words, NDArray[np.float64]]:
    """(V,) -> (K,), (K,): the words that may be drawn, by rank, and their probabilities, which sum to 1.

    Temperature, then top-k, then top-p on what top-k left; ties at a border go to the lowest rank. Greedy leaves one
    word. The scores must hold a finite value, as those of `adjust` do, and need not be normalised.
    """
    if sampling.greedy:
        return np.array([scores.argmax()]), np.ones(1)
    # Temperature keeps the order, so the k best can be taken first and only they are exponentiated.
    every = sampling.top_k is None or sampling.top_k >= scores.size
    words = np.arange(scores.size) if every else largest_of(scores, sampling.top_k or 1)
    kept = (scores if every else scores[words]).astype(np.float64)
    p = np.exp((kept - kept.max()) / (1.0 if sampling.temperature is None else sampling.temperature))
    if sampling.top_p is not None and sampling.top_p < 1:
        nucleus = _nucleus(p, sampling.top_p)
        words, p = words[nucleus], p[nucleus]
    return words, p / p.sum()


def choose(scores: Scores, history: History, sampling: Sampling, generator: "np.random.Generator | None" = None) -> int:
    """(V,) -> the next word, which the caller appends to the history. Raises what `adjust` raises.

    Greedy takes the highest score, ties by lowest rank; sampling draws exactly one `generator.random()`.
    """
    words, p = distribution(adjust(scores, history, sampling), sampling)
    if sampling.greedy:
        return int(words[0])
    if generator is None:
        raise ValueError("sampling needs a random generator")
    heights = np.cumsum(p)
    place = np.searchsorted(heights, generator.random() * heights[-1], side="right")
    # Rounding may put the draw on the very top; the last word that added any height is then the one meant.
    return int(words[min(place, np.searchsorted(heights, heights[-1]))])


def largest_of(values: Scores, k: int) -> Words:
    """(V,) -> (K,): the indices of the k largest values, ascending; ties by lowest index."""
    place = values.size - k
    return _down_to(values, np.partition(values, place)[place], k) if place > 0 else np.arange(values.size)


def _nucleus(p: NDArray[np.float64], mass: float) -> Words:
    # (K,) -> the indices, ascending, of the fewest weights that together reach `mass` of the total
    need = mass * p.sum()
    # All weights below this cutoff sum to less than 1 - mass of the total: none of them is needed.
    likely = p[p >= (1 - mass) * p.sum() / p.size]
    # Positive floats are ordered as their bits are: put into drawers by exponent and 7 bits of mantissa, heaviest
    # first, only the drawer in which the mass is reached needs sorting. The two min() are for rounding.
    bits = likely.view(np.int64) >> 45
    drawers = bits.max() - bits
    reached = np.cumsum(np.bincount(drawers, weights=likely))
    drawer = min(int(np.searchsorted(reached, need)), reached.size - 1)
    falling = np.sort(likely[drawers == drawer])[::-1]
    last = min(int(np.searchsorted(np.cumsum(falling), need - reached[drawer] + falling.sum())), falling.size - 1)
    return _down_to(p, falling[last], int(np.count_nonzero(drawers < drawer)) + last + 1)


def _down_to(values: Scores, border: float, k: int) -> Words:
    # (V,) -> (k,): the indices, ascending, above the k-th largest value `border`, then the first that equal it
    taken = values > border
    level = np.flatnonzero(values == border)
    taken[level[: k - np.count_nonzero(taken)]] = True
    return np.flatnonzero(taken)
