"""Log-probabilities of a text by a language model, and their mean."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from rnnwords.lm.interface import Floats, Ids, LanguageModel
from rnnwords.prediction.scoring import batch_size


def log_probs_along(lm: LanguageModel[Any], ids: Ids) -> Iterator[tuple[Ids, Floats]]:
    """Yield the words (B,) of a text (N,), B at a time, and the log-probabilities (B, V) before each of them."""
    state, size = lm.initial_state(), batch_size(len(lm.vocabulary))
    for start in range(0, len(ids), size):
        words = ids[start : start + size]
        states = [state, *lm.advance_each(state, words.tolist())]
        state = states.pop()
        yield words, lm.log_probs(states)


def mean_loss(lm: LanguageModel[Any], ids: Ids, skip: int) -> float:
    """Return the loss in nats per word of a text (N,), of which the first `skip` words are context only."""
    own = [log_probs[np.arange(len(words)), words] for words, log_probs in log_probs_along(lm, ids)]
    return -float(np.concatenate(own)[skip:].mean(dtype=np.float64))
