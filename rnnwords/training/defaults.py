"""What a run does where nobody said: settings chosen from the size of the text. All of it is printed at the start.

| words of text | held out | vocabulary | network | optimizer | rate | batch | dropout | budget |
|---|---|---|---|---|---|---|---|---|
| below 10,000 | none | every word | untied, E 256 | Adam, constant | 0.003 | 67 | 0 | 500 epochs, or the ceiling |
| below 500,000 | last tenth | 2 times or more, 10,000 | tied, E = H | AdamW, cosine | 0.004 | 128 | 0.5 | 12 epochs |
| below 5 million | last tenth | 2 times or more, 10,000 | tied, E = H | AdamW, cosine | 0.004 | 512 | 0.5 | 9 epochs |
| more | last tenth | 2 times or more, 30,000 | tied, E = H | AdamW, cosine | 0.002 | 512 | 0.2 | 3 epochs |
| `--stateful`, below 10,000 | | | | | | 20 | | |
| `--stateful`, below 500,000 | | | | SGD, cosine | 20 | 10 | 0.65 | |
| `--stateful`, below 5 million | | | | SGD, cosine | 20 | 20 | | |
| `--stateful`, more | | | | | 0.004 | 20 | | |
"""

import dataclasses
from dataclasses import dataclass
from typing import Any

from rnnwords.config import TrainingConfig

HOLD_OUT_FROM = 10_000  # words
HOLD_OUT = 0.1
STREAM = 100  # words of a stream at least, where nobody says how many streams there are to be
LONG = 10  # patience for streams: while their rate is high, the held-out loss stands still for long


@dataclass(frozen=True)
class Size:
    """Defaults for texts of fewer than `below` words."""

    below: float
    min_count: int
    max_size: int | None
    tie: bool
    embedding: int | None  # None: as many as units
    settings: dict[str, Any]
    stateful: dict[str, Any]  # what differs when the text is read as a stream


SIZES = (
    Size(
        HOLD_OUT_FROM, 1, None, False, 256,
        {"optimizer": "adam", "learning_rate": 3e-3, "schedule": "constant", "batch_size": 67, "dropout": 0.0,
         "weight_decay": 0.0, "short_windows": 0.1, "epochs": 500, "patience": 50, "warmup": 0.0},
        {"batch_size": 20},
    ),
    Size(
        500_000, 2, 10_000, True, None,
        {"optimizer": "adamw", "learning_rate": 4e-3, "schedule": "cosine", "batch_size": 128, "dropout": 0.5,
         "weight_decay": 0.01, "warmup": 0.05, "short_windows": 0.1, "epochs": 12, "patience": 2},
        {"optimizer": "sgd", "batch_size": 10, "dropout": 0.65, "patience": LONG},
    ),
    Size(
        5_000_000, 2, 10_000, True, None,
        {"optimizer": "adamw", "learning_rate": 4e-3, "schedule": "cosine", "batch_size": 512, "dropout": 0.5,
         "weight_decay": 0.01, "warmup": 0.05, "short_windows": 0.1, "epochs": 9, "patience": 3},
        {"optimizer": "sgd", "batch_size": 20, "patience": LONG},
    ),
    Size(
        float("inf"), 2, 30_000, True, None,
        {"optimizer": "adamw", "learning_rate": 2e-3, "schedule": "cosine", "batch_size": 512, "dropout": 0.2,
         "weight_decay": 0.01, "warmup": 0.05, "short_windows": 0.1, "epochs": 3, "patience": 3},
        {"batch_size": 20, "learning_rate": 4e-3, "patience": LONG},
    ),
)  # fmt: skip
# Plain gradient descent wants other rates than optimizers that divide by the gradients' size: the norm is that of
# Merity et al. (2018) for language models, the rate somewhat below their 30.
DESCENT = {"learning_rate": 20.0, "clip_norm": 0.25}


def size_of(words: int) -> Size:
    """The row of the table for a text of so many words."""
    return next(size for size in SIZES if words < size.below)


def complete(config: TrainingConfig, words: int, windows: int, stateful: bool) -> TrainingConfig:
    """Fill in what is None, for a text of `words` words that has `windows` windows.

    Streams are as many as were asked for, whether the text is long enough or not. Of windows, a step takes no more than
    all there are, whoever asked for more.
    """
    size = size_of(words)
    chosen = dict(size.settings)
    if stateful:
        chosen |= {"short_windows": 0.0, **size.stateful}
        chosen["batch_size"] = max(1, min(chosen["batch_size"], words // STREAM))
    chosen |= {"weight_dropout": 0.0, "clip_norm": 1.0, "ema": 0.0}
    if (config.optimizer or chosen["optimizer"]) == "sgd":
        chosen |= DESCENT
    if any(budget is not None for budget in (config.epochs, config.iterations, config.seconds)):
        del chosen["epochs"]
    chosen = {name: value for name, value in chosen.items() if getattr(config, name) is None}
    config = dataclasses.replace(config, **chosen)
    if stateful:
        return config
    return dataclasses.replace(config, batch_size=max(1, min(config.batch_size or 1, windows)))
