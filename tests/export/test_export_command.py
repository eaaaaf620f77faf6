"""`rnnwords export`: what it prints, and its errors."""

import json
import re
import signal
import subprocess
import sys

import onnxruntime
import pytest

from rnnwords.config import InterpolationWeights, SeriesConfig
from rnnwords.model_file import Model
from rnnwords.network.config import NetworkConfig
from tests.lm.interpolated import with_ngram
from tests.models import plain_vocabulary, random_model, saved, small_model, small_weights, vocabulary_of
from tests.processes import LIMIT, ask, environment, rnnwords
from tests.texts import CATS

KEYS = {"file", "format", "part", "bytes", "contexts", "largest_difference", "tolerance", "relative"}


@pytest.fixture
def model(tmp_path):
    return saved(small_model(), tmp_path)


def refused(capsys, monkeypatch, *arguments):
    """Return the one line on stderr and the status of an export that fails."""
    status, out, err = ask(capsys, monkeypatch, "export", *arguments)
    assert (out, err.count("\n")) == ("", 1), err
    assert err.startswith("Error: ")
    return status, err


def test_largest_difference_is_printed(model, tmp_path, capsys, monkeypatch):
    status, out, err = ask(capsys, monkeypatch, "export", tmp_path / "story.onnx", "--model", model)
    assert (status, out) == (0, "")
    size = (tmp_path / "story.onnx").stat().st_size
    wrote = f"wrote {tmp_path / 'story.onnx'}: {size:,} bytes; largest difference from `predict`: "
    assert err.startswith(wrote)
    assert re.fullmatch(r"(0|\de-\d\d) over 100 contexts\n", err.removeprefix(wrote))


def test_page_that_rounding_changes_too_much_gets_exact_weights_unless_int8_is_given(tmp_path, capsys, monkeypatch):
    model = saved(random_model(plain_vocabulary(300), units=32, embedding=16), tmp_path)
    arguments = [tmp_path / "story.html", "--model", model]
    status, err = refused(capsys, monkeypatch, *arguments, "--weights", "int8")
    assert status == 1
    assert "relative to the best word; use --weights float16; nothing was saved" in err
    status, _, err = ask(capsys, monkeypatch, "export", *arguments)
    assert status == 0
    assert err.startswith(
        "int8 changes a probability by more than 2 % of the best word's; the page has float16 weights\n"
    )
    assert "float16" in (tmp_path / "story.html").read_text(encoding="utf-8")


def test_difference_of_a_page_is_printed_as_a_share_of_the_best_word(model, tmp_path, capsys, monkeypatch):
    err = ask(capsys, monkeypatch, "export", tmp_path / "story.html", "--model", model)[2]
    assert re.search(r"from `predict`: \d\.\d% of the best word's probability over 100 contexts\n$", err)


def test_report_as_json(model, tmp_path, capsys, monkeypatch):
    arguments = ["export", tmp_path / "story", "--format", "onnx", "--model", model, "--json", "--quiet"]
    status, out, err = ask(capsys, monkeypatch, *arguments)
    assert (status, err) == (0, "")
    report = json.loads(out)
    assert set(report) == KEYS
    assert report["largest_difference"] < 1e-6
    assert onnxruntime.InferenceSession(str(tmp_path / "story"))


def test_note_says_what_of_the_model_is_left_out(tmp_path, capsys, monkeypatch):
    plain = random_model(vocabulary_of(CATS))
    unfitted = with_ngram(plain, with_ngram=InterpolationWeights())
    for model, more in ((plain, False), (unfitted, False), (with_ngram(plain), True)):
        path = saved(model, tmp_path)
        status, _, err = ask(
            capsys, monkeypatch, "export", tmp_path / "story.safetensors", "--format", "arrays", "--model", path
        )
        assert status == 0
        note = "the network alone is exported, as with --interpolate off; predictions use more by default"
        assert (note in err) == more
        assert ("largest difference from `predict --interpolate off`: " in err) == more
        assert ("largest difference from `predict`: " in err) != more
    status, _, err = ask(capsys, monkeypatch, "export", tmp_path / "story.arpa", "--model", path)
    assert (status, note in err) == (0, False)
    assert "largest difference from the n-gram of the model: " in err


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["story.h5"], 2, "expected a name that ends in .keras, .onnx, .arpa, .safetensors, .html, found story.h5"),
        (["story"], 2, "found story; or set --format"),
        (["story.onnx", "--format", "keras"], 2, "--format keras: expected a name that ends in .keras"),
        (["story.onnx", "--format", "pickle"], 2, "--format: expected one of keras, onnx, arpa, arrays, html"),
        (["missing/story.onnx"], 1, "could not save missing/story.onnx: No such file or directory"),
        (["directory.onnx"], 1, "could not save directory.onnx: expected a file, found a directory"),
        (["story.onnx", "--weights", "int8"], 2, "--weights: expected a format that has this setting, found onnx"),
        ([], 2, "expected OUT, found none"),
    ],
)
def test_wrong_arguments_are_refused_before_a_model_is_read(arguments, status, message, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "directory.onnx").mkdir()
    (tmp_path / "model.safetensors").write_bytes(b"damaged")
    found, err = refused(capsys, monkeypatch, *arguments, "--model", "model.safetensors")
    assert (found, message in err) == (status, True), err


def test_missing_and_damaged_models_are_refused(model, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert refused(capsys, monkeypatch, "story.onnx", "--model", "missing")[0] == 2
    model.write_bytes(model.read_bytes()[:-100])
    status, err = refused(capsys, monkeypatch, "story.onnx", "--model", model)
    assert (status, "damaged" in err) == (1, True), err
    assert not (tmp_path / "story.onnx").exists()


@pytest.mark.parametrize("ending", [".keras", ".onnx", ".arpa", ".safetensors", ".html"])
def test_model_of_numbers_is_refused(ending, tmp_path, capsys, monkeypatch):
    network = NetworkConfig(1, input="number", output="linear", layers=1, units=4)
    series = SeriesConfig(column="price", low=0.0, high=1.0)
    model = saved(Model(network, plain_vocabulary(1), small_weights(network), series=series), tmp_path)
    status, err = refused(capsys, monkeypatch, tmp_path / f"story{ending}", "--model", model)
    assert status == 2
    assert "expected a model of words, found one of numbers" in err


def test_model_is_not_exported_over_itself(model, capsys, monkeypatch):
    before = model.read_bytes()
    status, err = refused(capsys, monkeypatch, model, "--model", model)
    assert (status, model.read_bytes()) == (2, before), err


@pytest.mark.slow
def test_export_to_keras_prints_nothing_of_tensorflow(trained, tmp_path):
    done = rnnwords("export", "story.keras", "--model", trained, "--quiet", cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert [item.name for item in tmp_path.iterdir()] == ["story.keras"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_export_leaves_neither_a_file_nor_temporary_ones(number, trained, tmp_path):
    """The comparison waits for the signal."""
    script = f"""
import os, signal
from rnnwords.cli import main
from rnnwords.export import exporter
exporter.largest_difference = lambda *arguments: os.kill(os.getpid(), {int(number)}) or signal.pause()
main(["export", "story.onnx", "--model", {str(trained)!r}])
"""
    (tmp_path / "temporary").mkdir()
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, env=environment(TMPDIR=str(tmp_path / "temporary")),
        capture_output=True, text=True, timeout=LIMIT, check=False,
    )  # fmt: skip
    assert done.returncode == 128 + number, done.stderr
    assert list(tmp_path.rglob("*")) == [tmp_path / "temporary"]
