"""Row 1: kill -9 at random moments of training; the same command resumes, and the files equal those of an unbroken run.

Each run is killed ten times, in phases that are seen in its files: before its first checkpoint, between its saves, in
its saves, in post-training, and at its end. Where in a phase is random; the phases last as long as in an unbroken run.
"""

import collections
import contextlib
import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from rnnwords.tensor_file import read_tensors
from rnnwords.training.runs.checkpoint import FORMAT, VERSION
from tests.checkpoints import checkpoint_path
from tests.processes import LIMIT, checkpoints, killed_at_end, rnnwords, start
from tests.runs import COMMANDS, STEPS, place, result

pytestmark = [pytest.mark.serial, pytest.mark.slow]
RUNS = ("windows", "stateful", "bfloat16", "adaptive", "windows")
KILLS = {"start": 2, "steps": 3, "save": 2, "post-training": 2, "end": 1}  # phase -> kills of each run
RANKS = {"start": 0, "steps": 1, "save": 1, "post-training": 2, "end": 3}  # order in which a run passes the phases
ATTEMPTS = 20  # at one kill
POLL = 0.0002  # seconds: a save takes a few times as long
SEED = 1


class Moment(NamedTuple):
    """When a process is to be killed."""

    phase: str
    step: int = 0  # of the checkpoint that the process has passed
    in_save: bool = False  # as soon as a temporary file exists; else a random time after the phase has begun


@dataclass
class State:
    """Files of a run, as the process that writes them has found and changed them."""

    run: Path
    found: frozenset[Path]  # temporary files that an earlier process left
    found_step: int  # last checkpoint of the earlier processes; 0 for none

    @classmethod
    def of(cls, run: Path) -> "State":
        return cls(run, frozenset(temporary_files(run)), last_step(run))

    def saves(self) -> bool:
        """Return whether the process is writing a file."""
        return bool(set(temporary_files(self.run)) - self.found)

    def phase(self) -> str:
        """Return the phase that the process is in."""
        with contextlib.suppress(FileNotFoundError):
            if b'"ngram/' in (self.run / "model.safetensors").read_bytes():
                return "end"
        step = last_step(self.run)
        if step == STEPS:
            return "post-training"
        if step == 0 or step == self.found_step:
            return "start"
        return "save" if self.saves() else "steps"

    def reached(self, moment: Moment) -> bool:
        return (
            self.phase() == moment.phase and last_step(self.run) >= moment.step and (self.saves() or not moment.in_save)
        )


def temporary_files(run: Path) -> list[Path]:
    return [*run.glob("*.tmp"), *run.glob("checkpoints/*.tmp")]


def last_step(run: Path) -> int:
    return (checkpoints(run) or [0])[-1]


def command_of(kind: str) -> list[str]:
    """Return the command of a run with post-training."""
    return [*COMMANDS[kind], "--ngram", "3"]


def started(kind: str, there: Path) -> "subprocess.Popen[Any]":
    return start(*command_of(kind), cwd=there, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def seconds_of_phases(kind: str, there: Path) -> dict[str, float]:
    """Train a run without a break; return how long each phase took, of steps and saves together."""
    state, seconds, last = State.of(there / "run"), dict.fromkeys(KILLS, 0.0), time.monotonic()
    process = started(kind, there)
    with killed_at_end(process):
        while process.poll() is None:
            phase, now = state.phase(), time.monotonic()
            seconds["steps" if phase == "save" else phase] += now - last
            last = now
            time.sleep(POLL)
    assert process.returncode == 0
    return seconds


def moments(generator: random.Random) -> list[Moment]:
    """Return the moments of all kills, in the order in which a run passes them."""
    training = ["steps"] * KILLS["steps"] + ["save"] * KILLS["save"]
    generator.shuffle(training)
    steps = sorted(generator.sample(range(STEPS * 4 // 5), len(training)))
    return [
        *[Moment("start")] * KILLS["start"],
        *(Moment(phase, step, phase == "save") for phase, step in zip(training, steps, strict=True)),
        Moment("post-training", STEPS),  # of the process that takes the last step
        *[Moment("post-training", in_save=True)] * (KILLS["post-training"] - 1),  # of one that finds training finished
        *[Moment("end")] * KILLS["end"],
    ]


def wait_for(condition: Callable[[], bool], process: "subprocess.Popen[Any]") -> bool:
    """Wait for a condition; return whether it held before the process ended."""
    deadline = time.monotonic() + LIMIT
    while not condition():
        if process.poll() is not None:
            return False
        assert time.monotonic() < deadline, "the condition never held"
        time.sleep(POLL)
    return True


def killed_at(moment: Moment, seconds: float, kind: str, there: Path) -> bool:
    """Train, and kill the process at a moment; return whether it was reached. The process is stopped to look at it."""
    state = State.of(there / "run")
    process = started(kind, there)
    with killed_at_end(process):
        while wait_for(lambda: state.reached(moment) or RANKS[state.phase()] > RANKS[moment.phase], process):
            time.sleep(0 if moment.in_save else seconds)
            os.kill(process.pid, signal.SIGSTOP)
            os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
            reached = state.reached(moment)
            if reached or RANKS[state.phase()] > RANKS[moment.phase]:
                process.kill()
                process.wait()
                return reached and process.returncode == -signal.SIGKILL
            os.kill(process.pid, signal.SIGCONT)
    return False


def killed(kind: str, there: Path, lengths: Mapping[str, float], seed: int) -> "collections.Counter[str]":
    """Train a run to its end, killed on its way; return how many kills hit which phase.

    If the process has passed the phase, the run is put back to where it was, and the kill comes sooner.
    """
    hits: collections.Counter[str] = collections.Counter()
    generator = random.Random(seed)
    run, copy = there / "run", there / "before"
    run.mkdir()
    for moment in moments(generator):
        shutil.copytree(run, copy)
        length = lengths[moment.phase]
        if moment.phase == "steps":
            length /= STEPS / 7  # from one save to the next
        for _ in range(ATTEMPTS):
            seconds = generator.uniform(0, length)
            if killed_at(moment, seconds, kind, there):
                hits[moment.phase] += 1
                break
            length = seconds
            shutil.rmtree(run)
            shutil.copytree(copy, run)
        shutil.rmtree(copy)
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
        lengths = dict(zip(whole, pool.map(seconds_of_phases, whole, whole.values()), strict=True))
        broken = [place(tmp_path / f"killed-{number}") for number in range(len(RUNS))]
        seeds = range(SEED, SEED + len(RUNS))
        hits = list(pool.map(killed, RUNS, broken, [lengths[kind] for kind in RUNS], seeds))
    equal = [files(there) == files(whole[kind]) for kind, there in zip(RUNS, broken, strict=True)]
    total = sum(hits, collections.Counter())
    text = ", ".join(f"{phase} {total[phase]}" for phase in KILLS)
    kills = sum(KILLS.values()) * len(RUNS)
    line = f"kills: {total.total()} of {kills} ({text}); equal runs: {sum(equal)} of {len(equal)}"
    with capfd.disabled():
        request.config.get_terminal_writer().line(f"\n{line}")
    assert all(equal), line
    assert hits == [KILLS] * len(RUNS), line
    for there in broken:
        assert not temporary_files(there / "run")
        with contextlib.suppress(OSError):
            shutil.rmtree(there)
