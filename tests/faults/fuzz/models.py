"""Model files with valid checksums and wrong contents. One that loads must give numbers in all that reads it."""

import copy
import dataclasses
import json
import math
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np

from rnnwords.config import InterpolationConfig
from rnnwords.errors import CorpusError, ModelError, UsageError
from rnnwords.evaluation.baselines import trained_part
from rnnwords.evaluation.report import part_in_training
from rnnwords.forecasting.forecaster import Forecaster
from rnnwords.lm.parts import ngram_model
from rnnwords.lm.spelling import spelling_model
from rnnwords.model_file import Model
from rnnwords.prediction.predictor import Predictor
from tests.faults.fuzz.choices import Choices, folder, json_places
from tests.faults.fuzz.programs import answer, check_message, check_status
from tests.models import random_model, small_model, vocabulary_of
from tests.signed_files import assembled, deferred_base, nested, parts, saved, with_header
from tests.texts import CATS, GOLDEN

VALUES: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2, 3, 8, 12, 0.5, -0.0, 1e308, 2**31, 2**33, 2**62, 2**63, 2**64, 10**400, "", "x",
    "0", "embedding", "one-hot", "scalar", "number", "linear", "softmax", "adaptive", "lstm", "gru", "simple",
    "stateful", "windows", "words", "whitespace", "F32", "I64", "U8", "U16", "U32", "F64", "1.0", "2.9", "3.0",
    "ngram/", "x" * 9_000, "\ud800", "\0", "\x1b[31m", [], [1], [12], [0, 0], [2**40, 2**40], [0] * 9, {}, {"a": 1},
    nested(300),
)  # fmt: skip
NAMES = (
    "network", "text", "training", "series", "interpolation", "mixture", "shape", "dtype", "data_offsets", "deferred",
    "apart", "apart-sha256", "reading", "mode", "ngram_order", "order", "cache_size", "x", "", "corpus", "words",
    "validation", "metrics", "ngram/x", "vocabulary/words", "with_ngram", "blend", "theta", "low", "column",
)  # fmt: skip
FLOATS = (0.0, -0.0, 1.0, -1.0, 3e38, -3e38, 1e-45, 1e19, 1e15, 1e8, -1e8, np.nan, np.inf)
INTEGERS = (0, 1, 2, 3, 10, 32, 128, 255, 256, 65_535, 2**31 - 1, 2**32 - 1, 2**62, 2**63 - 1, -1, -(2**63))
FORMATS = {name: np.dtype(code) for name, code in zip(("F32", "F64", "I64", "U32", "U16", "U8"), "fdqIHB", strict=True)}
RECORD = {
    "seed": 1, "words": 90, "corpus": "0" * 64, "validation": "1" * 64, "run": "2" * 64, "step": 5,
    "metrics": {"loss": 1.5, "accuracy": 0.5, "perplexity": 4.5}, "settings": {"epochs": 3}, "precision": "float32",
}  # fmt: skip
INTERPOLATIONS = (
    InterpolationConfig(), InterpolationConfig("auto"), InterpolationConfig("auto", 9), InterpolationConfig("off", 9),
    InterpolationConfig("count"), InterpolationConfig("fixed", 9, 0.9, 9.0), InterpolationConfig(0.25),
)  # fmt: skip


@cache
def _bases() -> tuple[bytes, ...]:
    path = folder() / "base"
    models = (
        small_model(), deferred_base(), small_model(cell="gru", layers=2, tie=True, mode="stateful"),
        random_model(vocabulary_of(CATS * 3, max_size=20, keep_unk=True), cell="simple", input="one-hot"),
    )  # fmt: skip
    files = [GOLDEN / name for name in ("model-1.2.safetensors", "numbers-1.1.safetensors")]
    recorded = (dataclasses.replace(model, training=RECORD) for model in models)
    return (*(saved(path, model) for model in recorded), *(file.read_bytes() for file in files))


def check(data: bytes) -> None:
    """Raise only on a finding."""
    choices = Choices(data)
    config = choices.one_of(INTERPOLATIONS)
    path = folder() / "model.safetensors"
    path.write_bytes(_changed(choices))
    try:
        model = Model.load(path)
    except ModelError as error:
        check_message(error, path)
        expected = {1}
    else:
        _use(model, config)
        expected = {0, 1}  # the n-gram, which `info` reads, may be damaged
    if choices.below(4) == 0:
        status, out, err = answer("info", "--model", str(path), *choices.one_of(((), ("--json",))))
        check_status(status, out, err)
        assert status in expected


def _changed(choices: Choices) -> bytes:
    base = choices.one_of(_bases())
    header, tensors = parts(base)
    kind = choices.below(8)
    if kind == 0:
        return choices.rest()
    if kind == 1:  # bytes of the header
        text = bytearray(json.dumps(header).encode())
        for _ in range(1 + choices.below(4)):
            at, new = choices.below(len(text)), choices.some(4)
            text[at : at + choices.below(4)] = new
        return with_header(bytes(text), tensors)
    changed = bytearray(tensors)
    places = [
        (FORMATS[entry["dtype"]], entry["data_offsets"]) for name, entry in header.items() if name != "__metadata__"
    ]
    header = copy.deepcopy(header)  # so that `places` stays as it is
    configs = header["__metadata__"]["configs"] = json.loads(header["__metadata__"]["configs"])
    for _ in range(1 + choices.below(4)):
        action = choices.below(6)
        if action < 4:
            _change_json(choices, (configs, configs, header, configs.get("training"))[action])
        elif action == 4:
            _change_tensor(choices, places, changed)
        else:
            at, new = choices.below(max(1, len(changed))), choices.some(8)
            changed[at : at + len(new)] = new
    metadata = header.get("__metadata__")
    if isinstance(metadata, dict) and not isinstance(metadata.get("configs"), str):
        metadata["configs"] = json.dumps(metadata.get("configs"))
    if choices.below(8) == 1:
        del changed[choices.below(len(changed)) :]
    return assembled(header, bytes(changed), sign_deferred=bool(choices.below(4)))


def _change_json(choices: Choices, value: Any) -> None:
    places = [place for _, place in zip(range(500), json_places(value), strict=False)]
    if not places:  # also where it is no longer an object
        return
    container, key = choices.one_of(places)
    action = choices.below(6)
    if action <= 1:
        container[key] = copy.deepcopy(choices.one_of(VALUES))
    elif action == 2:
        del container[key]
    elif action == 3 and isinstance(container, dict):
        container[choices.one_of(NAMES)] = copy.deepcopy(choices.one_of((container[key], *VALUES)))
    elif action == 4:
        other, name = choices.one_of(places)
        container[key] = copy.deepcopy(other[name])
    elif type(container[key]) in (int, float):
        container[key] = choices.one_of((container[key] + 1, container[key] - 1, -container[key], container[key] * 2))
    else:
        container[key] = choices.text(6)


def _change_tensor(choices: Choices, tensors: Sequence[tuple[Any, Any]], changed: bytearray) -> None:
    """Set one number of a tensor, or all of them."""
    dtype, (start, stop) = choices.one_of(tensors)
    numbers = FLOATS if dtype.kind == "f" else INTEGERS
    number = np.array([choices.one_of(numbers)]).astype(dtype).tobytes()
    count = (stop - start) // len(number)
    if choices.below(2):
        start += choices.below(max(1, count)) * len(number)
        count = 1
    changed[start : start + count * len(number)] = number * count


def _with_readable_parts(model: Model) -> Model:
    """Return the model without the spelling model and the statistics for adaptation that cannot be read."""
    try:
        if spelling := spelling_model(model):
            assert np.isfinite(spelling.log_probs(["zebra", "\u00e9", "a"])).all()
    except ModelError as error:
        check_message(error)
        model = dataclasses.replace(model, spelling=None)
    try:
        if model.adaptation:
            model.adaptation.read()
    except ModelError as error:
        check_message(error)
        model = dataclasses.replace(model, adaptation=None, adaptation_config=None)
    return model


def _use(model: Model, config: InterpolationConfig) -> None:
    """Read the model in every way that the commands do, and check that all numbers are numbers."""
    model.vocabulary.report()
    model.network.layer_table()
    part_in_training(model, "x")
    trained_part(np.arange(5), model)
    if model.ngram is not None:
        try:
            ngram_model(model)
        except ModelError as error:
            check_message(error)
            model = Model(model.network, model.vocabulary, model.weights, model.training, model.series)
    model = _with_readable_parts(model)
    model.save(folder() / "again")
    assert Model.load(folder() / "again").training == model.training
    if model.series is not None:
        try:
            values = np.linspace(model.series.low, model.series.high, model.network.window + 2)
            assert np.isfinite(Forecaster(model).forecast(values)).all()
        except (CorpusError, UsageError):
            pass
        return
    try:
        predictor = Predictor(model, config)
    except (UsageError, ModelError) as error:
        check_message(error)
        return
    text = " ".join([*model.vocabulary.words[:5], "quagga"])
    for prompt in ("", text):
        answered = predictor.answer(prompt)
        assert math.isfinite(answered.entropy)
        state = predictor.state(predictor.encode(prompt, "skip")[0])
        log_probs = predictor.lm.log_probs([state])[0].astype(np.float64)
        assert np.isfinite(log_probs).all()
        assert abs(np.exp(log_probs).sum() - 1) < 1e-3
    assert all(math.isfinite(one.log_prob) for one in predictor.score(text) if one.known)
    assert len(model.vocabulary) < 2 or len(list(predictor.generate(text, 3, seed=1, temperature=1.0))) <= 3
    predictor.explain(text)
