"""Rows 2, 3, 8 and 11: a save of a whole run that is killed or fails at each system call."""

import json
import os
import re
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from rnnwords.model_file import Model
from rnnwords.training.runs.checkpoint import RunDirectory
from tests.faults.saving.system_calls import TRAINING, Call, needs_strace, of_save, traced
from tests.processes import checkpoints, run_python
from tests.texts import write


class Scene:
    """A run directory in which a process saves at step 91; before, it has the step 90, or does not exist."""

    def __init__(self, trained: Path, tmp_path: Path, new: bool) -> None:
        self.trained, self.log, self.new = trained, tmp_path / "log", new
        self.run = tmp_path / "run"

    def prepare(self) -> None:
        shutil.rmtree(self.run, ignore_errors=True)
        if not self.new:
            shutil.copytree(self.trained, self.run)

    def save(self, *inject: str) -> tuple["subprocess.CompletedProcess[str]", list[str]]:
        self.prepare()
        return traced(self.log, TRAINING, self.trained, self.run, inject=inject)

    def calls(self) -> list[Call]:
        done, lines = self.save()
        assert (done.returncode, done.stderr) == (0, "")
        assert self.check() == 91
        return of_save(lines)

    def check(self) -> int | None:
        """Check that the directory is as before the save or after it, and usable; return the step."""
        directory = RunDirectory(self.run)
        newest = directory.newest(pytest.fail) if self.run.exists() else None
        assert newest or self.new
        steps = {newest.step if newest else None, 91 if newest is None else 90}
        if directory.model.exists():
            assert Model.load(directory.model).training["step"] in {90, 91}
        else:
            assert self.new
        with directory.locked():
            directory.cut_history(91)
            lines = directory.history.read_text().splitlines() if directory.history.exists() else []
            assert [json.loads(line)["step"] for line in lines][-1:] in ([], [90], [91])
            left = [item for item in self.run.rglob("*") if item.suffix == ".tmp"]
            assert left == []
            assert steps >= {newest.step if newest else None}
        return newest.step if newest else None


@needs_strace
def test_row_08_the_marker_and_the_directories_of_a_new_run_are_on_disk_before_anything_else(trained, tmp_path):
    scene = Scene(trained, tmp_path, new=True)
    scene.run = tmp_path / "a" / "run"
    calls = [call.line for call in scene.calls()]
    above, run = re.escape(str(tmp_path)), re.escape(str(scene.run))
    steps = [
        rf"mkdir\(\"{above}/a\"", rf"mkdir\(\"{run}\"", rf"openat\(.*\"{run}/rnnwords-run\".*O_CREAT",
        rf"pwrite64\(\d+<{run}/rnnwords-run>, \"rnnwords-run 1", rf"fsync\(\d+<{run}/rnnwords-run>\) += 0",
        rf"fsync\(\d+<{run}>\) += 0", rf"fsync\(\d+<{above}/a>\) += 0", rf"fsync\(\d+<{above}>\) += 0",
        rf"mkdir\(\"{run}/checkpoints\"", rf"fsync\(\d+<{run}>\) += 0",
    ]  # fmt: skip
    names = {"mkdir", "pwrite64", "fsync", "rename", "renameat", "write"}
    made = [call for call in calls if call.split()[1].partition("(")[0] in names or "O_CREAT" in call]
    made = [call for call in made if " ENOENT " not in call]
    for step, call in zip(steps, made[: len(steps)], strict=True):
        assert re.search(step, call), (step, call)


def kill_in_training(scene: Scene, calls: list[Call]) -> set[int | None]:
    """Kill the process before each of the calls, and return the steps of the directories that this leaves."""
    steps = set()
    for call in calls:
        done, _ = scene.save(f"{call.name}:signal=KILL:when={call.number}")
        assert done.returncode in (-signal.SIGKILL, 128 + signal.SIGKILL), (call, done.stderr)
        steps.add(scene.check())
    return steps


@needs_strace
@pytest.mark.parametrize("new", [False, True], ids=["a run", "a new directory"])
def test_row_02_kill_in_a_save_of_a_training_leaves_the_old_or_the_new_step(new, trained, tmp_path):
    """One of twenty system calls, and each rename; the next test takes all of them."""
    scene = Scene(trained, tmp_path, new)
    calls = scene.calls()
    chosen = [call for place, call in enumerate(calls) if place % 20 == 0 or call.name.startswith("rename")]
    assert kill_in_training(scene, chosen) == {None if new else 90, 91}


@needs_strace
@pytest.mark.slow
@pytest.mark.parametrize("new", [False, True], ids=["a run", "a new directory"])
def test_row_02_kill_before_each_system_call_of_a_training_leaves_the_old_or_the_new_step(new, trained, tmp_path):
    scene = Scene(trained, tmp_path, new)
    calls = scene.calls()
    assert kill_in_training(scene, calls) == {None if new else 90, 91}


@needs_strace
@pytest.mark.slow
@pytest.mark.parametrize("new", [False, True], ids=["a run", "a new directory"])
def test_row_03_an_error_of_each_system_call_of_a_training_leaves_the_old_or_the_new_step(new, trained, tmp_path):
    scene = Scene(trained, tmp_path, new)
    for call in scene.calls():
        done, lines = scene.save(f"{call.name}:error=EIO:when={call.number}")
        assert "Traceback" not in done.stderr, (call, done.stderr)
        assert any("(INJECTED)" in line for line in lines), call
        scene.check()


def test_row_11_checkpoints_are_ordered_by_their_step_whatever_their_time(trained, run):
    done = run_python(TRAINING, trained, run)
    assert done.returncode == 0, done.stderr
    *_, older, newer = checkpoints(run)
    assert newer == 91
    for step, seconds in ((newer, 0), (older, 4e9)):
        os.utime(run / "checkpoints" / f"step-{step:010}.safetensors", (seconds, seconds))
    newest = RunDirectory(run).newest(pytest.fail)
    assert newest is not None
    assert newest.step == newer


@needs_strace
def test_row_11_temporary_files_of_a_killed_save_are_removed_and_others_stay(trained, tmp_path):
    scene = Scene(trained, tmp_path, new=False)
    renames = [call for call in scene.calls() if call.name.startswith("rename")]
    others = ["notes.tmp", f"rnnwords-{'0a' * 8}-{'1b' * 8}.tmp", "model.safetensors.123.tmp"]
    for call in renames:
        scene.save(f"{call.name}:signal=KILL:when={call.number}")
        assert list(scene.run.rglob("rnnwords-*.tmp"))
        for name in others:
            write(scene.run / name, "mine")
            write(scene.run / "checkpoints" / name, "mine")
        with RunDirectory(scene.run).locked():
            left = [str(item.relative_to(scene.run)) for item in scene.run.rglob("*.tmp")]
        assert sorted(left) == sorted([*others, *(f"checkpoints/{name}" for name in others)])
