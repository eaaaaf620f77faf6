"""Recurrent layers in numpy: one step of LSTM, GRU or simple (Elman) units.

LSTM: Hochreiter & Schmidhuber 1997, with the forget gate of Gers, Schmidhuber & Cummins 2000. GRU: Cho et al. 2014,
with the reset gate applied after the recurrent product, as in Keras. Simple: Elman 1990.

Shapes, in all of `network`: B batch, T time steps, E embedding, H units, V vocabulary, G gates per cell.
"""

import numpy as np

from rnnwords.network.matmul import Floats, is_row_by_row, row_product, rows_product

# Up to 6 rows, one product per row is faster: a matrix product first repacks the kernel, which takes as long as a row.
ROW_BY_ROW_MAX = 6


class Cell:
    """One layer of recurrent units; `kernel` (E, GH), `recurrent` (H, GH), `bias` (GH)."""

    gate_names: tuple[str, ...] = ()
    state_names: tuple[str, ...] = ("hidden",)

    def __init__(self, kernel: Floats, recurrent: Floats, bias: Floats) -> None:
        self.kernel, self.recurrent = kernel, recurrent
        self.input_bias = bias

    def input_product(self, x: Floats) -> Floats:
        """Return the input products (..., GH) with bias of inputs (..., E)."""
        result = product(x, self.kernel)
        result += self.input_bias
        return result

    def recurrent_product(self, state: tuple[Floats, ...]) -> Floats:
        """Return the recurrent product (B, GH) of the previous state."""
        return product(state[0], self.recurrent)

    def step(self, x: Floats, state: tuple[Floats, ...] | None) -> tuple[Floats, ...]:
        """Return the next state, its output first, from input products (B, GH) and the previous state."""
        return self.apply(x, None if state is None else self.recurrent_product(state), state)

    def gates(self, x: Floats, recurrent: Floats | None) -> tuple[Floats, ...]:
        """Return the activations (B, H) of `gate_names` from input and recurrent products (B, GH)."""
        return ()

    def apply(self, x: Floats, recurrent: Floats | None, state: tuple[Floats, ...] | None) -> tuple[Floats, ...]:
        """Return the next state from products (B, GH) and the previous state; both None at the first step."""
        return self.next_state(self.gates(x, recurrent), x, recurrent, state)

    def next_state(
        self, gates: tuple[Floats, ...], x: Floats, recurrent: Floats | None, state: tuple[Floats, ...] | None
    ) -> tuple[Floats, ...]:
        """Return what `apply` returns, given the result of `gates`."""
        raise NotImplementedError


class LSTM(Cell):
    """Long short-term memory (Hochreiter & Schmidhuber 1997); gates in Keras' order i, f, g, o."""

    gate_names = ("input", "forget", "candidate", "output")
    state_names = ("hidden", "cell")

    def gates(self, x: Floats, recurrent: Floats | None) -> tuple[Floats, ...]:
        i, f, g, o = (x if recurrent is None else x + recurrent).reshape(len(x), 4, -1).swapaxes(0, 1)  # (B, H) each
        return sigmoid(i), sigmoid(f), np.tanh(g), sigmoid(o)

    def next_state(
        self, gates: tuple[Floats, ...], x: Floats, recurrent: Floats | None, state: tuple[Floats, ...] | None
    ) -> tuple[Floats, ...]:
        i, f, g, o = gates
        c = i * g
        if state is not None:
            c += f * state[1]
        return o * np.tanh(c), c


class GRU(Cell):
    """Gated recurrent unit (Cho et al. 2014); gates in Keras' order z, r, n; an input and a recurrent bias."""

    gate_names = ("update", "reset", "candidate")

    def __init__(self, kernel: Floats, recurrent: Floats, bias: Floats) -> None:
        super().__init__(kernel, recurrent, bias[0])
        self.recurrent_bias = bias[1]

    def recurrent_product(self, state: tuple[Floats, ...]) -> Floats:
        result = product(state[0], self.recurrent)
        result += self.recurrent_bias
        return result

    def gates(self, x: Floats, recurrent: Floats | None) -> tuple[Floats, ...]:
        recurrent = self.recurrent_bias[None] if recurrent is None else recurrent
        z, r, n = x.reshape(len(x), 3, -1).swapaxes(0, 1)  # (B, H) each
        zh, rh, nh = recurrent.reshape(len(recurrent), 3, -1).swapaxes(0, 1)
        r = sigmoid(r + rh)
        return sigmoid(z + zh), r, np.tanh(n + r * nh)

    def next_state(
        self, gates: tuple[Floats, ...], x: Floats, recurrent: Floats | None, state: tuple[Floats, ...] | None
    ) -> tuple[Floats, ...]:
        z, _, n = gates
        h = (1 - z) * n
        return (h if state is None else h + z * state[0],)


class Simple(Cell):
    """Simple recurrent unit (Elman 1990): h = tanh(x W + h U + b)."""

    def next_state(
        self, gates: tuple[Floats, ...], x: Floats, recurrent: Floats | None, state: tuple[Floats, ...] | None
    ) -> tuple[Floats, ...]:
        return (np.tanh(x if recurrent is None else x + recurrent),)


def product(x: Floats, kernel: Floats) -> Floats:
    """Return (..., N) of (..., K) and (K, N), by the fastest method, or as `matmul.row_by_row` asks."""
    rows = x.reshape(-1, x.shape[-1])
    if len(rows) == 1:
        result = row_product(rows, kernel)
    else:
        alone = len(rows) <= ROW_BY_ROW_MAX or is_row_by_row()
        result = rows_product(rows, kernel) if alone else rows @ kernel
    return result.reshape(*x.shape[:-1], kernel.shape[1])


def sigmoid(x: Floats) -> Floats:
    """Return 1 / (1 + exp(-x)), in a form that never overflows."""
    result: Floats = np.tanh(np.float32(0.5) * x)
    result += 1
    result *= np.float32(0.5)
    return result
