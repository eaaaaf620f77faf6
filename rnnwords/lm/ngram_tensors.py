"""How an n-gram model is stored: sorted keys as small integers, and what is read checked value by value.

Letters as in `prediction.ngram`: S contexts, M n-grams of an order.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnwords.errors import ModelError

PREFIX = "ngram/"  # of the tensors' names
UNSIGNED = ["uint8", "uint16", "uint32"]  # the types that counts, lengths and words are stored in

Ints = NDArray[np.int64]
Array = NDArray[Any]
Tensors = Mapping[str, Array]


def small(values: Array) -> Array:
    """The same values >= 0 in the smallest unsigned type."""
    return values.astype(np.min_scalar_type(int(values.max())))


def packed(name: str, keys: Ints, radix: int, parents: int) -> dict[str, Array]:
    """Sorted keys parent * radix + word as two tensors: how many each parent has, and the words."""
    lengths = np.bincount(keys // radix, minlength=parents)
    return {f"{PREFIX}{name}.lengths": small(lengths), f"{PREFIX}{name}.words": small(keys % radix)}


def unpacked(tensors: Tensors, name: str, radix: int, parents: int, least: int) -> Ints:
    """The sorted keys again; each parent must have `least` of them or more."""
    lengths = tensor(tensors, f"{name}.lengths", UNSIGNED, parents, least)
    words = tensor(tensors, f"{name}.words", UNSIGNED, 0, 0, radix - 1)
    if lengths.sum(dtype=np.int64) == len(words):
        keys: Ints = np.repeat(np.arange(parents) * radix, lengths) + words
        if (np.diff(keys) > 0).all():
            return keys
    raise ModelError(f"tensors '{PREFIX}{name}.*': expected rising words for each parent, as many as `lengths` says.")


def tensor(tensors: Tensors, name: str, types: list[str], length: int, least: int, most: float = np.inf) -> Array:
    """A tensor by name: one dimension of `length` (0: any, yet not empty) values in least .. most."""
    tensor = tensors.get(PREFIX + name)
    if tensor is None:
        raise ModelError(f"tensor '{PREFIX}{name}' is missing. HINT: train the model again.")
    fits = tensor.ndim == 1 and tensor.size and length in (0, tensor.size) and str(tensor.dtype) in types
    if not fits or tensor.min() < least or tensor.max() > most:
        expected = f"({length or 'any'},) {'/'.join(types)} in {least}..{most}"
        received = f"{tensor.shape} {tensor.dtype}" + (f" in {tensor.min()}..{tensor.max()}" if tensor.size else "")
        raise ModelError(f"tensor '{PREFIX}{name}': expected {expected}. Received: {received}.")
    return tensor
