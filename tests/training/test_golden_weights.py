"""Equal seeds give equal weights in every version: short runs against files that an earlier version trained.

Initial weights, the order of the data, dropout masks, the learning rate and the optimizer all enter these weights.
Instruction sets differ by less than 1e-6 here, other seeds by more than 1e-2.
"""

from pathlib import Path

import numpy as np
import pytest

from rnnwords.model_file import Model
from tests.processes import here
from tests.texts import FABLE, GOLDEN

COMMON = ("--units", "6", "--iterations", "20", "--log-every", "20", "--precision", "float32", "--quiet")
RUNS = {
    "windows": (
        "--layers", "2", "--embedding", "5", "--batch-size", "8", "--dropout", "0.3", "--learning-rate", "0.01",
    ),
    "stateful": (
        "--stateful", "--window", "5", "--cell", "gru", "--layers", "1", "--embedding", "6", "--tie", "--batch-size",
        "4", "--optimizer", "adamw", "--weight-decay", "0.1", "--schedule", "cosine", "--learning-rate", "0.01",
    ),
    "tutorial": ("--recipe", "tutorial"),
}  # fmt: skip


def difference(kind: str, seed: int, place: Path) -> float:
    """Train, and return the largest difference between a weight and its value in the golden file."""
    assert here("train", FABLE, *COMMON, *RUNS[kind], "--seed", str(seed), "--model", "run", cwd=place) == 0
    trained = Model.load(place / "run" / "model.safetensors")
    golden = Model.load(GOLDEN / f"weights-{kind}.safetensors")
    assert trained.vocabulary.words == golden.vocabulary.words
    assert trained.training["step"] == golden.training["step"] == 20
    assert trained.weights.keys() == golden.weights.keys()
    return max(float(np.abs(trained.weights[name] - golden.weights[name]).max()) for name in golden.weights)


@pytest.mark.parametrize("kind", RUNS)
def test_equal_seeds_give_the_weights_of_earlier_versions(kind: str, tmp_path: Path) -> None:
    assert difference(kind, 7, tmp_path) < 1e-4


def test_another_seed_gives_other_weights(tmp_path: Path) -> None:
    """Proves that the comparison can fail."""
    assert difference("windows", 8, tmp_path) > 1e-2
