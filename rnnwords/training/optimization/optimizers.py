"""Optimizers of Keras with clipping after the sum over all machines, and fused updates of Adam and RMSProp.

Adam of Keras makes a dozen passes over every weight per step, which on a CPU takes as long as the network itself. Here
each weight takes one fused operation, and of an embedding only the rows of the batch are updated, with the moments of
their last update (LazyAdam of TensorFlow Addons). In Adam proper the old momentum would also move the other rows.
"""

from typing import Any

import keras
import tensorflow as tf

from rnnwords.training.settings.config import TrainingConfig


class _Clipping:
    """Clipping by global norm (Pascanu et al. 2013) of the gradients summed over all replicas.

    `norms` holds the norm of each gradient before clipping, in the order of the variables.
    """

    clip: float | None = None
    norms: Any = None

    def _all_reduce_sum_gradients(self, grads_and_vars: Any) -> Any:
        """Overrides the method of Keras, where gradients are summed and not yet applied."""
        pairs = super()._all_reduce_sum_gradients(grads_and_vars)  # type: ignore[misc]
        gradients = [_summed(gradient) for gradient, _ in pairs]
        self.norms = tf.stack([_norm(gradient) for gradient in gradients])
        if self.clip:
            gradients = self._clipped(gradients, tf.norm(self.norms))
        return [(gradient, variable) for gradient, (_, variable) in zip(gradients, pairs, strict=True)]

    def _clipped(self, gradients: list[Any], norm: Any) -> list[Any]:
        """Return the gradients, clipped, of their global norm."""
        clipped: list[Any] = tf.clip_by_global_norm(gradients, self.clip, norm)[0]
        return clipped


def _norm(gradient: Any) -> Any:
    """Return the norm of a gradient, in one pass over it (tf.norm takes three)."""
    return tf.sqrt(2 * tf.nn.l2_loss(tf.convert_to_tensor(getattr(gradient, "values", gradient))))


def _summed(gradient: Any) -> Any:
    """Return a sparse gradient with the sum of each row's gradients; dense ones unchanged."""
    if not isinstance(gradient, tf.IndexedSlices):
        return gradient
    rows, places = tf.unique(gradient.indices)
    values = tf.math.unsorted_segment_sum(gradient.values, places, tf.shape(rows)[0])
    return tf.IndexedSlices(values, rows, gradient.dense_shape)


class _Adam(_Clipping, keras.optimizers.Adam):  # type: ignore[misc]
    """Adam (Kingma & Ba 2015) with decoupled weight decay (Loshchilov & Hutter 2019) of `decay` on all matrices."""

    decay = 0.0

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Update one variable in place. Overrides the method of Keras."""
        index = self._get_variable_index(variable)
        m, v = self._momentums[index].value, self._velocities[index].value
        rate = tf.cast(learning_rate, tf.float32)
        step = tf.cast(self.iterations.value + 1, tf.float32)
        if isinstance(gradient, tf.IndexedSlices):
            self._update_rows(gradient, variable, m, v, rate, step)
            return
        if self.decay and len(variable.shape) > 1:
            variable.assign_sub(variable * (rate * self.decay))
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle, m=m.handle, v=v.handle, beta1_power=tf.pow(self.beta_1, step),
            beta2_power=tf.pow(self.beta_2, step), lr=rate, beta1=self.beta_1, beta2=self.beta_2,
            epsilon=self.epsilon, grad=gradient,
        )  # fmt: skip

    def _update_rows(self, gradient: Any, variable: Any, m: Any, v: Any, rate: Any, step: Any) -> None:
        """Update the rows of a sparse gradient, each of which it has once."""
        rows, g = gradient.indices, gradient.values
        new_m = self.beta_1 * tf.gather(m, rows) + (1 - self.beta_1) * g
        new_v = self.beta_2 * tf.gather(v, rows) + (1 - self.beta_2) * tf.square(g)
        alpha = rate * tf.sqrt(1 - tf.pow(self.beta_2, step)) / (1 - tf.pow(self.beta_1, step))
        change = alpha * new_m / (tf.sqrt(new_v) + self.epsilon)
        if self.decay:
            change += rate * self.decay * tf.gather(variable, rows)
        m.scatter_update(tf.IndexedSlices(new_m, rows))
        v.scatter_update(tf.IndexedSlices(new_v, rows))
        variable.scatter_sub(tf.IndexedSlices(change, rows))


class _RMSprop(_Clipping, keras.optimizers.RMSprop):  # type: ignore[misc]
    """RMSProp (Hinton 2012) as in Keras, in one compiled pass over each weight."""

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Update one variable in place. Overrides the method of Keras."""
        if isinstance(gradient, tf.IndexedSlices):
            super().update_step(gradient, variable, learning_rate)
            return
        velocity = self._velocities[self._get_variable_index(variable)].value
        rate = tf.cast(learning_rate, tf.float32)
        _rmsprop(variable, velocity, gradient, rate, tf.constant(self.rho), tf.constant(self.epsilon))


def _rmsprop_step(weights: Any, velocity: Any, gradient: Any, rate: Any, rho: Any, epsilon: Any) -> None:
    mean = rho * velocity + (1 - rho) * tf.square(gradient)
    velocity.assign(mean)
    weights.assign_sub(rate * gradient * tf.math.rsqrt(mean + epsilon))


_rmsprop = tf.function(_rmsprop_step, jit_compile=True)


class _SGD(_Clipping, keras.optimizers.SGD):  # type: ignore[misc]
    """Gradient descent as in Keras, in one pass over each weight: the learning rate contains the factor of clipping."""

    factor: Any = 1.0

    def _clipped(self, gradients: list[Any], norm: Any) -> list[Any]:
        """See _Clipping. Overrides its method; like TensorFlow, it makes NaN of gradients that are not finite."""
        self.factor = self.clip * tf.minimum(1.0 / norm, 1.0 / tf.constant(self.clip)) + (norm - norm)
        return gradients

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Update one variable in place. Overrides the method of Keras."""
        rate = tf.cast(learning_rate, tf.float32) * self.factor
        if isinstance(gradient, tf.IndexedSlices):
            variable.scatter_sub(tf.IndexedSlices(rate * gradient.values, gradient.indices))
            return
        tf.raw_ops.ResourceApplyGradientDescent(var=variable.handle, alpha=rate, delta=gradient)


def make_optimizer(config: TrainingConfig, variables: list[Any]) -> Any:
    """Return the optimizer of a run with its state for `variables`. The learning rate is set before every step."""
    kinds = {"adam": _Adam, "adamw": _Adam, "rmsprop": _RMSprop, "sgd": _SGD}
    optimizer: Any = kinds[config.optimizer or "adamw"](learning_rate=0.0)
    optimizer.clip = config.clip_norm
    if config.optimizer == "adamw":
        optimizer.decay = config.weight_decay or 0.0
    optimizer.build(variables)
    return optimizer
