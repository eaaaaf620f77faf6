"""Post-training: temperature scaling, an n-gram model and interpolation weights, stored in the model file."""

import dataclasses
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rnnwords.config import FittedInterpolation
from rnnwords.lm.interface import Ids
from rnnwords.lm.kneser_ney import KneserNey
from rnnwords.lm.loading import network_model
from rnnwords.model_file import Model
from rnnwords.tensor_file import DeferredTensors
from rnnwords.text.encoded import EncodedText
from rnnwords.training.events import Note
from rnnwords.training.post_training.interpolation_weights import fit_weights
from rnnwords.training.post_training.temperature_scaling import best_scale, with_scale

MAX_WORDS = 20_000  # validation words used: more change the weights by less than 0.01
SCALING = "temperature_scaling"  # key of the training record; "calibrated" up to format 1.2


@dataclass(frozen=True)
class PostTrainingConfig:
    """What is added to a trained network."""

    order: int | None  # of the n-gram; None: as the model file has it
    cache: int | None  # words of the cache that weights are fitted for; None: as the model file has it
    skip: int  # words at the beginning of the validation text that are context only
    digest: str | None  # of the validation text, if it is a file of its own
    calibrate: bool = False  # whether to apply temperature scaling first


def add_post_training(
    path: Path, train: EncodedText, validation: EncodedText | None, config: PostTrainingConfig
) -> Generator[Note, None, FittedInterpolation]:
    """Add to a model file what `config` asks for and it does not have: temperature scaling, n-gram of `train`, weights.

    The same model and texts give equal bytes. Yields a note before each step, and returns what the model file then has.
    Raises ModelError, SaveError.
    """
    model = Model.load(path)
    ids: Ids | None = None
    if validation is not None and len(validation) > config.skip:
        ids = np.asarray(validation[0 : config.skip + MAX_WORDS]).astype(np.int64)
    calibrate = config.calibrate and not {SCALING, "calibrated"} & set(model.training)
    if calibrate and ids is not None:
        words = len(ids) - config.skip
        scale = best_scale(network_model(model), ids, config.skip)
        record = {**model.training, SCALING: {"scale": scale, "words": words}}
        model = dataclasses.replace(model, weights=with_scale(model.network, model.weights, scale), training=record)
        yield Note(f"temperature scaling: logits times {scale:g}, fitted on {words:,} validation words")
    elif calibrate:
        yield Note("no temperature scaling: there is no validation text to fit it on")
        calibrate = False
    if fitted := model.interpolation:
        order, cache = config.order or fitted.ngram_order, config.cache or fitted.cache_size
        config = dataclasses.replace(config, order=order, cache=cache)
        if (fitted.ngram_order, fitted.cache_size) == (order, cache) and not calibrate:
            return fitted
    if not config.order and not config.cache:
        if calibrate:
            model.save(path, follow_links=False)
        return FittedInterpolation()
    ngram = None
    if config.order:
        yield Note(f"counting the {config.order}-grams of {len(train):,} words")
        size, eos = len(model.vocabulary), model.vocabulary.eos_id
        ngram = KneserNey.train(np.asarray(train[0 : len(train)]), size, config.order, eos)
    fitted = FittedInterpolation(config.order, ngram.size if ngram else None, config.cache)
    if ids is not None:
        words = len(ids) - config.skip
        yield Note(f"fitting interpolation weights on {words:,} validation words")
        weights = fit_weights(network_model(model), ngram, config.cache, ids, config.skip)
        fitted = dataclasses.replace(fitted, validation_words=words, validation_digest=config.digest, **weights)
    tensors = ngram.to_tensors() if ngram else {}
    deferred = DeferredTensors(sum(one.nbytes for one in tensors.values()), lambda: tensors) if ngram else None
    dataclasses.replace(model, interpolation=fitted, ngram=deferred).save(path, follow_links=False)
    return fitted
