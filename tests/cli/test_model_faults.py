"""Tests of missing and hostile model files: no code in them runs."""

import os
import pickle
from pathlib import Path

import pytest

from tests.processes import (
    TINY,
    only_error,
    rnnwords,
    said,
)
from tests.texts import FABLE


class Canary:
    """Makes a directory when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("name", ["model.safetensors", "model.pkl", "model.keras", "model.h5", "model.npz"])
@pytest.mark.parametrize("command", ["predict", "info", "generate", "eval", "repl"])
def test_code_in_a_model_file_never_runs(command, name, tmp_path):
    canary = tmp_path / "canary"
    planted = pickle.dumps(Canary(canary))
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / name).write_bytes(planted)
    arguments = {"eval": [str(FABLE)], "info": [], "repl": []}.get(command, ["the mice"])
    done = rnnwords(command, *arguments, "--model", f"models/{name}", cwd=tmp_path)
    only_error(done, 1, rf"model file models/{name} is damaged: ")
    assert not canary.exists()


def test_pickles_in_a_run_directory_are_never_opened(run, tmp_path):
    canary = tmp_path / "canary"
    for place in (run / "model.pkl", run / "checkpoints" / "step-0000000900.pkl", run / "model.keras"):
        place.write_bytes(pickle.dumps(Canary(canary)))
    (run / "checkpoints" / "step-0000000900.safetensors").write_bytes(pickle.dumps(Canary(canary)))
    assert rnnwords("predict", "the mice", "--model", run, cwd=tmp_path).returncode == 0
    done = rnnwords("train", FABLE, *TINY, "--model", run, cwd=tmp_path)
    assert done.returncode == 0
    said(done.stderr, r"^Warning: checkpoint .*step-0000000900\.safetensors is damaged: ")
    said(done.stderr, "this run is complete")
    assert not canary.exists()


@pytest.mark.parametrize("command", ["predict", "generate", "info", "eval"])
def test_the_error_for_a_missing_model_says_how_to_train_one(command, tmp_path):
    arguments = {"eval": [str(FABLE)], "info": []}.get(command, ["the mice"])
    only_error(rnnwords(command, *arguments, cwd=tmp_path), 2, "train one with: rnnwords train TEXT")
    done = rnnwords(command, *arguments, "--model", "none", cwd=tmp_path)
    only_error(done, 2, "expected a model, found nothing at none; train one with: rnnwords train TEXT")
