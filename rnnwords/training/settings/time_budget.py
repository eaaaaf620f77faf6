"""Size of a network that is trained for a given time, by the speed of this machine.

A large network that reads a text once learns less than a small one that reads it several times. A resumed run keeps the
size of its checkpoint.
"""

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from rnnwords.network.config import NetworkConfig
from rnnwords.training.optimization.precision import bfloat16_is_slow
from rnnwords.training.settings.config import TrainingConfig
from rnnwords.training.settings.defaults import VALIDATION_FROM
from rnnwords.training.settings.machine_speed import seconds_per_operation

# From large to small; benchmarks/time_budget.py compares them with the default size.
SIZES: tuple[Mapping[str, Any], ...] = (
    {"layers": 1, "units": 256, "embedding": 128},
    {"layers": 1, "units": 128, "embedding": 128},
)
# Over the text, from which a larger network is worth its time. In equal time on a novel of 43,000 words, 128 units made
# 5 passes to a perplexity of 73.1, 256 units 3 passes to 75.5; one pass of 512 units, in more time, led to 87.7.
PASSES = 5.0
PASSES_OF_SHORT = 30.0  # below VALIDATION_FROM words, where a text is learned completely
START = 8.0  # seconds: loading TensorFlow, building the graph, the end of the process
FORWARD_PASSES = 3  # that a step takes: one, and two backward
EFFICIENCY = 0.5  # of a step, as a share of the speed of a matrix product
BFLOAT16_GAIN = 2.0  # in speed, where the hardware has such products: benchmarks/training.py
UPDATE_COST = 20  # operations per weight and step, of the optimizer
GPU = "/dev/nvidia0"


@dataclass(frozen=True)
class TimeChoice:
    """What a time budget chooses: layers, units and embedding, empty for the default size, and a note about them."""

    size: Mapping[str, Any]
    note: str = ""


def may_choose_size(requested: Mapping[str, Any]) -> bool:
    """Return whether a time budget may choose the size: the network settings have none, and no GPU is present.

    The speed of a GPU is not known before TensorFlow is loaded.
    """
    return all(requested[name] is None for name in ("layers", "units", "embedding")) and not os.path.exists(GPU)


def time_choice(seconds: float, default: NetworkConfig, words: int, training: TrainingConfig) -> TimeChoice:
    """Return the largest size that has enough passes over the text in so many seconds, or else the smallest.

    `seconds` are those that are left for training, with the start of TensorFlow.
    """
    enough = PASSES_OF_SHORT if words < VALIDATION_FROM else PASSES

    def passes(network: NetworkConfig) -> float:
        return max(1.0, seconds - START) / seconds_per_pass(network, words, training)

    of_default = expected = passes(default)
    chosen: Mapping[str, Any] = {}
    for size in SIZES:
        if expected >= enough or size["units"] >= default.units:
            break
        chosen, expected = size, passes(replace(default, **size))
    if not chosen:
        return TimeChoice({})
    note = (
        f"settings: {chosen['layers']} x {chosen['units']} units for the time budget: about {expected:,.1f} passes "
        f"over the text, against {of_default:,.1f} with the default {default.layers} x {default.units}"
    )
    return TimeChoice(chosen, note)


def seconds_per_pass(network: NetworkConfig, words: int, training: TrainingConfig) -> float:
    """Return about how long a pass over a text of so many words takes on this machine."""
    cells = outputs = 0
    for name, shape in network.shapes().items():
        if len(shape) == 2 and not name.startswith("embedding/"):
            recurrent = name.startswith(f"{network.cell}_")
            cells, outputs = cells + math.prod(shape) * recurrent, outputs + math.prod(shape) * (not recurrent)
    if network.tie:
        outputs += network.vocabulary_size * network.embedding
    batch = (training.batch_size or 1) * (network.window if network.stateful else 1)  # words per step
    steps = 1 if network.stateful else network.window
    gain = EFFICIENCY * (1.0 if training.precision == "float32" or bfloat16_is_slow() else BFLOAT16_GAIN)
    operations = 2 * FORWARD_PASSES * (cells * steps + outputs) / gain + UPDATE_COST * network.weight_count / batch
    return words * operations * seconds_per_operation()
