"""Settings of dynamic evaluation (Krause et al. 2018), fitted on validation text: see `lm.adaptive`.

The scale of each gradient comes from a part of the training text. Of the rate and then of the decay, each tried value
costs a pass over the first words of the validation text.
"""

import dataclasses
from collections.abc import Generator

import numpy as np

from rnnwords.config import AdaptationConfig
from rnnwords.lm.adaptive import reading_network
from rnnwords.lm.interface import Ids
from rnnwords.lm.weight_updates import SquareSums, WeightUpdates
from rnnwords.model_file import ADAPTATION_PREFIX, Model
from rnnwords.network.config import NetworkConfig
from rnnwords.tensor_file import Tensors
from rnnwords.training.events import Note
from rnnwords.training.post_training.interpolation import in_memory
from rnnwords.training.post_training.text_loss import mean_loss
from rnnwords.training.post_training.texts import PostTrainingTexts

SEGMENT = 20  # words between two updates; not fitted
FIRST_RATE, FACTOR, MAX_RATES = 1e-3, 2.0, 4  # rates are tried upwards, or else downwards, until one is worse
DECAYS = (2e-3, 1e-2)
MIN_WORDS = 200  # of validation text: fewer do not decide
# Words of a pass, and words times weights: all passes take about 15 seconds on one core at most.
MAX_WORDS, MAX_WORK = 4_000, 25_000_000_000
BATCH = 200  # words whose predictions are in memory while gradients are summed


def add_adaptation(model: Model, texts: PostTrainingTexts) -> Generator[Note, None, Model]:
    """Return the model with settings of dynamic evaluation, if it has none and they can be fitted and checked.

    The rate is 0 where no tried one lowers the loss.
    """
    if model.adaptation is not None or model.series or texts.choosing is None or texts.held_out is None:
        return model
    words = words_of_a_pass(texts.words, model.network)
    if words < MIN_WORDS:
        return model
    yield Note(f"fitting adaptation on {words:,} validation words")
    scales = gradient_scales(model, np.asarray(texts.train[0:words]))
    config, losses = fit(model, scales, texts.choosing[: texts.skip + words], texts.skip)
    before, after = np.exp(losses)
    if config.rate:
        settings = f"rate {config.rate:g} and decay {config.decay:g}"
        yield Note(f"adaptation lowers the perplexity there from {before:.1f} to {after:.1f}, with {settings}")
    else:
        yield Note(f"adaptation does not lower the perplexity there, {before:.1f}")
    tensors = {ADAPTATION_PREFIX + name: scale for name, scale in scales.items()}
    return dataclasses.replace(model, adaptation=in_memory(tensors), adaptation_config=config)


def words_of_a_pass(words: int, network: NetworkConfig) -> int:
    """Return how many of so many validation words are used."""
    return min(words, MAX_WORDS, MAX_WORK // network.weight_count)


def operations(words: int, network: NetworkConfig) -> float:
    """Return how many additions and multiplications the matrix products take, of so many validation words."""
    passes = 2 + MAX_RATES + len(DECAYS)  # of which one reads the training text, and one has the trained weights
    return 6.0 * network.weight_count * passes * words_of_a_pass(words, network)


def gradient_scales(model: Model, ids: Ids) -> Tensors:
    """Return the root mean squares of the gradients of the trained weights on a text."""
    sums = SquareSums(model.network, model.weights)
    network = reading_network(model, sums, SEGMENT)
    state = network.initial_state()
    for start in range(0, len(ids), BATCH):
        state = network.advance(state, ids[start : start + BATCH].tolist())
    return sums.scales()


def fit(model: Model, scales: Tensors, ids: Ids, skip: int) -> tuple[AdaptationConfig, tuple[float, float]]:
    """Return the best settings for a text, and the losses without and with. Its first `skip` words are context only."""

    def loss(rate: float, decay: float) -> float:
        updates = WeightUpdates(model.weights, scales, rate, decay)
        value = mean_loss(reading_network(model, updates, SEGMENT), ids, skip)
        return value if np.isfinite(value) else float("inf")

    trained = loss(0.0, 0.0)
    losses = {FIRST_RATE: loss(FIRST_RATE, 0.0)}
    for factor in (FACTOR, 1 / FACTOR):
        rate = FIRST_RATE
        while len(losses) < MAX_RATES and losses[rate] == min(losses.values()):
            rate *= factor
            losses[rate] = loss(rate, 0.0)
    rate = min(losses, key=lambda one: losses[one])
    by_decay = {0.0: losses[rate]}
    if losses[rate] < trained:
        by_decay |= {decay: loss(rate, decay) for decay in DECAYS}
    decay = min(by_decay, key=lambda one: by_decay[one])
    if not by_decay[decay] < trained:
        rate, decay, by_decay = 0.0, 0.0, {0.0: trained}
    return AdaptationConfig(rate, decay, SEGMENT, len(ids) - skip), (trained, by_decay[decay])
