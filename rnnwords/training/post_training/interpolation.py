"""An n-gram model of the training text, and the weights by which it and a cache are interpolated with the network."""

from collections.abc import Generator
from dataclasses import replace

import numpy as np

from rnnwords.config import FittedInterpolation
from rnnwords.lm.loading import network_model
from rnnwords.lm.ngram.kneser_ney import KneserNey
from rnnwords.lm.parts import ngram_model
from rnnwords.model_file import Model
from rnnwords.tensor_file import DeferredTensors, Tensors
from rnnwords.text.encoded import part_of
from rnnwords.training.events import Note
from rnnwords.training.post_training.interpolation_weights import fit_weights
from rnnwords.training.post_training.texts import PostTrainingTexts, changed

# Orders for texts of fewer words. Longer n-grams gain little: on novels of 76,000 words a fifth word lowers the
# perplexity by 0.2 %, on 870,000 words of a newspaper by 1.4 %, on 2.5 million words of novels by 0.3 %. And prediction
# reads the n-grams when it starts: 0.1 s for 1.3 million of them.
ORDERS = ((1_000_000, 5), (2_000_000, 4), (float("inf"), 3))
DEFAULT_CACHE = 500  # words
MAX_COUNTED = 5_000_000  # words at the end of the text, for an order that was not requested: more take minutes and GB


def add_interpolation(
    model: Model, texts: PostTrainingTexts, order: int | None, cache: int | None
) -> Generator[Note, None, Model]:
    """Return the model with an n-gram of the training text and fitted weights, as far as it lacks them.

    `order` of the n-gram and words of the `cache`: 0 is none; None: as the model has it, else chosen where the weights
    can be fitted and checked.
    """
    before, text = model.interpolation or FittedInterpolation(), texts.train
    if order is None and before.ngram_order is None and texts.held_out is not None:
        order = (texts.base and texts.base.ngram_order) or default_order(len(text))
        text = part_of(text, max(0, len(text) - MAX_COUNTED), len(text))
    if cache is None and before.cache_size is None and texts.held_out is not None:
        cache = DEFAULT_CACHE
    order = (before.ngram_order if order is None else order) or None
    cache = (before.cache_size if cache is None else cache) or None
    if (order, cache) == (before.ngram_order, before.cache_size) and (before.validation_words or not texts.words):
        return model
    ngram, tensors = None, None
    if order and order == before.ngram_order:
        ngram, tensors = ngram_model(model).kneser_ney, model.ngram
    elif order:
        part = "" if len(text) == len(texts.train) else f"the last {len(text):,} of "
        yield Note(f"counting the {order}-grams of {part}{len(texts.train):,} words")
        size, eos = len(model.vocabulary), model.vocabulary.eos_id
        ngram = KneserNey.train(np.asarray(text[0 : len(text)]), size, order, eos)
        if texts.base and texts.base.ngram_order == order:
            yield Note("adding the n-grams of the model that training continued from")
            ngram = texts.base.with_ngram(ngram, model.vocabulary)
        tensors = in_memory(ngram.to_tensors())
    if not order and not cache:
        return changed(model, interpolation=None, ngram=None) if model.interpolation else model
    fitted = FittedInterpolation(order, ngram.size if ngram else None, cache)
    if texts.choosing is not None:
        yield Note(f"fitting interpolation weights on {texts.words:,} validation words")
        weights = fit_weights(network_model(model), ngram, cache, texts.choosing, texts.skip)
        fitted = replace(fitted, validation_words=texts.words, validation_digest=texts.digest, **weights)
        fitted = replace(fitted, cache_by_default=fitted.cache_by_default and texts.held_out is not None)
    return changed(model, interpolation=fitted, ngram=tensors)


def default_order(words: int) -> int:
    """Return the order of the n-gram model of a training text of this many words."""
    return next(order for below, order in ORDERS if words < below)


def in_memory(tensors: Tensors) -> DeferredTensors:
    """Return tensors that a model file will have, as if they were read from one."""
    return DeferredTensors(sum(tensor.nbytes for tensor in tensors.values()), lambda: tensors)
