"""Row 1: kill -9 at random moments of training; the same command resumes, and the files equal those of an unbroken run.

Each run is killed ten times: while it starts, between and in its saves, after its last step, and in post-training.
"""

import collections
import contextlib
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from rnnwords.tensor_file import read_tensors
from rnnwords.training.checkpoint import FORMAT, VERSION
from tests.checkpoints import checkpoint_path
from tests.processes import checkpoints, killed_at_end, rnnwords, start, until
from tests.runs import COMMANDS, STEPS, place, result

pytestmark = [pytest.mark.serial, pytest.mark.slow]
RUNS = ("windows", "stateful", "bfloat16", "adaptive", "windows")
KILLS = 10  # of each run
SEED = 1
START_SECONDS = 4.0  # until the first step; a machine that needs longer is killed earlier in its start
Moment = Callable[[Path, Callable[[], bool]], None]  # returns when the process, which may have ended, is to be killed


def command_of(kind: str) -> list[str]:
    """Return the command of a run with post-training."""
    return [*COMMANDS[kind], "--ngram", "3"]


def in_start(seconds: float) -> Moment:
    """Return the moment so many seconds after the start of the process."""
    return lambda run, ended: time.sleep(seconds)


def after_step(step: int, seconds: float) -> Moment:
    """Return the moment so many seconds after the checkpoint of a step."""

    def wait(run: Path, ended: Callable[[], bool]) -> None:
        until(lambda: (checkpoints(run) or [-1])[-1] >= step or ended())
        time.sleep(seconds)

    return wait


def in_save(step: int) -> Moment:
    """Return the moment at which a temporary file exists after a step."""

    def wait(run: Path, ended: Callable[[], bool]) -> None:
        until(lambda: (checkpoints(run) or [-1])[-1] >= step or ended())
        until(lambda: temporary_files(run) or ended())

    return wait


def temporary_files(run: Path) -> list[Path]:
    return [*run.glob("*.tmp"), *run.glob("checkpoints/*.tmp")]


def moments(generator: random.Random) -> Iterator[Moment]:
    """Yield KILLS moments in the order in which a run passes them."""
    steps = sorted(generator.sample(range(STEPS * 9 // 10), 5))
    for number, step in enumerate(steps):
        if number < 3:
            yield in_start(generator.uniform(0, START_SECONDS))
        yield in_save(step) if number % 2 else after_step(step, generator.uniform(0, 0.05))
    yield after_step(STEPS, generator.uniform(0, 0.1))
    yield in_start(generator.uniform(0.2, 0.8))  # TensorFlow is not loaded any more


def phase(run: Path, before: list[int]) -> str:
    """Return where a process was killed, from the files that it left."""
    if temporary_files(run):
        return "save"
    if (run / "model.safetensors").exists() and b'"ngram/' in (run / "model.safetensors").read_bytes():
        return "end"
    steps = checkpoints(run)
    if steps[-1:] == [STEPS]:
        return "post-training"
    return "start" if steps == before else "steps"


def killed(kind: str, there: Path, seed: int) -> "collections.Counter[str]":
    """Train a run to its end, killed on its way; return how many kills hit which phase."""
    hits: collections.Counter[str] = collections.Counter()
    generator = random.Random(seed)
    left = list(moments(generator))
    while left:
        moment = left.pop(0)
        before = checkpoints(there / "run") if (there / "run").exists() else []
        process = start(*command_of(kind), cwd=there, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        with killed_at_end(process):
            moment(there / "run", lambda: process.poll() is not None)  # noqa: B023 -- called in this turn only
            process.kill()
            process.wait()
        if process.returncode == -signal.SIGKILL:
            hits[phase(there / "run", before)] += 1
        else:  # it ended before; no process ends that soon after its start
            left.append(in_start(generator.uniform(0, 0.1)))
    done = rnnwords(*command_of(kind), cwd=there)
    assert done.returncode == 0, done.stderr
    return hits


def files(there: Path) -> tuple[Any, dict[str, bytes]]:
    """Return model, history and steps of a run, and the tensors of its last checkpoint."""
    tensors, _, _ = read_tensors(checkpoint_path(there / "run", STEPS), FORMAT, VERSION, "checkpoint")
    return result(there / "run"), {name: tensor.tobytes() for name, tensor in tensors.items()}


def test_row_01_runs_that_are_killed_fifty_times_end_with_equal_files(tmp_path, request, capfd):
    with ThreadPoolExecutor(2) as pool:
        whole = {kind: place(tmp_path / kind) for kind in COMMANDS}
        for done in pool.map(lambda kind: rnnwords(*command_of(kind), cwd=whole[kind]), whole):
            assert done.returncode == 0, done.stderr
        broken = [place(tmp_path / f"killed-{number}") for number in range(len(RUNS))]
        seeds = range(SEED, SEED + len(RUNS))
        hits = sum(pool.map(killed, RUNS, broken, seeds), collections.Counter())
    equal = [files(there) == files(whole[kind]) for kind, there in zip(RUNS, broken, strict=True)]
    text = ", ".join(f"{phase} {count}" for phase, count in sorted(hits.items()))
    line = f"kills: {hits.total()} of {KILLS * len(RUNS)} ({text}); equal runs: {sum(equal)} of {len(equal)}"
    with capfd.disabled():
        request.config.get_terminal_writer().line(f"\n{line}")
    assert all(equal), line
    assert hits.total() == KILLS * len(RUNS), line
    assert {"start", "steps", "save"} <= set(hits), line
    for there in broken:
        assert not temporary_files(there / "run")
        with contextlib.suppress(OSError):
            shutil.rmtree(there)
