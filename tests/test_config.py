"""Settings: types, ranges and choices of every field, JSON, and the names of earlier file formats."""

import dataclasses
import json
import math
import types
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnwords.config import (
    Config,
    FittedInterpolation,
    InterpolationWeights,
    SeriesConfig,
    TextConfig,
    one_of,
    within,
)
from rnnwords.errors import UsageError
from rnnwords.network.config import INPUTS, MODES, RNN_CELLS, NetworkConfig
from rnnwords.training.settings.config import TrainingConfig

REQUIRED: dict[type[Config], dict[str, Any]] = {
    TextConfig: {},
    InterpolationWeights: {},
    FittedInterpolation: {},
    NetworkConfig: {"vocabulary_size": 100},
    TrainingConfig: {"seed": 1},
}
TOGETHER = {"ngram_order": {"ngram_count": 7}, "ngram_count": {"ngram_order": 3}}  # fields that need another one
CONFIGS = tuple(REQUIRED)
FIELDS = [(config, item) for config in CONFIGS for item in dataclasses.fields(config)]


def accepts(config: type[Config], item: Any, kind: type) -> bool:
    return kind in config.accepted_types()[item.name]


RANGED = [(config, item) for config, item in FIELDS if "range" in item.metadata]
CHOSEN = [(config, item) for config, item in FIELDS if "choices" in item.metadata]
FLAGS = [(config, item) for config, item in FIELDS if accepts(config, item, bool)]


def make(config: type[Config], item: Any, value: Any) -> Config:
    return config(**{**REQUIRED[config], **TOGETHER.get(item.name, {}), item.name: value})


def refuse(config: type[Config], item: Any, value: Any) -> str:
    """Return the message that refuses a value; it must be one short line that begins with the setting."""
    with pytest.raises(UsageError) as caught:
        make(config, item, value)
    message = str(caught.value)
    assert message.startswith(f"`{item.name}`: expected ")
    assert ", found " in message
    assert len(message) < 300
    assert "\n" not in message
    with pytest.raises(UsageError):
        config.from_json({**REQUIRED[config], item.name: value})
    return message


def each(cases: Any) -> Any:
    return pytest.mark.parametrize(
        ("config", "item"), cases, ids=[f"{config.__name__}-{item.name}" for config, item in cases]
    )


@each(RANGED)
def test_number_outside_its_range_is_refused(config, item):
    low, high = item.metadata["range"]
    whole = accepts(config, item, int)
    for value in (low, high, (low + high) // 2 if whole else (low + high) / 2):
        assert getattr(make(config, item, value), item.name) == value
    below = low - 1 if whole else math.nextafter(low, -math.inf)
    above = high + 1 if whole else math.nextafter(high, math.inf)
    for value in (below, above, -(10**400), 10**400, 10**5_000):
        assert f"between {low:,} and {high:,}, found " in refuse(config, item, value)


@each(RANGED)
def test_value_of_another_type_is_no_number(config, item):
    for value in (True, False, "3", b"3", [], {}, object(), 3j, "\x1b[31m" * 100):
        assert "number" in refuse(config, item, value)
    for value in (math.nan, math.inf, -math.inf):
        refuse(config, item, value)
    if accepts(config, item, int):
        assert "expected a whole number between" in refuse(config, item, float(item.metadata["range"][0]))
    if accepts(config, item, types.NoneType):
        assert getattr(config(**{**REQUIRED[config], item.name: None}), item.name) is None
    else:
        refuse(config, item, None)


@each(CHOSEN)
def test_value_that_is_no_choice_is_refused(config, item):
    for value in item.metadata["choices"]:
        together: dict[str, Any] = {}
        if value in ("number", "linear"):  # settings of a numeric network
            together = {"vocabulary_size": 1, "input": "number", "output": "linear"}
        assert getattr(config(**{**REQUIRED[config], **together, item.name: value}), item.name) == value
    for value in ("", "Words", item.metadata["choices"][0] + " ", 1, True, [], "x" * 10_000):
        assert f"expected one of {', '.join(item.metadata['choices'])}, found " in refuse(config, item, value)
    if not accepts(config, item, types.NoneType):
        refuse(config, item, None)


@each(FLAGS)
def test_flag_accepts_only_true_and_false(config, item):
    assert getattr(make(config, item, True), item.name) is True
    values: tuple[object, ...] = (0, 1, "true", None, [])
    for value in values:
        assert "expected true or false, found " in refuse(config, item, value)


@pytest.mark.parametrize("config", CONFIGS)
def test_json_with_unknown_or_missing_settings_is_refused(config):
    with pytest.raises(UsageError, match="found unknown setting 'surprise'"):
        config.from_json({**REQUIRED[config], "surprise": 1})
    for name in REQUIRED[config]:
        with pytest.raises(UsageError, match=f"{name!r} is missing"):
            config.from_json({})
    for values in (None, [], "x", 1, [["seed", 1]]):
        with pytest.raises(UsageError, match=f"^{config.__name__}: expected an object, found "):
            config.from_json(values)


@pytest.mark.parametrize("config", CONFIGS)
def test_settings_are_immutable(config):
    made = config(**REQUIRED[config])
    for item in dataclasses.fields(config):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(made, item.name, 1)


def values_of(config: type[Config], item: Any) -> Any:
    """Return a Hypothesis strategy of the values of a field."""
    if "choices" in item.metadata:
        values: Any = st.sampled_from(item.metadata["choices"])
    elif "range" in item.metadata:
        values = (st.integers if accepts(config, item, int) else st.floats)(*item.metadata["range"])
    elif accepts(config, item, bool):
        values = st.booleans()
    elif accepts(config, item, str):
        values = st.text()
    elif accepts(config, item, InterpolationWeights):
        values = st.builds(InterpolationWeights, st.floats(0, 1), cache=st.none() | st.floats(0, 0.99))
    else:
        values = st.lists(st.floats(0, 1), min_size=1, max_size=5).map(tuple)
    return st.none() | values if accepts(config, item, types.NoneType) else values


@pytest.mark.parametrize("config", CONFIGS)
@given(data=st.data())
def test_from_json_inverts_to_json(config, data):
    values = {item.name: data.draw(values_of(config, item), label=item.name) for item in dataclasses.fields(config)}
    try:
        made = config(**values)
    except UsageError as error:  # settings that exclude each other
        assert any(word in str(error) for word in ("tie", "budget", "linear", "learning_rate_end", "one of the two"))  # noqa: PT017
        return
    text = json.dumps(made.to_json(), allow_nan=False)
    assert config.from_json(json.loads(text)) == made


def test_settings_that_exclude_each_other_are_refused():
    with pytest.raises(UsageError, match="`tie`: expected `input` embedding, found scalar; leave `tie` out"):
        NetworkConfig(10, input="scalar", tie=True)
    with pytest.raises(UsageError, match="expected `input` number, `output` linear and 1 value together, found "):
        NetworkConfig(10, input="number")
    with pytest.raises(
        UsageError, match=r"`softmax` adaptive: expected no `tie`, 20 or more .* found no `tie`, 10 and"
    ):
        NetworkConfig(10, softmax="adaptive")
    with pytest.raises(UsageError, match="expected one budget, found `epochs` and `seconds`; keep one"):
        TrainingConfig(1, epochs=3, seconds=60.0)
    with pytest.raises(
        UsageError, match=r"`learning_rate_end`: expected a number up to `learning_rate`, 0\.1, found 0\.2"
    ):
        TrainingConfig(1, learning_rate=0.1, learning_rate_end=0.2)
    with pytest.raises(UsageError, match="`learning_rate_end`: expected `schedule` cosine, found constant"):
        TrainingConfig(1, schedule="constant", learning_rate_end=0.2)
    with pytest.raises(UsageError, match="expected the order and the number of n-grams"):
        FittedInterpolation(ngram_order=3)


def test_series_needs_a_column_with_two_different_values():
    assert SeriesConfig("Close", -1e15, 1e15).to_json() == {"column": "Close", "low": -1e15, "high": 1e15}
    for column, low, high, message in (
        ("", 0.0, 1.0, "`column`: expected a name, found ''"),
        (7, 0.0, 1.0, "`column`: expected text, found 7"),
        ("Close", 2.0, 2.0, "`column`: expected values that differ, found only 2 in 'Close'"),
        ("Close", math.nan, 2.0, "`low`: expected a number between "),
        ("Close", 0.0, 2e15, "`high`: expected a number between "),
    ):
        with pytest.raises(UsageError) as caught:
            SeriesConfig(column, low, high)  # type: ignore[arg-type]
        assert str(caught.value).startswith(message)


def test_weights_by_count_are_numbers_between_0_and_1():
    weights = InterpolationWeights.from_json({"network": 0.5, "by_count": [0, 0.25, 1]})
    assert weights.by_count == (0, 0.25, 1)
    for value, message in (
        ([], "expected 1 to 1,000 numbers, found 0"),
        ([0.5] * 1_001, "expected 1 to 1,000 numbers, found 1,001"),
        ([0.5, 1.5], "expected numbers between 0 and 1, found (0.5, 1.5)"),
        ([0.5, "a"], "expected numbers between 0 and 1, found (0.5, 'a')"),
        ([math.nan], "expected numbers between 0 and 1, found (nan,)"),
        (0.5, "expected a list of numbers, found 0.5"),
    ):
        with pytest.raises(UsageError) as caught:
            InterpolationWeights.from_json({"by_count": value})
        assert str(caught.value) == f"`by_count`: {message}"


def test_nested_settings_are_validated_and_written_without_empty_weights():
    fitted = FittedInterpolation(3, 50, with_ngram=InterpolationWeights(0.6, (0.5, 1.0)))
    values = fitted.to_json()
    assert values["with_ngram"] == {"network": 0.6, "by_count": [0.5, 1.0]}
    assert values["with_cache"] == {}
    assert FittedInterpolation.from_json(values) == fitted
    with pytest.raises(UsageError, match=r"`network`: expected a number between 0\.0 and 1\.0, found 2"):
        FittedInterpolation.from_json({**values, "with_ngram": {"network": 2}})
    with pytest.raises(UsageError, match="InterpolationWeights: expected an object, found list"):
        FittedInterpolation.from_json({**values, "with_ngram": [1]})
    with pytest.raises(UsageError, match="`with_ngram`: expected InterpolationWeights, found 7"):
        FittedInterpolation(with_ngram=7)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("config", "old", "expected"),
    [
        (NetworkConfig, {"vocabulary_size": 9, "reading": "stateful"}, NetworkConfig(9, mode="stateful")),
        (
            TrainingConfig,
            {"seed": 1, "order": "strides", "output_start": "normal", "to_ceiling": False, "sample": "classic"},
            TrainingConfig(
                1, sampling_order="strides", output_init="normal", stop_at_max_accuracy=False, sample="tutorial"
            ),
        ),
        (InterpolationWeights, {"cache": 0.1, "theta": 0.3}, InterpolationWeights(cache=0.1, sharpness=0.3)),
        (
            FittedInterpolation,
            {"order": 3, "ngrams": 50, "cache": 100, "words": 40, "digest": "ab", "blend": {"network": 0.5},
             "memory": {"cache": 0.1, "theta": 0.3}, "both": {"network": 0.4}},
            FittedInterpolation(3, 50, 100, 40, "ab", InterpolationWeights(0.5),
                                InterpolationWeights(cache=0.1, sharpness=0.3), InterpolationWeights(0.4)),
        ),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else "",
)  # fmt: skip
def test_json_of_format_1_with_old_names_is_read(config, old, expected):
    assert config.from_json(old) == expected
    assert set(config.RENAMED.values()) <= {item.name for item in dataclasses.fields(config)}
    name = next(iter(config.RENAMED))
    with pytest.raises(UsageError, match="expected each setting once, found one by its old and its new name"):
        config.from_json({**old, config.RENAMED[name]: old[name]})


# The record of a model file of format 1.2, and the settings of its checkpoints.
SETTINGS_1_2 = {
    "batch_size": 128, "checkpoint_every": None, "checkpoint_seconds": 300.0, "clip_norm": 1.0, "dropout": 0.5,
    "dropout_start": None, "ema": 0.0, "epochs": 1, "histograms": False, "iterations": None, "label_smoothing": 0.0,
    "learning_rate": 0.004, "learning_rate_end": None, "log_every": None, "optimizer": "adamw", "order": "shuffled",
    "output_start": "glorot", "patience": 2, "precision": "auto", "sample": "word", "schedule": "cosine",
    "seconds": None, "seed": 752459248, "short_windows": 0.1, "to_ceiling": True, "variational": False, "warmup": 0.05,
    "weight_decay": 0.01, "weight_dropout": 0.0,
}  # fmt: skip


def test_training_settings_of_format_1_2_are_read_and_written_with_new_names():
    training = TrainingConfig.from_json(SETTINGS_1_2)
    values = training.to_json()
    added = {"activation_penalty", "change_penalty", "teacher_share"}
    assert all(values.pop(name) is None for name in added)
    assert values.keys() == {TrainingConfig.RENAMED.get(name, name) for name in SETTINGS_1_2}
    assert {TrainingConfig.RENAMED.get(name, name): value for name, value in SETTINGS_1_2.items()} == values
    assert TrainingConfig.from_json(values) == training


def test_subclass_declares_ranges_choices_and_renamed_fields():
    @dataclasses.dataclass(frozen=True)
    class Own(Config):
        RENAMED: ClassVar = {"part": "share"}

        share: float = within(0.0, 1.0, default=0.5)
        kind: str = one_of(("a", "b"), default="a")

    assert Own(1).share == 1  # a whole number is a number
    assert Own.from_json({"part": 0.25}) == Own(0.25)
    with pytest.raises(UsageError, match=r"`share`: expected a number between 0.0 and 1.0, found 1.5"):
        Own(1.5)


@pytest.mark.parametrize("tie", [False, True])
@pytest.mark.parametrize("input", INPUTS)
@pytest.mark.parametrize("cell", RNN_CELLS)
@pytest.mark.parametrize("mode", MODES)
def test_layer_table_counts_all_weights(mode, cell, input, tie):
    if tie and input != "embedding":
        return
    for layers, embedding in ((1, 8), (3, 5)):
        network = NetworkConfig(40, mode, 4, cell, layers, 8, input, embedding, tie)
        shapes, table = network.shapes(), network.layer_table()
        assert sum(row["parameters"] for row in table) == sum(math.prod(shape) for shape in shapes.values())
        assert [row["layer"] for row in table] == list(dict.fromkeys(name.split("/")[0] for name in shapes))
        assert table[-1]["shape"][-1] == 40
        assert {row["shape"][0] for row in table} == {None}
        after_window = {f"{cell}_{layers}", "projection", "output"}  # layers with one output per window
        widths = {"embedding": embedding, "projection": embedding, "output": 40}
        for row in table:
            assert len(row["shape"]) == (2 if not network.stateful and row["layer"] in after_window else 3)
            assert row["shape"][-1] == widths.get(row["layer"], network.units)


def test_network_of_the_tutorial_has_3_209_328_weights():
    network = NetworkConfig(112, layers=2, units=512, input="scalar")
    assert sum(row["parameters"] for row in network.layer_table()) == 3_209_328
    assert network.shapes()["lstm_1/kernel"] == (1, 2_048)


def test_shapes_of_the_largest_network_are_known_without_allocating():
    network = NetworkConfig(1_000_000, layers=16, units=8_192, embedding=8_192)
    assert sum(math.prod(shape) for shape in network.shapes().values()) > 10**10


@given(st.integers(20, 1_000_000), st.integers(16, 8_192))
def test_clusters_of_an_adaptive_softmax_cover_every_id_once(vocabulary_size, units):
    network = NetworkConfig(vocabulary_size, units=units, softmax="adaptive")
    edges = [0, network.clusters[0][0], *(end for _, end, _ in network.clusters)]
    assert [first for first, _, _ in network.clusters] == edges[1:-1]
    assert edges == sorted(set(edges))
    assert edges[-1] == vocabulary_size
    assert all(math.prod(shape) > 0 for shape in network.shapes().values())
