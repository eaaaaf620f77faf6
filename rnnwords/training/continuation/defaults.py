"""Default settings of a run that continues from a trained model; docs/continuing.md has the experiments."""

import dataclasses
from typing import Any

from rnnwords.text.prepare import VocabularyLimits
from rnnwords.training.settings.config import TrainingConfig
from rnnwords.training.settings.defaults import VALIDATION_SPLIT, complete, validation_share
from rnnwords.training.settings.request import TrainRequest

# Words of the new text from which it has a validation split, and these defaults. A shorter one is learned completely,
# like that of a new model, at a lower rate.
DEFAULTS_FROM = 1_000
DEFAULTS: dict[str, Any] = {
    "optimizer": "adamw", "learning_rate": 1e-3, "schedule": "cosine", "warmup": 0.05, "weight_decay": 0.01,
    "batch_size": 128, "dropout": 0.2, "ema": 0.0, "epochs": 4, "patience": 2, "clip_norm": 1.0,
}  # fmt: skip
MIN_COUNT = 2  # of new words: those that occur once are better predicted as <unk>
RATE = 0.3  # of the learning rate of a new network, where DEFAULTS has none for the optimizer or the length


def continued(config: TrainingConfig, words: int, windows: int, stateful: bool) -> TrainingConfig:
    """Return the settings as `defaults.complete` does, with the defaults of a network that is trained already."""
    chosen: dict[str, Any] = {}
    if words >= DEFAULTS_FROM * (1 - VALIDATION_SPLIT):
        chosen = dict(DEFAULTS)
        if stateful:  # the number of streams depends on the length of the text
            del chosen["batch_size"]
        if config.optimizer not in (None, chosen["optimizer"]):
            del chosen["learning_rate"], chosen["clip_norm"]
        if config.epochs or config.iterations or config.seconds:
            del chosen["epochs"]
    chosen = {name: value for name, value in chosen.items() if getattr(config, name) is None}
    completed = complete(dataclasses.replace(config, **chosen), words, windows, stateful)
    if config.learning_rate is None and "learning_rate" not in chosen and completed.learning_rate is not None:
        completed = dataclasses.replace(completed, learning_rate=RATE * completed.learning_rate)
    return completed


def limits_of(request: TrainRequest, words: int) -> VocabularyLimits:
    """Return the limits of the vocabulary that grows, and the validation split, for a new text of this many words.

    Without limits in the request all tokens stay.
    """
    limited = request.max_size is not None or request.min_count is not None
    min_count = request.min_count or (MIN_COUNT if words >= DEFAULTS_FROM and not limited else 1)
    split = 0.0 if request.validation else validation_share(request.validation_split, words, DEFAULTS_FROM)
    return VocabularyLimits(request.max_size, min_count, split, request.min_count or 1)
