"""Row 56: messages about names, words and versions of megabytes have at most 500 characters."""

import dataclasses
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rnnwords.cli.output.messages import one_line
from rnnwords.config import SeriesConfig
from rnnwords.model_file import FORMAT, VERSION
from rnnwords.tensor_file import write_tensors
from tests.models import plain_vocabulary, random_model
from tests.processes import ask
from tests.texts import FABLE

MEGABYTE = "x" * 1_000_000
FIELD = "x" * 130_000  # the csv module reads no longer ones
LONGEST = 500  # characters of a message


def hostile_header(**metadata: str) -> bytes:
    """Return a model file that is only a header."""
    header = json.dumps({"__metadata__": {"format": "rnnwords-model", "version": "2.0", **metadata}}).encode()
    return len(header).to_bytes(8, "little") + header


def hostile_network(**settings: Any) -> Callable[[Path], object]:
    """Return what writes a model file with a right checksum whose network has these settings."""

    def write_model(path: Path) -> None:
        tensors = {"vocabulary/words": np.frombuffer(b"w", np.uint8), "vocabulary/counts": np.array([1])}
        configs = {"network": {**random_model(plain_vocabulary(5)).network.to_json(), **settings}}
        write_tensors(path, FORMAT, VERSION, tensors, configs)

    return write_model


def numeric(column: str) -> Callable[[Path], object]:
    """Return what writes a model of numbers with this name of the column."""
    series = SeriesConfig(column, 0.0, 1.0)
    model = random_model(plain_vocabulary(1), input="number", output="linear", embedding=1)
    return lambda path: dataclasses.replace(model, series=series).save(path)


# What is long -> how the file `hostile` is made, and the command.
HOSTILE: dict[str, tuple[bytes | Callable[[Path], object], list[str]]] = {
    "name of an option": (b"", ["predict", f"--{MEGABYTE}"]),
    "name of a command": (b"", [MEGABYTE]),
    "surplus argument": (b"", ["predict", "a", MEGABYTE]),
    "shell": (b"", ["completion", MEGABYTE]),
    "name of a text": (b"", ["train", MEGABYTE]),
    "name of a model": (b"", ["predict", "a", "--model", MEGABYTE]),
    "name of a plot": (b"", ["explain", "a", "--plot", MEGABYTE]),
    "name of a column": (b"day,x\n1,2\n", ["forecast", "hostile", "--column", MEGABYTE]),
    "names of columns": (f"{FIELD},{FIELD}y\n1,2\n".encode(), ["forecast", "hostile"]),
    "name of a column twice": (
        f"{FIELD},{FIELD}\n1,2\n".encode(), ["forecast", "hostile", "--column", FIELD]
    ),
    "cell": (f"day,x\n1,2{FIELD}\n".encode(), ["forecast", "hostile", "--column", "x"]),
    "field": (f"day,{MEGABYTE}\n1,2\n".encode(), ["forecast", "hostile"]),
    "number": (b"day,x\n1," + b"9" * 130_000 + b"\n", ["forecast", "hostile", "--column", "x"]),
    "unnamed cells": (b"a,b\n" + b"1," * 500_000 + b"\n", ["forecast", "hostile"]),
    "column of a bad number": (f"{FIELD}\n1\nx\n".encode(), ["forecast", "hostile"]),
    "first line of a vocabulary": (MEGABYTE.encode(), ["train", str(FABLE), "--vocab", "hostile"]),
    "settings of a vocabulary": (
        f'# rnnwords-vocabulary {{"{MEGABYTE}": 1}}\nw\t1\n'.encode(), ["train", str(FABLE), "--vocab", "hostile"]
    ),
    "value in a vocabulary": (
        f'# rnnwords-vocabulary {{"tokenizer": "{MEGABYTE}"}}\nw\t1\n'.encode(),
        ["train", str(FABLE), "--vocab", "hostile"],
    ),
    "line of a vocabulary": (
        f"# rnnwords-vocabulary {{}}\n{MEGABYTE}\n".encode(), ["train", str(FABLE), "--vocab", "hostile"]
    ),
    "word of a vocabulary twice": (
        f"# rnnwords-vocabulary {{}}\n{MEGABYTE}\t1\n{MEGABYTE}\t1\n".encode(),
        ["train", str(FABLE), "--vocab", "hostile"],
    ),
    "format of a model": (hostile_header(format=MEGABYTE), ["info", "--model", "hostile"]),
    "version of a model": (hostile_header(version=MEGABYTE), ["info", "--model", "hostile"]),
    "newer version of a model": (
        hostile_header(version=f"9.{MEGABYTE}", program=MEGABYTE), ["info", "--model", "hostile"]
    ),
    "setting of a network": (hostile_network(**{MEGABYTE: 1}), ["info", "--model", "hostile"]),
    "value of a network": (hostile_network(cell=MEGABYTE), ["info", "--model", "hostile"]),
    "number of a network": (hostile_network(units=10**4_000), ["info", "--model", "hostile"]),
    "column of a model of numbers": (numeric(MEGABYTE), ["predict", "a", "--model", "hostile"]),
}  # fmt: skip


@pytest.mark.parametrize("long", HOSTILE)
def test_row_56_an_error_with_a_megabyte_in_it_has_at_most_500_characters(long, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    content, arguments = HOSTILE[long]
    if callable(content):
        content(tmp_path / "hostile")
    else:
        (tmp_path / "hostile").write_bytes(content)
    started = time.monotonic()
    status, out, err = ask(capsys, monkeypatch, *arguments)
    assert time.monotonic() - started < 10
    assert (status in (1, 2), out) == (True, "")
    assert err.count("\n") == 1
    assert err.startswith("Error: ")
    assert len(err.rstrip("\n")) <= LONGEST
    assert os.listdir(tmp_path) == ["hostile"]


@pytest.mark.parametrize("prompt", [MEGABYTE, " ".join(f"word{number}" for number in range(100_000)), "\x1b" * 100_000])
@pytest.mark.parametrize("command", ["predict", "generate", "explain"])
def test_row_56_notes_about_a_megabyte_of_unknown_words_are_short(command, prompt, trained, monkeypatch, capsys):
    for more in ([], ["--oov", "skip"]):
        status, _, err = ask(capsys, monkeypatch, command, prompt, "--model", trained, *more)
        assert status == (0 if more else 2)
        assert max(map(len, err.splitlines())) <= LONGEST
        assert "\x1b" not in err


def test_row_56_notes_about_a_megabyte_of_letters_or_of_names_are_short(trained, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for number in range(200):
        (tmp_path / f"chapter number {number}.txt").write_text("the cat sat", encoding="utf-8")
    texts = sorted(os.listdir(tmp_path))
    for arguments in (
        ["predict", "the", "--prefix", MEGABYTE, "--model", trained],
        ["build-vocab", *texts, "-o", "words.tsv"],
        ["build-vocab", *texts, "-o", "y" * 255],
        ["build-vocab", *texts, "-o", "./" * 1_000 + "words.tsv"],
    ):
        status, _, err = ask(capsys, monkeypatch, *arguments)
        assert status == 0, err
        assert max(map(len, err.splitlines())) <= LONGEST
    assert err.endswith(" -- TEXT...\n") or err.endswith("rnnwords train --vocab FILE TEXT...\n")


@pytest.mark.parametrize("length", [0, 10, 499, 500, 501, 1_000, 10_000_000])
def test_row_56_a_long_message_keeps_its_beginning_and_its_advice(length):
    line = one_line(f"Error: expected x, found {'a' * length}; do this instead")
    assert len(line) <= LONGEST
    assert line.startswith("Error: expected x, found ")
    assert line.endswith("; do this instead")
    assert len(one_line("\x1b\n" * length)) <= LONGEST
    assert "\n" not in one_line("\n" * length)
