"""Only a file that predicts the same is put in place; everything else leaves what was there."""

import re
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rnnwords.errors import ExportError, SaveError, UsageError
from rnnwords.export import onnx as onnx_export
from rnnwords.export.contexts import CONTEXTS, LONGEST, context_lengths, draw_contexts
from rnnwords.export.exporter import export
from rnnwords.export.formats import FORMATS, NAMES, format_of
from rnnwords.export.html import TOLERANCES
from rnnwords.lm.interface import LanguageModel
from rnnwords.prediction.predictor import Predictor
from tests.models import chain, saved, small_model
from tests.processes import BLOCKED, run_python
from tests.texts import WORDS


@pytest.fixture
def predictor():
    return Predictor(small_model())


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """Return a directory for temporary files, which must be empty in the end."""
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(place))
    yield place
    assert list(place.iterdir()) == []


class Wrong:
    """A written file with other predictions."""

    def __init__(self, probability, words=None):
        self.probability, self.words = probability, words or len(WORDS)

    def probabilities(self, contexts):
        return np.full((len(contexts), self.words), self.probability, np.float32)


def test_report_has_the_largest_difference_and_the_size(predictor, temporary, tmp_path):
    report = export(predictor, tmp_path / "network.onnx")
    assert (report.format, report.part, report.contexts) == ("onnx", "network", CONTEXTS)
    assert 0 <= report.largest_difference < 1e-6 < report.tolerance
    assert report.bytes == (tmp_path / "network.onnx").stat().st_size


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (Wrong(0.5), r"within 0\.0001 of the model, found a difference of 0\.\d; nothing was saved"),
        (Wrong(np.nan), "found a difference of nan; nothing was saved"),
        (Wrong(0.1, 3), r"of shape \(100, \d+\), found \(100, 3\); nothing was saved"),
    ],
    ids=["other", "nan", "shape"],
)
@pytest.mark.parametrize("before", [None, b"of somebody else"])
def test_file_that_predicts_otherwise_is_not_put_in_place(
    wrong, message, before, predictor, temporary, tmp_path, monkeypatch
):
    target = tmp_path / "network.onnx"
    if before:
        target.write_bytes(before)
    monkeypatch.setattr(onnx_export, "write", lambda predictor, path: path.write_bytes(b"wrong") and wrong)
    with pytest.raises(ExportError, match=message):
        export(predictor, target)
    assert (target.read_bytes() if target.exists() else None) == before
    assert {item.name for item in tmp_path.iterdir()} == {"temporary"} | ({"network.onnx"} if before else set())


def test_predictions_are_read_from_the_written_file(predictor, temporary, tmp_path, monkeypatch):
    """Its weights are damaged between writing and reading."""
    read = onnx_export.OnnxFile.__init__

    def damaged(file, path, predictor):
        weight = predictor.model.weights["output/kernel"].tobytes()
        content = path.read_bytes()
        assert weight in content
        path.write_bytes(content.replace(weight, bytes(len(weight))))
        read(file, path, predictor)

    monkeypatch.setattr(onnx_export.OnnxFile, "__init__", damaged)
    with pytest.raises(ExportError, match="found a difference of"):
        export(predictor, tmp_path / "network.onnx")


def test_failed_save_leaves_the_old_file(predictor, temporary, tmp_path, monkeypatch):
    target = tmp_path / "network.onnx"
    target.write_bytes(b"before")

    def full(path, predictor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(onnx_export, "write", full)
    with pytest.raises(
        SaveError, match=r"network\.onnx: No space left on device in .*; set TMPDIR to another directory"
    ):
        export(predictor, target)
    assert target.read_bytes() == b"before"


def test_full_disk_for_arrays_names_the_target_and_not_the_temporary_file(predictor, temporary, tmp_path, monkeypatch):
    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("rnnwords.saving._replace", full)
    with pytest.raises(SaveError) as raised:
        export(predictor, tmp_path / "story.safetensors")
    assert str(raised.value).startswith(
        f"could not save {tmp_path}/story.safetensors: No space left on device in {temporary}, where"
    )


def test_keras_leaves_no_temporary_files_after_a_failed_save(predictor, temporary, tmp_path, monkeypatch):
    keras = pytest.importorskip("keras")

    def full(model, path):
        tempfile.mkdtemp()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(keras.Model, "save", full)
    with pytest.raises(SaveError, match=r"story\.keras: No space left on device in "):
        export(predictor, tmp_path / "story.keras")


def test_export_of_a_single_word_to_keras_warns_of_nothing(recwarn, tmp_path):
    pytest.importorskip("keras")
    export(Predictor(small_model(words=["a"])), tmp_path / "story.keras")
    assert [str(one.message) for one in recwarn] == []


def test_tolerances_in_the_documentation_are_those_of_the_formats():
    document = (Path(__file__).parents[2] / "docs/export.md").read_text("utf-8")
    rows = re.findall(r"^\| `(\.\w+)`(?: with (\w+))? \| (\de-\d) \|", document, re.MULTILINE)
    documented = {(ending, weights): float(tolerance) for ending, weights, tolerance in rows}
    expected = {(one.ending, ""): one.load().TOLERANCE for one in FORMATS if one.ending != ".html"}
    expected |= {(".html", weights): tolerance for weights, tolerance in TOLERANCES.items()}
    assert documented == expected


def test_no_place_for_temporary_files_is_one_message(predictor, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "missing"))
    with pytest.raises(
        SaveError, match=r"could not save .*network\.onnx: No such file or directory in .*missing, where"
    ):
        export(predictor, tmp_path / "network.onnx")


def test_existing_file_keeps_its_mode_and_a_link_its_target(predictor, temporary, tmp_path):
    (tmp_path / "real.onnx").write_bytes(b"before")
    (tmp_path / "real.onnx").chmod(0o600)
    (tmp_path / "link.onnx").symlink_to("real.onnx")
    export(predictor, tmp_path / "link.onnx")
    assert (tmp_path / "link.onnx").is_symlink()
    assert (tmp_path / "real.onnx").stat().st_mode & 0o777 == 0o600
    assert b"rnnwords" in (tmp_path / "real.onnx").read_bytes()


def test_model_is_never_replaced_by_an_export(predictor, temporary, tmp_path):
    path = saved(predictor.model, tmp_path)
    before = path.read_bytes()
    for format in ("arrays", None):
        with pytest.raises(UsageError, match="found a trained model"):
            export(predictor, path, format)
    assert path.read_bytes() == before


def test_settings_of_another_format_are_refused(predictor, tmp_path):
    with pytest.raises(UsageError, match=r"`weights`: expected a format that has this setting, found onnx"):
        export(predictor, tmp_path / "network.onnx", weights="int8")


@pytest.mark.parametrize(
    ("path", "name", "expected"),
    [
        ("story.keras", None, "keras"),
        ("story.onnx", None, "onnx"),
        ("my.story.arpa", None, "arpa"),
        ("STORY.SafeTensors", None, "arrays"),
        ("story.html", "html", "html"),
        ("story", "onnx", "onnx"),
        ("story.v2", "onnx", "onnx"),
        ("/dev/stdout", "arpa", "arpa"),
    ],
)
def test_format_follows_the_ending_or_the_name(path, name, expected):
    assert format_of(Path(path), name).name == expected


@pytest.mark.parametrize(
    ("path", "name", "message"),
    [
        ("story", None, r"expected a name that ends in \.keras, \.onnx, \.arpa, \.safetensors, \.html, found story"),
        ("story.h5", None, r"found story\.h5; or set `format`"),
        (".onnx", None, r"found \.onnx"),
        ("story.onnx", "keras", r"`format` keras: expected a name that ends in \.keras, found story\.onnx"),
        ("story.onnx", "pickle", r"`format`: expected one of keras, .*, found pickle"),
    ],
)
def test_unclear_formats_are_refused(path, name, message):
    with pytest.raises(UsageError, match=message):
        format_of(Path(path), name)


def test_formats_have_distinct_names_endings_and_modules():
    for values in (NAMES, [one.ending for one in FORMATS], [one.module for one in FORMATS]):
        assert len(set(values)) == len(FORMATS)


def test_contexts_are_the_same_each_time_and_have_all_lengths():
    for stateful, longest in ((False, 3), (True, LONGEST)):
        lm = Predictor(chain(stateful=stateful)).network
        contexts = draw_contexts(lm)
        assert contexts == draw_contexts(lm)
        lengths = {len(context) for context in contexts}
        assert set(range(1, longest + 1)) <= lengths
        assert max(lengths) > longest or stateful


def test_few_contexts_of_a_long_window_are_whole():
    lengths = context_lengths(1_000, 100)
    assert len(lengths) == 100
    assert [length for length in lengths if length > LONGEST] == [1_000, 1_001, 1_002, 1_003]


def test_ends_of_contexts_are_drawn_from_the_model():
    """The bigram table has one follower with a probability of 98 % for each word."""
    lm: LanguageModel[Any] = Predictor(chain(stateful=True)).network
    pairs = [(one[-2:-1], one[-1]) for one in draw_contexts(lm) if len(one) > 1]
    expected = lm.log_probs([lm.advance(lm.initial_state(), context) for context, _ in pairs]).argmax(axis=1)
    assert np.mean(expected == [last for _, last in pairs]) > 0.9


WITHOUT_RNNWORDS = BLOCKED.partition("from rnnwords")[0]
STOCK_KERAS = (
    WITHOUT_RNNWORDS
    + """
import os, zipfile
os.environ |= {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"}
import keras
import numpy as np

model = keras.saving.load_model(sys.argv[1], safe_mode=True)
words = zipfile.ZipFile(sys.argv[1]).read("rnnwords/vocabulary.txt").decode().split("\\n")
ids = [words.index(word) for word in sys.argv[2].split()]
probs = np.asarray(model(np.array([ids])))[0]
np.save(sys.argv[3], probs)
assert all(type(layer).__module__.startswith("keras.src.") for layer in model.layers), model.layers
assert not any(isinstance(layer, keras.layers.Lambda) for layer in model.layers)
assert "rnnwords" not in sys.modules
"""
)


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["windows", "stateful"])
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_stock_keras_opens_the_file_in_a_process_without_rnnwords(mode, tmp_path):
    predictor = Predictor(chain(stateful=mode == "stateful"))
    export(predictor, tmp_path / "fable.keras")
    prompt = "had a general council"
    done = run_python(STOCK_KERAS, "rnnwords", tmp_path / "fable.keras", prompt, tmp_path / "probs.npy")
    assert done.returncode == 0, done.stderr
    found = np.load(tmp_path / "probs.npy")
    state = predictor.state(predictor.encode(prompt)[0])
    expected = np.exp(predictor.network.log_probs([state])[0])
    assert np.abs((found[-1] if mode == "stateful" else found) - expected).max() < 1e-6


ONNX_RUNTIME = (
    WITHOUT_RNNWORDS
    + """
import numpy as np, onnxruntime
session = onnxruntime.InferenceSession(sys.argv[1])
words = session.get_modelmeta().custom_metadata_map["vocabulary"].split("\\n")
ids = [[words.index(word) for word in sys.argv[2].split()]]
[probs] = session.run(None, {"ids": ids})
print(words[probs[0].argmax()])
"""
)


def test_onnx_runtime_runs_the_file_in_a_process_without_rnnwords(tmp_path):
    export(Predictor(chain()), tmp_path / "fable.onnx")
    done = run_python(ONNX_RUNTIME, "rnnwords,onnx", tmp_path / "fable.onnx", "had a general")
    assert (done.returncode, done.stdout) == (0, "council\n"), done.stderr
