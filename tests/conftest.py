"""Settings and fixtures of all tests."""

import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from rnnwords.model_file import Model
from rnnwords.training.runs.checkpoint import Checkpoint, RunDirectory
from tests.packages import build
from tests.processes import TINY, Killed, checkpoints, here, rnnwords
from tests.runs import COMMANDS, STEPS, place, result, stopped
from tests.texts import FABLE

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # ONNX Runtime sends data about its use from the import on
# No deadline: a busy machine is no failure. Continuous integration draws the same examples each time.
settings.register_profile("rnnwords", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("rnnwords")
# Where a shell starts the tests in the background, Ctrl-C is ignored, here and in all processes that tests start; so is
# SIGHUP under nohup.
signal.signal(signal.SIGINT, signal.default_int_handler)
if hasattr(signal, "SIGHUP"):
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the run directory of a tiny network, trained once on the fable. Tests that write take `run`, a copy."""
    place = tmp_path_factory.mktemp("trained")
    done = rnnwords("train", FABLE, *TINY, "--model", "models/tiny", cwd=place)
    assert done.returncode == 0, done.stderr
    return place / "models" / "tiny"


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the directory of a wheel and a source archive."""
    place = tmp_path_factory.mktemp("built")
    build(place, 0o022, 10**9)
    return place / "dist"


@pytest.fixture
def run(trained: Path, tmp_path: Path) -> Path:
    """Return a copy of the trained run that the test may change."""
    return shutil.copytree(trained, tmp_path / "models" / "tiny")


@pytest.fixture
def killed_after(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Return a function that makes a run in this process raise Killed after the given number of checkpoints."""

    def arm(saves: int) -> None:
        left = [saves]
        save = RunDirectory.save

        def saved(directory: RunDirectory, checkpoint: Checkpoint) -> None:
            if left[0] == 0:
                raise Killed
            left[0] -= 1
            save(directory, checkpoint)

        monkeypatch.setattr(RunDirectory, "save", saved)

    return arm


@pytest.fixture(scope="session")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Return kind -> the result of an unbroken run."""
    results = {}
    for kind, command in COMMANDS.items():
        there = place(tmp_path_factory.mktemp(kind))
        assert here(*command, cwd=there) == 0
        results[kind] = result(there / "run")
        settings = Model.load(there / "run" / "model.safetensors").training["settings"]
        assert settings["batch_size"] == int(command[command.index("--batch-size") + 1])
        assert checkpoints(there / "run")[-1] == STEPS
        assert len(results[kind][1]) == STEPS // 50
    return results


@pytest.fixture(scope="session")
def interrupted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """Return the directory of a run that Ctrl-C stopped, which tests copy, and the process as it ended."""
    there = place(tmp_path_factory.mktemp("interrupted"))
    return there, stopped(COMMANDS["windows"], there, signal.SIGINT)
