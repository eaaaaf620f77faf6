"""The network in numpy: embedding, recurrent layers, softmax. Prediction needs nothing else.

The same NetworkConfig builds the Keras network (`network.keras_network`), which is trained; a parity test compares the
two. `network.cells` has the equations of the layers and defines the letters of the shapes. Everything that only
training needs (dropout, gradients) is left out.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnwords.errors import ModelError
from rnnwords.network.cells import GRU, LSTM, Simple, product
from rnnwords.network.config import NetworkConfig

Floats = NDArray[np.float32]
Ids = NDArray[np.integer]
Inputs = NDArray[Any]  # token ids; of a numeric network, float32 values
State = tuple[tuple[Floats, ...], ...]  # per layer (h,) or (h, c), each (B, H)
Weights = Mapping[str, Floats]

MAX_TABLE_BYTES = 1 << 27  # of the input products of all tokens
MAX_FIRST_BYTES = 1 << 25  # of the cached states after a first token
TABLE_ROWS = 16  # of the table of input products, computed at a time


class Network:
    """A trained recurrent network: token ids to log-probabilities, or values of a series to the next value."""

    def __init__(self, config: NetworkConfig, weights: Weights, *, low_memory: bool = False) -> None:
        """With `low_memory`, products that the weights give are computed each time, and not kept in tables.

        Raises ModelError unless the names and shapes of the weights are those of `config`.
        """
        check_shapes(config, {name: weight.shape for name, weight in weights.items()})
        self.config = config
        self.weights = weights
        cell = {"lstm": LSTM, "gru": GRU, "simple": Simple}[config.cell]
        self.cells = [
            cell(*(weights[f"{config.cell}_{layer + 1}/{part}"] for part in ("kernel", "recurrent_kernel", "bias")))
            for layer in range(config.layers)
        ]
        self._first: dict[int, tuple[State, list[Floats]]] = {}  # token id -> see _after_first
        first_bytes = config.layers * (config.gates + 2) * config.units * 4
        self._max_first = 1 if low_memory else max(1, MAX_FIRST_BYTES // first_bytes)
        self._table: Floats | None = None
        table_bytes = config.vocabulary_size * config.gates * config.units * 4
        if config.input == "embedding" and table_bytes <= MAX_TABLE_BYTES and not low_memory:
            # Rows are computed on first use; the system allocates untouched pages only when they are written.
            self._table = np.empty((config.vocabulary_size, config.gates * config.units), np.float32)
            self._computed = np.zeros(config.vocabulary_size, bool)

    def weights_changed(self) -> None:
        """Drop the products that were computed from the weights, after these were changed in place."""
        self._first.clear()
        if self._table is not None:
            self._computed[:] = False

    def forward(self, ids: Inputs, state: State | None = None) -> tuple[Floats, State]:
        """Return the output (B, H) of the last layer after the last of (B, T) ids, and the state.

        `state` None is the zero state, whose first step needs no recurrent product.
        """
        recurrent_products = None
        if state is None and len(ids) == 1 and ids.shape[1] > 1 and not self.config.numeric:
            state, recurrent_products = self._after_first(int(ids[0, 0]))
            ids = ids[:, 1:]
        outputs, state = self.forward_sequence(ids, state, recurrent_products)
        return outputs[:, -1], state

    def _after_first(self, token_id: int) -> tuple[State, list[Floats]]:
        """Return the state after a first token, and its recurrent product in each layer; both are cached."""
        cached = self._first.get(token_id)
        if cached is None:
            _, state = self.forward_sequence(np.array([[token_id]]))
            products = [cell.recurrent_product(layer) for cell, layer in zip(self.cells, state, strict=True)]
            if len(self._first) >= self._max_first:
                self._first.clear()
            cached = self._first[token_id] = state, products
        return cached

    def forward_sequence(
        self, ids: Inputs, state: State | None = None, recurrent_products: Sequence[Floats] | None = None
    ) -> tuple[Floats, State]:
        """Return (B, T, H) outputs of the last layer after each of (B, T) ids, and the state after the last.

        `recurrent_products` holds the products of the state with each layer's recurrent kernel, if they are known.
        """
        outputs, states = self.forward_steps(ids, state, recurrent_products)
        return outputs, states[-1]

    def forward_steps(
        self, ids: Inputs, state: State | None = None, recurrent_products: Sequence[Floats] | None = None
    ) -> tuple[Floats, list[State]]:
        """Like `forward_sequence`, with the T states after each of (B, T) ids."""
        layers = []
        outputs = np.empty(0, np.float32)
        for number, cell in enumerate(self.cells):
            products = cell.input_product(outputs) if number else self.input_products(ids)  # (B, T, GH)
            carried = None if state is None else state[number]
            steps = []
            for t in range(ids.shape[1]):
                if recurrent_products and t == 0:
                    carried = cell.apply(products[:, t], recurrent_products[number], carried)
                else:
                    carried = cell.step(products[:, t], carried)
                steps.append(carried)
            outputs = np.stack([step[0] for step in steps], axis=1)  # (B, T, H)
            layers.append(steps)
        return outputs, list(zip(*layers, strict=True))

    def log_probs(self, outputs: Floats) -> Floats:
        """Return natural log-probabilities (..., V) of the next token from outputs (..., H)."""
        log_probs = log_softmax(self._output_layer(outputs))
        return self._adaptive(outputs, log_probs) if self.config.clusters else log_probs

    def values(self, outputs: Floats) -> Floats:
        """Return the next value (...,) of a numeric network from outputs (..., H)."""
        return self._output_layer(outputs)[..., 0]

    def _output_layer(self, outputs: Floats) -> Floats:
        """Return logits or, of a numeric network, values: (..., H) -> (..., V)."""
        if self.config.projects:
            outputs = product(outputs, self.weights["projection/kernel"])
        kernel = self.weights["embedding/embeddings"].T if self.config.tie else self.weights["output/kernel"]
        scores = product(outputs, kernel)
        scores += self.weights["output/bias"]
        return scores

    def _adaptive(self, outputs: Floats, head: Floats) -> Floats:
        """Adaptive softmax (Grave et al. 2017): log p(word) = log p(cluster) + log p(word | cluster), exact."""
        clusters = self.config.clusters
        log_probs: Floats = np.empty((*head.shape[:-1], self.config.vocabulary_size), np.float32)
        log_probs[..., : clusters[0][0]] = head[..., : clusters[0][0]]
        for number, (first, end, _) in enumerate(clusters, start=1):
            projected = product(outputs, self.weights[f"tail_{number}/projection"])  # (..., width)
            logits = product(projected, self.weights[f"tail_{number}/kernel"])
            tail = log_softmax(np.add(logits, self.weights[f"tail_{number}/bias"], dtype=np.float32))
            log_probs[..., first:end] = tail + head[..., clusters[0][0] + number - 1, None]
        return log_probs

    def input_products(self, ids: Inputs) -> Floats:
        """Return the products (B, T, GH) of the first layer's kernel and bias for (B, T) ids."""
        cell = self.cells[0]
        if self.config.input == "one-hot":
            return cell.kernel[ids] + cell.input_bias
        if self.config.input in ("scalar", "number"):
            return cell.input_product(ids[..., None].astype(np.float32))
        embeddings = self.weights["embedding/embeddings"]
        if self._table is None:
            return cell.input_product(embeddings[ids])
        if not self._computed[ids].all():
            # Reading the kernel takes most of the time, so neighbours are computed, too. They are always the same ones:
            # a product of another number of rows could round differently, and equal runs would differ.
            for block in np.unique(ids[~self._computed[ids]] // TABLE_ROWS).tolist():
                rows = slice(block * TABLE_ROWS, (block + 1) * TABLE_ROWS)
                self._table[rows] = cell.input_product(embeddings[rows])
                self._computed[rows] = True
        return self._table[ids]


def log_softmax(logits: Floats) -> Floats:
    """Return natural log-probabilities (..., V) of logits (..., V); the maximum is subtracted against overflow."""
    log_probs: Floats = logits - logits.max(axis=-1, keepdims=True)
    log_probs -= np.log(np.exp(log_probs).sum(axis=-1, keepdims=True))
    return log_probs


def check_shapes(config: NetworkConfig, shapes: Mapping[str, Sequence[int]]) -> None:
    """Raise ModelError, with the tensor and both shapes, unless `shapes` are those of `config`."""
    expected = config.shapes()
    for name, shape in expected.items():
        if name not in shapes:
            raise ModelError(f"tensor {name}: expected shape {shape}, found no such tensor")
        if tuple(shapes[name]) != shape:
            raise ModelError(f"tensor {name}: expected shape {shape}, found {tuple(shapes[name])}")
    if extra := sorted(set(shapes) - set(expected)):
        raise ModelError(f"expected only the tensors of this network, found {extra[0][:200]}")
