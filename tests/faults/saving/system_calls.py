"""Scripts that save, and their system calls under strace, in which a test kills or fails them."""

import collections
import re
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.processes import run_python

OLD, PIECE = b"o" * 1_000, b"n" * 100_000
NEW = PIECE * 3

WRITER = """
import os, sys
from pathlib import Path
from rnnwords.errors import SaveError
from rnnwords.saving import replace_file
try:
    os.access("/begin", 0)
    replace_file(Path(sys.argv[1]), [b"n" * 100_000] * 3, kept="the step before is kept")
    os.access("/end", 0)
except SaveError as error:
    sys.exit(str(error))
"""

# What training does between two steps, without TensorFlow: a checkpoint, a line of the history, a better model.
TRAINING = """
import os, sys
from dataclasses import replace
from pathlib import Path
from rnnwords.errors import RnnwordsError
from rnnwords.model_file import Model
from rnnwords.training.runs.checkpoint import RunDirectory
source, directory = RunDirectory(Path(sys.argv[1])), RunDirectory(Path(sys.argv[2]))
checkpoint, model = source.newest(sys.exit), Model.load(source.model)
step = checkpoint.step + 1
state = replace(checkpoint.state, position=replace(checkpoint.state.position, step=step))
model = replace(model, training={**model.training, "step": step})
assert "tensorflow" not in sys.modules
try:
    os.access("/begin", 0)
    with directory.locked():
        directory.cut_history(step)
        directory.save(replace(checkpoint, step=step, state=state))
        directory.append_history({"step": step})
        model.save(directory.model, follow_links=False)
    os.access("/end", 0)
except (RnnwordsError, OSError) as error:
    sys.exit(str(error))
"""

# All system calls that take a path or a file descriptor. The others change no file, so that the program that is killed
# in one of them leaves what it leaves if it is killed in the next one of these.
CALLS = "%file,%desc"
ALONE = {"PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1", "OPENBLAS_NUM_THREADS": "1"}


def can_trace() -> bool:
    program = shutil.which("strace")
    if program is None:
        return False
    return subprocess.run([program, "-f", "true"], capture_output=True, check=False).returncode == 0


needs_strace = pytest.mark.skipif(not can_trace(), reason="strace is missing, or may not trace here")


class Call(NamedTuple):
    """A system call of a save: the `number`-th one of its `name` in the process."""

    name: str
    number: int
    line: str


def traced(
    log: Path, script: str, *arguments: Path, inject: tuple[str, ...] = ()
) -> tuple["subprocess.CompletedProcess[str]", list[str]]:
    """Run a script under strace with injected faults, and return the process and its system calls."""
    faults = [f"--inject={one}" for one in inject]
    before = ["strace", "-f", "-y", "-o", str(log), "-e", f"trace={CALLS}", *faults]
    done = run_python(script, *arguments, before=before, environment=ALONE)
    return done, log.read_text(errors="replace").splitlines()


def of_save(lines: list[str]) -> list[Call]:
    """Return the system calls between the marks of the script."""
    counts: dict[str, int] = collections.Counter()
    calls, within = [], False
    for line in lines:
        if match := re.match(r"\d+ +(\w+)\(", line):
            counts[match[1]] += 1
            within = (within or '"/begin"' in line) and '"/end"' not in line
            if within and '"/begin"' not in line:
                calls.append(Call(match[1], counts[match[1]], line))
    assert calls
    return calls


def leftovers(target: Path) -> list[str]:
    return sorted(path.name for path in target.parent.iterdir() if path != target)
