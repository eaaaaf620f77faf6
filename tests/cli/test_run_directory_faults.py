"""Tests of directories that a run cannot use or must not change."""

import os
import shutil
import subprocess

import pytest

from tests.processes import (
    LIMIT,
    TINY,
    contents,
    killed_at_end,
    only_error,
    rnnwords,
    said,
    small_disk,
    without_privileges,
)
from tests.texts import FABLE


def test_a_read_only_run_is_an_error_for_train_and_works_for_generate(run, tmp_path):
    before = contents(run)
    directories = [run / "checkpoints", run]
    for directory in directories:
        directory.chmod(0o555)
    try:
        prefix = without_privileges()
        done = rnnwords("train", FABLE, *TINY, "--epochs", "31", "--model", run, cwd=tmp_path, before=prefix)
        only_error(done, 1, r"cannot be written: .*; nothing was changed$")
        done = rnnwords("generate", "the mice", "--model", run, cwd=tmp_path, before=prefix)
        assert (done.returncode, done.stderr) == (0, "")
    finally:
        for directory in directories:
            directory.chmod(0o755)
    assert contents(run) == before


def test_a_run_directory_that_cannot_be_created_is_an_error(tmp_path):
    prefix = without_privileges()
    tmp_path.chmod(0o555)
    try:
        only_error(
            rnnwords("train", FABLE, *TINY, cwd=tmp_path, before=prefix), 1, "cannot be written: Permission denied"
        )
    finally:
        tmp_path.chmod(0o755)


def test_a_run_on_a_read_only_file_system_is_an_error_for_train_and_works_for_predict(trained, tmp_path):
    with small_disk(tmp_path / "disk", "size=4m") as disk:
        shutil.copytree(trained, disk / "run")
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        done = rnnwords("train", FABLE, *TINY, "--model", "disk/run", cwd=tmp_path)
        only_error(done, 1, "disk/run cannot be written: Read-only file system; nothing was changed$|no permission")
        assert rnnwords("predict", "the mice", "--model", "disk/run", cwd=tmp_path).returncode == 0


def test_a_model_path_that_is_another_file_is_an_error(tmp_path):
    (tmp_path / "novel").write_text("mine", encoding="utf-8")
    only_error(
        rnnwords("train", FABLE, *TINY, "--model", "novel", cwd=tmp_path),
        2,
        "expected a directory for the run, found a file: novel$",
    )
    assert (tmp_path / "novel").read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize("option", [[], ["--restart"]])
def test_a_directory_with_other_files_is_an_error_and_unchanged(option, tmp_path):
    other = tmp_path / "theirs"
    (other / "checkpoints").mkdir(parents=True)
    for name in ("letters.txt", "model.safetensors", "checkpoints/step-0000000001.safetensors"):
        (other / name).write_text("mine", encoding="utf-8")
    before = contents(other)
    done = rnnwords("train", FABLE, *TINY, "--model", "theirs", *option, cwd=tmp_path)
    only_error(done, 2, r"expected a run or an empty directory, found other files in theirs \(letters\.txt\); name")
    assert contents(other) == before


def test_a_link_to_a_run_works_and_a_broken_link_is_an_error(run, tmp_path):
    (tmp_path / "link").symlink_to(run)
    done = rnnwords("train", FABLE, *TINY, "--model", "link", cwd=tmp_path)
    assert done.returncode == 0
    said(done.stderr, "this run is complete")
    (tmp_path / "broken").symlink_to(tmp_path / "nowhere")
    only_error(
        rnnwords("train", FABLE, *TINY, "--model", "broken", cwd=tmp_path), 1, "^Error: broken cannot be written: "
    )
    assert not (tmp_path / "nowhere").exists()


def test_build_vocab_writes_to_a_pipe_without_replacing_it(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    reader = subprocess.Popen(["cat", "pipe"], cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    with killed_at_end(reader):
        done = rnnwords("build-vocab", FABLE, "-o", "pipe", "--quiet", cwd=tmp_path)
        out, _ = reader.communicate(timeout=LIMIT)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(out.splitlines()) == 113
    assert (tmp_path / "pipe").is_fifo()
    only_error(rnnwords("build-vocab", FABLE, "-o", ".", cwd=tmp_path), 1, "could not write to|could not save")
    only_error(rnnwords("build-vocab", FABLE, "-o", "none/x.tsv", cwd=tmp_path), 1, "could not save none/x.tsv: ")
