"""TensorFlow graphs of training: many steps per call, and the evaluation of a text.

Shapes as in `network.cells`; K steps per call.
"""

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from rnnwords.network.config import NetworkConfig
from rnnwords.network.keras_network import KerasNetwork
from rnnwords.network.keras_regularization import Regularization
from rnnwords.network.recurrent import Floats, Ids
from rnnwords.training.batches import STREAM_WORDS, evaluated_streams
from rnnwords.training.distillation import SHARE, Teacher
from rnnwords.training.optimization.optimizers import make_optimizer
from rnnwords.training.runs.checkpoint_tensors import check_tensors, tensor_types
from rnnwords.training.settings.config import TrainingConfig

EVALUATION_BATCH = 512  # windows evaluated at a time
RATES = 3  # of a step: see `Steps.run`
AVERAGING_INTERVAL = 0.02  # between updates of the averages, as a share of their time constant: updates take time


class Steps:
    """A network with its optimizer and state, and the graphs that update them."""

    def __init__(
        self, config: NetworkConfig, training: TrainingConfig, precision: str, teacher: Teacher | None = None
    ) -> None:
        tf.config.experimental.enable_op_determinism()
        self.config, self.training = config, training
        self.network = KerasNetwork(config, training.seed, precision, training.output_init)
        self.optimizer = make_optimizer(training, self.network.trainable)
        self.averages = [tf.Variable(variable.value) for variable in self.network.trainable] if training.ema else []
        self.average_every = max(1, round(AVERAGING_INTERVAL / (1 - (training.ema or 0.0))))  # steps
        self.state = self.network.zero_state(training.batch_size or 1) if config.stateful else []
        self.dtype = np.float32 if config.numeric else np.int32  # of the inputs
        batch = tf.TensorSpec((None, training.batch_size, config.window + 1), self.dtype)
        state = tf.nest.map_structure(lambda part: tf.TensorSpec(part.shape, part.dtype), self.state)
        signature = [batch, tf.TensorSpec((None, RATES), tf.float32), tf.TensorSpec((), tf.int32), state]
        if teacher:
            self.teacher_kernel = tf.Variable(tf.cast(teacher.kernel, self.network.dtype), trainable=False)
            self.teacher_bias = tf.constant(teacher.bias)
            signature.append(tf.TensorSpec((None, None, teacher.kernel.shape[0]), tf.float16))
        self._run = tf.function(self._steps, input_signature=signature, autograph=False)
        self._evaluate = tf.function(self._predicted, autograph=False)

    def run(
        self, ids: Ids, rates: Floats, step: int, outputs: NDArray[np.float16] | None = None
    ) -> tuple[Floats, Floats, Floats]:
        """Train on (K, B, T + 1) ids after `step` earlier steps.

        `rates` (K, RATES) are learning rates, dropout rates and shares of shortened windows. The latter two have no
        effect where the settings have no dropout or no shortened windows. `outputs` are those of the teacher, if there
        is one: see `Teacher.batches`.
        Returns the mean loss (nats per word, without label smoothing) and accuracy of each step, (K,) each, and the
        gradient norm of each weight in the last step, before clipping.
        """
        inputs = [tf.constant(ids), tf.constant(rates), tf.constant(step), self.state]
        if outputs is not None:
            inputs.append(tf.constant(outputs.reshape(len(ids), -1, outputs.shape[-1])))
        losses, hits, norms, self.state = self._run(*inputs)
        return losses.numpy(), hits.numpy(), norms.numpy()

    def reset_state(self) -> None:
        """Set the recurrent state of all streams to zero."""
        self.state = tf.nest.map_structure(tf.zeros_like, self.state)

    def _steps(self, ids: Any, rates: Any, step: Any, state: Any, outputs: Any = None) -> Any:
        count = tf.shape(ids)[0]
        drops = bool(self.training.dropout or self.training.dropout_start)

        def body(k: Any, losses: Any, hits: Any, norms: Any, state: Any) -> Any:
            seed = tf.stack([self.training.seed & 0x7FFFFFFF, step + k])
            short_windows = rates[k, 2] if self.training.short_windows and not self.config.stateful else None
            weight_dropout = self.training.weight_dropout or 0.0
            dropout = rates[k, 1] if drops else None
            regularization = Regularization(
                seed, dropout, self.training.variational, weight_dropout, short_windows,
                self.training.activation_penalty or 0.0, self.training.change_penalty or 0.0,
            )  # fmt: skip
            soft = None if outputs is None else self._teacher_probs(outputs[k])
            loss, hit, after, gradients = self._backward(ids[k], state, regularization, soft=soft)
            self.optimizer.learning_rate.assign(rates[k, 0])
            norms = self._apply(gradients)
            self._update_averages(step + k)
            return k + 1, losses.write(k, loss), hits.write(k, hit), norms, after

        losses, hits = tf.TensorArray(tf.float32, count), tf.TensorArray(tf.float32, count)
        start = (tf.constant(0), losses, hits, tf.zeros(len(self.network.trainable)), state)
        _, losses, hits, norms, state = tf.while_loop(lambda k, *_: k < count, body, start, parallel_iterations=1)
        return losses.stack(), hits.stack(), norms, state

    def _teacher_probs(self, outputs: Any) -> Any:
        """Return the (N, V) probabilities of the teacher after its (N, H) outputs."""
        logits = tf.matmul(tf.cast(outputs, self.teacher_kernel.dtype), self.teacher_kernel)
        return tf.nn.softmax(tf.cast(logits, tf.float32) + self.teacher_bias)

    def _backward(
        self, ids: Any, state: Any, regularization: Regularization, share: float = 1.0, soft: Any = None
    ) -> Any:
        """Return mean loss, mean accuracy, next state and gradients of (B, T + 1) ids.

        For rows that are a part of a batch, loss and accuracy are multiplied by their `share` of the batch.
        """
        with tf.GradientTape() as tape:
            losses, hits, objectives, after = self._predicted(ids, state, regularization, soft)
            loss, hit, objective = (tf.reduce_mean(one) for one in (losses, hits, objectives))
            if share != 1:
                loss, hit, objective = loss * share, hit * share, objective * share
        return loss, hit, after, self._gradients(tape, objective)

    def _gradients(self, tape: Any, loss: Any) -> Any:
        """Return the gradient of each weight: zero for recurrent kernels with windows of one word, which use none."""
        weights = [variable.value for variable in self.network.trainable]
        return tape.gradient(loss, weights, unconnected_gradients="zero")

    def _apply(self, gradients: Any) -> Any:
        """Update the weights. Returns the norm of each gradient."""
        self.optimizer.apply(gradients, self.network.trainable)
        return self.optimizer.norms

    def gradients(self, ids: Ids) -> dict[str, Floats]:
        """Return the gradient of each weight, by name, for (B, T + 1) ids without regularization, from a zero state."""
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(self._predicted(tf.constant(ids), self.network.zero_state(len(ids)))[0])
        gradients = self._gradients(tape, loss)
        names = self.network.variables
        return {name: tf.convert_to_tensor(one).numpy() for name, one in zip(names, gradients, strict=True)}

    def _update_averages(self, step: Any) -> None:
        """Update the exponential moving averages of the weights (Polyak & Juditsky 1992), faster in the first steps.

        Slow averages are updated every `average_every` steps, with the decay of as many steps.
        """
        if not self.averages:
            return
        every = self.average_every
        updates = tf.cast((step + 1) // every, tf.float32)  # including this one
        decay = tf.minimum((self.training.ema or 0.0) ** every, updates / (updates + 9))

        def update() -> Any:
            for average, variable in zip(self.averages, self.network.trainable, strict=True):
                average.assign_add((1 - decay) * (variable.value - average))
            return tf.constant(True)

        tf.cond((step + 1) % every == 0, update, lambda: tf.constant(False))

    @contextlib.contextmanager
    def averaged(self) -> Iterator[None]:
        """Give the network the averaged weights while the context is open, if there are averages."""
        own = [variable.value.numpy() for variable in self.network.trainable] if self.averages else []
        for average, variable in zip(self.averages, self.network.trainable, strict=False):
            variable.assign(average)
        try:
            yield
        finally:
            for value, variable in zip(own, self.network.trainable, strict=False):
                variable.assign(value)

    def _predicted(self, ids: Any, state: Any, regularization: Regularization | None = None, soft: Any = None) -> Any:
        """Return losses, hits and objectives of each predicted word of (B, T + 1) ids, and the next state."""
        targets = ids[:, 1:] if self.config.stateful else ids[:, -1]
        smoothing, share = self.training.label_smoothing if regularization else 0.0, self.training.teacher_share
        *figures, after = self.network.losses(
            ids[:, :-1], targets, state or None, regularization, smoothing, soft, SHARE if share is None else share
        )
        return *figures, after if self.config.stateful else state

    def evaluate(self, ids: Ids) -> tuple[float, float, int, int]:
        """Return mean loss (nats per word), mean probability of the right word (meaningless for a series of numbers),
        correctly predicted words, and predicted words of a text (N,).
        """
        total, probability, correct, count, state = 0.0, 0.0, 0, 0, None
        with self.averaged():
            for batch, rows in self._stream(ids) if self.config.stateful else self._windows(ids):
                if state is None:
                    state = self.network.zero_state(rows) if self.config.stateful else []
                losses, hits, _, state = self._evaluate(tf.constant(batch.astype(self.dtype)), state)
                own = losses.numpy()[:rows]
                total += float(own.sum(dtype=np.float64))
                probability += float(np.exp(-own).sum(dtype=np.float64))
                correct += int(hits.numpy()[:rows].sum())
                count += own.size
        return total / count, probability / count, correct, count

    def export(self) -> dict[str, Floats]:
        """Return copies of the weights that an evaluation uses, as numpy arrays."""
        with self.averaged():
            return {name: weight.copy() for name, weight in self.network.export().items()}

    def _windows(self, ids: Ids) -> Iterator[tuple[Ids, int]]:
        """Yield batches of all windows of a text; the last one repeats rows. Second: the rows that count."""
        windows = np.lib.stride_tricks.sliding_window_view(ids, self.config.window + 1)
        size = min(EVALUATION_BATCH, len(windows))
        for start in range(0, len(windows), size):
            rows = windows[start : start + size]
            yield np.resize(rows, (size, self.config.window + 1)), len(rows)

    def _stream(self, ids: Ids) -> Iterator[tuple[Ids, int]]:
        """Yield the parts of up to MAX_STREAMS parallel streams of a text, and the number of streams."""
        rows = evaluated_streams(ids)
        for start in range(0, rows.shape[1] - 1, STREAM_WORDS):
            yield rows[:, start : start + STREAM_WORDS + 1], len(rows)

    def tensors(self) -> dict[str, Any]:
        """Return all numbers that the next step depends on, by name."""
        variables = [*self.network.trainable, *self.optimizer.variables, *self.averages, *tf.nest.flatten(self.state)]
        names = tensor_types(self.config, self.training)
        return {name: variable.numpy() for name, variable in zip(names, variables, strict=True)}

    def restore(self, tensors: Any) -> None:
        """Restore what `tensors` returned. Raises ModelError for other names, types, shapes, or infinite numbers."""
        check_tensors(self.config, self.training, tensors)
        values = [tensors[name] for name in tensor_types(self.config, self.training)]
        variables = [*self.network.trainable, *self.optimizer.variables, *self.averages]
        for variable, value in zip(variables, values, strict=False):
            variable.assign(value)
        self.state = tf.nest.pack_sequence_as(self.state, [tf.constant(part) for part in values[len(variables) :]])
