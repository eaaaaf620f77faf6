"""The network in Keras, for training, built from the same NetworkConfig as the numpy network.

The weights are those of Keras' own layers, so their names, shapes and initial values are Keras' too. The time steps are
written here, because that is faster on a CPU than Keras' layers: one product for many inputs of a layer, layers that
run in parallel, no recurrent product in the first step from a zero state, and half-precision products with float32
gates. Shapes as in `network.cells`; t time steps of a segment.
"""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from rnnwords.errors import ModelError
from rnnwords.network.config import NetworkConfig
from rnnwords.network.keras_cells import LayerState, gru_step, lstm_step, per_step, simple_step, with_joint_gradient
from rnnwords.network.keras_output import OutputLayer, rows_of
from rnnwords.network.keras_regularization import Dropout, Regularization, Tensor, activation_penalties, state_mask
from rnnwords.network.recurrent import Floats, check_shapes

SEGMENT = 9  # time steps per segment: the next layer starts on a segment while this one computes the next
State = list[LayerState]  # per layer


class KerasNetwork:
    """The weights as Keras variables, and the pass from ids to logits; of a numeric network, from values to values."""

    def __init__(
        self, config: NetworkConfig, seed: int = 0, precision: str = "float32", output_init: str = "glorot"
    ) -> None:
        """Create initial weights from `seed`. `precision` is that of the products; weights are float32."""
        self.config = config
        self.dtype = tf.as_dtype(precision)
        layers: dict[str, Any] = {}
        self.recurrent: list[Any] = []  # Keras' layers, which are used only for cuDNN
        self.gpu = bool(tf.config.list_physical_devices("GPU"))
        self.cudnn = config.stateful and config.cell != "simple" and self.gpu
        seeds = iter(range(seed, seed + 100))
        if config.input == "embedding":
            # Tied: the usual scale of an output layer. Else a larger one, with which rare words are learned sooner.
            stddev = config.embedding**-0.5 if config.tie else 0.5
            initializer = keras.initializers.RandomNormal(stddev=stddev, seed=next(seeds))
            layers["embedding"] = keras.layers.Embedding(config.vocabulary_size, config.embedding, initializer)
            layers["embedding"].build((None, config.window))
        layer_type = {"lstm": keras.layers.LSTM, "gru": keras.layers.GRU, "simple": keras.layers.SimpleRNN}[config.cell]
        for layer in range(config.layers):
            glorot = keras.initializers.GlorotUniform(seed=next(seeds))
            orthogonal = keras.initializers.Orthogonal(seed=next(seeds))
            recurrent = layer_type(
                config.units, return_sequences=True, return_state=True, kernel_initializer=glorot,
                recurrent_initializer=orthogonal,
            )  # fmt: skip
            recurrent.build((None, config.window, config.input_width if layer == 0 else config.units))
            layers[f"{config.cell}_{layer + 1}"] = recurrent.cell
            self.recurrent.append(recurrent)
        tied = layers["embedding"].embeddings if config.tie else None
        self.output = OutputLayer(config, seed + 100, self.dtype, tied, output_init)
        self.variables: dict[str, Any] = {}  # in the order of NetworkConfig.shapes
        for name in config.shapes():
            layer_name, part = name.split("/")
            own = self.output.variables.get(name)
            self.variables[name] = getattr(layers[layer_name], part) if own is None else own
        check_shapes(config, {name: tuple(variable.shape) for name, variable in self.variables.items()})

    @property
    def trainable(self) -> list[Any]:
        """The Keras variables, in the order of NetworkConfig.shapes."""
        return list(self.variables.values())

    def zero_state(self, batch: int) -> State:
        """Return zeros, the state before the first token."""
        parts = 2 if self.config.cell == "lstm" else 1
        return [tuple(tf.zeros((batch, self.config.units)) for _ in range(parts)) for _ in range(self.config.layers)]

    def logits(
        self, ids: Tensor, state: State | None = None, regularization: Regularization | None = None
    ) -> tuple[Tensor, State]:
        """Return float32 logits of (B, T) ids, and the next state: (B, V) for windows, (B, T, V) if stateful.

        Of an adaptive softmax they are log-probabilities.
        """
        x, after = self.hidden(ids, state, regularization)
        logits = self.output.logits(tf.reshape(x, (-1, x.shape[-1])))
        return tf.reshape(logits, (*x.shape[:-1], logits.shape[-1])), after

    def losses(
        self,
        ids: Tensor,
        targets: Tensor,
        state: State | None = None,
        regularization: Regularization | None = None,
        smoothing: float = 0.0,
        soft: Tensor | None = None,
        share: float = 0.0,
    ) -> tuple[Tensor, Tensor, Tensor, State]:
        """Return losses, hits and objectives (see OutputLayer.losses) in the shape of the targets, and the next state.

        `ids` (B, T); `targets` (B,) for windows or (B, T); `soft` targets (N, V), N all of them in this order.
        """
        x, outputs, after = self._hidden(ids, state, regularization)
        results = self.output.losses(
            tf.reshape(x, (-1, x.shape[-1])), tf.reshape(targets, (-1,)), smoothing, soft, share
        )
        losses, hits, objectives = (tf.reshape(one, targets.shape) for one in results)
        return losses, hits, objectives + activation_penalties(x, outputs, regularization), after

    def hidden(
        self, ids: Tensor, state: State | None = None, regularization: Regularization | None = None
    ) -> tuple[Tensor, State]:
        """Return the input of the output layer, (B, H) for windows or (B, T, H), and the next state, of (B, T) ids."""
        x, _, after = self._hidden(ids, state, regularization)
        return x, after

    def _hidden(
        self, ids: Tensor, state: State | None, regularization: Regularization | None
    ) -> tuple[Tensor, Tensor, State]:
        """Return what `hidden` does, and between the two the (B, T, H) outputs of the last layer before dropout.

        On a GPU, stateful networks use Keras' layers, which call cuDNN. The steps written here are for CPUs, and for
        windows, which are too short to gain from cuDNN. On a CPU the layers run in parallel, segment by segment.
        """
        drop = Dropout(regularization)
        mask = state_mask(ids.shape, regularization)
        segments = [drop(self._embedded(ids)) if self.config.input == "embedding" else None]  # (B, t, E or H) each
        after: State = []
        for layer in range(self.config.layers):
            carried = None if state is None else state[layer]
            if self.cudnn and segments[0] is not None and not drop.weights:
                [x] = segments
                y, *carried = self.recurrent[layer](tf.cast(x, tf.float32), initial_state=carried and list(carried))
                after.append(tuple(carried))
                whole = tf.cast(y, self.dtype)
                segments = [drop(whole)]
                continue
            name = f"{self.config.cell}_{layer + 1}/kernel"
            if segments[0] is None:
                products = [self._unembedded_products(ids, name)]  # (B, T, GH)
            else:
                kernel = self._cast(name)
                products = [self._product(segment, kernel) for segment in segments]
            recurrent = drop.kernel(layer, self._cast(f"{self.config.cell}_{layer + 1}/recurrent_kernel"))
            outputs, carried = self._layer(layer, products, recurrent, carried, mask)
            after.append(carried)
            if layer < self.config.layers - 1:
                segments = drop.segments(outputs, len(outputs) if self.gpu else SEGMENT)
            else:
                whole = tf.stack(outputs, axis=1)
                segments = [drop(whole if self.config.stateful else outputs[-1])]
        return segments[0], whole, after

    def _cast(self, name: str) -> Tensor:
        return tf.cast(self.variables[name].value, self.dtype)

    @staticmethod
    def _product(x: Tensor, kernel: Tensor) -> Tensor:
        """Return (..., N) of (..., E) and (E, N), as one matrix product."""
        return tf.reshape(tf.matmul(tf.reshape(x, (-1, x.shape[-1])), kernel), (*x.shape[:-1], kernel.shape[-1]))

    def _embedded(self, ids: Tensor) -> Tensor:
        """Return the embeddings (B, T, E) of (B, T) ids."""
        table = self.variables["embedding/embeddings"].value
        return tf.cast(rows_of(table, ids) if self.config.tie else tf.gather(table, ids), self.dtype)

    def _unembedded_products(self, ids: Tensor, name: str) -> Tensor:
        """Return the input products (B, T, GH) of the first layer for one-hot ids, ids as numbers, or values.

        Products of numbers are float32 in every precision and avoid the matrix units of a GPU: bfloat16 cannot tell
        apart neighbouring ids above 256, TF32 above 2048.
        """
        if self.config.input == "one-hot":
            return tf.gather(self._cast(name), ids)
        return tf.cast(ids, tf.float32)[..., None] * self.variables[name].value

    def _layer(
        self, layer: int, segments: list[Tensor], recurrent: Tensor, state: LayerState | None, mask: Tensor | None
    ) -> tuple[list[Tensor], LayerState]:
        """Return the T outputs (B, H) of a layer, and its last state.

        `segments` are its input products (B, t, GH), `recurrent` (H, GH) its recurrent kernel, `mask` see `state_mask`.
        """
        length = sum(segment.shape[1] for segment in segments)
        bias = self.variables[f"{self.config.cell}_{layer + 1}/bias"].value
        input_bias, recurrent_bias = (bias[0], bias[1]) if self.config.cell == "gru" else (bias, bias)
        input_biases, recurrent_biases = per_step(input_bias, length), per_step(recurrent_bias, length)
        step = {"lstm": lstm_step, "gru": gru_step, "simple": simple_step}[self.config.cell]
        outputs: list[Tensor] = []
        for products in segments:
            kernel = recurrent
            states: list[Tensor] = []
            if state is not None and self.config.cell != "gru":  # a GRU does not simply add its two products
                products, kernel = with_joint_gradient(products, recurrent, states)
            for t, product in enumerate(tf.unstack(products, axis=1), start=len(outputs)):
                if state is not None and mask is not None:
                    state = tuple(part * mask[:, t, None] for part in state)
                recurrent_product = None
                if state is not None:
                    states.append(tf.cast(state[0], self.dtype))
                    recurrent_product = tf.matmul(states[-1], kernel)
                if self.config.cell == "gru":
                    bias = recurrent_biases[t]
                    recurrent_product = (
                        bias if recurrent_product is None else tf.cast(recurrent_product, tf.float32) + bias
                    )
                state = step(tf.cast(product, tf.float32) + input_biases[t], recurrent_product, state)
                outputs.append(tf.cast(state[0], self.dtype))
        return outputs, state or ()

    def export(self) -> dict[str, Floats]:
        """Return the weights as numpy arrays, by the names and shapes of NetworkConfig.shapes."""
        return {name: variable.numpy() for name, variable in self.variables.items()}

    def load(self, weights: Mapping[str, Floats]) -> None:
        """Assign weights. Raises ModelError for wrong names, shapes or types."""
        check_shapes(self.config, {name: weight.shape for name, weight in weights.items()})
        for name, weight in weights.items():
            if weight.dtype != np.float32:
                raise ModelError(f"tensor {name}: expected float32, found {weight.dtype}")
        for name, variable in self.variables.items():
            variable.assign(weights[name])
