"""Initial weights: the output biases of a new network give the word frequencies."""

import numpy as np
import pytest

from rnnwords.model_file import Model
from rnnwords.network.config import NetworkConfig
from rnnwords.network.recurrent import Network
from rnnwords.training.task import frequency_biases
from tests.processes import here
from tests.texts import FABLE

V = 60
COUNTS = [600 // (rank + 1) - 10 for rank in range(V)]  # the rarest has a count of 0
KINDS = {
    "full": NetworkConfig(V, layers=1, units=16, embedding=6),
    "tied": NetworkConfig(V, layers=1, units=16, embedding=6, tie=True),
    "adaptive": NetworkConfig(V, layers=1, units=16, embedding=6, softmax="adaptive"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_initial_biases_alone_predict_the_word_frequencies(kind):
    config = KINDS[kind]
    weights = {name: np.zeros(shape, np.float32) for name, shape in config.shapes().items()}
    biases = frequency_biases(config, COUNTS)
    assert set(biases) == {name for name in weights if name.endswith("/bias") and not name.startswith("lstm")}
    assert all(abs(bias.mean()) < 1e-5 for bias in biases.values())
    network = Network(config, weights | biases)
    outputs, _ = network.forward(np.zeros((1, 3), np.int64))
    expected = (np.array(COUNTS) + 1) / (sum(COUNTS) + V)
    assert np.exp(network.log_probs(outputs)[0]) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(("recipe", "used"), [([], True), (["--recipe", "tutorial"], False)])
def test_a_run_starts_with_frequency_biases_except_in_the_tutorial(tmp_path, recipe, used):
    options = ["--units", "16", "--iterations", "1", "--learning-rate", "0.0001", "--seed", "1", "--model", "run"]
    assert here("train", FABLE, *options, *recipe, cwd=tmp_path) == 0
    model = Model.load(tmp_path / "run" / "model.safetensors")
    first = frequency_biases(model.network, model.vocabulary.counts)["output/bias"]
    assert (np.abs(model.weights["output/bias"] - first).max() < 0.01) == used
