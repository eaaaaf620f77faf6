"""Rows 17 and 20: which model a resumed or restarted run replaces."""

import shutil
from typing import Any

import pytest

from rnnwords.cli import run as run_program
from rnnwords.model_file import Model
from rnnwords.training.runs.checkpoint import RunDirectory
from tests.processes import TINY, Killed, checkpoints, contents, here, rnnwords
from tests.runs import COMMANDS, result
from tests.texts import FABLE

pytestmark = pytest.mark.serial


def test_row_17_restart_removes_the_run_only_when_the_new_one_can_start(interrupted, tmp_path):
    there = shutil.copytree(interrupted[0], tmp_path / "copy")
    before = contents(there)
    assert rnnwords("train", "missing.txt", "--model", "run", "--restart", cwd=there).returncode == 2
    assert rnnwords(*COMMANDS["windows"], "--units", "0", "--restart", cwd=there).returncode == 2
    assert contents(there) == before
    assert here(*COMMANDS["windows"], "--restart", "--iterations", "60", cwd=there) == 0
    assert checkpoints(there / "run") == [56, 60]
    assert [report["step"] for report in result(there / "run")[1]] == [50, 60]


@pytest.mark.parametrize("free", [[], ["--histograms", "--checkpoint-every", "10"]], ids=["same", "free to change"])
def test_row_20_a_worse_model_never_replaces_a_better_one(free, tmp_path, monkeypatch):
    """A run that is killed after a good model and before its checkpoint repeats steps, which may give worse ones."""
    from rnnwords.training.optimization.steps import Steps

    losses = iter([3.0, 2.0, 1.0, 2.0, 1.5, 1.0, 4.0])
    monkeypatch.setattr(Steps, "evaluate", lambda self, ids: (next(losses), 0.1, 1, 10))
    run = tmp_path / "run"
    options = ["--patience", "1000", "--epochs", "30", "--model", str(run), "--quiet"]
    command = ["train", str(FABLE), *TINY, "--batch-size", "201", "--checkpoint-every", "5", *options]
    kept = []
    save = Model.save

    def noted(model, path, **options):
        kept.append(model.training["metrics"]["loss"])
        save(model, path, **options)

    monkeypatch.setattr(Model, "save", noted)
    with monkeypatch.context() as inside:
        saved = RunDirectory.save
        saves = iter(range(2))

        def save_twice(directory: RunDirectory, checkpoint: Any) -> None:
            if next(saves, None) is None:
                raise Killed
            saved(directory, checkpoint)

        inside.setattr(RunDirectory, "save", save_twice)
        with pytest.raises(Killed):
            run_program(command)  # evaluates at steps 5, 10, 15; step 15 is not saved
    assert kept == [3.0, 2.0, 1.0]
    losses = iter([1.5, 0.5, 4.0, 4.0, 4.0])  # of steps 15 (another path), 20, 25, 30
    assert run_program([*command, *free]) == 0
    assert kept == [3.0, 2.0, 1.0, 0.5]
    assert Model.load(run / "model.safetensors").training["metrics"]["loss"] == 0.5


@pytest.mark.parametrize("changed", ["validation", "lowercase"])
def test_row_20_a_restarted_run_replaces_the_better_model_of_the_old_run(changed, tmp_path, killed_after, monkeypatch):
    from rnnwords.training.optimization.steps import Steps

    loss = 0.1

    def evaluate(self: Steps, ids: Any) -> tuple[float, float, int, int]:
        return loss, 0.1, 1, 10

    for name in ("a", "b"):
        (tmp_path / name).write_text(f"the mouse and the cat and the {name} bell\n" * 9, encoding="utf-8")
    options = ["--vocab", str(tmp_path / "words"), *TINY, "--checkpoint-every", "1", "--quiet"]
    first, second = ["--validation", str(tmp_path / "a")], ["--validation", str(tmp_path / "b")]
    if changed == "lowercase":
        options, first, second = options[2:], [], ["--lowercase"]
    command = ["train", str(FABLE), *options, "--model", str(tmp_path / "run")]
    assert run_program(["build-vocab", str(FABLE), "--max-size", "50", "-o", str(tmp_path / "words")]) == 0
    with monkeypatch.context() as inside:
        inside.setattr(Steps, "evaluate", evaluate)
        assert run_program([*command, *first]) == 0
    killed_after(1)
    with pytest.raises(Killed):
        run_program([*command, *second, "--restart"])
    monkeypatch.undo()
    loss = 1.0
    monkeypatch.setattr(Steps, "evaluate", evaluate)
    assert run_program([*command, *second]) == 0
    assert Model.load(tmp_path / "run" / "model.safetensors").training["metrics"]["loss"] == 1.0
