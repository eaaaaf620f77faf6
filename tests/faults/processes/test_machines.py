"""Tests of row 63: predictions, scores and trained weights are equal up to rounding on every kernel of the libraries.

`make test-machines` runs all numeric tests on each of them; `tests.machines` describes the settings.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.machines import Setting, chosen, ending, numpy_choices, numpy_settings
from tests.processes import environment, matched, rnnwords
from tests.texts import FABLE

# Of natural logarithms. An output is a sum of 64 products of up to 3 in size, of which float32 rounds each to 2e-7, and
# two such layers read four words. The largest difference between kernels from SSE3 to AVX-512 was 1.2e-5.
ROUNDING = 5e-5

# Prints natural logarithms: a network of windows and a stateful one, alone and in batches, an n-gram and a cache.
FIGURES = """
import json, sys
import numpy as np
from rnnwords import Predictor
from rnnwords.network.recurrent import Network
from tests.models import random_model, vocabulary_of
from tests.texts import CATS, GOLDEN

figures = []
for path in sorted(GOLDEN.glob("model-*.safetensors")):
    predictor = Predictor.load(path)
    for prompt in ("the mouse", "said the cat , a bell"):
        figures += [np.log(one.probability) for one in sorted(predictor.rank(prompt, 99), key=lambda one: one.word)]
    figures += [one.log_prob for one in predictor.score("the cat said to the mouse , who will bell the cat ?")]
changed = float(sys.argv[1])
for settings in ({}, {"mode": "stateful", "cell": "gru"}, {"cell": "simple", "tie": True}):
    model = random_model(vocabulary_of(CATS), units=64, **settings)
    model.weights["output/bias"][0] += changed
    network = Network(model.network, model.weights)
    ids = np.arange(40).reshape(10, 4) % len(model.vocabulary)
    together = network.log_probs(network.forward(ids)[0])
    alone = [network.log_probs(network.forward(row[None])[0])[0] for row in ids]
    np.testing.assert_allclose(together, alone, atol=5e-5)
    figures += together.ravel().tolist()
print(json.dumps([float(figure) for figure in figures]))
"""


def figures(setting: Setting, changed: float = 0.0) -> Any:
    done = setting.run("-c", FIGURES, str(changed))
    assert done.returncode == 0, done.stderr
    return np.array(json.loads(done.stdout))


@pytest.fixture(scope="module")
def usual() -> Any:
    """Return the figures with the kernels that the libraries choose themselves."""
    return figures(Setting())


def test_row_63_predictions_are_equal_on_one_core_and_on_the_oldest_kernels(usual: Any) -> None:
    oldest = {name: value for setting in numpy_choices()[1:2] for name, value in setting.changes.items()}
    found = figures(Setting({**oldest, "OPENBLAS_CORETYPE": "Nehalem"}, one_core=True))
    np.testing.assert_allclose(found, usual, atol=ROUNDING)


@pytest.mark.slow
def test_row_63_predictions_are_equal_on_every_kernel(usual: Any) -> None:
    for setting in numpy_settings():
        np.testing.assert_allclose(figures(setting), usual, atol=ROUNDING, err_msg=str(setting))


def test_row_63_the_comparison_finds_a_changed_weight(usual: Any) -> None:
    assert np.abs(figures(Setting(), changed=1e-3) - usual).max() > 10 * ROUNDING


def test_row_63_a_setting_under_which_a_product_ends_the_process_is_listed_with_the_reason() -> None:
    done = Setting().run("-c", "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)")
    assert ending(done) == "a product ends the process with SIGSEGV"

    def kernels(setting: Setting) -> str:
        if "NAME" in setting.changes:
            raise ValueError(ending(done))
        return "usual"

    usual, same, other = Setting(), Setting({"SAME": "1"}), Setting({"NAME": "old"})
    assert list(chosen([usual, same, other], kernels)) == [(usual, "usual", ""), (other, "", ending(done))]


@pytest.mark.slow
def test_row_63_training_on_an_older_instruction_set_gives_the_golden_weights() -> None:
    """The weights of float32 training, with oneDNN limited to AVX2 and on one core."""
    older = Setting({"ONEDNN_MAX_CPU_ISA": "AVX2"}, one_core=True)
    done = older.run("-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/training/test_golden_weights.py")
    assert done.returncode == 0, done.stdout


@pytest.mark.slow
def test_row_63_training_with_a_limited_onednn_never_ends_with_a_segmentation_fault(tmp_path: Path) -> None:
    """Whatever this processor is: a product without kernels ends a process that tries it."""
    limited = environment(ONEDNN_MAX_CPU_ISA="AVX2")
    command = ("train", FABLE, "--units", "16", "--layers", "1", "--iterations", "2", "--seed", "1", "--model")
    done = rnnwords(*command, "auto", cwd=tmp_path, env=limited)
    assert done.returncode == 0, done.stderr
    done = rnnwords(*command, "explicit", "--precision", "bfloat16", cwd=tmp_path, env=limited)
    if done.returncode:
        assert done.returncode == 1
        matched(done.stderr, "^Error: expected products of bfloat16 for --precision, found that ONEDNN_MAX_CPU_ISA is ")
