"""The tensors of a checkpoint: weights, state of the optimizer, averages of the weights, recurrent state.

Names, shapes and types follow from the settings, so they are checked before TensorFlow is loaded.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnnwords.errors import ModelError
from rnnwords.network.config import NetworkConfig
from rnnwords.training.settings.config import TrainingConfig

# Variables per weight of each optimizer in Keras, in its order, and whether one has squares, which are not negative.
SLOTS = {
    "adam": {"momentum": False, "velocity": True}, "adamw": {"momentum": False, "velocity": True},
    "rmsprop": {"velocity": True}, "sgd": {},
}  # fmt: skip
STEPS = "optimizer/000"  # the steps that the optimizer has made


class TensorType(NamedTuple):
    """What a tensor of a checkpoint must be."""

    shape: tuple[int, ...]
    dtype: type = np.float32
    squares: bool = False


def tensor_types(network: NetworkConfig, training: TrainingConfig) -> dict[str, TensorType]:
    """Return the tensors of a run by name, in the order of the variables of `optimization.steps.Steps`."""
    weights = network.shapes()
    types = {f"weights/{name}": TensorType(shape) for name, shape in weights.items()}
    slots = SLOTS[training.optimizer or "adamw"].values()
    states = [TensorType(shape, squares=squares) for shape in weights.values() for squares in slots]
    types |= _numbered("optimizer", [TensorType((), np.int64), TensorType((), squares=True), *states])
    if training.ema:
        types |= _numbered("average", [TensorType(shape) for shape in weights.values()])
    if network.stateful:
        parts = network.layers * (2 if network.cell == "lstm" else 1)  # h and c, or h
        types |= _numbered("state", [TensorType((training.batch_size or 1, network.units))] * parts)
    return types


def network_size(tensors: Mapping[str, NDArray[Any]], cell: str) -> dict[str, int]:
    """Return layers, units and embedding of the network whose weights these are, as far as they have them."""
    kernels = [tensors[name] for name in tensors if name.startswith("weights/") and name.endswith("/recurrent_kernel")]
    size = {"layers": len(kernels)} if kernels else {}
    for name, tensor, axis in (
        ("units", tensors.get(f"weights/{cell}_1/recurrent_kernel"), 0),
        ("embedding", tensors.get("weights/embedding/embeddings"), 1),
    ):
        if tensor is not None and tensor.ndim == 2:
            size[name] = tensor.shape[axis]
    return size


def initial_tensors(
    network: NetworkConfig, training: TrainingConfig, weights: Mapping[str, NDArray[np.float32]]
) -> dict[str, NDArray[Any]]:
    """Return the tensors of a new run that initial weights decide: the weights, and their averages if it has them."""
    tensors = {f"weights/{name}": weight for name, weight in weights.items()}
    if training.ema:
        numbered = enumerate(network.shapes())
        tensors |= {f"average/{index:03}": weights[name] for index, name in numbered if name in weights}
    return tensors


def _numbered(kind: str, types: list[TensorType]) -> dict[str, TensorType]:
    return {f"{kind}/{index:03}": one for index, one in enumerate(types)}


def check_tensors(network: NetworkConfig, training: TrainingConfig, tensors: Mapping[str, NDArray[Any]]) -> None:
    """Raise ModelError, which names a tensor, unless these are tensors that a run with these settings can have."""
    types = tensor_types(network, training)
    for name, expected in types.items():
        if name not in tensors:
            raise ModelError(f"tensor {name}: expected shape {expected.shape}, found no such tensor")
        for problem in _problems(expected, tensors[name]):
            raise ModelError(f"tensor {name}: {problem}")
    if extra := sorted(set(tensors) - set(types)):
        raise ModelError(f"expected only the tensors of this run, found {extra[0]}")


def _problems(expected: TensorType, tensor: NDArray[Any]) -> Iterator[str]:
    """Yield what is wrong with a tensor."""
    if tensor.shape != expected.shape:
        yield f"expected shape {expected.shape}, found {tensor.shape}"
    if tensor.dtype != expected.dtype:
        yield f"expected {np.dtype(expected.dtype)}, found {tensor.dtype}"
    low, high = tensor.min(initial=0), tensor.max(initial=0)  # allocates nothing
    if not (np.isfinite(low) and np.isfinite(high)):
        yield "expected finite numbers, found NaN or infinity"
    if expected.squares and low < 0:
        yield f"expected no negative numbers, found {low:g}"
