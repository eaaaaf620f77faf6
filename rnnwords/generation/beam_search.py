"""Beam search: the most probable text, as far as a few candidates at a time can find it.

Follows Sutskever et al. 2014, section 3.2, and Wu et al. 2016, equation 14, for the lengths. Leaves out coverage
penalties and diverse beams. Letters: V vocabulary, B live beams.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol, Self, TypeVar

import numpy as np

from rnnwords.errors import UsageError
from rnnwords.generation.sampling import History, Sampling, Scores, adjust, largest_of

C = TypeVar("C", bound="Context")

LENGTH_ALPHA = 0.6  # Wu et al. 2016: 0 is no length normalisation, 1 nearly a mean over the words


class Context(Protocol):
    """A network that has read some words. Immutable: reading gives a new context, so that beams can share one."""

    def log_probabilities(self) -> Scores:
        """(V,): natural log-probabilities of the next word."""

    def read(self, ids: Sequence[int]) -> Self:
        """The context after these words too."""


@dataclass(frozen=True)
class Beam:
    """One continuation that a beam search found."""

    ids: tuple[int, ...]
    log_probability: float  # nats: the network's own
    total: float  # the same after penalties
    score: float  # `total` over `length_penalty`: the highest is the best


def length_penalty(length: int) -> float:
    """What the total of `length` words is divided by, so that long beams can win (Wu et al. 2016, equation 14)."""
    return float(((5 + length) / 6) ** LENGTH_ALPHA)


def _ranked(beams: Iterable[Beam]) -> list[Beam]:
    return sorted(beams, key=lambda beam: (-beam.score, beam.ids))


def evaluate_each(contexts: Sequence[Context]) -> Scores:
    """Contexts of B beams -> (B, V), one at a time. A batched network passes its own function to `beam_search`."""
    return np.stack([context.log_probabilities() for context in contexts])


def beam_search(
    start: C,
    length: int,
    width: int,
    *,
    banned: Collection[int] = (),
    stop: Callable[[int], bool] | None = None,
    sampling: Sampling | None = None,
    history: History | None = None,
    evaluate: Callable[[Sequence[C]], Scores] = evaluate_each,
) -> list[Beam]:
    """The best continuations of `start`, at most `width`, best score first; ties by lowest ranks.

    Each step keeps the `width` best one-word extensions of all live beams. A word for which `stop` holds ends its
    beam, and the rest go on to `length` words or until none can overtake `width` ended ones. `banned` words never
    occur. Of `sampling` only the repetition penalty and no-repeat apply; `history` holds the prompt for them. Raises
    UsageError for a bad width or length, for other sampling options, or if no word is left; ModelError as `adjust`.
    """
    sampling = sampling or Sampling()
    for name, value, low, high in (("beam", width, 1, 1_000), ("words", length, 0, 100_000)):
        if not low <= value <= high:
            raise UsageError(f"{name} must be between {low:,} and {high:,}; got {value:,}")
    if not sampling.greedy:
        raise UsageError("beam takes no temperature, top-k or top-p: it looks for the most probable text")
    live = [(Beam((), 0.0, 0.0, 0.0), start, history or History(no_repeat=sampling.no_repeat))]
    ended: list[Beam] = []
    for step in range(1, length + 1):
        raw = np.array(evaluate([context for _, context, _ in live]), dtype=np.float64)  # (B, V)
        raw[:, list(banned)] = -np.inf
        pairs = zip(live, raw, strict=True)
        totals = np.concatenate([beam.total + adjust(row, told, sampling) for (beam, _, told), row in pairs])  # (B*V,)
        best = largest_of(totals, width)
        best = best[np.argsort(-totals[best], kind="stable")]  # ties: the better beam, then the lower rank
        grown = []
        for place in best[totals[best] > -np.inf]:
            row, word = divmod(int(place), raw.shape[1])
            beam, context, told = live[row]
            total, chance = float(totals[place]), beam.log_probability + float(raw[row, word])
            longer = Beam((*beam.ids, word), chance, total, total / length_penalty(step))
            if stop is not None and stop(word):
                ended.append(longer)
            else:
                grown.append((longer, context.read((word,)), told.fork(word)))
        live, ended = grown, _ranked(ended)[:width]
        # Totals only fall: no live beam can do better than the best total now, over the longest length.
        if not live or (len(ended) == width and ended[-1].score > live[0][0].total / length_penalty(length)):
            break
    return _ranked([*ended, *(beam for beam, _, _ in live)])[:width]
