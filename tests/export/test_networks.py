"""Exported networks predict what the network of this program predicts: all cells, modes, inputs and output layers."""

import json
import sys
import zipfile
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest

from rnnwords.config import TextConfig
from rnnwords.errors import ExportError, MissingDependencyError
from rnnwords.export import onnx as onnx_export
from rnnwords.export.contexts import draw_contexts
from rnnwords.export.exporter import export
from rnnwords.model_file import Model
from rnnwords.network.cells import GRU, LSTM, Simple
from rnnwords.network.config import MODES, RNN_CELLS
from rnnwords.prediction.predictor import Predictor
from tests.models import plain_vocabulary, random_model, saved
from tests.processes import environment, rnnwords

# Keras 3.15 copies variables in a way that numpy 2 warns of.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
CLOSE = 2e-6  # rounding of float32 for probabilities of random networks of 16 units
VARIANTS: dict[str, dict[str, Any]] = {
    "one layer": {"layers": 1},
    "three layers": {"layers": 3, "window": 5},
    "one-hot": {"input": "one-hot"},
    "scalar": {"input": "scalar", "layers": 1},
    "tied": {"tie": True, "embedding": 16},
    "tied with projection": {"tie": True},
    "adaptive": {"softmax": "adaptive"},
    "one word": {"window": 1},
}
NETWORKS = [
    pytest.param({"mode": mode, "cell": cell, **VARIANTS[name]}, id=f"{mode}, {cell}, {name}")
    for mode in MODES
    for number, name in enumerate(VARIANTS)
    for place, cell in enumerate(RNN_CELLS)
    if name == "three layers" or number % len(RNN_CELLS) == place or (name == "adaptive" and cell == "lstm")
]


def loaded(tmp_path, **settings):
    """Return a predictor of a random network as it comes from a file: with its tensors in another order."""
    model = random_model(plain_vocabulary(60, unk=True), **{"units": 16, **settings})
    return Predictor(Model.load(saved(model, tmp_path)))


@pytest.mark.parametrize("ending", [".onnx", ".keras"])
@pytest.mark.parametrize("settings", NETWORKS)
def test_exported_network_predicts_the_same(settings, ending, tmp_path):
    report = export(loaded(tmp_path, **settings), tmp_path / f"network{ending}")
    assert report.largest_difference < CLOSE
    assert report.bytes == (tmp_path / f"network{ending}").stat().st_size


@pytest.mark.parametrize("settings", [one for one in NETWORKS if "one layer" not in str(one.id)][::3])
def test_onnx_file_runs_without_onnx_runtime(settings, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    assert export(loaded(tmp_path, **settings), tmp_path / "network.onnx").largest_difference < CLOSE


@pytest.mark.parametrize("ending", [".onnx", ".keras"])
@pytest.mark.parametrize("mode", MODES)
def test_line_end_before_the_first_word_is_read_where_line_ends_are_tokens(mode, ending, tmp_path):
    vocabulary = plain_vocabulary(30, text=TextConfig(eos=True))
    vocabulary.words[3] = "<eos>"
    report = export(Predictor(random_model(vocabulary, mode=mode)), tmp_path / f"network{ending}")
    assert report.largest_difference < CLOSE


@pytest.mark.parametrize(
    ("settings", "inputs", "outputs"),
    [
        ({"mode": "windows"}, {"ids": ["batch", "time"]}, {"probs": ["batch", 60]}),
        (
            {"mode": "stateful", "cell": "lstm"},
            {"ids": ["batch", "time"], "hidden": [2, "batch", 16], "cell": [2, "batch", 16]},
            {"probs": ["batch", "time", 60], "next_hidden": [2, "batch", 16], "next_cell": [2, "batch", 16]},
        ),
        (
            {"mode": "stateful", "cell": "gru"},
            {"ids": ["batch", "time"], "hidden": [2, "batch", 16]},
            {"probs": ["batch", "time", 60], "next_hidden": [2, "batch", 16]},
        ),
    ],
    ids=["windows", "lstm", "gru"],
)
def test_onnx_inputs_and_outputs_have_names_and_shapes(settings, inputs, outputs, tmp_path):
    export(loaded(tmp_path, **settings), tmp_path / "network.onnx")
    onnx.checker.check_model(str(tmp_path / "network.onnx"), full_check=True)
    session = onnxruntime.InferenceSession(str(tmp_path / "network.onnx"))
    assert {one.name: one.shape for one in session.get_inputs()} == inputs
    assert {one.name: one.shape for one in session.get_outputs()} == outputs
    assert all(value.doc_string for value in onnx.load(str(tmp_path / "network.onnx")).graph.input)


def test_onnx_file_has_no_unused_parts_and_equal_models_give_equal_bytes(tmp_path):
    for mode in MODES:
        predictor = loaded(tmp_path, mode=mode)
        export(predictor, tmp_path / "one.onnx")
        export(predictor, tmp_path / "other.onnx")
        assert (tmp_path / "one.onnx").read_bytes() == (tmp_path / "other.onnx").read_bytes()
        graph = onnx.load(str(tmp_path / "one.onnx")).graph
        used = {name for node in graph.node for name in node.input} | {one.name for one in graph.output}
        made = {name for node in graph.node for name in node.output} | {one.name for one in graph.initializer}
        assert made - used - {""} == set()
        assert len({node.name for node in graph.node}) == len(graph.node)


def test_onnx_state_continues_a_text_word_by_word(tmp_path):
    predictor = loaded(tmp_path, mode="stateful")
    export(predictor, tmp_path / "network.onnx")
    session = onnxruntime.InferenceSession(str(tmp_path / "network.onnx"))
    text = draw_contexts(predictor.network, 20)[19]
    state = {name: np.zeros((2, 1, 16), np.float32) for name in ("hidden", "cell")}
    whole = session.run(["probs"], {"ids": [text], **state})[0][0]
    for number, word in enumerate(text):
        probs, *after = session.run(None, {"ids": [[word]], **state})
        state = dict(zip(state, after, strict=True))
        assert np.abs(probs[0, 0] - whole[number]).max() < CLOSE


@pytest.mark.parametrize("ending", [".onnx", ".keras"])
def test_only_the_last_words_of_a_window_count(ending, tmp_path):
    predictor = loaded(tmp_path, mode="windows", window=4)
    lengths = {len(context) for context in draw_contexts(predictor.network)}
    assert {1, 2, 3, 4, 5, 6} <= lengths
    export(predictor, tmp_path / f"network{ending}")


def test_files_have_the_vocabulary_and_the_settings(tmp_path):
    predictor = loaded(tmp_path)
    export(predictor, tmp_path / "network.onnx")
    export(predictor, tmp_path / "network.keras")
    metadata = onnxruntime.InferenceSession(str(tmp_path / "network.onnx")).get_modelmeta().custom_metadata_map
    with zipfile.ZipFile(tmp_path / "network.keras") as archive:
        # Versions of Keras before 3.13 refuse a layer with this setting.
        assert b"quantization_config" not in archive.read("config.json")
        found = [archive.read(f"rnnwords/{name}").decode() for name in ("vocabulary.txt", "settings.json")]
    assert [metadata["vocabulary"], metadata["settings"]] == found
    assert found[0].split("\n") == predictor.vocabulary.words
    assert json.loads(found[1])["network"] == predictor.model.network.to_json()
    assert json.loads(found[1])["text"] == predictor.vocabulary.text.to_json()
    assert (json.loads(found[1])["first_ids"], json.loads(found[1])["unk_id"]) == ([], 59)


def test_state_has_the_parts_of_the_cells():
    from rnnwords.export.reading import STATES

    assert {"lstm": LSTM.state_names, "gru": GRU.state_names, "simple": Simple.state_names} == STATES


def test_onnx_export_names_the_package_that_is_missing(tmp_path, monkeypatch):
    for name in ("onnx", "rnnwords.export.onnx_graph"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingDependencyError, match=r"install it with: pip install 'rnnwords\[onnx\]'"):
        export(loaded(tmp_path), tmp_path / "network.onnx")
    assert not (tmp_path / "network.onnx").exists()


def test_onnx_export_refuses_a_network_larger_than_protocol_buffers(tmp_path, monkeypatch):
    monkeypatch.setattr(onnx_export, "MAX_BYTES", 10_000)
    with pytest.raises(ExportError, match=r"at most 10,000 bytes, and this network needs \d\d,\d{3}; export"):
        export(loaded(tmp_path), tmp_path / "network.onnx")


def test_comparison_sends_nothing_to_the_maker_of_onnx_runtime(trained, tmp_path):
    """What it sends from its import on begins with a file for the session in the directory of temporary files."""
    (tmp_path / "temporary").mkdir()
    env = environment(ORT_DISABLE_TELEMETRY=None, TMPDIR=str(tmp_path / "temporary"), HOME=str(tmp_path))
    done = rnnwords("export", "story.onnx", "--model", trained, "--quiet", cwd=tmp_path, env=env)
    assert done.returncode == 0, done.stderr
    assert sorted(tmp_path.rglob("*")) == [tmp_path / "story.onnx", tmp_path / "temporary"]
