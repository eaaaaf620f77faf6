"""How long a user waits for one prediction: contexts of a text, one after the other, nothing in parallel."""

import time
from collections.abc import Sequence
from itertools import islice

import numpy as np

from rnnwords.prediction.predictor import Predictor
from rnnwords.text.encoding import words_of
from rnnwords.text.reading import Corpus

CONTEXTS = 300
WARM_UP = 20  # contexts that are not timed


def latencies(predictor: Predictor, corpus: Corpus, contexts: int = CONTEXTS) -> list[float]:
    """Seconds from a context to its 5 likeliest words, for up to so many contexts of running words of the text.

    A text without known words has none. What is read by a window is read anew each time; a network that carries its
    state on reads one word, as it does while somebody types.
    """
    vocabulary = predictor.vocabulary
    words = islice((word for chunk in words_of(corpus, vocabulary) for word in chunk), 100 * (contexts + WARM_UP))
    ranks = (vocabulary.ranks.get(word, vocabulary.unk) for word in words)
    ids = list(islice((rank for rank in ranks if rank is not None), contexts + WARM_UP))
    warm_up = min(WARM_UP, len(ids) // 2)
    return _timed(predictor, ids)[warm_up:]


def _timed(predictor: Predictor, ids: Sequence[int]) -> list[float]:
    found, context = [], predictor.context()
    for rank in ids:
        start = time.perf_counter()
        context = context.read((rank,))
        predictor.ranked(context.log_probabilities()[None])
        found.append(time.perf_counter() - start)
    return found


def latency_report(seconds: Sequence[float]) -> dict[str, float | None]:
    """The median and the 95th percentile, in milliseconds; None without measurements."""
    if not seconds:
        return {"latency_p50_ms": None, "latency_p95_ms": None}
    median, high = np.percentile(np.asarray(seconds) * 1_000, [50, 95]).tolist()
    return {"latency_p50_ms": median, "latency_p95_ms": high}
