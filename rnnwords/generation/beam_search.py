"""Beam search: the most probable continuation, as far as a few candidates at a time can find it.

Follows Sutskever et al. 2014, section 3.2, with the length normalization of Wu et al. 2016, equation 14. Leaves out
coverage penalties and diverse beams. Shapes: B live beams, V vocabulary.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

import numpy as np

from rnnwords.errors import UsageError
from rnnwords.generation.sampling import History, Sampling, adjust, largest_of
from rnnwords.lm.interface import LanguageModel, S

LENGTH_ALPHA = 0.6  # Wu et al. 2016: 0 means without length normalization, 1 nearly a mean over the words
MAX_WIDTH, MAX_LENGTH = 1_000, 100_000


@dataclass(frozen=True)
class Beam:
    """One continuation."""

    ids: tuple[int, ...]
    log_prob: float  # nats, by the language model
    total: float  # the same after penalties
    score: float  # `total` over `length_penalty`; the highest is the best


def length_penalty(length: int) -> float:
    """Return the divisor of the total of `length` words, so that long beams can win (Wu et al. 2016, equation 14)."""
    return float(((5 + length) / 6) ** LENGTH_ALPHA)


def _ranked(beams: Iterable[Beam]) -> list[Beam]:
    return sorted(beams, key=lambda beam: (-beam.score, beam.ids))


def beam_search(
    lm: LanguageModel[S],
    start: S,
    length: int,
    width: int,
    *,
    banned: Collection[int] = (),
    stop: Callable[[int], bool] | None = None,
    sampling: Sampling | None = None,
    history: History | None = None,
) -> list[Beam]:
    """Return the best continuations of the state `start`, at most `width`, best score first; ties by lowest ids.

    Each step keeps the `width` best one-word extensions of all live beams. A word for which `stop` holds ends its beam;
    the rest continue to `length` words, or until none can overtake `width` ended ones. `banned` ids never occur. Of
    `sampling` only the repetition penalty and no-repeat apply; `history` holds the prompt for them. Raises UsageError
    for a bad width or length, for other sampling options, or if no word is left; ModelError as `adjust`.
    """
    sampling = sampling or Sampling()
    for name, value, low, high in (("beam", width, 1, MAX_WIDTH), ("words", length, 0, MAX_LENGTH)):
        if not low <= value <= high:
            raise UsageError(f"`{name}`: expected a number between {low:,} and {high:,}, found {value:,}")
    if not sampling.greedy:
        raise UsageError("`beam` searches the most probable text; leave `temperature`, `top_k` and `top_p` out")
    live = [(Beam((), 0.0, 0.0, 0.0), start, history or History(no_repeat_ngram=sampling.no_repeat_ngram))]
    ended: list[Beam] = []
    for step in range(1, length + 1):
        log_probs = lm.log_probs([state for _, state, _ in live]).astype(np.float64)  # (B, V)
        log_probs[:, list(banned)] = -np.inf
        rows = zip(live, log_probs, strict=True)
        totals = np.concatenate([beam.total + adjust(row, own, sampling) for (beam, _, own), row in rows])  # (B*V,)
        best = largest_of(totals, width)
        best = best[np.argsort(-totals[best], kind="stable")]  # ties: the better beam, then the lower id
        grown = []
        for place in best[totals[best] > -np.inf]:
            row, word = divmod(int(place), log_probs.shape[1])
            beam, state, own = live[row]
            total, log_prob = float(totals[place]), beam.log_prob + float(log_probs[row, word])
            longer = Beam((*beam.ids, word), log_prob, total, total / length_penalty(step))
            if stop is not None and stop(word):
                ended.append(longer)
            else:
                grown.append((longer, lm.advance(state, (word,)), own.fork(word)))
        live, ended = grown, _ranked(ended)[:width]
        # Totals only fall: no live beam can exceed the best total now, divided by the longest length penalty.
        if not live or (len(ended) == width and ended[-1].score > live[0][0].total / length_penalty(length)):
            break
    return _ranked([*ended, *(beam for beam, _, _ in live)])[:width]
