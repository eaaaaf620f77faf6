"""Tests of unusual file names: invalid UTF-8, spaces, and names that look like options."""

import json
import os
import subprocess

import pytest

from tests.processes import (
    TINY,
    rnnwords,
    said,
)
from tests.texts import FABLE

QUICK = (*TINY, "--epochs", "5")


def test_file_names_that_are_not_utf8_work_in_every_command(tmp_path):
    name = b"caf\xe9 \xff.txt"
    (tmp_path / os.fsdecode(name)).write_bytes(FABLE.read_bytes())
    done = rnnwords("train", name, *QUICK, "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    model = json.loads(done.stdout)["model"]
    assert os.fsencode(model) == b"models/caf\xe9 \xff/model.safetensors"
    assert (tmp_path / "models" / "latest").read_bytes() == b"caf\xe9 \xff\n"
    for arguments in (["predict", "the mice"], ["info"], ["info", "--json"], ["eval", name], ["eval", name, "--json"]):
        done = rnnwords(*arguments, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert done.stdout
    done = rnnwords("build-vocab", name, "-o", b"\xff.tsv", "--json", cwd=tmp_path)
    assert json.loads(done.stdout)["file"] == os.fsdecode(b"\xff.tsv")
    assert (tmp_path / os.fsdecode(b"\xff.tsv")).is_file()


@pytest.mark.parametrize("name", ["-n.txt", "two words.txt", "--help", "*.txt"])
def test_the_suggested_train_command_quotes_unusual_file_names(name, tmp_path):
    (tmp_path / name).write_bytes(FABLE.read_bytes())
    done = rnnwords("build-vocab", "-o", f"{name}.tsv", "--", name, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / f"{name}.tsv").is_file()
    command = said(done.stderr, r"train with it: (rnnwords train .*)$")[1]
    shown = subprocess.run(["sh", "-c", f"printf '%s\\n' {command}"], capture_output=True, text=True, check=True).stdout
    assert shown.splitlines() == ["rnnwords", "train", "--vocab", f"{name}.tsv", "--", name]
