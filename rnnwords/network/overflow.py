"""Refuses weights with which prediction would overflow: finite ones can have infinite products.

The largest absolute value of each weight bounds every number that the network can compute, whatever its input: the
outputs of the layers are at most 1. A network that learned anything stays far below the limit: with a norm of 10 for
each weight and 8,192 units, no product exceeds 10^7.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from rnnwords.errors import ModelError
from rnnwords.network.config import NetworkConfig

MAX_PRODUCT = 1e30  # float32 holds 3e38: room for differences, sums, and a repetition penalty of 100
MAX_INPUT = 1e15  # of a numeric network: see `forecasting.scaling`


def check_weights(config: NetworkConfig, weights: Mapping[str, NDArray[np.float32]]) -> None:
    """Raise ModelError unless the weights are finite float32, and so is every product; `weights` are all of `config`.

    Takes one pass over the weights.
    """
    largest = {}
    for name, weight in weights.items():
        if weight.dtype != np.float32:
            raise ModelError(f"tensor {name}: expected float32, found {weight.dtype}")
        largest[name] = max(-float(weight.min(initial=0)), float(weight.max(initial=0)))  # allocates nothing
        if not np.isfinite(largest[name]):
            raise ModelError(f"tensor {name}: expected finite numbers, found NaN or infinity")
    for name, bound in _bounds(config, largest).items():
        if not bound <= MAX_PRODUCT:
            raise ModelError(
                f"tensor {name}: expected products of at most {MAX_PRODUCT:g}, found up to {bound:.3g}; these weights "
                "overflow"
            )


def _bounds(config: NetworkConfig, largest: Mapping[str, float]) -> dict[str, float]:
    """Return name of a kernel -> the largest absolute value that its products, with their bias, can have."""
    E, H = config.embedding, config.units
    bounds = {}
    inputs = {
        "embedding": (E, largest.get("embedding/embeddings", 0.0)), "one-hot": (1, 1.0),
        "scalar": (1, float(config.vocabulary_size)), "number": (1, MAX_INPUT),
    }  # fmt: skip
    width, value = inputs[config.input]
    for layer in range(1, config.layers + 1):
        kernel, recurrent, bias = (
            largest[f"{config.cell}_{layer}/{part}"] for part in ("kernel", "recurrent_kernel", "bias")
        )
        bounds[f"{config.cell}_{layer}/kernel"] = width * value * kernel + H * recurrent + 2 * bias
        width, value = H, 1.0
    if config.projects:
        width, value = E, H * largest["projection/kernel"]
        bounds["projection/kernel"] = value
    kernel_name = "embedding/embeddings" if config.tie else "output/kernel"
    bounds[kernel_name] = width * value * largest[kernel_name] + largest["output/bias"]
    for number, (_, _, size) in enumerate(config.clusters, start=1):
        name = f"tail_{number}"
        bounds[f"{name}/projection"] = H * largest[f"{name}/projection"]
        bounds[f"{name}/kernel"] = size * bounds[f"{name}/projection"] * largest[f"{name}/kernel"]
        bounds[f"{name}/kernel"] += largest[f"{name}/bias"]
    return bounds
