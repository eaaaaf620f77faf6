"""The network as plain numpy: embed -> cells -> softmax. Prediction needs nothing else.

Shapes, everywhere: B batch, T words read, E embedding, H units, V vocabulary, G gates a cell. The same NetworkConfig
builds the twin in Keras (`network.keras`), which trains; a parity test holds the two equal. `network.cells` has the
mathematics of the layers. Left out: anything that only training needs (dropout, gradients).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnwords.config import NetworkConfig
from rnnwords.errors import ModelError
from rnnwords.network.cells import GRU, LSTM, Simple, product

Floats = NDArray[np.float32]
Ids = NDArray[np.integer]
Inputs = NDArray[Any]  # ids of words; or, for a network of numbers, float32 values
State = tuple[tuple[Floats, ...], ...]  # a layer: (h,) or (h, c), each (B, H)
Weights = Mapping[str, Floats]

TABLE_BYTES = 1 << 27  # the most that looked-up input products may take
FIRSTS_BYTES = 1 << 25  # the most that states after a first word may take
AT_LEAST = 16  # rows of that table filled at a time


class Network:
    """A trained network: reads ids, keeps state, gives the scores of the next word; or reads values and gives the next
    value, wherever ids and scores are spoken of."""

    def __init__(self, config: NetworkConfig, weights: Weights) -> None:
        """Raises ModelError if a weight is missing, one too many, or of another shape than `config` says."""
        check_shapes(config, {name: weight.shape for name, weight in weights.items()})
        self.config = config
        self.weights = weights
        cell = {"lstm": LSTM, "gru": GRU, "simple": Simple}[config.cell]
        self.cells = [
            cell(*(weights[f"{config.cell}_{layer + 1}/{part}"] for part in ("kernel", "recurrent_kernel", "bias")))
            for layer in range(config.layers)
        ]
        self._firsts: dict[int, tuple[State, list[Floats]]] = {}  # word -> see _after_first
        self._most_firsts = max(1, FIRSTS_BYTES // (config.layers * (config.gates + 2) * config.units * 4))
        self._table: Floats | None = None
        if config.input == "embedding" and config.vocabulary_size * config.gates * config.units * 4 <= TABLE_BYTES:
            # Rows are filled when first asked for; memory that nobody touched takes no room.
            self._table = np.empty((config.vocabulary_size, config.gates * config.units), np.float32)
            self._known = np.zeros(config.vocabulary_size, bool)

    def read(self, ids: Inputs, state: State | None = None) -> tuple[Floats, State]:
        """(B, T) ids -> (B, H) output of the last layer after the last word, and the state to go on from.

        Without a state it starts clean: the first step then needs no recurrent product.
        """
        products = None
        if state is None and len(ids) == 1 and ids.shape[1] > 1 and not self.config.numbers:
            state, products = self._after_first(int(ids[0, 0]))
            ids = ids[:, 1:]
        outputs, state = self.read_all(ids, state, products)
        return outputs[:, -1], state

    def _after_first(self, word: int) -> tuple[State, list[Floats]]:
        """The state after a word from a clean state, and its products with the recurrent kernels; remembered."""
        found = self._firsts.get(word)
        if found is None:
            _, state = self.read_all(np.array([[word]]))
            products = [cell.recurrent_product(layer) for cell, layer in zip(self.cells, state, strict=True)]
            if len(self._firsts) >= self._most_firsts:
                self._firsts.clear()
            found = self._firsts[word] = state, products
        return found

    def read_all(
        self, ids: Inputs, state: State | None = None, before: Sequence[Floats] | None = None
    ) -> tuple[Floats, State]:
        """(B, T) ids -> (B, T, H) outputs of the last layer after each word, and the state to go on from.

        `before` holds the products of the state with each layer's recurrent kernel, where they are known already.
        """
        states = []
        outputs = np.empty(0, np.float32)
        for layer, cell in enumerate(self.cells):
            products = cell.input_product(outputs) if layer else self.input_products(ids)  # (B, T, GH)
            carried = None if state is None else state[layer]
            steps = []
            for t in range(ids.shape[1]):
                if before and t == 0:
                    carried = cell.apply(products[:, t], before[layer], carried)
                else:
                    carried = cell.step(products[:, t], carried)
                steps.append(carried[0])
            outputs = np.stack(steps, axis=1)  # (B, T, H)
            states.append(carried or ())
        return outputs, tuple(states)

    def scores(self, outputs: Floats) -> Floats:
        """(..., H) outputs -> (..., V) natural log-probabilities of the next word, or of numbers (..., 1) the next."""
        if self.config.projects:
            outputs = product(outputs, self.weights["projection/kernel"])
        if self.config.tie:
            scores = product(outputs, self.weights["embedding/embeddings"].T)
        else:
            scores = product(outputs, self.weights["output/kernel"])
        scores += self.weights["output/bias"]
        if self.config.numbers:
            return scores
        return self._with_tails(outputs, log_softmax(scores)) if self.config.clusters else log_softmax(scores)

    def _with_tails(self, outputs: Floats, head: Floats) -> Floats:
        """Adaptive softmax: log p(word) = log p(cluster) + log p(word | cluster), exact for every word."""
        clusters = self.config.clusters
        scores: Floats = np.empty((*head.shape[:-1], self.config.vocabulary_size), np.float32)
        scores[..., : clusters[0][0]] = head[..., : clusters[0][0]]
        for number, (first, end, _) in enumerate(clusters, start=1):
            narrow = product(outputs, self.weights[f"tail_{number}/projection"])  # (..., width)
            logits = product(narrow, self.weights[f"tail_{number}/kernel"])
            tail = log_softmax(np.add(logits, self.weights[f"tail_{number}/bias"], dtype=np.float32))
            scores[..., first:end] = tail + head[..., clusters[0][0] + number - 1, None]
        return scores

    def input_products(self, ids: Inputs) -> Floats:
        """(B, T) ids -> (B, T, GH) products of the inputs with the first layer's kernel, bias added."""
        cell = self.cells[0]
        if self.config.input == "one-hot":
            return cell.kernel[ids] + cell.input_bias
        if self.config.input in ("scalar", "number"):
            return cell.input_product(ids[..., None].astype(np.float32))
        embeddings = self.weights["embedding/embeddings"]
        if self._table is None:
            return cell.input_product(embeddings[ids])
        if not self._known[ids].all():
            missing = np.zeros(len(embeddings), bool)
            missing[ids] = True
            rows = np.flatnonzero(missing & ~self._known)
            if len(rows) < AT_LEAST:  # the kernel is read anyway: the commonest missing words come along
                others = np.flatnonzero(~(missing | self._known))[: AT_LEAST - len(rows)]
                rows = np.concatenate([rows, others])
            self._table[rows] = cell.input_product(embeddings[rows])
            self._known[rows] = True
        return self._table[ids]


def log_softmax(scores: Floats) -> Floats:
    """(..., V) scores -> natural log-probabilities, the maximum subtracted first."""
    scores = scores - scores.max(axis=-1, keepdims=True)
    scores -= np.log(np.exp(scores).sum(axis=-1, keepdims=True))
    return scores


def check_shapes(config: NetworkConfig, shapes: Mapping[str, Sequence[int]]) -> None:
    """Raise ModelError, naming the tensor and both shapes, unless `shapes` are those of `config`."""
    expected = config.shapes()
    for name, shape in expected.items():
        if name not in shapes:
            raise ModelError(f"tensor {name} {shape} is missing")
        if tuple(shapes[name]) != shape:
            raise ModelError(f"tensor {name}: expected shape {shape}, found {tuple(shapes[name])}")
    if extra := sorted(set(shapes) - set(expected)):
        raise ModelError(f"tensor {extra[0]} is not part of this network")
