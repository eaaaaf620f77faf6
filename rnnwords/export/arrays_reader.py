"""Reader of exported arrays, with which a written file is compared: the whole network in a few lines of numpy.

It shares no code with prediction, and may serve as a model for readers in other languages. Shapes as in
`network.cells`: N contexts, E embedding, H units, V vocabulary.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
TYPES = {"F32": np.float32, "I64": np.int64, "U8": np.uint8}


class ArraysFile:
    """An exported file: its arrays by name, its settings and its words."""

    def __init__(self, path: Path) -> None:
        with open(path, "rb") as stream:
            header = json.loads(stream.read(int.from_bytes(stream.read(8), "little")))
            data = stream.read()
        self.settings: dict[str, Any] = json.loads(header.pop("__metadata__")["settings"])
        self.network = self.settings["network"]
        self.arrays: dict[str, NDArray[Any]] = {
            name: np.frombuffer(data[slice(*one["data_offsets"])], TYPES[one["dtype"]]).reshape(one["shape"])
            for name, one in header.items()
        }
        self.words = bytes(self.arrays["vocabulary"]).decode().split("\n")

    def probabilities(self, contexts: Sequence[Sequence[int]]) -> Floats:
        """Return (N, V) probabilities of the next word after contexts of ids, each from the beginning of a text."""
        texts = [[*self.settings["first_ids"], *context] for context in contexts]
        if self.network["mode"] == "windows":
            texts = [text[-self.network["window"] :] for text in texts]
        h, c = np.zeros((2, self.network["layers"], len(texts), self.network["units"]), np.float32)
        for t in range(max(map(len, texts))):
            rows = [row for row, text in enumerate(texts) if len(text) > t]
            x = self._inputs(np.array([texts[row][t] for row in rows]))
            for layer in range(self.network["layers"]):
                x, c[layer, rows] = self._step(layer, x, h[layer, rows], c[layer, rows])
                h[layer, rows] = x
        return self._output(h[-1])

    def _inputs(self, ids: NDArray[np.int64]) -> Any:
        """Return the input (N, E) of the first layer for N ids; the ids themselves for one-hot vectors."""
        if self.network["input"] == "one-hot":
            return ids
        return (
            self.arrays["embedding"][ids] if self.network["input"] == "embedding" else ids.astype(np.float32)[:, None]
        )

    def _step(self, layer: int, x: Any, h: Floats, c: Floats) -> tuple[Floats, Floats]:
        """Return the next state of a layer, its output first, from its input and its state, (N, H) each."""
        cell, get = self.network["cell"], self.arrays.__getitem__
        name = f"{cell}{layer + 1}"
        kernel, recurrent_kernel, bias = (get(f"{name}.{part}") for part in ("kernel", "recurrent_kernel", "bias"))
        inputs = (kernel[x] if x.ndim == 1 else x @ kernel) + bias
        recurrent = h @ recurrent_kernel
        if cell == "lstm":
            i, f, g, o = np.split(inputs + recurrent, 4, axis=1)
            c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
            return sigmoid(o) * np.tanh(c), c
        if cell == "gru":
            xz, xr, xn = np.split(inputs, 3, axis=1)
            hz, hr, hn = np.split(recurrent + get(f"{name}.recurrent_bias"), 3, axis=1)
            z, r = sigmoid(xz + hz), sigmoid(xr + hr)
            return z * h + (1 - z) * np.tanh(xn + r * hn), c
        return np.tanh(inputs + recurrent), c

    def _output(self, h: Floats) -> Floats:
        """Return (N, V) probabilities from the outputs (N, H) of the last layer."""
        get = self.arrays.__getitem__
        x = h @ get("projection.kernel") if "projection.kernel" in self.arrays else h
        kernel = get("embedding").T if self.network["tie"] else get("output.kernel")
        head = softmax(x @ kernel + get("output.bias"))
        clusters = self.settings["clusters"]
        if not clusters:
            return head
        first = clusters[0]["first"]
        parts = [head[:, :first]]
        for n in range(len(clusters)):
            tail = [get(f"tail{n + 1}.{part}") for part in ("projection", "kernel", "bias")]
            parts.append(head[:, [first + n]] * softmax(h @ tail[0] @ tail[1] + tail[2]))
        return np.concatenate(parts, axis=1)


def sigmoid(x: Floats) -> Floats:
    """Return the logistic function, in a form that never overflows."""
    result: Floats = (np.tanh(x / 2) / 2 + 0.5).astype(np.float32)
    return result


def softmax(logits: Floats) -> Floats:
    """Return probabilities of logits (N, V)."""
    powers: Floats = np.exp(logits - logits.max(axis=1, keepdims=True))
    powers /= powers.sum(axis=1, keepdims=True)
    return powers
