"""Storage of an n-gram model: sorted keys as small integers, checked value by value when read.

Shapes as in `lm.ngram.kneser_ney`: S contexts, M n-grams of an order.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnwords.errors import ModelError

PREFIX = "ngram/"  # of tensor names
UNSIGNED = ["uint8", "uint16", "uint32"]  # the types that counts, lengths and words are stored in

Ints = NDArray[np.int64]
Array = NDArray[Any]
Tensors = Mapping[str, Array]


def small(values: Array) -> Array:
    """Return values >= 0 in the smallest unsigned type."""
    return values.astype(np.min_scalar_type(int(values.max())))


def packed(name: str, keys: Ints, radix: int, parents: int) -> dict[str, Array]:
    """Return sorted keys parent * radix + word as two tensors: the number of keys per parent, and the words."""
    lengths = np.bincount(keys // radix, minlength=parents)
    return {f"{PREFIX}{name}.lengths": small(lengths), f"{PREFIX}{name}.words": small(keys % radix)}


def unpacked(tensors: Tensors, name: str, radix: int, parents: int, least: int) -> Ints:
    """Return the sorted keys; each parent must have at least `least` of them. Raises ModelError."""
    lengths = tensor(tensors, f"{name}.lengths", UNSIGNED, parents, least)
    words = tensor(tensors, f"{name}.words", UNSIGNED, 0, 0, radix - 1)
    if lengths.sum(dtype=np.int64) == len(words):
        keys: Ints = np.repeat(np.arange(parents) * radix, lengths) + words
        if (np.diff(keys) > 0).all():
            return keys
    raise ModelError(
        f"tensors '{PREFIX}{name}.*': expected rising words for each parent, as many as `lengths` says, found others"
    )


def tensor(tensors: Tensors, name: str, types: list[str], length: int, least: int, most: float = np.inf) -> Array:
    """Return a tensor by name: one dimension of `length` (0: any, but not empty) values in least .. most."""
    tensor = tensors.get(PREFIX + name)
    if tensor is None:
        raise ModelError(f"tensor '{PREFIX}{name}' is missing; train the model again")
    fits = tensor.ndim == 1 and tensor.size and length in (0, tensor.size) and str(tensor.dtype) in types
    if not fits or tensor.min() < least or tensor.max() > most:
        expected = f"({length or 'any'},) {'/'.join(types)} in {least}..{most}"
        received = f"{tensor.shape} {tensor.dtype}" + (f" in {tensor.min()}..{tensor.max()}" if tensor.size else "")
        raise ModelError(f"tensor '{PREFIX}{name}': expected {expected}, found {received}")
    return tensor
