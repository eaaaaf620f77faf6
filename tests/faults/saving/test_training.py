"""Rows 4, 5 and 19: training whose disk is full, whose logs cannot be written, or whose loss becomes NaN."""

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from rnnwords.cli import run as run_program
from rnnwords.model_file import Model
from rnnwords.training.events import Finished, Report, Warned
from rnnwords.training.runs.checkpoint import RunDirectory
from rnnwords.training.settings.request import TrainRequest
from rnnwords.training.train import train
from tests.processes import TINY, Killed, here, matched, rnnwords, small_disk, with_files_up_to
from tests.texts import FABLE


def test_row_19_a_nan_loss_stops_the_run_and_keeps_the_best_model(tmp_path, capfd, monkeypatch):
    from rnnwords.training.optimization.steps import Steps

    run = tmp_path / "run"
    options = ["--optimizer", "sgd", "--learning-rate", "10", "--clip-norm", "1000000", "--epochs", "400"]
    options += ["--units", "8", "--layers", "1", "--embedding", "4", "--input", "scalar", "--seed", "1"]
    options += ["--precision", "float32", "--model", str(run), "--quiet", "--checkpoint-every", "5"]
    at = 12  # the step whose loss becomes NaN
    original = Steps.run

    def with_nan(steps, ids, rates, step):
        losses, hits, norms = original(steps, ids, rates, step)
        if step <= at - 1 < step + len(losses):
            losses = losses.copy()
            losses[at - 1 - step] = float("nan")
        return losses, hits, norms

    monkeypatch.setattr(Steps, "run", with_nan)
    assert run_program(["train", str(FABLE), *options, "--validation-split", "0.2"]) == 1
    matched(
        capfd.readouterr().err,
        rf"^Error: expected a finite loss, found NaN or infinity in step {at}; .*learning.rate.* than 10 and .*restart",
    )
    assert Model.load(run / "model.safetensors").training["step"] < at
    newest = RunDirectory(run).newest(pytest.fail)
    assert newest is not None
    assert newest.step == 10


def test_row_19_a_nan_loss_of_an_evaluation_stops_the_run(tmp_path, capfd, monkeypatch):
    from rnnwords.training.optimization.steps import Steps

    answers = iter([(3.0, 0.1, 1, 10), (float("nan"), 0.1, 1, 10)])
    monkeypatch.setattr(Steps, "evaluate", lambda self, ids: next(answers))
    run = tmp_path / "run"
    assert run_program(["train", str(FABLE), *TINY, "--model", str(run), "--quiet"]) == 1
    matched(capfd.readouterr().err, r"^Error: expected a finite loss, found NaN or infinity in step 30; ")
    assert Model.load(run / "model.safetensors").training["metrics"]["loss"] == 3.0


def test_row_19_an_excessive_learning_rate_ends_in_an_error_or_a_valid_model(tmp_path):
    """Whether training fails or not: no traceback, and no model file that does not load."""
    options = ["--optimizer", "sgd", "--learning-rate", "10", "--clip-norm", "1000000", "--cell", "simple"]
    assert here("train", FABLE, *TINY, *options, "--input", "scalar", "--model", "run", cwd=tmp_path) in (0, 1)
    if (tmp_path / "run" / "model.safetensors").exists():
        Model.load(tmp_path / "run" / "model.safetensors")


@pytest.fixture
def half_done(tmp_path, killed_after, monkeypatch):
    """Return a function that makes a run killed after its first checkpoint, and returns the command that resumes it."""
    command = ["train", str(FABLE), *TINY, "--checkpoint-every", "30", "--model", "run"]

    def made(directory: Path) -> list[str]:
        with monkeypatch.context() as inside:
            inside.chdir(directory)
            killed_after(1)
            with pytest.raises(Killed):
                run_program([*command, "--quiet"])
        monkeypatch.undo()
        return command

    return made


def test_row_04_a_file_size_limit_ends_training_and_keeps_the_checkpoint(half_done, tmp_path):
    command = half_done(tmp_path)
    size = (tmp_path / "run" / "checkpoints" / "step-0000000030.safetensors").stat().st_size
    done = rnnwords(*command, cwd=tmp_path, before=with_files_up_to(size - 1_000))
    check_save_error(done, tmp_path / "run", "the checkpoint of step 30 is kept")


def test_row_04_a_full_disk_ends_training_and_keeps_the_checkpoint(half_done, tmp_path):
    with small_disk(tmp_path / "disk", "size=2m") as disk:
        command = half_done(disk)
        with open(disk / "filler", "wb", buffering=0) as filler:
            try:
                while True:
                    filler.write(b"x" * 4096)
            except OSError:
                pass
        check_save_error(rnnwords(*command, cwd=disk), disk / "run", "is kept")
        (disk / "filler").unlink()
        assert here(*command, cwd=disk) == 0


def check_save_error(done: "subprocess.CompletedProcess[str]", run: Path, kept: str) -> None:
    """Check that the run ended with a one-line error, and that its saved files are valid."""
    assert done.returncode == 1, done.stderr
    assert len(re.findall("^Error: ", done.stderr, re.MULTILINE)) == 1
    matched(done.stderr.splitlines()[-1], rf"^Error: could not save run/.*: .*; .*{kept}")
    assert "Traceback" not in done.stderr
    newest = RunDirectory(run).newest(pytest.fail)
    assert newest is not None
    assert newest.step == 30
    Model.load(run / "model.safetensors")
    assert not list(run.rglob("*.tmp"))


@pytest.mark.parametrize("disk", ["size=4k", "size=12k", "nr_inodes=1", "nr_inodes=4"])
def test_row_05_unwritable_tensorboard_logs_are_one_warning(disk, run, capfd):
    shutil.rmtree(run / "logs")
    with small_disk(run / "logs", disk):  # four inodes: for the events of training, but not for those of validation
        options = ["--validation-split", "0.2", "--model", run, "--restart"]
        assert here("train", FABLE, *TINY, *options, cwd=run) == 0
    err = capfd.readouterr().err
    assert len(re.findall("^Warning: ", err, re.MULTILINE)) == 1
    matched(err, r"^Warning: cannot write the logs for TensorBoard \(.*\); training continues without them$")
    assert json.loads((run / "history.jsonl").read_text(encoding="utf-8").splitlines()[-1])["step"] == 90


def after_first_report(run: Path, spoil: Callable[[], object]) -> tuple[list[str], str]:
    """Train, spoil something after the first report, and return the warnings that follow and why the run ended."""
    network = {"units": 16, "layers": 1, "embedding": 8}
    settings = {"epochs": 30, "precision": "float32"}
    warnings, spoiled = [], False
    for event in train(TrainRequest([FABLE], run, network=network, training=settings, seed=1)):
        if isinstance(event, Report) and not spoiled:
            spoil()
            spoiled = True
        if isinstance(event, Warned):
            warnings.append(event.message)
        if isinstance(event, Finished):
            return warnings, event.reason
    raise AssertionError("the run did not finish")


def test_row_05_logs_that_disappear_during_training_are_one_warning(tmp_path):
    run = tmp_path / "run"
    warnings, why = after_first_report(run, lambda: shutil.rmtree(run / "logs"))
    assert why == "budget"
    assert len(warnings) == 1
    assert re.fullmatch(r"could not save .*words.tsv: .*; training continues without it", warnings[0])
    assert Model.load(run / "model.safetensors").training["step"] == 90


def test_row_04_a_history_that_cannot_be_appended_is_one_warning_and_ends_no_training(trained, tmp_path):
    run = tmp_path / "run"

    def spoil() -> None:
        (run / "history.jsonl").rename(tmp_path / "history.jsonl")
        (run / "history.jsonl").mkdir()

    warnings, why = after_first_report(run, spoil)
    assert why == "budget"
    assert len(warnings) == 1
    assert re.fullmatch(r"could not save .*history.jsonl: .*; training continues without it", warnings[0])
    own, expected = (Model.load(path / "model.safetensors").weights for path in (run, trained))
    assert all(np.array_equal(own[name], expected[name]) for name in expected)
