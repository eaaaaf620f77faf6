"""Settings and fixtures of all tests."""

import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

from rnnwords.training.checkpoint import Checkpoint, RunDirectory
from tests.processes import TINY, Killed, rnnwords
from tests.texts import FABLE

# No deadline: a busy machine is no failure. Continuous integration draws the same examples each time.
settings.register_profile("rnnwords", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("rnnwords")
# Where a shell starts the tests in the background, Ctrl-C is ignored, here and in all processes that tests start.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the run directory of a tiny network, trained once on the fable. Tests that write take `run`, a copy."""
    place = tmp_path_factory.mktemp("trained")
    done = rnnwords("train", FABLE, *TINY, "--model", "models/tiny", cwd=place)
    assert done.returncode == 0, done.stderr
    return place / "models" / "tiny"


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
