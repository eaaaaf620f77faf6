"""The same network in Keras, built from the same NetworkConfig: what training trains.

The weights live in Keras' own layers (so names, shapes and initial values are Keras'); the steps are written out here,
because written out they run faster on a CPU than Keras' layers: one product for many inputs of a layer, layers that
work side by side, no recurrent product in the first step from a clean state, half-precision products with the gates in
float32.
Shapes as in `network.arrays`: B batch, T words, E embedding, H units, V vocabulary, G gates a cell.
"""

from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf

from rnnwords.config import NetworkConfig
from rnnwords.network.keras_output import Output
from rnnwords.network.keras_regularization import Dropout, Noise, Tensor, late_starts
from rnnwords.network.recurrent import Floats, check_shapes

PIECE = 9  # words that a layer hands on at a time: the layer above reads them while it goes on to the next
State = list[tuple[Tensor, ...]]  # a layer: (h,) or (h, c), each (B, H) float32


class KerasNetwork:
    """Keras layers that hold the weights, and the pass from ids to logits. What is said of ids also holds for the
    values that a network of numbers reads, and what is said of logits for the one value that it gives."""

    def __init__(
        self, config: NetworkConfig, seed: int = 0, precision: str = "float32", output_start: str = "glorot"
    ) -> None:
        """Build with initial weights drawn from `seed`. `precision` is that of the products, never of the weights."""
        self.config = config
        self.dtype = tf.as_dtype(precision)
        layers: dict[str, Any] = {}
        self.recurrent: list[Any] = []  # Keras' layers, used as such where cuDNN runs them
        self.gpu = bool(tf.config.list_physical_devices("GPU"))
        self.cudnn = config.stateful and config.cell != "simple" and self.gpu
        draw = iter(range(seed, seed + 100))
        if config.input == "embedding":
            # As wide as what the output layer wants when tied; else of unit size, which learns rare words sooner.
            width = config.embedding**-0.5 if config.tie else 0.5
            start = keras.initializers.RandomNormal(stddev=width, seed=next(draw))
            layers["embedding"] = keras.layers.Embedding(config.vocabulary_size, config.embedding, start)
            layers["embedding"].build((None, config.window))
        kind = {"lstm": keras.layers.LSTM, "gru": keras.layers.GRU, "simple": keras.layers.SimpleRNN}[config.cell]
        for layer in range(config.layers):
            cell = kind(
                config.units,
                kernel_initializer=keras.initializers.GlorotUniform(seed=next(draw)),
                recurrent_initializer=keras.initializers.Orthogonal(seed=next(draw)),
                return_sequences=True,
                return_state=True,
            )
            cell.build((None, config.window, config.input_width if layer == 0 else config.units))
            layers[f"{config.cell}_{layer + 1}"] = cell.cell
            self.recurrent.append(cell)
        tied = layers["embedding"].weights[0] if config.tie else None
        self.output = Output(config, seed + 100, self.dtype, tied, output_start)
        self.variables: dict[str, Any] = {}  # in the order of NetworkConfig.shapes
        for name in config.shapes():
            layer_name, part = name.split("/")
            if name in self.output.variables:
                self.variables[name] = self.output.variables[name]
            elif part == "embeddings":
                self.variables[name] = layers[layer_name].weights[0]
            else:
                self.variables[name] = getattr(layers[layer_name], part)
        check_shapes(config, {name: tuple(variable.shape) for name, variable in self.variables.items()})

    @property
    def trainable(self) -> list[Any]:
        """The Keras variables, in the order of NetworkConfig.shapes."""
        return list(self.variables.values())

    def clean_state(self, batch: int) -> State:
        """Zeros: the state before the first word."""
        parts = 2 if self.config.cell == "lstm" else 1
        return [tuple(tf.zeros((batch, self.config.units)) for _ in range(parts)) for _ in range(self.config.layers)]

    def logits(self, ids: Tensor, state: State | None = None, noise: Noise | None = None) -> tuple[Tensor, State]:
        """(B, T) ids -> float32 logits and the state after: (B, V) for windows, (B, T, V) for stateful reading.

        For an adaptive softmax they are log-probabilities.
        """
        x, after = self.hidden(ids, state, noise)
        logits = self.output.logits(tf.reshape(x, (-1, x.shape[-1])))
        return tf.reshape(logits, (*x.shape[:-1], logits.shape[-1])), after

    def losses(
        self,
        ids: Tensor,
        targets: Tensor,
        state: State | None = None,
        noise: Noise | None = None,
        smoothing: float = 0.0,
    ) -> tuple[Tensor, Tensor, Tensor, State]:
        """(B, T) ids and their targets, (B,) or (B, T) -> losses in nats, hits (0 or 1) and objectives, all of the same
        shape, see Output.losses; and the state after."""
        x, after = self.hidden(ids, state, noise)
        found = self.output.losses(tf.reshape(x, (-1, x.shape[-1])), tf.reshape(targets, (-1,)), smoothing)
        losses, hits, objectives = (tf.reshape(one, targets.shape) for one in found)
        return losses, hits, objectives, after

    def hidden(self, ids: Tensor, state: State | None = None, noise: Noise | None = None) -> tuple[Tensor, State]:
        """(B, T) ids -> what the output layer reads, (B, H) for windows or (B, T, H), and the state after.

        On a GPU, running text goes through Keras' layers, which hand it to cuDNN; the steps here are for CPUs, and for
        windows, which are too short for cuDNN to matter. A CPU's cores share the layers: each hands its outputs on in
        pieces.
        """
        drop = Dropout(noise)
        keep = late_starts(ids.shape, noise)
        pieces = [drop(self._embedded(ids)) if self.config.input == "embedding" else None]  # (B, t, E or H) each
        after: State = []
        for layer in range(self.config.layers):
            carried = None if state is None else state[layer]
            if self.cudnn and pieces[0] is not None and not drop.weights:
                [x] = pieces
                y, *carried = self.recurrent[layer](tf.cast(x, tf.float32), initial_state=carried and list(carried))
                after.append(tuple(carried))
                pieces = [drop(tf.cast(y, self.dtype))]
                continue
            name = f"{self.config.cell}_{layer + 1}/kernel"
            if pieces[0] is None:
                products = [self._plain_products(ids, name)]  # (B, T, GH)
            else:
                kernel = self._cast(name)
                products = [self._product(piece, kernel) for piece in pieces]
            recurrent = drop.kernel(layer, self._cast(f"{self.config.cell}_{layer + 1}/recurrent_kernel"))
            outputs, carried = self._layer(layer, products, recurrent, carried, keep)
            after.append(carried)
            if layer < self.config.layers - 1:
                pieces = drop.pieces(outputs, len(outputs) if self.gpu else PIECE)
            else:
                pieces = [drop(tf.stack(outputs, axis=1) if self.config.stateful else outputs[-1])]
        return pieces[0], after

    def _cast(self, name: str) -> Tensor:
        return tf.cast(self.variables[name].value, self.dtype)

    @staticmethod
    def _product(x: Tensor, kernel: Tensor) -> Tensor:
        """(..., E) x (E, N) as one matrix product."""
        return tf.reshape(tf.matmul(tf.reshape(x, (-1, x.shape[-1])), kernel), (*x.shape[:-1], kernel.shape[-1]))

    def _embedded(self, ids: Tensor) -> Tensor:
        """(B, T) ids -> (B, T, E) their rows of the embedding."""
        return tf.cast(tf.gather(self.variables["embedding/embeddings"].value, ids), self.dtype)

    def _plain_products(self, ids: Tensor, name: str) -> Tensor:
        """(B, T) ids -> (B, T, GH) products with the first layer's kernel of what enters as it is: a word as a one-hot
        row, its rank or a value as one number.

        A number has float32 products whatever the precision, and none by a GPU's matrix units: bfloat16 would make one
        rank of two above 256, TF32 above 2048.
        """
        if self.config.input == "one-hot":
            return tf.gather(self._cast(name), ids)
        return tf.cast(ids, tf.float32)[..., None] * self.variables[name].value

    def _layer(
        self, layer: int, pieces: list[Tensor], recurrent: Tensor, state: tuple[Tensor, ...] | None, keep: Tensor | None
    ) -> tuple[list[Tensor], tuple[Tensor, ...]]:
        """Input products in pieces, (B, t, GH) each, T words in all; (H, GH) recurrent kernel -> T outputs (B, H), and
        the state after the last."""
        words = sum(piece.shape[1] for piece in pieces)
        bias = self.variables[f"{self.config.cell}_{layer + 1}/bias"].value
        input_bias, recurrent_bias = (bias[0], bias[1]) if self.config.cell == "gru" else (bias, bias)
        input_biases = _once_a_step(input_bias, words)
        recurrent_biases = _once_a_step(recurrent_bias, words)
        step = {"lstm": _lstm, "gru": _gru, "simple": _simple}[self.config.cell]
        outputs: list[Tensor] = []
        for products in pieces:
            kernel = recurrent
            read: list[Tensor] = []
            if state is not None and self.config.cell != "gru":  # whose two products are not just added
                products, kernel = _learned_at_once(products, recurrent, read)
            for t, product in enumerate(tf.unstack(products, axis=1), start=len(outputs)):
                if state is not None and keep is not None:
                    state = tuple(part * keep[:, t, None] for part in state)
                before = None
                if state is not None:
                    read.append(tf.cast(state[0], self.dtype))
                    before = tf.matmul(read[-1], kernel)
                if self.config.cell == "gru":
                    added = recurrent_biases[t]
                    before = added if before is None else tf.cast(before, tf.float32) + added
                state = step(tf.cast(product, tf.float32) + input_biases[t], before, state)
                outputs.append(tf.cast(state[0], self.dtype))
        return outputs, state or ()

    def export(self) -> dict[str, Floats]:
        """The weights as numpy arrays, by the names and shapes of NetworkConfig.shapes."""
        return {name: variable.numpy() for name, variable in self.variables.items()}

    def load(self, weights: Mapping[str, Floats]) -> None:
        """Take over weights. Raises ModelError for wrong names or shapes."""
        check_shapes(self.config, {name: weight.shape for name, weight in weights.items()})
        for name, variable in self.variables.items():
            variable.assign(weights[name])


def _learned_at_once(products: Tensor, recurrent: Tensor, read: list[Tensor]) -> tuple[Tensor, Tensor]:
    """(B, T, GH) input products and (H, GH) recurrent kernel, the same in number, of which the kernel's gradient is one
    product over all steps, where backward through the steps it would be a sum of T small ones. What the steps read of
    the state, (B, H) each, is put into `read`: its product is added to products[:, t], so has the same gradient."""

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def through(products: Tensor, recurrent: Tensor) -> tuple[Tensor, Any]:
        def gradient(upstream: Tensor) -> tuple[Tensor, Tensor]:
            states = tf.reshape(tf.stack(read, axis=1), (-1, recurrent.shape[0]))
            steps = tf.cast(tf.reshape(upstream, (-1, recurrent.shape[1])), recurrent.dtype)
            return upstream, tf.matmul(states, steps, transpose_a=True)

        return tf.identity(products), gradient

    return through(products, recurrent), tf.stop_gradient(recurrent)


def _once_a_step(bias: Tensor, steps: int) -> list[Tensor]:
    """The bias for each step, so that its gradients are summed by one operation, in one order. As uses of one tensor
    they would be summed by AddN, whose order, and so the last bit, depends on which of the terms is free to hold the
    sum: for a batch of one that is a matter of chance."""
    copies: list[Tensor] = tf.unstack(tf.tile(bias[None], (steps, 1)))
    return copies


def _lstm(x: Tensor, before: Tensor | None, state: tuple[Tensor, ...] | None) -> tuple[Tensor, ...]:
    """(B, 4H) input and recurrent products -> (h, c); gates in Keras' order i, f, g, o."""
    if before is not None:
        x += tf.cast(before, tf.float32)
    i, f, g, o = tf.split(x, 4, axis=1)
    c = tf.sigmoid(i) * tf.tanh(g)
    if state is not None:
        c += tf.sigmoid(f) * state[1]
    return tf.sigmoid(o) * tf.tanh(c), c


def _gru(x: Tensor, before: Tensor, state: tuple[Tensor, ...] | None) -> tuple[Tensor, ...]:
    """(B, 3H) input product, recurrent product with its bias -> (h,); gates in Keras' order z, r, n."""
    z, r, n = tf.split(x, 3, axis=1)
    zh, rh, nh = tf.split(before, 3, axis=-1)
    z = tf.sigmoid(z + zh)
    new = (1 - z) * tf.tanh(n + tf.sigmoid(r + rh) * nh)
    return (new if state is None else new + z * state[0],)


def _simple(x: Tensor, before: Tensor | None, state: tuple[Tensor, ...] | None) -> tuple[Tensor, ...]:
    """(B, H) input and recurrent products -> (h,)"""
    return (tf.tanh(x if before is None else x + tf.cast(before, tf.float32)),)
