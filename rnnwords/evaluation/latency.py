"""Latency of one prediction, measured on contexts of a text one after another."""

import time
from collections.abc import Sequence
from itertools import islice
from typing import Any

import numpy as np

from rnnwords.lm.interface import LanguageModel
from rnnwords.prediction.ranking import Ranker
from rnnwords.text.encoding import words_of
from rnnwords.text.reading.corpus import Corpus

CONTEXTS = 300
WARM_UP = 20  # contexts that are not timed


def latencies(lm: LanguageModel[Any], corpus: Corpus, contexts: int = CONTEXTS) -> list[float]:
    """Return the seconds from a context to its 5 best words, for up to `contexts` contexts of consecutive words.

    [] for a text without known words. A network with a window reads all of it each time; one that carries its state
    reads one word, as while somebody types.
    """
    vocabulary = lm.vocabulary
    words = islice((word for chunk in words_of(corpus, vocabulary) for word in chunk), 100 * (contexts + WARM_UP))
    known = (vocabulary.ids.get(word, vocabulary.unk_id) for word in words)
    ids = list(islice((token for token in known if token is not None), contexts + WARM_UP))
    seconds, state, ranker = [], lm.initial_state(), Ranker(vocabulary)
    for token in ids:
        start = time.perf_counter()
        state = lm.advance(state, (token,))
        ranker.rank(lm.log_probs([state]))
        seconds.append(time.perf_counter() - start)
    return seconds[min(WARM_UP, len(ids) // 2) :]


def latency_report(seconds: Sequence[float]) -> dict[str, float | None]:
    """Return median and 95th percentile in milliseconds; None without measurements."""
    if not seconds:
        return {"latency_p50_ms": None, "latency_p95_ms": None}
    median, high = np.percentile(np.asarray(seconds) * 1_000, [50, 95]).tolist()
    return {"latency_p50_ms": median, "latency_p95_ms": high}
