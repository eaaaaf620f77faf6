"""From log-probabilities to a word: greedy choice, sampling, repetition penalty, and bans of repeats and copies.

Log-probabilities are natural, an array (V,) of float32 or float64; -inf is a word that is never chosen. Every function
is pure, except for the random generator that it gets. Shapes: V vocabulary, K words that may be drawn.

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
from rnnwords.generation.suffix_array import Overlap

LogProbs = NDArray[np.floating[Any]]  # (V,), nats
Ids = NDArray[np.intp]  # (K,)

RECENT = 64  # words to which the repetition penalty applies: the last ones, the prompt's included
_NO_IDS = np.empty(0, dtype=np.intp)


@dataclass(frozen=True)
class Sampling(Config):
    """How the next word is chosen: greedily, unless temperature, top_k or top_p is given (then temperature is 1)."""

    temperature: float | None = within(0.001, 100.0, default=None)
    top_k: int | None = within(1, 1_000_000, default=None)
    top_p: float | None = within(0.001, 1.0, default=None)
    repetition_penalty: float = within(1.0, 100.0, default=1.0)
    no_repeat_ngram: int | None = within(1, 100, default=None)  # length of the n-grams that never occur twice

    @property
    def greedy(self) -> bool:
        """Whether the most probable word is chosen, without a random number."""
        return self.temperature is None and self.top_k is None and self.top_p is None


class History:
    """Words of a text, prompt included, as far as the choice of the next needs them. Time per word is constant."""

    def __init__(
        self, ids: Iterable[int] = (), no_repeat_ngram: int | None = None, overlap: Overlap | None = None
    ) -> None:
        """`overlap` is a limit on words copied from another text."""
        self.no_repeat_ngram = no_repeat_ngram
        self.overlap = overlap
        self.recent: deque[int] = deque(maxlen=RECENT)
        self._prefix: tuple[int, ...] = ()  # the last no_repeat_ngram - 1 ids, fewer at the start
        self._followers: dict[tuple[int, ...], Ids] = {}  # prefix -> ids after it so far; arrays are never mutated
        for word in ids:
            self.append(word)

    def append(self, word: int) -> None:
        """Add the id of a word."""
        self.recent.append(word)
        width = (self.no_repeat_ngram or 1) - 1
        if self.no_repeat_ngram and len(self._prefix) == width:
            followers = self._followers.get(self._prefix, _NO_IDS)
            if not (followers == word).any():
                self._followers[self._prefix] = np.append(followers, word)
        self._prefix = (*self._prefix, word)[-width:] if width else ()

    def banned(self) -> Ids:
        """Return the ids that would complete an n-gram for the second time, in order of occurrence."""
        return self._followers.get(self._prefix, _NO_IDS)

    def copied(self) -> Ids:
        """Return the ids that would copy too many consecutive words from the text of `overlap`."""
        return _NO_IDS if self.overlap is None else self.overlap.following(list(self.recent))

    def fork(self, *ids: int) -> "History":
        """Return an independent copy with `ids` appended: for samples of one prompt, and for beams."""
        other = History(no_repeat_ngram=self.no_repeat_ngram, overlap=self.overlap)
        other.recent, other._prefix, other._followers = self.recent.copy(), self._prefix, self._followers.copy()
        for word in ids:
            other.append(word)
        return other


def adjust(log_probs: LogProbs, history: History, sampling: Sampling) -> LogProbs:
    """Return (V,) log-probabilities after bans and repetition penalty, not normalized again.

    The log-probability of a word among the last RECENT is multiplied by the penalty, once: p becomes p ** penalty.
    (CTRL divides logits, which raises the probability of a word whose logit is negative; log-probabilities never change
    sign.) If the ban of repeats leaves no word, this choice ignores it; the ban of copies always holds. Raises
    UsageError if every log-probability is -inf, ModelError if any is NaN or +inf.
    """
    if sampling.no_repeat_ngram != history.no_repeat_ngram:
        raise ValueError(
            f"`no_repeat_ngram`: expected {history.no_repeat_ngram}, that of the history, "
            f"found {sampling.no_repeat_ngram}"
        )
    log_probs = log_probs.copy()
    copied = history.copied()
    log_probs[copied[copied < log_probs.size]] = -np.inf  # ids from V on are unknown words of the other text
    best = log_probs.max(initial=-np.inf)
    if best == -np.inf:
        raise UsageError(f"expected a word to choose from, found all {log_probs.size:,} excluded")
    if not np.isfinite(best):
        raise ModelError(f"expected finite log-probabilities from the model, found {best}")
    if sampling.repetition_penalty != 1:
        log_probs[list(history.recent)] *= sampling.repetition_penalty
    repeats = history.banned()
    if not repeats.size:
        return log_probs
    allowed = log_probs.copy()
    allowed[repeats] = -np.inf
    return allowed if allowed.max() > -np.inf else log_probs


def distribution(log_probs: LogProbs, sampling: Sampling) -> tuple[Ids, NDArray[np.float64]]:
    """Return the (K,) ids that may be drawn, ascending, and their (K,) probabilities, which sum to 1.

    Temperature, then top-k, then top-p on what top-k leaves; ties at a border go to the lowest id. Greedy leaves one
    word. `log_probs` (V,) must have a finite value, as after `adjust`, and need not be normalized.
    """
    if sampling.greedy:
        return np.array([log_probs.argmax()]), np.ones(1)
    # Temperature keeps the order, so the k best can be taken first and only they are exponentiated.
    every = sampling.top_k is None or sampling.top_k >= log_probs.size
    ids = np.arange(log_probs.size) if every else largest_of(log_probs, sampling.top_k or 1)
    kept = (log_probs if every else log_probs[ids]).astype(np.float64)
    p = np.exp((kept - kept.max()) / (1.0 if sampling.temperature is None else sampling.temperature))
    if sampling.top_p is not None and sampling.top_p < 1:
        nucleus = _nucleus(p, sampling.top_p)
        ids, p = ids[nucleus], p[nucleus]
    return ids, p / p.sum()


def choose(
    log_probs: LogProbs, history: History, sampling: Sampling, generator: "np.random.Generator | None" = None
) -> int:
    """Return the id of the next word, which the caller appends to the history. Raises what `adjust` raises.

    Greedy choice takes the most probable word, ties by lowest id. Sampling calls `generator.random()` exactly once.
    """
    ids, p = distribution(adjust(log_probs, history, sampling), sampling)
    if sampling.greedy:
        return int(ids[0])
    if generator is None:
        raise ValueError("expected a random generator for sampling, found None")
    cumulative = np.cumsum(p)
    place = np.searchsorted(cumulative, generator.random() * cumulative[-1], side="right")
    # Rounding may put the draw at the very top, which belongs to the last id with a probability above 0.
    return int(ids[min(place, np.searchsorted(cumulative, cumulative[-1]))])


def largest_of(values: LogProbs, k: int) -> Ids:
    """Return the (K,) indices of the k largest of (V,) values, ascending; ties by lowest index."""
    place = values.size - k
    return _down_to(values, np.partition(values, place)[place], k) if place > 0 else np.arange(values.size)


def _nucleus(p: NDArray[np.float64], mass: float) -> Ids:
    """Return the indices, ascending, of the fewest of (K,) weights whose sum reaches the fraction `mass` of all."""
    need = mass * p.sum()
    # All weights below this cutoff sum to less than 1 - mass of the total: none of them is needed.
    likely = p[p >= (1 - mass) * p.sum() / p.size]
    # Positive floats are ordered as their bits are. Buckets share exponent and 7 bits of mantissa, largest first, so
    # only the bucket in which the mass is reached needs sorting. The two min() are for rounding.
    bits = likely.view(np.int64) >> 45
    buckets = bits.max() - bits
    reached = np.cumsum(np.bincount(buckets, weights=likely))
    bucket = min(int(np.searchsorted(reached, need)), reached.size - 1)
    falling = np.sort(likely[buckets == bucket])[::-1]
    last = min(int(np.searchsorted(np.cumsum(falling), need - reached[bucket] + falling.sum())), falling.size - 1)
    return _down_to(p, falling[last], int(np.count_nonzero(buckets < bucket)) + last + 1)


def _down_to(values: LogProbs, border: float, k: int) -> Ids:
    """Return k indices, ascending: those above the k-th largest value `border`, then the first that equal it."""
    taken = values > border
    equal = np.flatnonzero(values == border)
    taken[equal[: k - np.count_nonzero(taken)]] = True
    return np.flatnonzero(taken)
