"""Row 45: stderr that is closed, full, or without a reader changes neither output nor status."""

import contextlib
import fcntl
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from rnnwords.cli.output.streams import prepare_streams
from tests.faults.streams.commands import WRITING, without_times
from tests.processes import QUICK, TINY, environment, rnnwords, small_disk
from tests.texts import FABLE


@pytest.mark.parametrize("stream", ["<&-", "2>&-", "<&- 2>&-"])
@pytest.mark.parametrize("name", ["predict", "generate --json", "build-vocab", "train --json"])
def test_row_45_programs_work_with_closed_stdin_or_stderr(name, stream, run, tmp_path):
    arguments = [*WRITING[name], *([] if name == "build-vocab" else ["--model", str(run)])]
    done = rnnwords(*arguments, cwd=tmp_path, before=["sh", "-c", f'exec "$@" {stream}', "sh"])
    assert done.returncode == 0
    assert done.stdout
    assert "Traceback" not in done.stderr


def test_row_45_training_with_closed_stderr_keeps_its_lock_file_intact(tmp_path):
    done = rnnwords("train", FABLE, *QUICK, "--json", cwd=tmp_path, before=["sh", "-c", 'exec "$@" 2>&-', "sh"])
    assert json.loads(done.stdout)["reason"] == "budget"
    run = tmp_path / "models" / "belling_the_cat"
    lines = (run / "rnnwords-run").read_text(encoding="ascii").splitlines()
    assert [line.split(" ")[0] for line in lines] == ["rnnwords-run", "last"]


@contextlib.contextmanager
def broken_stderr(kind: str) -> Iterator[int]:
    """Yield a descriptor that cannot be written: of a full disk, or of a pipe that is full or has no reader."""
    if kind == "full disk":
        descriptor, reader = os.open("/dev/full", os.O_WRONLY), -1
    else:
        reader, descriptor = os.pipe()
    if kind == "reader left":
        os.close(reader)
    if kind == "full pipe":
        fcntl.fcntl(descriptor, fcntl.F_SETFL, os.O_NONBLOCK)
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(descriptor, b"x" * 4096)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
        if kind == "full pipe":
            os.close(reader)


BROKEN = ["full disk", "reader left", "full pipe"]


@pytest.mark.parametrize(
    ("name", "kind"),
    [*((name, "reader left") for name in ("build-vocab", "eval --json", "generate", "info", "score", "train --json")),
     *(("predict", kind) for kind in BROKEN)],
)  # fmt: skip
def test_row_45_a_broken_stderr_changes_neither_output_nor_status(name, kind, run, tmp_path):
    """The commands print notes, and Python flushes stderr at exit, which would make the status 120."""
    env = environment(RNNWORDS_MODEL=None if name == "build-vocab" or name.startswith("train") else str(run))
    arguments = [*WRITING[name], *(["--model", str(run)] if name.startswith("train") else [])]
    expected = rnnwords(*arguments, cwd=tmp_path, env=env)
    assert expected.returncode == 0, expected.stderr
    with broken_stderr(kind) as descriptor:
        done = rnnwords(*arguments, cwd=tmp_path, env=env, stderr=descriptor)
    assert done.returncode == 0
    assert without_times(done.stdout) == without_times(expected.stdout)


@pytest.mark.parametrize("kind", BROKEN)
def test_row_45_an_error_that_cannot_be_shown_keeps_its_status(kind, tmp_path):
    with broken_stderr(kind) as descriptor:
        assert rnnwords("predict", "the", "--model", "missing", cwd=tmp_path, stderr=descriptor).returncode == 2
        assert rnnwords("predict", "--unknown", cwd=tmp_path, stderr=descriptor).returncode == 2


def train_with(descriptor: int, tmp_path: Path) -> "subprocess.CompletedProcess[str]":
    arguments = (*TINY, "--log-every", "1", "--ngram", "2", "--cache", "5", "--json")
    return rnnwords("train", FABLE, *arguments, "--model", "run", cwd=tmp_path, stderr=descriptor)


@pytest.mark.parametrize(
    "kind", ["reader left", *(pytest.param(kind, marks=pytest.mark.slow) for kind in ("full disk", "full pipe"))]
)
def test_row_45_training_goes_on_without_its_stderr(kind, tmp_path):
    with broken_stderr(kind) as descriptor:
        done = train_with(descriptor, tmp_path)
    assert done.returncode == 0
    assert json.loads(done.stdout)["reason"] == "budget"
    assert json.loads(done.stdout)["step"] == 90
    assert rnnwords("info", "--model", "run", cwd=tmp_path).returncode == 0


@pytest.mark.slow
def test_row_45_training_goes_on_while_the_disk_of_its_log_is_full(tmp_path):
    with small_disk(tmp_path / "disk", "size=4k") as disk, open(disk / "log", "wb") as log:
        done = train_with(log.fileno(), tmp_path)
        assert (disk / "log").stat().st_size <= 4096
    assert json.loads(done.stdout)["step"] == 90


@pytest.mark.slow
def test_row_45_training_saves_before_it_reports_that_the_reader_of_both_streams_left(tmp_path):
    reader, writer = os.pipe()
    os.close(reader)
    arguments = ("train", FABLE, *TINY, "--json", "--model", "run")
    try:
        assert rnnwords(*arguments, cwd=tmp_path, stdout=writer, stderr=writer).returncode == 141
    finally:
        os.close(writer)
    assert json.loads(rnnwords(*arguments, cwd=tmp_path).stdout)["reason"] == "already"


def test_row_45_stderr_works_again_after_a_full_pipe_was_read(monkeypatch):
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with open(writer, "w", encoding="utf-8") as stream:
        for name in ("stdin", "stdout", "stderr"):
            monkeypatch.setattr(sys, name, stream if name == "stderr" else getattr(sys, name))
        prepare_streams()
        for _ in range(10_000):
            sys.stderr.write("0123456789" * 10 + "\n")
        os.read(reader, 1 << 20)
        sys.stderr.write("read again\n")
        sys.stderr.close()
    assert os.read(reader, 1 << 20).endswith(b"read again\n")
    os.close(reader)
