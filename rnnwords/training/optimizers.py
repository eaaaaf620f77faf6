"""Keras' optimizers, with Adam's update done by one fused operation a variable.

Keras' own Adam makes a dozen passes over every weight a step; on a CPU that can cost as much as the network itself.
"""

from typing import Any

import keras
import tensorflow as tf

from rnnwords.config import TrainingConfig


class _FusedAdam(keras.optimizers.AdamW):  # type: ignore[misc]
    """Adam (Kingma & Ba 2015), with decoupled weight decay (Loshchilov & Hutter 2019) if any: Keras' state and
    formula, TensorFlow's fused kernel."""

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Update one variable in place. Overrides Keras' method of this name."""
        index = self._get_variable_index(variable)
        step = tf.cast(self.iterations.value + 1, tf.float32)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,  # Keras hands over its backend's variable
            m=self._momentums[index].value.handle,
            v=self._velocities[index].value.handle,
            beta1_power=tf.pow(self.beta_1, step),
            beta2_power=tf.pow(self.beta_2, step),
            lr=tf.cast(learning_rate, tf.float32),
            beta1=self.beta_1,
            beta2=self.beta_2,
            epsilon=self.epsilon,
            grad=tf.convert_to_tensor(gradient),
        )


def make_optimizer(config: TrainingConfig, variables: list[Any]) -> Any:
    """The optimizer of a run, its state built for `variables`. Its learning rate is set anew every step."""
    if config.optimizer in ("adam", "adamw"):
        decay = config.weight_decay if config.optimizer == "adamw" else None
        optimizer: Any = _FusedAdam(learning_rate=0.0, weight_decay=decay or 0.0)
        optimizer.exclude_from_weight_decay(var_list=[variable for variable in variables if len(variable.shape) < 2])
    elif config.optimizer == "rmsprop":
        optimizer = keras.optimizers.RMSprop(learning_rate=0.0, rho=0.9)
    else:
        optimizer = keras.optimizers.SGD(learning_rate=0.0)
    optimizer.build(variables)
    return optimizer
