"""`train --from`: training that continues from a trained model, from the command to the model file."""

import json
import re
import shutil

import numpy as np
import pytest

from rnnwords.config import TextConfig
from rnnwords.model_file import Model
from tests.models import random_model, saved, vocabulary_of
from tests.processes import Killed, ask, contents, here
from tests.runs import result
from tests.texts import FABLE, FABLE_TEXT

KINDS = [
    {}, {"cell": "simple"}, {"cell": "gru", "mode": "stateful"}, {"tie": True, "embedding": 8},
    {"tie": True, "embedding": 6, "mode": "stateful"}, {"input": "one-hot"},
]  # fmt: skip
SHORT = ("--iterations", "4", "--batch-size", "4", "--seed", "1", "--precision", "float32")
NEW = ("train", "fable.txt", "--from", "base", "--model", "run")
RUNS = {
    "averages": ("--iterations", "60", "--batch-size", "20", "--ema", "0.99", "--dropout", "0.3"),
    "stateful": ("--iterations", "60", "--batch-size", "4", "--validation-split", "0.2", "--patience", "1000"),
}


def base(there, **settings):
    """Save a random model of a few of the fable's words, and the fable in the same directory."""
    (there / "base").mkdir(parents=True)
    shutil.copy(FABLE, there / "fable.txt")
    return saved(random_model(vocabulary_of(FABLE_TEXT), **settings), there / "base")


def row(model, name, word):
    weight = model.weights[name]
    return np.moveaxis(weight, 1 if name == "output/kernel" else 0, 0)[model.vocabulary.ids[word]]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_network_continues(tmp_path, kind):
    before = Model.load(base(tmp_path, **kind))
    assert here(*NEW, *SHORT, cwd=tmp_path) == 0
    after = Model.load(tmp_path / "run" / "model.safetensors")
    assert set(before.vocabulary.words) < set(after.vocabulary.words)
    assert after.network.shapes().keys() == before.network.shapes().keys()


@pytest.mark.parametrize("ema", ["0", "0.9"])
def test_training_begins_with_the_weights_of_the_model(tmp_path, ema):
    before = Model.load(base(tmp_path))
    still = ("--learning-rate", "1e-8", "--optimizer", "adam", "--ema", ema)
    assert here(*NEW, *SHORT, *still, cwd=tmp_path) == 0
    after = Model.load(tmp_path / "run" / "model.safetensors")
    for name in ("embedding/embeddings", "output/kernel", "output/bias"):
        for word in before.vocabulary.words:
            assert np.allclose(row(after, name, word), row(before, name, word), atol=1e-6)
    name = "lstm_2/recurrent_kernel"
    assert np.allclose(after.weights[name], before.weights[name], atol=1e-6)


def test_the_record_lists_the_models_before_oldest_first(run, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "new.txt").write_text("the mouse will bell a brave cat . " * 4, encoding="utf-8")
    (tmp_path / "newer.txt").write_text("the cat will eat a brave mouse . " * 4, encoding="utf-8")
    assert here("train", "new.txt", "--from", "models/tiny", *SHORT, "--no-ngram", cwd=tmp_path) == 0
    assert here("train", "newer.txt", "--from", "models/new/model.safetensors", *SHORT, cwd=tmp_path) == 0
    status, out, _ = ask(capsys, monkeypatch, "info", "--model", "models/newer", "--json")
    record = json.loads(out)["training"]
    first, second = record["ancestors"]
    assert (status, first["words"], second["words"], record["words"]) == (0, 204, 32, 32)
    assert first["run"] == Model.load(run / "model.safetensors").training["run"]
    assert first["tokens"] < second["tokens"]
    _, out, _ = ask(capsys, monkeypatch, "info", "--model", "models/newer")
    assert re.search(r"(?m)^ancestor 1  words 204, corpus SHA-256 \w+\.\.\., tokens 112, step \d+", out)
    assert re.search(r"(?m)^ancestor 2  words 32, ", out)


@pytest.mark.serial
@pytest.mark.parametrize("kind", RUNS)
def test_an_interrupted_run_resumes_with_equal_weights(tmp_path, monkeypatch, killed_after, kind):
    command = (*NEW, "--seed", "1", "--precision", "float32", "--checkpoint-every", "7", *RUNS[kind])
    mode = "stateful" if kind == "stateful" else "windows"
    for name in ("unbroken", "broken"):
        base(tmp_path / name, mode=mode, window=3)
    assert here(*command, cwd=tmp_path / "unbroken") == 0
    killed_after(3)
    with pytest.raises(Killed):
        here(*command, cwd=tmp_path / "broken")
    monkeypatch.undo()
    assert here(*command, cwd=tmp_path / "broken") == 0
    assert result(tmp_path / "broken" / "run") == result(tmp_path / "unbroken" / "run")


@pytest.fixture
def continued(tmp_path, monkeypatch):
    """Continue from a model, and return the directory."""
    base(tmp_path)
    assert here(*NEW, *SHORT, cwd=tmp_path) == 0
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_same_command_again_completes(continued, capsys, monkeypatch):
    before = (continued / "run" / "model.safetensors").read_bytes()
    status, _, err = ask(capsys, monkeypatch, *NEW, *SHORT)
    assert status == 0
    assert "complete" in err
    assert (continued / "run" / "model.safetensors").read_bytes() == before


@pytest.mark.parametrize("change", ["another model", "a stateful model", "no model", "a new run"])
def test_a_run_needs_the_model_that_it_began_with(continued, capsys, monkeypatch, change):
    arguments = [*NEW, *SHORT]
    if change in ("another model", "a stateful model"):
        mode = "stateful" if change == "a stateful model" else "windows"
        saved(random_model(vocabulary_of(FABLE_TEXT), seed=1, mode=mode), continued / "base")
        expected = r"run holds a run with --from \w+\.\.\., found --from \w+\.\.\.; name another --model, .*--restart"
    elif change == "no model":
        (continued / "base" / "model.safetensors").unlink()
        expected = "expected a model, found nothing at base"
    else:
        arguments = ["train", "fable.txt", "--model", "run", "--units", "8", "--window", "3", *SHORT]
        expected = r"run with --from \w+\.\.\., found --from not set; name another --model, .*--restart"
    status, out, err = ask(capsys, monkeypatch, *arguments)
    assert (status in (1, 2), out, err.count("\n")) == (True, "", 1)
    assert re.search(expected, err)


@pytest.mark.parametrize(
    ("arguments", "pattern"),
    [
        (
            ("--units", "256"),
            "--units: expected 8, as in the model that training continues from, found 256; leave --units",
        ),
        (("--stateful",), "--stateful: expected off, .* found on"),
        (("--lowercase",), "--lowercase: expected off, .* found on"),
        (("--tokenizer", "whitespace"), "--tokenizer: expected words, .* found whitespace"),
        (("--vocab", "base/model.safetensors"), "--vocab: expected none with --from"),
        (("--recipe", "tutorial"), "--recipe: expected none with --from"),
        (("--normalize", "none"), "--normalize: expected nfc, .* found none"),
        (("--from", "fable.txt"), "fable.txt"),
    ],
)
def test_messages_name_the_options(tmp_path, capsys, monkeypatch, arguments, pattern):
    base(tmp_path)
    monkeypatch.chdir(tmp_path)
    status, out, err = ask(capsys, monkeypatch, *NEW, *arguments)
    assert (status in (1, 2), out, err.count("\n")) == (True, "", 1)
    assert re.search(pattern, err)


def test_a_text_setting_is_compared_also_if_it_is_the_default(tmp_path, capsys, monkeypatch):
    (tmp_path / "base").mkdir()
    saved(random_model(vocabulary_of(FABLE_TEXT, TextConfig("whitespace", normalize="none"))), tmp_path / "base")
    monkeypatch.chdir(tmp_path)
    for arguments, name in ((("--tokenizer", "words"), "tokenizer"), (("--normalize", "nfc"), "normalize")):
        status, _, err = ask(capsys, monkeypatch, "train", FABLE, "--from", "base", *arguments)
        assert (status, err.count("\n")) == (2, 1)
        assert f"--{name}: expected " in err


@pytest.mark.parametrize("named", ["models/tiny", "models/tiny/model.safetensors"])
def test_a_model_does_not_continue_in_its_own_directory(run, tmp_path, capsys, monkeypatch, named):
    monkeypatch.chdir(tmp_path)
    before = contents(run)
    status, out, err = ask(capsys, monkeypatch, "train", FABLE, "--from", named, "--model", "models/tiny")
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert re.search("--from: expected another directory .* name another --model", err)
    assert contents(run) == before
