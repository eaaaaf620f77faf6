"""Tests of standard streams that are full, closed, or closed by their reader."""

import json
import re
import subprocess

import pytest

from tests.processes import (
    LIMIT,
    TINY,
    environment,
    killed_at_end,
    rnnwords,
    said,
    start,
)
from tests.texts import FABLE

QUICK = (*TINY, "--epochs", "5")

# Name -> arguments of a command that writes to stdout.
WRITING = {
    "help": ["--help"],
    "build-vocab": ["build-vocab", str(FABLE)],
    "build-vocab --json": ["build-vocab", str(FABLE), "--json"],
    "eval": ["eval", str(FABLE)],
    "eval --json": ["eval", str(FABLE), "--json"],
    "generate": ["generate", "the mice"],
    "generate --json": ["generate", "the mice", "--json"],
    "predict": ["predict", "the mice"],
    "predict --json": ["predict", "the mice", "--json"],
    "info": ["info"],
    "info --json": ["info", "--json"],
    "train --json": ["train", str(FABLE), *TINY, "--json"],  # of a run that is complete
}


@pytest.mark.parametrize("unbuffered", [None, "1"], ids=["", "unbuffered"])
@pytest.mark.parametrize("name", WRITING)
def test_a_full_or_closed_stdout_is_an_error(name, unbuffered, run, tmp_path):
    env = environment(PYTHONUNBUFFERED=unbuffered, RNNWORDS_MODEL=str(run))
    arguments = [*WRITING[name], *(["--model", str(run)] if name.startswith("train") else [])]
    with open("/dev/full", "wb") as full:
        done = rnnwords(*arguments, cwd=tmp_path, env=env, stdout=full)
    check_write_error(done, "^Error: could not write to standard output: No space left on device$")
    done = rnnwords(*arguments, cwd=tmp_path, env=env, before=["sh", "-c", 'exec "$@" >&-', "sh"])
    check_write_error(done, "^Error: standard output is closed; redirect it to a file or to /dev/null$")


def check_write_error(done: "subprocess.CompletedProcess[str]", message: str) -> None:
    assert done.returncode == 1
    assert len(re.findall("^Error: ", done.stderr, re.MULTILINE)) == 1
    said(done.stderr, message)
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


@pytest.mark.parametrize("name", ["build-vocab", "generate", "predict"])
def test_a_closed_pipe_ends_the_program_silently_with_141(name, trained, tmp_path):
    arguments, text = {
        "build-vocab": (["build-vocab", FABLE, "--quiet"], ""),
        "generate": (["generate", "-n", "2", "--model", trained], "the mice\n" * 5_000),
        "predict": (["predict", "--model", trained], "the mice\n" * 50_000),
    }[name]
    (tmp_path / "in").write_text(text, encoding="utf-8")
    with open(tmp_path / "in", encoding="utf-8") as source:
        process = start(*arguments, cwd=tmp_path, stdin=source)
        with killed_at_end(process):
            process.stdout.readline()  # type: ignore[union-attr]
            process.stdout.close()  # type: ignore[union-attr]
            err = process.stderr.read()  # type: ignore[union-attr]
            process.wait(LIMIT)
    assert err == ""
    assert process.returncode in ((0, 141) if name == "build-vocab" else (141,))


@pytest.mark.parametrize("stream", ["<&-", "2>&-", "<&- 2>&-"])
@pytest.mark.parametrize("name", ["predict", "generate --json", "build-vocab", "train --json"])
def test_programs_work_with_closed_stdin_or_stderr(name, stream, run, tmp_path):
    arguments = [*WRITING[name], *([] if name == "build-vocab" else ["--model", str(run)])]
    done = rnnwords(*arguments, cwd=tmp_path, before=["sh", "-c", f'exec "$@" {stream}', "sh"])
    assert done.returncode == 0
    assert done.stdout
    assert "Traceback" not in done.stderr


def test_training_with_closed_stderr_keeps_its_lock_file_intact(tmp_path):
    done = rnnwords("train", FABLE, *QUICK, "--json", cwd=tmp_path, before=["sh", "-c", 'exec "$@" 2>&-', "sh"])
    assert json.loads(done.stdout)["reason"] == "budget"
    run = tmp_path / "models" / "belling_the_cat"
    assert (run / "lock").read_text(encoding="ascii").strip().isdigit()
