"""Rows 40 and 46: unusual and long names of files and directories."""

import json
import os
import subprocess

import pytest

from rnnwords.cli.models import run_name
from tests.faults.paths.without_tensorflow import STOPPED, no_tensorflow
from tests.processes import QUICK, ask, here, matched, rnnwords
from tests.texts import FABLE


def test_row_40_file_names_that_are_not_utf8_work_in_every_command(tmp_path):
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


@pytest.mark.parametrize("name", ["-n.txt", "two words.txt", "--help", "*.txt", "$HOME `x`!.txt", "it's.txt"])
def test_row_40_the_suggested_train_command_quotes_unusual_file_names(name, tmp_path):
    (tmp_path / name).write_bytes(FABLE.read_bytes())
    done = rnnwords("build-vocab", "-o", f"{name}.tsv", "--", name, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / f"{name}.tsv").is_file()
    command = matched(done.stderr, r"train with it: (rnnwords train .*)$")[1]
    shown = subprocess.run(["sh", "-c", f"printf '%s\\n' {command}"], capture_output=True, text=True, check=True).stdout
    assert shown.splitlines() == ["rnnwords", "train", "--vocab", f"{name}.tsv", "--", name]


def test_row_46_names_of_255_bytes_work(trained, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("rnnwords.training.session.tensorflow_required", no_tensorflow)
    name = "x" * 251 + ".txt"
    (tmp_path / name).write_bytes(FABLE.read_bytes())
    assert here("build-vocab", name, "-o", "y" * 255, cwd=tmp_path) == 0
    assert (tmp_path / ("y" * 255)).is_file()
    assert here("explain", "the", "--model", trained, "--plot", "z" * 251 + ".png", cwd=tmp_path) == 0
    assert ask(capsys, monkeypatch, "train", name, "--quiet") == (1, "", STOPPED)
    assert ask(capsys, monkeypatch, "train", FABLE, "--model", "r" * 255, "--quiet") == (1, "", STOPPED)


@pytest.mark.parametrize(
    "column", ["index of " * 40, "\u5024" * 100, "a/" * 200, "../" * 90, "\U0001f300" * 64, "..", "\ufdfa\u0301" * 60]
)
def test_row_46_a_long_name_of_a_column_gives_a_run_directory_of_255_bytes_or_less(
    column, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr("rnnwords.training.session.tensorflow_required", no_tensorflow)
    monkeypatch.chdir(tmp_path)
    table = "".join(f"{day},{day % 7}\n" for day in range(100))
    (tmp_path / "numbers.csv").write_text(f"day,{column}\n{table}", encoding="utf-8")
    answer = ask(capsys, monkeypatch, "forecast", "numbers.csv", "--column", column.strip(), "--quiet")
    assert answer == (1, "", STOPPED)
    names = [run_name(column + end) for end in ("", "!", "!!")]
    assert len(set(names)) == 3
    assert all(len(os.fsencode(name)) <= 255 for name in names)
