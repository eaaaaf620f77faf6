"""Rows 6 and 7: run directories that cannot be written, and model paths that are files or links."""

import os
import shutil
import subprocess

import pytest

from rnnwords.model_file import Model
from rnnwords.training.native_output import native_output_to
from rnnwords.training.runs.checkpoint import RunDirectory
from tests.faults.run_directories import refused
from tests.processes import TINY, contents, matched, only_error, rnnwords, small_disk, without_privileges
from tests.texts import FABLE, write


def test_row_06_a_read_only_run_is_an_error_for_train_and_works_for_generate(run, tmp_path):
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


def test_row_06_a_run_directory_that_cannot_be_created_is_an_error(tmp_path):
    prefix = without_privileges()
    tmp_path.chmod(0o555)
    try:
        only_error(
            rnnwords("train", FABLE, *TINY, cwd=tmp_path, before=prefix), 1, "cannot be written: Permission denied"
        )
    finally:
        tmp_path.chmod(0o755)


def test_row_06_a_read_only_file_system_is_an_error_for_train_and_works_for_predict(trained, tmp_path):
    with small_disk(tmp_path / "disk", "size=4m") as disk:
        shutil.copytree(trained, disk / "run")
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        done = rnnwords("train", FABLE, *TINY, "--model", "disk/run", cwd=tmp_path)
        only_error(done, 1, "disk/run cannot be written: Read-only file system; nothing was changed$|no permission")
        assert rnnwords("predict", "the mice", "--model", "disk/run", cwd=tmp_path).returncode == 0


@pytest.mark.parametrize("option", [[], ["--restart"]])
def test_row_07_a_model_path_that_is_another_file_is_refused(option, tmp_path, capfd):
    place = write(tmp_path / "novel", "mine")
    refused(capfd, place, r"^Error: --model: expected a directory for the run, found a file: .*novel$", *option)
    (tmp_path / "pipes").mkdir()
    os.mkfifo(tmp_path / "pipes" / "pipe")
    refused(capfd, tmp_path / "pipes" / "pipe", r"expected a directory for the run, found a file: .*pipe$", *option)


def test_row_07_a_link_to_a_run_works_and_a_broken_link_is_an_error(run, tmp_path):
    (tmp_path / "link").symlink_to(run)
    done = rnnwords("train", FABLE, *TINY, "--model", "link", cwd=tmp_path)
    assert done.returncode == 0
    matched(done.stderr, "this run is complete")
    (tmp_path / "broken").symlink_to(tmp_path / "nowhere")
    only_error(
        rnnwords("train", FABLE, *TINY, "--model", "broken", cwd=tmp_path),
        1,
        "^Error: broken cannot be written: a link in it leads",
    )
    assert not (tmp_path / "nowhere").exists()


def test_row_07_a_save_in_a_run_that_is_named_by_a_link_stays_in_it(run, tmp_path):
    (tmp_path / "link").symlink_to(run)
    directory = RunDirectory(tmp_path / "link")
    with directory.locked(), native_output_to(directory.native_log):
        Model.load(directory.model).save(directory.model, follow_links=False)
        directory.append_history({"step": 91})
    assert (run / "history.jsonl").read_text().splitlines()[-1] == '{"step": 91}'
