"""Rows 15 and 16: stdout that is full, closed, or closed by its reader."""

import os
import re
import subprocess
import time

import pytest

from tests.faults.streams.commands import WRITING
from tests.processes import LIMIT, environment, killed_at_end, matched, rnnwords, start
from tests.texts import FABLE


@pytest.mark.parametrize("unbuffered", [None, "1"], ids=["", "unbuffered"])
@pytest.mark.parametrize("name", WRITING)
def test_row_16_a_full_or_closed_stdout_is_an_error(name, unbuffered, run, tmp_path):
    env = environment(PYTHONUNBUFFERED=unbuffered, RNNWORDS_MODEL=str(run))
    arguments = [*WRITING[name], *(["--model", str(run)] if name.startswith("train") else [])]
    with open("/dev/full", "wb") as full:
        done = rnnwords(*arguments, cwd=tmp_path, env=env, stdout=full)
    check_write_error(done, "^Error: could not write to standard output: No space left on device$")
    if unbuffered:
        return
    done = rnnwords(*arguments, cwd=tmp_path, env=env, before=["sh", "-c", 'exec "$@" >&-', "sh"])
    check_write_error(done, "^Error: standard output is closed; redirect it to a file or to /dev/null$")


def check_write_error(done: "subprocess.CompletedProcess[str]", message: str) -> None:
    assert done.returncode == 1
    assert len(re.findall("^Error: ", done.stderr, re.MULTILINE)) == 1
    matched(done.stderr, message)
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


def test_row_16_a_command_that_writes_nothing_to_a_closed_stdout_succeeds(tmp_path):
    closed = ["sh", "-c", 'exec "$@" >&-', "sh"]
    done = rnnwords("build-vocab", FABLE, "-o", "vocabulary.tsv", cwd=tmp_path, before=closed)
    assert (done.returncode, done.stdout) == (0, "")
    assert (tmp_path / "vocabulary.tsv").read_text(encoding="utf-8").startswith("#")


@pytest.mark.parametrize("unbuffered", [None, "1"], ids=["", "unbuffered"])
def test_row_16_a_pipe_that_does_not_block_gets_everything(unbuffered, trained, tmp_path):
    """Its reader is slower than the program; Python loses what such a pipe has no room for."""
    (tmp_path / "in").write_text("the mice\n" * 5_000, encoding="utf-8")
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with open(tmp_path / "in", encoding="utf-8") as source, open(reader, encoding="utf-8") as seen:
        process = start(
            "predict", "--model", trained, cwd=tmp_path, stdin=source, stdout=writer,
            env=environment(PYTHONUNBUFFERED=unbuffered),
        )  # fmt: skip
        with killed_at_end(process):
            os.close(writer)
            time.sleep(1)
            assert len(seen.read().splitlines()) == 5_000
            assert process.wait(LIMIT) == 0


@pytest.mark.parametrize("name", ["build-vocab", "generate", "predict"])
def test_row_15_a_closed_pipe_ends_the_program_silently_with_141(name, trained, tmp_path):
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


@pytest.mark.parametrize("option", ["--help", "-h", "--version"])
def test_row_15_a_pipe_without_a_reader_ends_help_and_version_silently_with_141(option, tmp_path):
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = rnnwords(option, cwd=tmp_path, stdout=writer)
    finally:
        os.close(writer)
    assert (done.returncode, done.stderr) == (141, "")
