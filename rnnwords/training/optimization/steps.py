"""The graphs of training: many steps a call, and the evaluation of held-out text.

Shapes as in `network.arrays`; K steps a call.
"""

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from rnnwords.config import NetworkConfig, TrainingConfig
from rnnwords.network.keras_network import KerasNetwork
from rnnwords.network.keras_regularization import Noise
from rnnwords.network.recurrent import Floats, Ids
from rnnwords.training.optimization.optimizers import make_optimizer

EVALUATION_BATCH = 512  # windows evaluated at a time
STREAM_WORDS = 64  # words a step when running text is evaluated
AVERAGED = 0.02  # share of what a running average looks back on that may pass until it moves: seldom costs less


class Steps:
    """A network with its optimizer and carried state, and the graphs that move them."""

    def __init__(self, config: NetworkConfig, training: TrainingConfig, precision: str) -> None:
        tf.config.experimental.enable_op_determinism()
        self.config, self.training = config, training
        self.network = KerasNetwork(config, training.seed, precision, training.output_start)
        self.optimizer = make_optimizer(training, self.network.trainable)
        self.averages = [tf.Variable(variable.value) for variable in self.network.trainable] if training.ema else []
        self.average_every = max(1, round(AVERAGED / (1 - (training.ema or 0.0))))  # steps
        self.state = self.network.clean_state(training.batch_size or 1) if config.stateful else []
        self.dtype = np.float32 if config.numbers else np.int32  # of what is read
        batch = tf.TensorSpec((None, training.batch_size, config.window + 1), self.dtype)
        self._run = tf.function(
            self._steps,
            input_signature=[
                batch,
                tf.TensorSpec((None, 2), tf.float32),
                tf.TensorSpec((), tf.int32),
                self._state_spec(),
            ],
            autograph=False,
        )
        self._evaluate = tf.function(self._predicted, autograph=False)

    def _state_spec(self) -> Any:
        return tf.nest.map_structure(lambda part: tf.TensorSpec(part.shape, part.dtype), self.state)

    def run(self, ids: Ids, rates: Floats, step: int) -> tuple[Floats, Floats, Floats]:
        """Train on (K, B, T + 1) ids with (K, 2) learning rates and dropout; `step` counts the steps before.

        Returns the mean loss (nats a word, without label smoothing) and accuracy of each step, (K,) each, and the
        gradient norm of each weight in the last step, before clipping.
        """
        losses, hits, norms, self.state = self._run(tf.constant(ids), tf.constant(rates), tf.constant(step), self.state)
        return losses.numpy(), hits.numpy(), norms.numpy()

    def forget(self) -> None:
        """Start from a clean state: the streams begin anew."""
        self.state = tf.nest.map_structure(tf.zeros_like, self.state)

    def graph(self) -> bytes:
        """The training graph as a serialized GraphDef."""
        serialized: bytes = self._run.get_concrete_function().graph.as_graph_def().SerializeToString()
        return serialized

    def _steps(self, ids: Any, rates: Any, step: Any, state: Any) -> Any:
        count = tf.shape(ids)[0]
        drops = bool(self.training.dropout or self.training.dropout_start)

        def body(k: Any, losses: Any, hits: Any, norms: Any, state: Any) -> Any:
            noise = Noise(
                tf.stack([self.training.seed & 0x7FFFFFFF, step + k]),
                rates[k, 1] if drops else None,
                self.training.variational,
                self.training.weight_dropout or 0.0,
                0.0 if self.config.stateful else self.training.short_windows or 0.0,
            )
            loss, hit, after, gradients = self._backward(ids[k], state, noise)
            self.optimizer.learning_rate.assign(rates[k, 0])
            norms = self._apply(gradients)
            self._follow(step + k)
            return k + 1, losses.write(k, loss), hits.write(k, hit), norms, after

        start = (
            tf.constant(0),
            tf.TensorArray(tf.float32, count),
            tf.TensorArray(tf.float32, count),
            tf.zeros(len(self.network.trainable)),
            state,
        )
        _, losses, hits, norms, state = tf.while_loop(lambda k, *_: k < count, body, start, parallel_iterations=1)
        return losses.stack(), hits.stack(), norms, state

    def _backward(self, ids: Any, state: Any, noise: Noise, share: float = 1.0) -> Any:
        """(B, T + 1) ids -> mean loss, mean accuracy, state after, gradients. Of rows that are not a whole batch, loss
        and accuracy are their `share` of its mean."""
        with tf.GradientTape() as tape:
            losses, hits, objectives, after = self._predicted(ids, state, noise, self.training.label_smoothing)
            loss, hit, objective = (tf.reduce_mean(one) for one in (losses, hits, objectives))
            if share != 1:
                loss, hit, objective = loss * share, hit * share, objective * share
        return loss, hit, after, tape.gradient(objective, [variable.value for variable in self.network.trainable])

    def _apply(self, gradients: Any) -> Any:
        """Move the weights. Returns the norm of each gradient."""
        self.optimizer.apply(gradients, self.network.trainable)
        return self.optimizer.norms

    def gradients(self, ids: Ids) -> dict[str, Floats]:
        """(B, T + 1) ids -> the gradient of each weight, by name, without noise and from a clean state."""
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(self._predicted(tf.constant(ids), self.network.clean_state(len(ids)))[0])
        found = tape.gradient(loss, [variable.value for variable in self.network.trainable])
        names = self.network.variables
        return {name: tf.convert_to_tensor(one).numpy() for name, one in zip(names, found, strict=True)}

    def _follow(self, step: Any) -> None:
        """Move the running averages of the weights (Polyak & Juditsky 1992), sooner in the first steps.

        Those that look back far move every so many steps only, as much further.
        """
        if not self.averages:
            return
        every = self.average_every
        moves = tf.cast((step + 1) // every, tf.float32)  # with this one
        decay = tf.minimum((self.training.ema or 0.0) ** every, moves / (moves + 9))

        def move() -> Any:
            for average, variable in zip(self.averages, self.network.trainable, strict=True):
                average.assign_add((1 - decay) * (variable.value - average))
            return tf.constant(True)

        tf.cond((step + 1) % every == 0, move, lambda: tf.constant(False))

    @contextlib.contextmanager
    def averaged(self) -> Iterator[None]:
        """Inside, the network has the averaged weights, if averages are kept."""
        own = [variable.value.numpy() for variable in self.network.trainable] if self.averages else []
        for average, variable in zip(self.averages, self.network.trainable, strict=False):
            variable.assign(average)
        try:
            yield
        finally:
            for value, variable in zip(own, self.network.trainable, strict=False):
                variable.assign(value)

    def _predicted(self, ids: Any, state: Any, noise: Noise | None = None, smoothing: float = 0.0) -> Any:
        """(B, T + 1) ids -> losses, hits and objectives of each predicted word, and the state after."""
        targets = ids[:, 1:] if self.config.stateful else ids[:, -1]
        losses, hits, objectives, after = self.network.losses(ids[:, :-1], targets, state or None, noise, smoothing)
        return losses, hits, objectives, after if self.config.stateful else state

    def evaluate(self, ids: Ids) -> tuple[float, int, int]:
        """(N,) ids of a text -> mean loss (nats a word), words predicted right, words predicted."""
        with self.averaged():
            return self._evaluate_stream(ids) if self.config.stateful else self._evaluate_windows(ids)

    def export(self) -> dict[str, Floats]:
        """The weights that the evaluation looked at, as numpy arrays of their own."""
        with self.averaged():
            return {name: weight.copy() for name, weight in self.network.export().items()}

    def _evaluate_windows(self, ids: Ids) -> tuple[float, int, int]:
        windows = np.lib.stride_tricks.sliding_window_view(ids, self.config.window + 1)
        size = min(EVALUATION_BATCH, len(windows))
        total, right = 0.0, 0
        for start in range(0, len(windows), size):
            rows = windows[start : start + size].astype(self.dtype)
            filled = np.resize(rows, (size, self.config.window + 1))  # the last batch repeats rows to fill up
            losses, hits, *_ = self._evaluate(tf.constant(filled), [])
            total += float(losses.numpy()[: len(rows)].sum(dtype=np.float64))
            right += int(hits.numpy()[: len(rows)].sum())
        return total / len(windows), right, len(windows)

    def _evaluate_stream(self, ids: Ids) -> tuple[float, int, int]:
        """The text as up to 32 streams side by side: all but the first miss what stood before their beginning."""
        streams = max(1, min(32, (len(ids) - 1) // (4 * STREAM_WORDS)))
        length = (len(ids) - 1) // streams
        state = self.network.clean_state(streams)
        total, right, count = 0.0, 0, 0
        rows = np.stack([ids[b * length : (b + 1) * length + 1] for b in range(streams)]).astype(np.int32)
        for start in range(0, length, STREAM_WORDS):
            part = rows[:, start : start + STREAM_WORDS + 1]
            losses, hits, _, state = self._evaluate(tf.constant(part), state)
            total += float(losses.numpy().sum(dtype=np.float64))
            right += int(hits.numpy().sum())
            count += losses.shape[0] * losses.shape[1]
        return total / count, right, count

    def tensors(self) -> dict[str, Any]:
        """All numbers that the next step depends on, by name."""
        found = {f"weights/{name}": variable.numpy() for name, variable in self.network.variables.items()}
        for index, variable in enumerate(self.optimizer.variables):
            found[f"optimizer/{index:03}"] = variable.numpy()
        for index, average in enumerate(self.averages):
            found[f"average/{index:03}"] = average.numpy()
        for index, part in enumerate(tf.nest.flatten(self.state)):
            found[f"state/{index:03}"] = part.numpy()
        return found

    def restore(self, tensors: Any) -> None:
        """Take over what `tensors` gave. Raises ModelError (weights) or ValueError (optimizer) for other shapes."""
        prefix = "weights/"
        self.network.load({name[len(prefix) :]: value for name, value in tensors.items() if name.startswith(prefix)})
        for index, variable in enumerate(self.optimizer.variables):
            variable.assign(tensors[f"optimizer/{index:03}"].astype(variable.dtype))
        for index, average in enumerate(self.averages):
            average.assign(tensors[f"average/{index:03}"])
        parts = [tf.constant(tensors[f"state/{index:03}"]) for index in range(len(tf.nest.flatten(self.state)))]
        self.state = tf.nest.pack_sequence_as(self.state, parts)
