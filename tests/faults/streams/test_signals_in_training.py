"""Rows 12 and 58: a signal in training saves the step; the command that resumes gives the result of an unbroken run."""

import shlex
import shutil
import signal
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from rnnwords.model_file import Model
from rnnwords.training.runs.checkpoint import RunDirectory
from tests.faults.streams.signals import ENDS
from tests.faults.terminal import CONTROLLED, Terminal
from tests.processes import LIMIT, PROGRAM, checkpoints, here, killed_at_end, matched, start, until
from tests.runs import COMMANDS, STEPS, place, result, stopped
from tests.texts import FABLE

pytestmark = pytest.mark.serial


def test_row_12_ctrl_c_saves_and_prints_the_command_that_resumes(interrupted, unbroken, tmp_path, capfd):
    there = shutil.copytree(interrupted[0], tmp_path / "copy")
    check_resumed(there, interrupted[1], 130, unbroken["windows"], capfd)


@pytest.mark.slow
def test_row_12_sigterm_saves_and_prints_the_command_that_resumes(unbroken, tmp_path, capfd):
    there = place(tmp_path)
    done = stopped(COMMANDS["stateful"], there, signal.SIGTERM)
    check_resumed(there, done, 143, unbroken["stateful"], capfd)


def check_resumed(there: Path, done: Any, status: int, expected: Any, capfd: Any) -> None:
    """Check that the printed command resumes an interrupted run, with the expected result."""
    assert (done.returncode, done.stdout) == (status, ""), done.stderr
    ending = r"^Interrupted; step ([\d,]+) is saved\. Resume with: (?:rnnwords (.*)|the same command)$"
    resume = matched(done.stderr.splitlines()[-1], ending)  # a long command is not repeated
    command = shlex.split(resume[2]) if resume[2] else done.args[len(PROGRAM) :]
    assert int(resume[1].replace(",", "")) == checkpoints(there / "run")[-1] < STEPS
    Model.load(there / "run" / "model.safetensors")
    assert here(*command, cwd=there) == 0
    matched(capfd.readouterr().err, rf"^resuming run at step {resume[1]}$")
    assert result(there / "run") == expected


def test_row_12_a_second_ctrl_c_ends_at_once_with_valid_files(tmp_path):
    there = place(tmp_path)
    process = start(*COMMANDS["windows"], cwd=there)
    with killed_at_end(process):
        until(lambda: len(checkpoints(there / "run")) == 2, process)
        while process.poll() is None:
            process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=LIMIT)
    assert process.returncode in (-signal.SIGINT, 130)
    assert "Traceback" not in err
    Model.load(there / "run" / "model.safetensors")
    newest = RunDirectory(there / "run").newest(pytest.fail)
    assert newest is not None
    assert newest.step == checkpoints(there / "run")[-1]


LONG = ("--units", "8", "--layers", "1", "--seed", "1", "--precision", "float32", "--log-every", "1", "--model", "run")


@pytest.mark.serial
@pytest.mark.parametrize("closed", ["sends SIGHUP", pytest.param("with SIGHUP ignored", marks=pytest.mark.slow)])
def test_row_58_training_saves_when_its_terminal_closes(closed, tmp_path):
    """Without nohup the run is saved and ends with 129; with it, the run goes on to its end. stderr fails in both."""
    ignored = closed == "with SIGHUP ignored"
    budget = ("--iterations", "900" if ignored else "1000000", "--checkpoint-every", "50")
    shell = ["/bin/sh", "-c", "trap '' HUP; exec \"$@\"", "sh"] if ignored else []
    program = (sys.executable, "-c", CONTROLLED, *shell, *PROGRAM)
    with Terminal(tmp_path, "train", FABLE, *LONG, *budget, program=program, cwd=tmp_path) as terminal:
        until(lambda: terminal.read() and checkpoints(tmp_path / "run"), terminal.process)
        terminal.close()
        assert terminal.process.wait(LIMIT) == (0 if ignored else 129)
    newest = RunDirectory(tmp_path / "run").newest(pytest.fail)
    assert newest is not None
    assert newest.step == 900 if ignored else newest.step >= 50
    Model.load(tmp_path / "run" / "model.safetensors")


@pytest.mark.serial
def test_row_58_sighup_saves_and_prints_the_command_that_resumes(tmp_path, capfd):
    there = place(tmp_path)
    done = stopped(COMMANDS["windows"], there, signal.SIGHUP)
    assert (done.returncode, done.stdout) == (129, ""), done.stderr
    resume = matched(
        done.stderr.splitlines()[-1], r"^Interrupted; step ([\d,]+) is saved\. Resume with: rnnwords (.*)$"
    )
    assert here(*shlex.split(resume[2]), cwd=there) == 0
    matched(capfd.readouterr().err, rf"^resuming run at step {resume[1]}$")


@pytest.mark.slow
@pytest.mark.serial
@pytest.mark.parametrize("number", ENDS)
def test_row_12_a_signal_at_any_moment_shows_no_traceback(number, tmp_path):
    """From the start, over reading the text and loading TensorFlow, to training, which does not end by itself.

    Before the program handles signals, one ends the process as such; a shell reports both in the same way.
    """
    for step in range(12):
        process = start("train", FABLE, *LONG, "--iterations", "1000000", "--restart", cwd=tmp_path)
        with killed_at_end(process):
            time.sleep(0.5 + 0.3 * step)
            process.send_signal(number)
            _, err = process.communicate(timeout=LIMIT)
        assert "Traceback" not in err, step
        assert process.returncode in (ENDS[number][0], -number), (step, err)
        assert process.returncode > 0 or not err
