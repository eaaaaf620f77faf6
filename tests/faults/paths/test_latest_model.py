"""Row 48: models/latest, the file with the name of the run trained last, and the directory models."""

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rnnwords import Predictor
from rnnwords.training.events import Event, Finished, Planned, Saved
from rnnwords.training.settings.config import TrainingConfig
from rnnwords.training.settings.request import TrainRequest
from tests.faults.paths import bad_paths
from tests.processes import QUICK, ask, rnnwords, without_privileges
from tests.texts import FABLE


def _latest_link(latest: Path) -> None:
    (latest.parent / "other").write_text("kept", encoding="utf-8")
    latest.symlink_to("other")


def _latest_directory(latest: Path) -> None:
    latest.mkdir()
    (latest / "file").touch()


# What models/latest may be -> how it is made.
LATEST: dict[str, Callable[[Path], object]] = {
    "a directory": _latest_directory,
    "a pipe": os.mkfifo,
    "an endless device": lambda latest: latest.symlink_to("/dev/zero"),
    "a link to itself": lambda latest: latest.symlink_to("latest"),
    "a link to a file": _latest_link,
    "huge": lambda latest: latest.write_bytes(b"x" * 10_000_000),
    "a path above": lambda latest: latest.write_bytes(b"../../etc\n"),
    "an absolute path": lambda latest: latest.write_bytes(b"/etc\n"),
    "the directory above": lambda latest: latest.write_bytes(b"..\n"),
    "the directory": lambda latest: latest.write_bytes(b".\n"),
    "itself": lambda latest: latest.write_bytes(b"latest\n"),
    "empty": lambda latest: latest.write_bytes(b""),
    "a blank line": lambda latest: latest.write_bytes(b"\n"),
    "NUL": lambda latest: latest.write_bytes(b"a\0b\n"),
    "not UTF-8": lambda latest: latest.write_bytes(b"\xff\xfe\n"),
    "an escape sequence": lambda latest: latest.write_bytes(b"\x1b]52;c;aGk=\x07\n"),
    "a name of 255 bytes": lambda latest: latest.write_bytes(b"x" * 255 + b"\n"),
    "a missing model": lambda latest: latest.write_bytes(b"gone\n"),
}

NOT_WRITTEN = {"a directory", "a pipe", "an endless device", "a link to itself", "a link to a file"}


@pytest.mark.parametrize("kind", LATEST)
def test_row_48_readers_of_models_latest_get_one_line(kind, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "models").mkdir()
    LATEST[kind](tmp_path / "models" / "latest")
    before = bad_paths.names_in(tmp_path)
    for arguments in (["info"], ["predict", "the"], ["eval", FABLE]):
        status, out, err = ask(capsys, monkeypatch, *arguments)
        assert bad_paths.refused(status, out, err) == [], err
        assert re.search(r"remove models/latest|train one with: rnnwords train TEXT", err), err
        assert "\x1b" not in err
    assert bad_paths.names_in(tmp_path) == before


@pytest.mark.parametrize("kind", LATEST)
def test_row_48_training_continues_whatever_models_latest_is(kind, run, tmp_path, monkeypatch, capsys):
    """Events without a training: the name is written after that of a saved model."""
    latest = tmp_path / "models" / "latest"
    LATEST[kind](latest)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("rnnwords.training.train.train", saved_twice)
    status, out, err = ask(capsys, monkeypatch, "train", FABLE, "--model", "models/tiny")
    assert (status, out) == (0, "")
    warnings = [line for line in err.splitlines() if line.startswith("Warning: ")]
    if kind in NOT_WRITTEN:
        assert len(warnings) == 1, err
        assert re.search(r"models/latest.*; other commands find this model by --model models/tiny$", warnings[0])
        assert "next: rnnwords generate --model models/tiny " in err
    else:
        assert warnings == []
        assert latest.read_bytes() == b"tiny\n"
    if kind == "a link to a file":
        assert (latest.parent / "other").read_text(encoding="utf-8") == "kept"


def saved_twice(request: TrainRequest, **options: object) -> Iterator[Event]:
    """Yield the events of a run that saves two models."""
    predictor = Predictor.load("models/tiny")
    yield Planned(
        request.directory, predictor.vocabulary, 204, 0, 0, "the cat", (0, 1), predictor.model.network,
        TrainingConfig.from_json(predictor.model.training["settings"]), None, False,
    )  # fmt: skip
    yield Saved("model", 1)
    yield Saved("model", 2)
    yield Finished("budget", 2, 1.0, {"loss": None, "of": "training text"})


@pytest.mark.slow
def test_row_48_training_in_an_unwritable_models_directory_warns_and_saves(tmp_path):
    (tmp_path / "models" / "tiny").mkdir(parents=True)
    (tmp_path / "models").chmod(0o500)
    done = rnnwords("train", FABLE, *QUICK, "--model", "models/tiny", cwd=tmp_path, before=without_privileges())
    (tmp_path / "models").chmod(0o700)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("Warning: could not save models/latest: Permission denied") == 1
    assert (tmp_path / "models" / "tiny" / "model.safetensors").is_file()


@pytest.mark.parametrize("kind", ["a file", "a link to a file", "a link to itself", "a pipe"])
def test_row_48_models_that_is_not_a_directory_is_one_line(kind, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    models = tmp_path / "models"
    if kind == "a pipe":
        os.mkfifo(models)
    elif kind == "a file":
        models.touch()
    else:
        models.symlink_to("models" if kind == "a link to itself" else "/dev/null")
    before = bad_paths.names_in(tmp_path)
    for arguments in (["info"], ["train", FABLE]):
        assert bad_paths.refused(*ask(capsys, monkeypatch, *arguments)) == []
    assert bad_paths.names_in(tmp_path) == before


def test_row_48_models_that_is_a_link_to_a_directory_works(run, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "models").rename(tmp_path / "large")
    (tmp_path / "models").symlink_to("large")
    monkeypatch.setattr("rnnwords.training.train.train", saved_twice)
    status, _, err = ask(capsys, monkeypatch, "train", FABLE, "--model", "models/tiny")
    assert (status, "Warning" in err) == (0, False)
    assert (tmp_path / "large" / "latest").read_bytes() == b"tiny\n"
    assert ask(capsys, monkeypatch, "predict", "the")[0] == 0
