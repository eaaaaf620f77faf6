"""The model file: round trips, and refusal of damaged, hostile and foreign files before anything is allocated.

`python -m tests.test_model_file` writes the golden file of the current format. Golden files of older formats are never
written again: they prove that those formats still load.
"""

import dataclasses
import io
import json
import os
import pickle
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors
import safetensors.numpy
from hypothesis import given
from hypothesis import strategies as st

from rnnwords import tensor_file
from rnnwords.config import FittedInterpolation, InterpolationWeights, TextConfig
from rnnwords.errors import ModelError, ModelNotFoundError, SaveError
from rnnwords.lm.kneser_ney import KneserNey
from rnnwords.model_file import FORMAT, VERSION, Model
from rnnwords.network.recurrent import Network
from rnnwords.tensor_file import DeferredTensors, read_tensors, write_tensors
from rnnwords.text.vocabulary import Vocabulary
from rnnwords.version import __version__
from tests.models import small_model
from tests.processes import run_python
from tests.reference import by_the_book
from tests.texts import GOLDEN, WORDS, write

MAX_SECONDS = 1.0  # seconds of CPU time that a refusal may take; other processes do not count


def saved(path: Path, model: Model | None = None) -> bytes:
    (model or small_model()).save(path)
    return path.read_bytes()


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
    assert (metadata["format"], metadata["version"], metadata["program"]) == ("rnnwords-model", "2.0", __version__)
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


def test_truncated_files_are_refused(tmp_path):
    content = saved(tmp_path / "model")
    for cut in np.linspace(0, len(content) - 1, 200).astype(int):
        assert "is damaged: " in refused(tmp_path / "model", content[:cut])
    assert "is damaged: " in refused(tmp_path / "model", content + b"\0")


def test_every_flipped_bit_is_detected(tmp_path):
    made = small_model()
    content = saved(tmp_path / "model", made)
    random = np.random.default_rng(0)
    for bit in random.choice(8 * len(content), 1_000, replace=False):
        damaged = bytearray(content)
        damaged[bit // 8] ^= 1 << (bit % 8)
        refused(tmp_path / "model", bytes(damaged))


# Files with valid checksums that the program itself never writes.


def parts(content: bytes) -> tuple[dict[str, Any], bytes]:
    length = int.from_bytes(content[:8], "little")
    return json.loads(content[8 : 8 + length]), content[8 + length :]


def assembled(header: dict[str, Any], data: bytes, *, sign: bool = True) -> bytes:
    if sign and isinstance(header.get("__metadata__"), dict):
        rest = {name: entry for name, entry in header.items() if name != "__metadata__"}
        metadata = {name: value for name, value in header["__metadata__"].items() if name != "sha256"}
        header = {"__metadata__": {**metadata, "sha256": tensor_file._digest(metadata, rest, [data])}, **rest}
    return with_header(json.dumps(header).encode(), data)


def with_header(header: bytes, data: bytes = b"") -> bytes:
    return len(header).to_bytes(8, "little") + header + data


def changed(content: bytes, change: Callable[[dict[str, Any]], Any], data: bytes | None = None) -> bytes:
    """Return the file with its header changed and a valid checksum."""
    header, old = parts(content)
    change(header)
    return assembled(header, old if data is None else data)


def with_configs(content: bytes, change: Callable[[dict[str, Any]], Any]) -> bytes:
    header, data = parts(content)
    configs = json.loads(header["__metadata__"]["configs"])
    change(configs)
    header["__metadata__"]["configs"] = json.dumps(configs)
    return assembled(header, data)


def resaved(path: Path, **tensors: Any) -> bytes:
    """Return the file of a small model with some tensors changed (None: left out), written by the program itself."""
    made = small_model()
    all_tensors: dict[str, Any] = dict(made.weights)
    all_tensors["vocabulary/words"] = np.frombuffer("\n".join(WORDS).encode(), np.uint8)
    all_tensors["vocabulary/counts"] = np.array(made.vocabulary.counts)
    all_tensors.update({name.replace("__", "/"): tensor for name, tensor in tensors.items()})
    kept = {name: tensor for name, tensor in all_tensors.items() if tensor is not None}
    configs = {"network": made.network.to_json(), "text": made.vocabulary.text.to_json(), "training": {}}
    write_tensors(path, FORMAT, VERSION, kept, configs)
    return path.read_bytes()


def entry_of(header: dict[str, Any], name: str = "output/bias") -> dict[str, Any]:
    entry: dict[str, Any] = header[name]
    return entry


HEADERS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "overlap": lambda h: entry_of(h).update(data_offsets=entry_of(h, "output/kernel")["data_offsets"]),
    "hole": lambda h: h.pop("output/bias"),
    "beyond the end": lambda h: entry_of(h).update(data_offsets=[0, 2**40]),
    "backwards": lambda h: entry_of(h).update(data_offsets=entry_of(h)["data_offsets"][::-1]),
    "negative offset": lambda h: entry_of(h).update(data_offsets=[-8, 40]),
    "huge offset": lambda h: entry_of(h).update(data_offsets=[2**64 - 8, 2**64 - 1]),
    "offset of another type": lambda h: entry_of(h).update(data_offsets=["0", 48]),
    "overflow": lambda h: entry_of(h).update(shape=[2**32, 2**32, 12]),
    "huge shape": lambda h: entry_of(h).update(shape=[2**62]),
    "negative shape": lambda h: entry_of(h).update(shape=[-12]),
    "fractional shape": lambda h: entry_of(h).update(shape=[1.2e1]),
    "nested shape": lambda h: entry_of(h).update(shape=[[12]]),
    "deep shape": lambda h: entry_of(h).update(shape=[1] * 100_000 + [12]),
    "other shape": lambda h: entry_of(h).update(shape=[3, 4]),
    "wider type": lambda h: entry_of(h).update(dtype="F64"),
    "integers": lambda h: entry_of(h).update(dtype="U8", shape=[48]),
    "unknown type": lambda h: entry_of(h).update(dtype="X9"),
    "half floats": lambda h: entry_of(h).update(dtype="BF16", shape=[24]),
    "entry is no object": lambda h: h.update({"output/bias": 7}),
    "entry without type": lambda h: entry_of(h).pop("dtype"),
    "no metadata": lambda h: h.pop("__metadata__"),
    "metadata are a list": lambda h: h.update(__metadata__=["format"]),
    "metadata are numbers": lambda h: h["__metadata__"].update(configs=7),
    "no configs": lambda h: h["__metadata__"].pop("configs"),
    "configs are a list": lambda h: h["__metadata__"].update(configs="[]"),
    "configs are no json": lambda h: h["__metadata__"].update(configs="{'network': 1}"),
    "deep configs": lambda h: h["__metadata__"].update(configs="[" * 100_000),
    "wide numbers": lambda h: h["__metadata__"].update(configs="9" * 100_000),
    "no version": lambda h: h["__metadata__"].pop("version"),
    "version is text": lambda h: h["__metadata__"].update(version="one"),
    "endless version": lambda h: h["__metadata__"].update(version="9" * 100_000),
    "other format": lambda h: h["__metadata__"].update(format="rnnwords-checkpoint"),
}
CONFIGS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "10^9 units": lambda c: c["network"].update(units=10**9),
    "more words": lambda c: c["network"].update(vocabulary_size=1_000_000),
    "fewer words": lambda c: c["network"].update(vocabulary_size=11),
    "infinite units": lambda c: c["network"].update(units=float("inf")),
    "units as text": lambda c: c["network"].update(units="8"),
    "more layers": lambda c: c["network"].update(layers=2),
    "other cell": lambda c: c["network"].update(cell="gru"),
    "unknown setting": lambda c: c["network"].update(hook="os.system"),
    "no network": lambda c: c.pop("network"),
    "no text": lambda c: c.pop("text"),
    "unknown tokenizer": lambda c: c["text"].update(tokenizer="eval"),
    "no record": lambda c: c.pop("training"),
    "record is a list": lambda c: c.update(training=[]),
    "infinite record": lambda c: c.update(training={"loss": float("nan")}),
}
TENSORS: dict[str, dict[str, Any]] = {
    "nan": {"output__bias": np.full(12, np.nan, np.float32)},
    "one nan": {"output__bias": np.array([*[0.0] * 11, np.nan], np.float32)},
    "infinity": {"output__bias": np.array([*[0.0] * 11, -np.inf], np.float32)},
    "double floats": {"output__bias": np.zeros(12)},
    "transposed": {"output__kernel": np.zeros((12, 8), np.float32)},
    "missing weight": {"output__bias": None},
    "one more weight": {"surprise": np.zeros(3, np.float32)},
    "one more, empty": {"surprise": np.zeros((0, 3), np.float32)},
    "missing words": {"vocabulary__words": None},
    "missing counts": {"vocabulary__counts": None},
    "words of another type": {"vocabulary__words": np.zeros(12, np.int64)},
    "words not utf-8": {"vocabulary__words": np.full(23, 255, np.uint8)},
    "no words": {"vocabulary__words": np.zeros(0, np.uint8)},
    "a word twice": {"vocabulary__words": np.frombuffer(b"a\n" * 11 + b"a", np.uint8)},
    "words with blanks": {"vocabulary__words": np.frombuffer("\n".join(["a b", *WORDS[1:]]).encode(), np.uint8)},
    "rising counts": {"vocabulary__counts": np.arange(12)},
    "negative counts": {"vocabulary__counts": -np.arange(12)},
    "square counts": {"vocabulary__counts": np.ones((12, 1), np.int64)},
}
RAW = {
    "empty": b"",
    "length alone": (2**63).to_bytes(8, "little"),
    "2^63 bytes of header": (2**63).to_bytes(8, "little") + b"{}" * 100,
    "2^64 - 1 bytes of header": b"\xff" * 8 + b"{}" * 100,
    "no header": with_header(b""),
    "empty header": with_header(b"{}"),
    "header is a list": with_header(b"[]"),
    "header is no utf-8": with_header(b'{"\xff": 1}'),
    "header in other encoding": with_header('{"a": 1}'.encode("utf-16")),
    "deep header": with_header(b"[" * 100_000),
    "deep objects": with_header(b'{"a":' * 100_000),
    "blank header": with_header(b" " * (1 << 24)),
    "too long a header": with_header(b" " * ((1 << 24) + 1)),
    "wide header": with_header(b'{"a": ' + b"9" * 1_000_000 + b"}"),
}


def hostile(path: Path) -> dict[str, bytes]:
    """Return all hostile files by name."""
    content = saved(path)
    files = dict(RAW)
    files.update({name: changed(content, change) for name, change in HEADERS.items()})
    files.update({name: with_configs(content, change) for name, change in CONFIGS.items()})
    files.update({name: resaved(path, **tensors) for name, tensors in TENSORS.items()})
    header, data = parts(content)
    text = json.dumps(header)
    files["duplicate tensor"] = with_header(
        text.replace('{"__metadata__', '{"output/bias": 1, "__metadata__').encode(), data
    )
    files["duplicate metadata"] = with_header((text[:-1] + ', "__metadata__": {}}').encode(), data)
    files["duplicate config"] = changed(
        content, lambda h: h["__metadata__"].update(configs='{"network": 1, "network": 2}')
    )
    files["endless float"] = changed(content, lambda h: h["__metadata__"].update(configs='{"training": 1e999}'))
    return files


def test_base_of_the_hostile_files_loads(tmp_path):
    """Otherwise the hostile files could be refused for what they have in common."""
    content = saved(tmp_path / "model")
    for same_file in (changed(content, lambda h: None), with_configs(content, lambda c: None), resaved(tmp_path / "m")):
        assert Model.load(write(tmp_path / "model", same_file)).network == small_model().network


def test_hostile_files_are_refused(tmp_path):
    for name, content in hostile(tmp_path / "model").items():
        message = refused(tmp_path / "model", content)
        assert "is damaged: " in message, name
        assert "checksum" not in message, name  # the checksum is valid


def test_hostile_files_are_refused_in_little_memory(tmp_path):
    for number, content in enumerate(hostile(tmp_path / "model").values()):
        write(tmp_path / f"{number:03}", content)
    (tmp_path / "model").unlink()
    script = """
import resource, sys
from pathlib import Path
from rnnwords.errors import ModelError
from rnnwords.model_file import Model
pages = int(open("/proc/self/statm").read().split()[0])
resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + (200 << 20),) * 2)
refused = 0
for path in sorted(Path(sys.argv[1]).iterdir()):
    try:
        Model.load(path)
    except ModelError:
        refused += 1
print(refused)
"""
    done = run_python(script, tmp_path)
    assert done.stdout == f"{len(list(tmp_path.iterdir()))}\n", done.stderr


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


values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(st.data())
def test_changed_headers_are_refused_or_load_equal(tmp_path_factory, data):
    """Any JSON value at any place of the header or the settings, with a valid checksum."""
    path = tmp_path_factory.mktemp("model") / "model"
    header, tensors = parts(saved(path))
    configs = json.loads(header["__metadata__"]["configs"])
    place: Any = data.draw(st.sampled_from([header, configs]))
    while True:
        key = data.draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
        if not isinstance(place[key], (dict, list)) or not place[key] or data.draw(st.booleans()):
            break
        place = place[key]
    place[key] = data.draw(values)
    if isinstance(header.get("__metadata__"), dict) and key != "configs":
        header["__metadata__"]["configs"] = json.dumps(configs)
    write(path, assembled(header, tensors))
    try:
        loaded = Model.load(path)
    except ModelError:
        return
    for name, weight in small_model().weights.items():
        assert (loaded.weights[name] == weight).all()


class Canary:
    """Unpickling it creates a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize(
    "name", ["model.safetensors", "model.pkl", "model.npz", "model.npy", "model.h5", "model.keras"]
)
def test_pickle_keras_h5_and_npz_are_never_executed(tmp_path, name):
    canary = Canary(tmp_path / "hatched")
    code = pickle.dumps(canary)
    array, archive, keras = io.BytesIO(), io.BytesIO(), io.BytesIO()
    np.save(array, np.array([canary], dtype=object))
    np.savez(archive, np.array([canary], dtype=object))
    with zipfile.ZipFile(keras, "w") as opened:
        opened.writestr("config.json", '{"class_name": "Lambda"}')
        opened.writestr("model.weights.h5", b"\x89HDF\r\n\x1a\n" + code)
    for content in (code, array.getvalue(), archive.getvalue(), keras.getvalue(), b"\x89HDF\r\n\x1a\n" + code):
        assert "is damaged: expected a whole safetensors file, found another" in refused(tmp_path / name, content)
        assert "is damaged: " in refused(tmp_path / name, with_header(code, content))
    assert not canary.path.exists()
    np.load(io.BytesIO(array.getvalue()), allow_pickle=True)
    assert canary.path.exists()  # the canary is alive


def test_newer_format_names_the_required_version(tmp_path):
    content = saved(tmp_path / "model")

    def newer(version: str) -> bytes:
        return changed(content, lambda h: h["__metadata__"].update(version=version, program="9.9.9"))

    message = refused(tmp_path / "model", newer("3.0"))
    assert message.endswith(
        f": expected a format up to 2.x, found '3.0'; it needs rnnwords >= 9.9.9, this is {__version__}"
    )
    assert "damaged" not in message
    for version in ("1.7", "2.7"):
        assert same(Model.load(write(tmp_path / "model", newer(version))), small_model())
    assert "damaged" in refused(tmp_path / "model", newer("10x"))


def test_checkpoints_and_models_are_not_interchangeable(tmp_path):
    write_tensors(tmp_path / "model", "other", (1, 0), {"a": np.zeros(3, np.float32)}, {"b": 1})
    tensors, configs, _ = read_tensors(tmp_path / "model", "other", (1, 0), "checkpoint")
    assert (tensors["a"].tolist(), configs) == ([0, 0, 0], {"b": 1})
    assert "expected the format rnnwords-model, found 'other'" in refused(tmp_path / "model")
    saved(tmp_path / "model")
    with pytest.raises(
        ModelError, match=r"checkpoint .* is damaged: expected the format other, found 'rnnwords-model'"
    ):
        read_tensors(tmp_path / "model", "other", (1, 0), "checkpoint")


@pytest.mark.parametrize(("what", "limit"), [("header", "MAX_HEADER"), ("file", "MAX_BYTES")])
def test_files_too_large_to_read_are_not_written(what, limit, tmp_path, monkeypatch):
    write_tensors(tmp_path / "a", "other", (1, 0), {}, {"kept": True})
    monkeypatch.setattr(tensor_file, limit, 1_000)
    with pytest.raises(
        SaveError, match=rf"could not save .*/a: expected a {what} of at most 1,000 bytes, found [\d,]+"
    ):
        write_tensors(tmp_path / "a", "other", (1, 0), {}, {"long": "x" * 1_000})
    assert read_tensors(tmp_path / "a", "other", (1, 0), "file") == ({}, {"kept": True}, None)


def test_model_paths_that_are_not_files_are_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    assert "expected a regular file" in refused(tmp_path / "pipe")
    with pytest.raises(ModelError, match=r"cannot read model file .*: Is a directory"):
        Model.load(tmp_path)


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
    assert (model.ngram is None) == (model.interpolation is None) == (path.stem in ("model-1.0", "model-1.1"))
    if model.interpolation is not None:
        assert model.interpolation.with_cache == InterpolationWeights(cache=0.1, sharpness=0.01)
        assert (model.interpolation.ngram_order, model.interpolation.validation_words) == (3, 50)
    assert list(model.vocabulary.counts) == expected["counts"]


def test_current_format_has_a_golden_model():
    assert (GOLDEN / f"model-{VERSION[0]}.{VERSION[1]}.safetensors").exists()


def make_golden() -> None:
    """Write the golden model of the current format, and its predictions by the textbook formulas."""
    model = small_model(seed=7)
    weights = {
        name: np.float32(3) * weight for name, weight in model.weights.items()
    }  # as confident as a trained model
    training = {"seed": 7, "metrics": {"loss": 1.25, "accuracy": 0.5}}
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
    deferred = DeferredTensors(0, ngram.to_tensors)
    model = dataclasses.replace(model, weights=weights, training=training, interpolation=interpolation, ngram=deferred)
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
    expected = {"windows": windows, "training": training, "counts": list(model.vocabulary.counts)}
    path.with_suffix(".json").write_text(json.dumps(expected, indent=1) + "\n")


if __name__ == "__main__":
    make_golden()
