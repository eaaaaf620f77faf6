"""Gradients of the numpy network: back-propagation through time (Werbos 1990), for weights that adapt to a text.

Training has gradients of TensorFlow; a test compares the two. Shapes as in `network.cells`; N predictions.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from rnnwords.network.cells import GRU, LSTM, Cell, Simple
from rnnwords.network.output_gradients import (
    Gradients,
    ProductGradient,
    RowGradient,
    adaptive_gradients,
    output_gradients,
    sums_by_row,
)
from rnnwords.network.recurrent import Floats, Ids, Network, State

LayerState = tuple[Floats, ...]


class Step(NamedTuple):
    """What the backward pass needs of one time step of a layer."""

    gates: tuple[Floats, ...]  # see Cell.gates
    recurrent: Floats | None  # (B, GH) recurrent product; None at a zero state
    before: LayerState | None
    after: LayerState


class Tape(NamedTuple):
    """What the backward pass needs of a forward pass over (B, T) ids."""

    ids: Ids
    layers: tuple[list[Step], ...]

    def states(self) -> list[State]:
        """Return the T states after each step."""
        return list(zip(*([step.after for step in steps] for steps in self.layers), strict=True))

    def outputs(self, layer: int = -1) -> Floats:
        """Return the outputs (B, T, H) of a layer."""
        return np.stack([step.after[0] for step in self.layers[layer]], axis=1)

    def followed_by(self, other: "Tape") -> "Tape":
        """Return both as one, of which the second began at the end of the first."""
        layers = tuple([*first, *second] for first, second in zip(self.layers, other.layers, strict=True))
        return Tape(np.concatenate([self.ids, other.ids], axis=1), layers)


def record(network: Network, ids: Ids, state: State | None = None) -> Tape:
    """Read (B, T) ids from a state."""
    layers: list[list[Step]] = []
    for number, cell in enumerate(network.cells):
        if number:
            products = cell.input_product(np.stack([step.after[0] for step in layers[-1]], axis=1))  # (B, T, GH)
        else:
            products = network.input_products(ids)
        layers.append(_forward(cell, products, None if state is None else state[number]))
    return Tape(ids, tuple(layers))


def loss_gradients(
    network: Network, tape: Tape, targets: Ids, log_probs: Floats | None = None, min_gradient: float = 0
) -> tuple[Floats, Gradients]:
    """Return log P (N,) of the targets, and the gradients of -sum log P.

    `targets` (B, T) are the next words at each step; (B,) are those after the last step, as of windows. `log_probs`
    (N, V) are those after these steps, if they are known. Of a full softmax, words whose logits all have gradients of
    at most `min_gradient` are left out.
    """
    config, every = network.config, targets.ndim == 2
    x = tape.outputs()
    outputs = (x if every else x[:, -1]).reshape(-1, config.units)  # (N, H)
    gradients: Gradients = {}
    compute = adaptive_gradients if config.clusters else output_gradients
    own, d_outputs = compute(network, outputs, targets.reshape(-1), gradients, log_probs, min_gradient)
    d_x = np.zeros_like(x)
    d_x[:, slice(None) if every else -1] = d_outputs.reshape(d_x.shape if every else (-1, config.units))
    for number in reversed(range(config.layers)):
        name, cell = f"{config.cell}_{number + 1}", network.cells[number]
        d_products, d_recurrent = _backward(cell, tape.layers[number], d_x)  # (B, T, GH) each
        gradients[f"{name}/recurrent_kernel"] = _recurrent_kernel_gradient(cell, tape.layers[number], d_recurrent)
        biases = [_rows(part).sum(axis=0) for part in (d_products, d_recurrent)]
        gradients[f"{name}/bias"] = RowGradient(np.stack(biases) if isinstance(cell, GRU) else biases[0])
        if number:
            gradients[f"{name}/kernel"] = ProductGradient(_rows(tape.outputs(number - 1)), _rows(d_products))
            d_x = (_rows(d_products) @ cell.kernel.T).reshape(x.shape)
    _add_input_gradients(network, tape.ids, d_products, gradients)
    return own, gradients


def _rows(x: Floats) -> Floats:
    """Return (B, T, N) as (BT, N)."""
    return x.reshape(-1, x.shape[-1])


def _forward(cell: Cell, products: Floats, state: LayerState | None) -> list[Step]:
    """Return the T steps of a layer from its input products (B, T, GH)."""
    steps = []
    for t in range(products.shape[1]):
        recurrent = None if state is None else cell.recurrent_product(state)
        gates = cell.gates(products[:, t], recurrent)
        after = cell.next_state(gates, products[:, t], recurrent, state)
        steps.append(Step(gates, recurrent, state, after))
        state = after
    return steps


def _backward(cell: Cell, steps: list[Step], d_outputs: Floats) -> tuple[Floats, Floats]:
    """Return the gradients (B, T, GH) of the input and recurrent products of a layer, from those of its outputs."""
    backward = _BACKWARD[type(cell)]
    d_products = np.empty((*d_outputs.shape[:2], cell.recurrent.shape[1]), np.float32)
    d_recurrent = d_products if not isinstance(cell, GRU) else np.empty_like(d_products)
    d_after: LayerState = ()
    for t in reversed(range(len(steps))):
        d_hidden = d_outputs[:, t] + d_after[0] if d_after else d_outputs[:, t]
        d_products[:, t], d_recurrent[:, t], carried = backward(cell, steps[t], (d_hidden, *d_after[1:]))
        if t:
            from_product = d_recurrent[:, t] @ cell.recurrent.T
            d_after = (carried[0] + from_product, *carried[1:])
    return d_products, d_recurrent


def _recurrent_kernel_gradient(cell: Cell, steps: list[Step], d_recurrent: Floats) -> ProductGradient:
    """Return the gradient (H, GH) of a recurrent kernel; a step from a zero state adds nothing."""
    rows = [step.before[0] for step in steps if step.before is not None]
    before = np.stack(rows, axis=1) if rows else np.empty((len(d_recurrent), 0, len(cell.recurrent)), np.float32)
    return ProductGradient(_rows(before), _rows(d_recurrent[:, len(steps) - len(rows) :]))


def _lstm_backward(cell: Cell, step: Step, d_state: LayerState) -> tuple[Floats, Floats, LayerState]:
    """Return the gradients of both products, and of the state before; `d_state` is that of h, or of h and c."""
    i, f, g, o = step.gates
    tanh_c = np.tanh(step.after[1])
    d_c = d_state[0] * o * (1 - tanh_c * tanh_c)
    if len(d_state) > 1:
        d_c = d_c + d_state[1]
    c_before = np.zeros_like(d_c) if step.before is None else step.before[1]
    d_gates = (
        d_c * g * i * (1 - i), d_c * c_before * f * (1 - f), d_c * i * (1 - g * g), d_state[0] * tanh_c * o * (1 - o)
    )  # fmt: skip
    d_products = np.concatenate(d_gates, axis=1)
    return d_products, d_products, (np.zeros_like(d_c), d_c * f)


def _gru_backward(cell: GRU, step: Step, d_state: LayerState) -> tuple[Floats, Floats, LayerState]:
    """See `_lstm_backward`; the reset gate multiplies the recurrent product of the candidate."""
    z, r, n = step.gates
    [d_h] = d_state
    recurrent = cell.recurrent_bias[None] if step.recurrent is None else step.recurrent
    candidate = recurrent[:, 2 * z.shape[1] :]
    before = np.zeros_like(d_h) if step.before is None else step.before[0]
    d_z = d_h * (before - n) * z * (1 - z)
    d_n = d_h * (1 - z) * (1 - n * n)
    d_r = d_n * candidate * r * (1 - r)
    return np.concatenate([d_z, d_r, d_n], axis=1), np.concatenate([d_z, d_r, d_n * r], axis=1), (d_h * z,)


def _simple_backward(cell: Cell, step: Step, d_state: LayerState) -> tuple[Floats, Floats, LayerState]:
    """See `_lstm_backward`."""
    h = step.after[0]
    d_products = d_state[0] * (1 - h * h)
    return d_products, d_products, (np.zeros_like(h),)


Backward = Callable[[Any, Step, LayerState], tuple[Floats, Floats, LayerState]]
_BACKWARD: dict[type[Cell], Backward] = {LSTM: _lstm_backward, GRU: _gru_backward, Simple: _simple_backward}


def _add_input_gradients(network: Network, ids: Ids, d_products: Floats, gradients: Gradients) -> None:
    """Add the gradients of the first layer's kernel and of the embedding from those (B, T, GH) of its products."""
    config, kernel = network.config, network.cells[0].kernel
    name, flat, d_flat = f"{config.cell}_1/kernel", ids.reshape(-1), _rows(d_products)
    if config.input == "one-hot":
        gradients[name] = sums_by_row(flat, d_flat)
        return
    if config.input in ("scalar", "number"):
        gradients[name] = ProductGradient(flat[:, None].astype(np.float32), d_flat)
        return
    embeddings = network.weights["embedding/embeddings"]
    gradients[name] = ProductGradient(embeddings[flat], d_flat)
    rows = sums_by_row(flat, d_flat @ kernel.T)
    tied = gradients.get("embedding/embeddings")
    if isinstance(tied, RowGradient) and tied.rows is not None and rows.rows is not None:
        union = np.union1d(tied.rows, rows.rows)
        sums = np.zeros((len(union), config.embedding), np.float32)
        sums[np.searchsorted(union, tied.rows)] = tied.values
        sums[np.searchsorted(union, rows.rows)] += rows.values
        rows = RowGradient(sums, union)
    gradients["embedding/embeddings"] = rows
