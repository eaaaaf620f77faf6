"""Settings of all tests, and what is trained once for all of them."""

import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

from rnnwords.training.checkpoint import Checkpoint, RunDirectory
from tests.helpers import FABLE
from tests.processes import TINY, rnnwords

# No deadline: a busy machine is no failure. Continuous integration draws the same examples each time.
settings.register_profile("rnnwords", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("rnnwords")
# Where a shell starts the tests in the background, Ctrl-C is ignored, here and in all processes that tests start.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run directory of a tiny network, trained on the fable. Not to be written to; `run` is a copy."""
    place = tmp_path_factory.mktemp("trained")
    done = rnnwords("train", FABLE, *TINY, "--model", "models/tiny", cwd=place)
    assert done.returncode == 0, done.stderr
    return place / "models" / "tiny"


@pytest.fixture
def run(trained: Path, tmp_path: Path) -> Path:
    """A copy of the trained run, to do with what one likes."""
    return shutil.copytree(trained, tmp_path / "models" / "tiny")


class Killed(Exception):
    """Stands in for a process that ends here."""


@pytest.fixture
def killed_after(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Lets a run of this process end as if killed, when it comes to save again after so many checkpoints."""

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
