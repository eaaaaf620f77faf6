"""Figures on the half of the validation text that chose nothing: the network, the whole predictor, and the n-gram."""

import dataclasses
from collections.abc import Generator

from rnnwords.config import HeldOutFigures
from rnnwords.lm.describe import parts_of
from rnnwords.lm.loading import interpolated, network_model
from rnnwords.lm.perplexity import finite, perplexity
from rnnwords.model_file import HELD_OUT, Model
from rnnwords.training.events import Note
from rnnwords.training.post_training.text_loss import mean_loss
from rnnwords.training.post_training.texts import PostTrainingTexts


def add_held_out(model: Model, texts: PostTrainingTexts) -> Generator[Note, None, Model]:
    """Return the model with these perplexities in its training record: `network`, `predictor`, and `ngram` if any."""
    if texts.held_out is None or HELD_OUT in model.training:
        return model
    words = len(texts.held_out) - texts.skip
    yield Note(f"computing the perplexity of {words:,} held-out words")
    predictor = interpolated(network_model(model), model)
    network, ngram, _ = parts_of(predictor)
    losses = {"network": mean_loss(network, texts.held_out, texts.skip)}
    losses["predictor"] = (
        losses["network"] if predictor is network else mean_loss(predictor, texts.held_out, texts.skip)
    )
    if ngram:
        losses["ngram"] = mean_loss(ngram, texts.held_out, texts.skip)
    perplexities = {name: finite(perplexity(loss)) for name, loss in losses.items()}
    figures = HeldOutFigures(words, ngram_order=ngram.order if ngram else None, **perplexities)
    return dataclasses.replace(model, training={**model.training, HELD_OUT: figures.to_json()})
