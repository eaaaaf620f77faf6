"""Contexts on which an exported file is compared with `predict`: always the same ones, drawn from the model itself.

The model file has no text, so words are drawn: the beginning of a long context by their frequency, its end from the
model, with which predictions after it are as sure as those after a text.
"""

import itertools
from typing import Any

import numpy as np

from rnnwords.lm.interface import LanguageModel
from rnnwords.lm.unigram import unigram_log_probs
from rnnwords.prediction.scoring import batch_size

CONTEXTS = 100
SEED = 1
LONGEST = 40  # words, for a model without a window or with a longer one
LONGER = 3  # words beyond a window, of which only the last ones count
DRAWN = 8  # words at the end of a context that are drawn from the model


def draw_contexts(lm: LanguageModel[Any], count: int = CONTEXTS) -> list[tuple[int, ...]]:
    """Return contexts of token ids: of a model with a window, half of them as long or a little longer; else up to
    LONGEST words, and few whole ones where the window is longer than that."""
    random = np.random.default_rng(SEED)
    unigram = np.exp(unigram_log_probs(lm.vocabulary.counts))
    lengths = context_lengths(lm.context_size, count)
    known = [max(1, length - DRAWN) for length in lengths]
    contexts = [tuple(_draw(unigram, random) for _ in range(length)) for length in known]
    states = [lm.advance(lm.initial_state(), context) for context in contexts]
    size = batch_size(len(lm.vocabulary))
    while rows := [row for row, context in enumerate(contexts) if len(context) < lengths[row]][:size]:
        for row, log_probs in zip(rows, lm.log_probs([states[row] for row in rows]), strict=True):
            token_id = _draw(np.exp(log_probs), random)
            contexts[row] += (token_id,)
            states[row] = lm.advance(states[row], (token_id,))
    return contexts


def context_lengths(context_size: int | None, count: int) -> list[int]:
    """Return the number of words of each context."""
    if context_size is None:
        return [1 + number % LONGEST for number in range(count)]
    size = max(1, context_size)
    if size > LONGEST:  # reading many of them would take minutes
        return [*context_lengths(None, count - LONGER - 1), *range(size, size + LONGER + 1)]
    whole = itertools.cycle(range(size, size + LONGER + 1))
    short = itertools.cycle(range(1, size + 1))
    return [next(whole if number % 2 else short) for number in range(count)]


def _draw(probs: Any, random: np.random.Generator) -> int:
    cumulative = np.cumsum(probs, dtype=np.float64)
    return min(int(np.searchsorted(cumulative, random.random() * cumulative[-1], side="right")), len(cumulative) - 1)
