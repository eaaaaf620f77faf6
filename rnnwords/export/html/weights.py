"""Weights of a network as bytes for the page: one row per output of a product, or per token of a look-up.

Each row of a matrix is divided by its largest absolute value. Then it is rounded to 8-bit integers of -127 to 127, or
to float16, whose range it fits whatever the weights. Vectors, such as biases, stay float32.

Rounding errors of the embedding pass through every layer. With 8 bits they made up more than half of all errors of a
network of 128 units trained on the fable, so a small embedding is float16 in any case.

Layout, little-endian, each part padded to 4 bytes, in the order of `entries`: of a matrix the float32 scales (R,), then
the values (R, C); of a vector the float32 values.
"""

import math
from collections.abc import Iterator, Mapping
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnnwords.lm.interface import Floats
from rnnwords.network.config import NetworkConfig

Precision = Literal["int8", "float16"]
PRECISIONS: dict[Precision, tuple[str, float]] = {
    "int8": ("<i1", 127.0),
    "float16": ("<f2", 1.0),
}  # type, largest value
SMALL_EMBEDDING = 1 / 8  # of all weights


class Entry(NamedTuple):
    """A tensor in the order of the bytes."""

    name: str
    rows: int
    columns: int  # 0: a vector of `rows` values, float32
    precision: Precision  # of the values of a matrix
    transposed: bool  # the rows are the columns of the tensor


def entries(config: NetworkConfig, precision: Precision) -> Iterator[Entry]:
    """Yield the tensors of a network in the order of the bytes."""
    for name, shape in config.shapes().items():
        layer, part = name.split("/")
        first_kernel = layer == f"{config.cell}_1" and part == "kernel"
        if "bias" in part or (first_kernel and config.input == "scalar"):  # token ids times weights: large products
            yield Entry(name, math.prod(shape), 0, precision, False)
        elif part == "embeddings":
            is_small = math.prod(shape) <= SMALL_EMBEDDING * config.weight_count
            yield Entry(name, shape[0], shape[1], "float16" if is_small else precision, False)
        elif first_kernel and config.input == "one-hot":
            yield Entry(name, shape[0], shape[1], precision, False)
        else:
            yield Entry(name, shape[1], shape[0], precision, True)


def encode(config: NetworkConfig, weights: Mapping[str, Floats], precision: Precision) -> bytes:
    """Return the bytes of all weights."""
    parts = []
    for entry in entries(config, precision):
        weight = weights[entry.name]
        if not entry.columns:
            parts.append(weight.astype("<f4").tobytes())
            continue
        kind, largest = PRECISIONS[entry.precision]
        rows = weight.T if entry.transposed else weight
        scales = np.abs(rows).max(axis=1, keepdims=True) / np.float32(largest)  # (R, 1)
        scales[scales == 0] = 1
        values = rows / scales
        rounded = np.rint(values) if entry.precision == "int8" else values
        parts += [scales.astype("<f4").tobytes(), _padded(rounded.astype(kind).tobytes())]
    return b"".join(parts)


def decode(config: NetworkConfig, data: bytes, precision: Precision) -> dict[str, Floats]:
    """Return name -> weights, float32 in the shapes of the network."""
    shapes, offset = config.shapes(), 0

    def take(dtype: str, count: int) -> NDArray[Any]:
        nonlocal offset
        values = np.frombuffer(data, np.dtype(dtype), count, offset)
        offset += len(_padded(values.data))
        return values

    weights: dict[str, Floats] = {}
    for name, row_count, columns, own, transposed in entries(config, precision):
        if not columns:
            weights[name] = take("<f4", row_count).astype(np.float32).reshape(shapes[name])
            continue
        scales = take("<f4", row_count)[:, None]
        rows = take(PRECISIONS[own][0], row_count * columns).reshape(row_count, columns).astype(np.float32) * scales
        weights[name] = np.ascontiguousarray(rows.T if transposed else rows)
    return weights


def _padded(data: bytes | memoryview) -> bytes:
    return bytes(data) + bytes(-memoryview(data).nbytes % 4)
