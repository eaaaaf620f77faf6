"""Exported arrays: every network against `predict`, the stock reader, and the examples of docs/export.md."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file

from rnnwords.config import TextConfig
from rnnwords.errors import ExportError, ModelError, UsageError
from rnnwords.export import arrays
from rnnwords.export.arrays_reader import ArraysFile
from rnnwords.export.contexts import draw_contexts
from rnnwords.export.exporter import export, largest_difference
from rnnwords.model_file import Model
from rnnwords.prediction.predictor import Predictor
from tests.models import plain_vocabulary, random_model, saved, vocabulary_of
from tests.processes import ask, contents
from tests.texts import CATS, ROOT

SMALL = {"units": 16, "embedding": 12}
NETWORKS = [
    *({"cell": cell, "mode": mode} for cell in ("lstm", "gru", "simple") for mode in ("windows", "stateful")),
    {"input": "one-hot"}, {"input": "scalar", "cell": "gru"}, {"tie": True, "embedding": 16}, {"tie": True},
    {"softmax": "adaptive"}, {"layers": 1, "window": 1}, {"layers": 4, "window": 7},
]  # fmt: skip


def predictor_of(eos=False, **settings):
    """Return a predictor of a small network with random weights."""
    vocabulary = vocabulary_of(CATS, TextConfig(eos=True)) if eos else plain_vocabulary(60, unk=True)
    return Predictor(random_model(vocabulary, **{**SMALL, **settings}))


@pytest.mark.parametrize("settings", NETWORKS, ids=lambda one: " ".join(map(str, one.values())))
def test_every_network_computed_from_the_file_equals_predict(tmp_path, settings):
    predictor = predictor_of(**settings)
    report = export(predictor, tmp_path / "a.safetensors")
    assert (report.format, report.part, report.contexts) == ("arrays", "network", 100)
    assert report.largest_difference < 2e-6
    assert report.bytes == (tmp_path / "a.safetensors").stat().st_size


@pytest.mark.parametrize("mode", ["windows", "stateful"])
def test_texts_begin_with_the_line_end_where_that_is_a_token(tmp_path, mode):
    predictor = predictor_of(eos=True, mode=mode, window=5)
    written = arrays.write(predictor, tmp_path / "a.safetensors")
    assert written.settings["first_ids"] == [predictor.vocabulary.eos_id]
    assert largest_difference(predictor.network, written, [*draw_contexts(predictor.network), ()]) < 2e-6


def test_stock_reader_gives_arrays_with_plain_names_the_words_and_the_settings(tmp_path):
    predictor = predictor_of(cell="gru", layers=2)
    arrays.write(predictor, path := tmp_path / "a.safetensors")
    loaded, network = load_file(path), predictor.model.network
    V, E, H = network.vocabulary_size, network.embedding, network.units
    assert {name: array.shape for name, array in loaded.items() if name not in ("vocabulary", "counts")} == {
        "embedding": (V, E), "gru1.kernel": (E, 3 * H), "gru1.recurrent_kernel": (H, 3 * H), "gru1.bias": (3 * H,),
        "gru1.recurrent_bias": (3 * H,), "gru2.kernel": (H, 3 * H), "gru2.recurrent_kernel": (H, 3 * H),
        "gru2.bias": (3 * H,), "gru2.recurrent_bias": (3 * H,), "output.kernel": (H, V), "output.bias": (V,),
    }  # fmt: skip
    assert loaded["vocabulary"].tobytes().decode().split("\n") == list(predictor.vocabulary.words)
    assert loaded["counts"].tolist() == list(predictor.vocabulary.counts)
    with safe_open(path, "numpy") as file:
        metadata = file.metadata()
    assert (metadata["format"], metadata["version"]) == ("rnnwords-arrays", "1.0")
    settings = json.loads(metadata["settings"])
    assert settings["network"] == network.to_json()
    assert settings["text"] == predictor.vocabulary.text.to_json()
    assert (settings["first_ids"], settings["unk_id"]) == ([], predictor.vocabulary.unk_id)
    assert settings["gates"] == ["update", "reset", "candidate"]
    assert settings["equations"].keys() == {"input", "step", "output", "context", "no context"}


def test_file_that_predicts_otherwise_is_not_kept(tmp_path, monkeypatch):
    def wrong(path):
        written = ArraysFile(path)
        written.arrays["output.bias"] = written.arrays["output.bias"] + np.eye(60, dtype=np.float32)[3]
        return written

    monkeypatch.setattr(arrays, "ArraysFile", wrong)
    with pytest.raises(ExportError, match=r"expected the predictions of .* within 0.0001"):
        export(predictor_of(), tmp_path / "a.safetensors")
    assert list(tmp_path.iterdir()) == []


def test_exported_arrays_given_as_a_model_are_refused_by_name(capsys, monkeypatch, tmp_path):
    export(predictor_of(), path := tmp_path / "a.safetensors")
    with pytest.raises(ModelError, match="arrays for other programs; pass the model that they were exported from"):
        Model.load(path)
    for command in (("predict", "w1"), ("info",), ("score", "w1"), ("export", tmp_path / "b.arpa")):
        status, out, err = ask(capsys, monkeypatch, *command, "--model", path)
        assert (status, out) == (1, "")
        assert err == (
            f"Error: model file {path}: expected the format rnnwords-model, found 'rnnwords-arrays', arrays for other "
            "programs; pass the model that they were exported from\n"
        )


@pytest.mark.parametrize("name", ["model.safetensors", "copy.html", "copy"])
def test_a_trained_model_is_never_replaced(capsys, monkeypatch, tmp_path, name):
    (tmp_path / "run").mkdir()
    predictor = predictor_of()
    saved(predictor.model, tmp_path / "run").rename(path := tmp_path / "run" / name)
    before = contents(tmp_path)
    format = {"copy": "arrays"}.get(name)
    with pytest.raises(UsageError, match="expected a name for the exported file, found a trained model: "):
        export(predictor, path, format)
    chosen = ("--format", format) if format else ()
    status, out, err = ask(capsys, monkeypatch, "export", path, "--model", path, *chosen)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert f"found a trained model: {path}; choose another name" in err
    assert contents(tmp_path) == before


def test_earlier_arrays_are_replaced(tmp_path):
    path = tmp_path / "a.safetensors"
    export(predictor_of(seed=1), path)
    export(predictor_of(seed=2), path)
    assert ArraysFile(path).arrays["output.bias"] == pytest.approx(predictor_of(seed=2).model.weights["output/bias"])


def example(package: str) -> str:
    """Return the example of docs/export.md that reads arrays with a package."""
    page = (ROOT / "docs" / "export.md").read_text(encoding="utf-8")
    section = page.partition("\n## Arrays\n")[2].partition("\n## ")[0]
    blocks = re.findall(r"^```py\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    found: str
    (found,) = [block for block in blocks if f"\nimport {package}" in block]
    return found


def run_example(code: str, path: Path, prompt: str) -> np.ndarray:
    """Run an example on a file and a prompt, and return the (V,) probabilities that it computes."""
    names: dict[str, object] = {}
    code = code.replace('"story.safetensors"', repr(str(path))).replace('"the little mouse"', repr(prompt))
    exec(code, names)
    return np.asarray(names["probs"])


@pytest.mark.parametrize("settings", [{}, {"mode": "stateful"}, {"tie": True, "embedding": 16}, {"window": 6}])
@pytest.mark.parametrize("package", ["numpy", "torch"])
def test_example_of_the_documentation_computes_what_predict_does(capsys, tmp_path, settings, package):
    pytest.importorskip(package, reason=f"needs the package {package}")
    predictor = predictor_of(**settings)
    export(predictor, path := tmp_path / "a.safetensors")
    found = run_example(example(package), path, "w3 w1 w4 w5")
    ids = predictor.encode("w3 w1 w4 w5")[0]
    expected = np.exp(predictor.lm.log_probs([predictor.state(ids)])[0])
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-6)
    assert capsys.readouterr().out.split()[0] == predictor.vocabulary.words[int(np.argmax(expected))]


def test_numpy_example_has_at_most_20_lines():
    assert len([line for line in example("numpy").splitlines() if line and "import " not in line]) <= 20
