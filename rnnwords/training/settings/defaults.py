"""Default settings by the size of the text. A run prints those that it chose; docs/training.md has them as a table."""

import dataclasses
from dataclasses import dataclass
from typing import Any

from rnnwords.training.settings.config import TrainingConfig

VALIDATION_FROM = 10_000  # words
VALIDATION_SPLIT = 0.1
MIN_STREAM = 100  # words per stream, if the batch size is not set
STATEFUL_PATIENCE = 10  # at a high learning rate the validation loss can stagnate over several epochs


@dataclass(frozen=True)
class DefaultsTier:
    """Defaults for texts of fewer than `below` words."""

    below: float
    min_count: int
    max_size: int | None
    tie: bool
    network: dict[str, int]  # layers, units, embedding (without it the number of units)
    settings: dict[str, Any]
    stateful: dict[str, Any]  # what differs for a stateful network


_TWO = {"layers": 2, "units": 512}
# The embeddings are narrower than the layer. Measured for windows: benchmarks/results/panel.md.
_ONE = {"layers": 1, "units": 512, "embedding": 256}
_LARGE = {"optimizer": "adamw", "schedule": "cosine", "weight_decay": 0.01, "warmup": 0.05, "short_windows": 0.1}
_RISING = {"dropout_start": 0.2, "dropout": 0.6, "ema": 0.999}  # rising dropout and averaged weights
# Merity, McCann & Socher (2017), section 4. Measured on the Penn Treebank: benchmarks/results/quality.md.
_SMOOTH = {"activation_penalty": 2.0, "change_penalty": 1.0}
TIERS = (
    DefaultsTier(VALIDATION_FROM, 1, None, False, {**_TWO, "embedding": 256},
        {"optimizer": "adam", "learning_rate": 3e-3, "schedule": "constant", "batch_size": 67, "dropout": 0.0,
         "weight_decay": 0.0, "short_windows": 0.1, "epochs": 500, "patience": 50, "warmup": 0.0},
        {"batch_size": 20}),
    DefaultsTier(500_000, 2, 10_000, True, _ONE,
        {**_LARGE, "learning_rate": 4e-3, "batch_size": 128, "epochs": 12, "patience": 2, **_RISING},
        {"optimizer": "sgd", "batch_size": 10, "dropout": 0.65, "patience": STATEFUL_PATIENCE, **_SMOOTH}),
    DefaultsTier(5_000_000, 2, 10_000, True, _ONE,
        {**_LARGE, "learning_rate": 4e-3, "batch_size": 512, "epochs": 9, "patience": 3, **_RISING},
        {"optimizer": "sgd", "batch_size": 20, "dropout": 0.5, "patience": STATEFUL_PATIENCE, **_SMOOTH}),
    DefaultsTier(float("inf"), 2, 30_000, True, _TWO,
        {**_LARGE, "learning_rate": 2e-3, "batch_size": 512, "dropout": 0.2, "epochs": 3, "patience": 3},
        {"batch_size": 20, "learning_rate": 4e-3, "patience": STATEFUL_PATIENCE}),
)  # fmt: skip
# Gradient descent needs other learning rates than optimizers that divide by the size of the gradients: the norm is
# that of Merity et al. (2018) for language models, the rate somewhat below their 30.
SGD = {"learning_rate": 20.0, "clip_norm": 0.25}


def validation_share(requested: float | None, words: int, smallest: int = VALIDATION_FROM) -> float:
    """Return the share of a text of `words` words that is validation text: by default none below `smallest` words."""
    if requested is not None:
        return requested
    return VALIDATION_SPLIT if words >= smallest else 0.0


def network_defaults(words: int, stateful: bool) -> dict[str, int]:
    """Return layers, units and, unless it is the number of units, embedding for a text of `words` words."""
    return _TWO if stateful and words >= VALIDATION_FROM else tier_of(words).network


def tier_of(words: int) -> DefaultsTier:
    """Return the defaults for a text of this many words."""
    return next(tier for tier in TIERS if words < tier.below)


def complete(config: TrainingConfig, words: int, windows: int, stateful: bool) -> TrainingConfig:
    """Return the settings with those that are None chosen for a text of `words` words and `windows` windows.

    The batch size is at most the number of windows, also if it was set; the number of streams is never changed.
    """
    tier = tier_of(words)
    off = {"weight_dropout": 0.0, "activation_penalty": 0.0, "change_penalty": 0.0, "ema": 0.0}
    chosen = {**off, **tier.settings, "clip_norm": 1.0}
    if stateful:
        chosen |= {"short_windows": 0.0, "dropout_start": None, "ema": 0.0, **tier.stateful}
        chosen["batch_size"] = max(1, min(chosen["batch_size"], words // MIN_STREAM))
    if (config.optimizer or chosen["optimizer"]) == "sgd":
        chosen |= SGD
    if config.epochs or config.iterations or config.seconds:
        del chosen["epochs"]
    if config.dropout is not None:  # without a given start it is constant
        chosen["dropout_start"] = None
    chosen |= {name: own for name in chosen if (own := getattr(config, name)) is not None}
    if not stateful:
        chosen["batch_size"] = max(1, min(chosen["batch_size"], windows))
    return dataclasses.replace(config, **chosen)
