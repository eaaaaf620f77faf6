"""The model file: round trips, and what an error names. tests/faults/ has the damaged, hostile and foreign files.

`python -m tests.test_model_file` writes the golden file of the current format. Golden files of older formats are never
written again: they prove that those formats still load.
"""

import dataclasses
import json
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors
import safetensors.numpy

from rnnwords import tensor_file
from rnnwords.config import AdaptationConfig, FittedInterpolation, InterpolationWeights, TextConfig
from rnnwords.errors import ModelError, ModelNotFoundError, SaveError
from rnnwords.lm.ngram.kneser_ney import KneserNey
from rnnwords.lm.spelling import SpellingModel
from rnnwords.model_file import VERSION, Model
from rnnwords.network.recurrent import Network
from rnnwords.tensor_file import read_tensors, write_tensors
from rnnwords.text.spacing.learned import learn_spacing
from rnnwords.text.vocabulary import Vocabulary
from rnnwords.version import __version__
from tests.lm.interpolated import deferred
from tests.models import small_model
from tests.reference import by_the_book
from tests.signed_files import assembled, deferred_base, resaved, saved
from tests.signed_files import parts as parts_of
from tests.texts import GOLDEN, WORDS, write

MAX_SECONDS = 1.0  # seconds of CPU time that a refusal may take; other processes do not count


def same(one: Model, other: Model) -> bool:
    return (
        (one.network, one.vocabulary, one.training) == (other.network, other.vocabulary, other.training)
        and one.weights.keys() == other.weights.keys()
        and all((one.weights[name] == other.weights[name]).all() for name in one.weights)
    )


def refused(path: Path, content: bytes | None = None) -> str:
    """Return the message that refuses a file: one line with the path, within MAX_SECONDS."""
    if content is not None:
        write(path, content)
    start = time.process_time()
    with pytest.raises(ModelError) as caught:
        Model.load(path)
    assert time.process_time() - start < MAX_SECONDS
    message = str(caught.value)
    assert message.startswith((f"model file {path} is damaged: ", f"model file {path}: expected "))
    assert len(message) < 1_000
    assert "\n" not in message
    return message


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"cell": "gru", "layers": 2, "tie": True, "embedding": 5},
        {"cell": "simple", "input": "one-hot", "mode": "stateful"},
        {"input": "scalar"},
    ],
)
def test_saved_models_load_equal(tmp_path, options):
    made = small_model(**options)
    made.training.update(
        {"metrics": {"loss": 0.1 + 0.2, "steps": 10**12, "none": None}, "text": "na\u00efve \u732b \x1b"}
    )
    made.save(tmp_path / "model.safetensors")
    assert same(Model.load(tmp_path / "model.safetensors"), made)


def test_words_of_all_scripts_round_trip(tmp_path):
    words = ["the", "\u732b", "e\u0301", "\U0001f600", "\0", "\u202e", '"', "\\", "<unk>", "\ufeff"]
    made = small_model(words)
    config = TextConfig("whitespace", lowercase=True, eos=True)
    made = dataclasses.replace(made, vocabulary=Vocabulary(words, [2**62, *range(9, 0, -1)], config))
    made.save(tmp_path / "model")
    assert same(Model.load(tmp_path / "model"), made)


def test_equal_models_have_equal_bytes(tmp_path):
    record = {"seed": 0, "metrics": {"loss": 1.5, "accuracy": 0.5}}
    one, other = dataclasses.replace(small_model(), training=record), small_model()
    turned = dataclasses.replace(
        other,
        weights=dict(reversed(list(other.weights.items()))),
        training={"metrics": {"accuracy": 0.5, "loss": 1.5}, "seed": 0},
    )
    assert saved(tmp_path / "one", one) == saved(tmp_path / "other", turned)
    assert saved(tmp_path / "third", small_model(seed=1)) != saved(tmp_path / "one", one)
    again = Model.load(tmp_path / "one")
    assert saved(tmp_path / "again", again) == saved(tmp_path / "one", one)


def test_safetensors_package_reads_model_files(tmp_path):
    made = small_model()
    made.save(tmp_path / "model.safetensors")
    tensors = safetensors.numpy.load_file(tmp_path / "model.safetensors")
    assert tensors.keys() == made.weights.keys() | {"vocabulary/words", "vocabulary/counts"}
    for name, weight in made.weights.items():
        assert tensors[name].dtype == np.float32
        assert (tensors[name] == weight).all()
    assert tensors["vocabulary/words"].tobytes().decode().split("\n") == list(WORDS)
    assert tensors["vocabulary/counts"].tolist() == list(made.vocabulary.counts)
    with safetensors.safe_open(tmp_path / "model.safetensors", "numpy") as opened:
        metadata = opened.metadata()
    assert (metadata["format"], metadata["version"], metadata["program"]) == ("rnnwords-model", "3.1", __version__)
    assert json.loads(metadata["configs"])["network"] == made.network.to_json()


def test_files_of_the_safetensors_package_are_read(tmp_path):
    made = small_model()
    made.save(tmp_path / "ours")
    with safetensors.safe_open(tmp_path / "ours", "numpy") as opened:
        metadata = opened.metadata()
        tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
    safetensors.numpy.save_file(tensors, tmp_path / "theirs", metadata)
    assert same(Model.load(tmp_path / "theirs"), made)


def test_tensor_bytes_are_aligned(tmp_path):
    content = saved(tmp_path / "model")
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    for name, entry in header.items():
        if name != "__metadata__":
            assert (8 + length + entry["data_offsets"][0]) % {"F32": 4, "I64": 8, "U8": 1}[entry["dtype"]] == 0


def test_missing_file_has_its_own_error(tmp_path):
    with pytest.raises(ModelNotFoundError, match="expected a file, found none"):
        Model.load(tmp_path / "none")


def mismatch(path: Path, **tensors: Any) -> str:
    return refused(path, resaved(path, **tensors)).partition("is damaged: ")[2]


def test_a_mismatch_names_the_tensor_and_both_shapes(tmp_path):
    path = tmp_path / "model"
    assert (
        mismatch(path, output__kernel=np.zeros((12, 8), np.float32))
        == "tensor output/kernel: expected shape (8, 12), found (12, 8)"
    )
    assert mismatch(path, output__bias=None) == "tensor output/bias: expected shape (12,), found no such tensor"
    assert mismatch(path, surprise=np.zeros(3)) == "expected only the tensors of this network, found surprise"
    assert mismatch(path, output__bias=np.zeros(12)) == "tensor output/bias: expected float32, found float64"
    nan = np.array([0.0, np.nan], np.float32).repeat(6)
    assert mismatch(path, output__bias=nan) == "tensor output/bias: expected finite numbers, found NaN or infinity"


def test_checkpoints_and_models_are_not_interchangeable(tmp_path):
    write_tensors(tmp_path / "model", "other", (1, 0), {"a": np.zeros(3, np.float32)}, {"b": 1})
    tensors, configs, _ = read_tensors(tmp_path / "model", "other", (1, 0), "checkpoint")
    assert (tensors["a"].tolist(), configs) == ([0, 0, 0], {"b": 1})
    assert "expected the format rnnwords-model, found 'other'" in refused(tmp_path / "model")
    saved(tmp_path / "model")
    with pytest.raises(ModelError, match=r"^checkpoint .*: expected the format other, found 'rnnwords-model'$"):
        read_tensors(tmp_path / "model", "other", (1, 0), "checkpoint")


@pytest.mark.parametrize(("what", "limit"), [("header", "MAX_HEADER"), ("file", "MAX_BYTES")])
def test_files_too_large_to_read_are_not_written(what, limit, tmp_path, monkeypatch):
    write_tensors(tmp_path / "a", "other", (1, 0), {}, {"kept": True})
    monkeypatch.setattr(tensor_file, limit, 1_000)
    with pytest.raises(
        SaveError, match=rf"could not save .*/a: expected a {what} of at most 1,000 bytes, found [\d,]+"
    ):
        write_tensors(tmp_path / "a", "other", (1, 0), {}, {"long": "x" * 1_000})
    assert read_tensors(tmp_path / "a", "other", (1, 0), "file") == ({}, {"kept": True}, {})


def test_model_paths_that_are_not_files_are_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    assert "expected a regular file" in refused(tmp_path / "pipe")
    with pytest.raises(ModelError, match=r"cannot read model file .*: Is a directory"):
        Model.load(tmp_path)


@pytest.mark.parametrize("left_out", ["ngram", "spelling", "adaptation", "all", "none"])
def test_each_deferred_part_is_optional(left_out, tmp_path):
    whole = deferred_base()
    names = ("ngram", "spelling", "adaptation")
    without: dict[str, Any] = {name: None for name in names if left_out in (name, "all")}
    if "ngram" in without:
        without["interpolation"] = None
    if "adaptation" in without:
        without["adaptation_config"] = None
    made = dataclasses.replace(whole, **without)
    content = saved(tmp_path / "model", made)
    loaded = Model.load(tmp_path / "model")
    for name in names:
        expected, found = getattr(made, name), getattr(loaded, name)
        assert (found is None) == (expected is None) == (name in without)
        if found is not None:
            assert found.size == expected.size
            assert {key: value.tobytes() for key, value in found.read().items()} == {
                key: value.tobytes() for key, value in expected.read().items()
            }
    assert loaded.adaptation_config == made.adaptation_config
    assert saved(tmp_path / "again", loaded) == content


def test_deferred_parts_of_later_versions_are_ignored(tmp_path):
    tensors: dict[str, Any] = {"weights": np.ones(3), "new/a": np.zeros(5, np.uint8), "ngram/b": np.arange(4)}
    write_tensors(tmp_path / "model", "other", (1, 7), tensors, {}, deferred=("ngram/", "spelling/", "new/"))
    eager, _, parts = read_tensors(tmp_path / "model", "other", (1, 0), "file")
    assert list(eager) == ["weights"]
    assert [(name, part.size, list(part.read())) for name, part in parts.items()] == [
        ("ngram/", 32, ["ngram/b"]), ("new/", 5, ["new/a"]),
    ]  # fmt: skip
    made = small_model()
    content = saved(tmp_path / "model", made)
    header, data = parts_of(content)
    header["new/a"] = {"dtype": "U8", "shape": [3], "data_offsets": [len(data), len(data) + 3]}
    header["__metadata__"] |= {"version": "3.9", "deferred": "new/"}
    loaded = Model.load(write(tmp_path / "model", assembled(header, data + b"abc")))
    assert same(loaded, made)


SPACED = "the cat said : a mouse ? the bell ?"  # a text with spaces before its marks
SPELLED = {"zebra": 1, "quagga": 2, **dict.fromkeys(WORDS, 9)}  # counts of the words of a text
UNKNOWN = ["zebras", "agba", "\u00e9", "\u732b"]
WINDOWS = [["the"], ["a", "bell", "to"], [".", "the", "mouse"], ["cat", ",", "said"], ["?", "?", "?"]]


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("model-*.safetensors")), ids=lambda path: path.stem)
def test_golden_models_of_all_formats_give_stored_predictions(path):
    expected = json.loads(path.with_suffix(".json").read_text())
    model = Model.load(path)
    network = Network(model.network, model.weights)
    assert len(expected["windows"]) == len(WINDOWS)
    for case in expected["windows"]:
        ids = model.vocabulary.encode(case["words"])
        probs = np.exp(network.log_probs(network.forward(np.array([ids]))[0])[0])
        np.testing.assert_allclose(probs, case["probabilities"], atol=1e-6)
        assert model.vocabulary.words[int(probs.argmax())] == case["best"]
        if model.ngram is not None:  # since 1.2
            ngram = KneserNey.from_tensors(model.ngram.read(), len(model.vocabulary))
            np.testing.assert_allclose(ngram.probabilities([ids])[0], case["ngram"], atol=1e-8)
    assert model.training == expected["training"]
    assert (model.spelling is None) == (model.adaptation is None) == ("spelling" not in expected)
    if model.spelling is not None and model.adaptation is not None:  # since 3.1
        spelling = SpellingModel.from_tensors(model.spelling.read())
        np.testing.assert_allclose(spelling.log_probs(UNKNOWN), expected["spelling"], atol=1e-8)
        assert model.adaptation.read()["adaptation/output/bias"].tolist() == list(range(12))
        assert model.adaptation_config == AdaptationConfig(0.001, 0.0, 20, 50)
    assert (model.ngram is None) == (model.interpolation is None) == (path.stem in ("model-1.0", "model-1.1"))
    if model.interpolation is not None:
        assert model.interpolation.with_cache == InterpolationWeights(cache=0.1, sharpness=0.01)
        assert (model.interpolation.ngram_order, model.interpolation.validation_words) == (3, 50)
    assert list(model.vocabulary.counts) == expected["counts"]


def test_golden_models_tokenize_and_detokenize_as_when_they_were_made():
    for path in GOLDEN.glob("model-*.safetensors"):
        vocabulary = Model.load(path).vocabulary
        if path.stem < "model-3":
            assert (vocabulary.text.rules, vocabulary.text.normalize, vocabulary.spacing) == (1, "none", None)
            assert vocabulary.tokenize("e.g. cafe\u0301") == ["e", ".", "g", ".", "cafe\u0301"]
            assert "".join(vocabulary.pieces(["the", "cat", "?"])) == "the cat?"
        else:
            assert (vocabulary.text.rules, vocabulary.text.normalize) == (2, "nfc")
            assert vocabulary.tokenize("e.g. cafe\u0301") == ["e.g.", "caf\u00e9"]
            assert "".join(vocabulary.pieces(["the", "cat", "?"])) == "the cat ?"


def test_current_format_has_a_golden_model():
    assert (GOLDEN / f"model-{VERSION[0]}.{VERSION[1]}.safetensors").exists()


def make_golden() -> None:
    """Write the golden model of the current format, and its predictions by the textbook formulas."""
    model = small_model(seed=7)
    weights = {
        name: np.float32(3) * weight for name, weight in model.weights.items()
    }  # as confident as a trained model
    training = {"seed": 7, "metrics": {"loss": 1.25, "accuracy": 0.5}}
    spelling = SpellingModel.train(SPELLED, WORDS)
    assert spelling is not None
    text = [0, 1, 9, 10, 0, 6, 8, 5, 6, 4, 0, 3, 2, 7, 0, 1, 4, 0, 1, 9, 10, 5, 6, 11]
    ngram = KneserNey.train(text, len(WORDS), 3)
    interpolation = FittedInterpolation(
        3,
        ngram.size,
        100,
        50,
        None,
        InterpolationWeights(0.6, (0.5,) * 33),
        InterpolationWeights(cache=0.1, sharpness=0.01),
    )
    spaces = learn_spacing([SPACED], model.vocabulary.text)
    statistics = {"adaptation/output/bias": np.arange(12, dtype=np.float32)}
    model = dataclasses.replace(
        model, weights=weights, training=training, interpolation=interpolation,
        vocabulary=dataclasses.replace(model.vocabulary, spacing=spaces), ngram=deferred(ngram.to_tensors()),
        spelling=deferred(spelling.to_tensors()),
        adaptation=deferred(statistics), adaptation_config=AdaptationConfig(0.001, 0.0, 20, 50),
    )  # fmt: skip
    path = GOLDEN / f"model-{VERSION[0]}.{VERSION[1]}.safetensors"
    path.parent.mkdir(exist_ok=True)
    model.save(path)
    windows = []
    for words in WINDOWS:
        probs = by_the_book(model.network, weights, model.vocabulary.encode(words))[-1]
        best = model.vocabulary.words[int(probs.argmax())]
        grams = ngram.probabilities([model.vocabulary.encode(words)])[0]
        windows.append({"words": words, "best": best, "probabilities": [round(float(p), 9) for p in probs],
                        "ngram": [round(float(p), 9) for p in grams]})  # fmt: skip
    log_probs = [round(float(one), 9) for one in spelling.log_probs(UNKNOWN)]
    expected = {
        "windows": windows, "training": training, "counts": list(model.vocabulary.counts), "spelling": log_probs,
    }  # fmt: skip
    path.with_suffix(".json").write_text(json.dumps(expected, indent=1) + "\n")


if __name__ == "__main__":
    make_golden()
