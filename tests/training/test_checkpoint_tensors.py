"""The tensors of a checkpoint: what the settings give is what Keras and TensorFlow have."""

from typing import Any

import numpy as np
import pytest

from rnnwords.errors import ModelError
from rnnwords.network.config import NetworkConfig
from rnnwords.training.runs.checkpoint import as_tensors
from rnnwords.training.runs.checkpoint_tensors import SLOTS, check_tensors, tensor_types
from rnnwords.training.settings.config import OPTIMIZERS, TrainingConfig

pytest.importorskip("tensorflow")
from rnnwords.network.keras_network import KerasNetwork
from rnnwords.training.optimization.steps import Steps

NETWORKS: dict[str, Any] = {
    "lstm": NetworkConfig(40, "stateful", 3, "lstm", 2, 8, embedding=4, tie=True),
    "gru": NetworkConfig(40, "stateful", 3, "gru", 2, 8, input="one-hot"),
    "simple": NetworkConfig(40, "windows", 3, "simple", 1, 16, embedding=4, softmax="adaptive"),
    "numeric": NetworkConfig(1, "windows", 3, "lstm", 1, 8, input="number", output="linear"),
}


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("network", NETWORKS)
def test_tensors_of_a_run_are_those_that_follow_from_its_settings(network, optimizer):
    config = NETWORKS[network]
    training = TrainingConfig(seed=1, batch_size=2, optimizer=optimizer, ema=0.0 if network == "gru" else 0.9)
    steps = Steps(config, training, "float32")
    tensors = as_tensors(steps.tensors())
    assert {name: (tensor.shape, tensor.dtype) for name, tensor in tensors.items()} == {
        name: (one.shape, np.dtype(one.dtype)) for name, one in tensor_types(config, training).items()
    }
    check_tensors(config, training, tensors)
    named = [variable.path.rsplit("_", 1)[-1] for variable in steps.optimizer.variables[2:]]
    assert named == list(SLOTS[optimizer]) * len(config.shapes())
    changed = {name: tensor + 1 for name, tensor in tensors.items()}
    steps.restore(changed)
    assert all((value == changed[name]).all() for name, value in steps.tensors().items())


def test_weights_of_another_type_are_not_loaded():
    network = KerasNetwork(NETWORKS["lstm"])
    weights = network.export()
    with pytest.raises(ModelError, match="tensor output/bias: expected float32, found float64"):
        network.load(weights | {"output/bias": weights["output/bias"].astype(np.float64)})
