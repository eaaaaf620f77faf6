"""Recurrent layers as plain numpy: one step of LSTM, GRU or simple units.

LSTM: Hochreiter & Schmidhuber 1997, with the forget gate of Gers et al. 2000; GRU: Cho et al. 2014, with the reset gate
behind the recurrent product; simple: Elman 1990.

Shapes: B batch, E inputs, H units, G gates a cell.
"""

import numpy as np

from rnnwords.network.matmul import Floats, row_product

# Up to so many rows one product each is faster: a product of matrices packs the kernel first, which costs as much.
FEW = 6


class Cell:
    """One layer of recurrent units; `kernel` (E, GH), `recurrent` (H, GH), `bias` (GH)."""

    gate_names: tuple[str, ...] = ()
    state_names: tuple[str, ...] = ("hidden",)

    def __init__(self, kernel: Floats, recurrent: Floats, bias: Floats) -> None:
        self.kernel, self.recurrent = kernel, recurrent
        self.input_bias = bias

    def input_product(self, x: Floats) -> Floats:
        """(..., E) -> (..., GH), as one product."""
        found = product(x, self.kernel)
        found += self.input_bias
        return found

    def recurrent_product(self, state: tuple[Floats, ...]) -> Floats:
        """The state before -> (B, GH)."""
        return product(state[0], self.recurrent)

    def step(self, x: Floats, state: tuple[Floats, ...] | None) -> tuple[Floats, ...]:
        """(B, GH) input products and the state before -> the state after, its output first."""
        return self.apply(x, None if state is None else self.recurrent_product(state), state)

    def gates(self, x: Floats, before: Floats | None) -> tuple[Floats, ...]:
        """(B, GH) input and recurrent products -> (B, H) what each gate lets through; the candidate is among them."""
        return ()

    def apply(self, x: Floats, before: Floats | None, state: tuple[Floats, ...] | None) -> tuple[Floats, ...]:
        """A step whose (B, GH) recurrent product is known already; None, as the state, at the first step."""
        raise NotImplementedError


class LSTM(Cell):
    """Gates in Keras' order i, f, g, o."""

    gate_names = ("input", "forget", "candidate", "output")
    state_names = ("hidden", "cell")

    def gates(self, x: Floats, before: Floats | None) -> tuple[Floats, ...]:
        i, f, g, o = (x if before is None else x + before).reshape(len(x), 4, -1).swapaxes(0, 1)  # (B, H) each
        return sigmoid(i), sigmoid(f), np.tanh(g), sigmoid(o)

    def apply(self, x: Floats, before: Floats | None, state: tuple[Floats, ...] | None) -> tuple[Floats, ...]:
        i, f, g, o = self.gates(x, before)
        c = i * g
        if state is not None:
            c += f * state[1]
        return o * np.tanh(c), c


class GRU(Cell):
    """Gates in Keras' order z (update), r (reset), n (candidate); two biases, input and recurrent."""

    gate_names = ("update", "reset", "candidate")

    def __init__(self, kernel: Floats, recurrent: Floats, bias: Floats) -> None:
        super().__init__(kernel, recurrent, bias[0])
        self.recurrent_bias = bias[1]

    def recurrent_product(self, state: tuple[Floats, ...]) -> Floats:
        found = product(state[0], self.recurrent)
        found += self.recurrent_bias
        return found

    def gates(self, x: Floats, before: Floats | None) -> tuple[Floats, ...]:
        before = self.recurrent_bias[None] if before is None else before
        z, r, n = x.reshape(len(x), 3, -1).swapaxes(0, 1)  # (B, H) each
        zh, rh, nh = before.reshape(len(before), 3, -1).swapaxes(0, 1)
        r = sigmoid(r + rh)
        return sigmoid(z + zh), r, np.tanh(n + r * nh)

    def apply(self, x: Floats, before: Floats | None, state: tuple[Floats, ...] | None) -> tuple[Floats, ...]:
        z, _, n = self.gates(x, before)
        new: Floats = (1 - z) * n
        return (new if state is None else new + z * state[0],)


class Simple(Cell):
    """h = tanh(x W + h U + b)."""

    def apply(self, x: Floats, before: Floats | None, state: tuple[Floats, ...] | None) -> tuple[Floats, ...]:
        return (np.tanh(x if before is None else x + before),)


def product(x: Floats, kernel: Floats) -> Floats:
    """(..., K), (K, N) -> (..., N), in the way that is fastest for so many rows."""
    rows = x.reshape(-1, x.shape[-1])
    if len(rows) == 1:
        found = row_product(rows, kernel)
    else:
        found = np.matmul(rows[:, None], kernel)[:, 0] if len(rows) <= FEW else rows @ kernel
    return found.reshape(*x.shape[:-1], kernel.shape[1])


def sigmoid(x: Floats) -> Floats:
    """1 / (1 + exp(-x)), written so that no x overflows."""
    half: Floats = np.tanh(np.float32(0.5) * x)
    half += 1
    half *= np.float32(0.5)
    return half
