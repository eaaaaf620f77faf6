"""Baselines for a network: unigram, bigram, and a Kneser-Ney n-gram with as many words of context.

All of them have the vocabulary of the model and are trained on the same words, so the figures are comparable.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from rnnwords.errors import UsageError
from rnnwords.lm.interface import Ids, LanguageModel
from rnnwords.lm.ngram.kneser_ney import KneserNey
from rnnwords.lm.ngram.model import NgramModel
from rnnwords.lm.parts import ngram_model
from rnnwords.lm.unigram import UnigramModel, unigram_log_probs
from rnnwords.model_file import Model
from rnnwords.text.encoding import ids_of
from rnnwords.text.reading.corpus import Corpus

UNIGRAM = "unigram"
STATEFUL_ORDER = 5  # of the n-gram for a network without a window: higher orders gain little


def baselines(
    model: Model, training_text: Corpus | None, order: int | None = None
) -> Iterator[tuple[str, LanguageModel[Any]]]:
    """Return name and language model of each baseline, trained on iteration; only one at a time is in memory.

    `order` is that of the longest n-gram; by default its context is that of the network. Without the training text:
    the unigram of the vocabulary's counts, and the n-gram of the model file. Raises UsageError if it has none,
    CorpusError if the text has no word of the vocabulary.
    """
    if training_text is not None:
        return _trained(model, training_text, order)
    if model.ngram is None:
        raise UsageError(
            "`baseline`: expected the training text, which a model file does not hold; set `train_text` to its file"
        )
    return _stored(model)


def _stored(model: Model) -> Iterator[tuple[str, LanguageModel[Any]]]:
    yield UNIGRAM, UnigramModel(model.vocabulary, unigram_log_probs(model.vocabulary.counts))
    ngram = ngram_model(model)
    yield _name(ngram.order), ngram


def _trained(model: Model, text: Corpus, order: int | None) -> Iterator[tuple[str, LanguageModel[Any]]]:
    vocabulary = model.vocabulary
    ids = trained_part(ids_of(text, vocabulary), model)
    counts = np.bincount(ids, minlength=len(vocabulary))
    yield UNIGRAM, UnigramModel(vocabulary, unigram_log_probs(counts))
    longest = order or (STATEFUL_ORDER if model.network.stateful else model.network.window + 1)
    for n in sorted({2, longest}):
        yield _name(n), NgramModel(KneserNey.train(ids, len(vocabulary), n, vocabulary.eos_id), vocabulary)


def trained_part(ids: Ids, model: Model) -> Ids:
    """Return those of the ids (N,) of a training text that training used: no validation split, no unknown words."""
    words = model.training.get("words")
    seen = ids[:words] if isinstance(words, int) else ids
    return seen[seen < len(model.vocabulary)]


def _name(order: int) -> str:
    return "bigram" if order == 2 else f"Kneser-Ney {order}-gram"
