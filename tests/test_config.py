"""Settings: every field of every one takes what is in its range and refuses what is not, wherever it comes from."""

import dataclasses
import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnwords.config import (
    CELLS,
    INPUTS,
    READINGS,
    Config,
    NetworkConfig,
    TextConfig,
    TrainingConfig,
    one_of,
    within,
)
from rnnwords.errors import UsageError

CONFIGS: tuple[type[Config], ...] = (TextConfig, NetworkConfig, TrainingConfig)
NEEDED = {TextConfig: {}, NetworkConfig: {"vocabulary_size": 100}, TrainingConfig: {"seed": 1}}
FIELDS = [(config, item) for config in CONFIGS for item in dataclasses.fields(config)]
RANGED = [(config, item) for config, item in FIELDS if "range" in item.metadata]
CHOSEN = [(config, item) for config, item in FIELDS if "choices" in item.metadata]
FLAGS = [(config, item) for config, item in FIELDS if item.type is bool]


def make(config: type[Config], item: Any, value: Any) -> Config:
    return config(**{**NEEDED[config], item.name: value})


def refuse(config: type[Config], item: Any, value: Any) -> str:
    """The message that refuses a value, which must be one short line that names the setting."""
    with pytest.raises(UsageError) as caught:
        make(config, item, value)
    message = str(caught.value)
    assert message.startswith(item.name.replace("_", "-") + " must be ")
    assert len(message) < 300
    assert "\n" not in message
    with pytest.raises(UsageError):
        config.from_json({**NEEDED[config], item.name: value})
    return message


def named(cases: Any) -> Any:
    return pytest.mark.parametrize(
        ("config", "item"), cases, ids=[f"{config.__name__}-{item.name}" for config, item in cases]
    )


def test_every_field_is_checked():
    assert len(FIELDS) == len(RANGED) + len(CHOSEN) + len(FLAGS)


def whole(item: Any) -> bool:
    return "int" in str(item.type)


@named(RANGED)
def test_a_number_must_lie_in_its_range(config, item):
    low, high = item.metadata["range"]
    for value in (low, high, (low + high) // 2 if whole(item) else (low + high) / 2):
        assert getattr(make(config, item, value), item.name) == value
    below = low - 1 if whole(item) else math.nextafter(low, -math.inf)
    above = high + 1 if whole(item) else math.nextafter(high, math.inf)
    for value in (below, above, -(10**400), 10**400, 10**5_000):
        message = refuse(config, item, value)
        assert f"between {low:,} and {high:,}" in message


@named(RANGED)
def test_a_number_must_be_one(config, item):
    for value in (True, False, "3", b"3", [], {}, object(), 3j, "\x1b[31m" * 100):
        assert "number" in refuse(config, item, value)
    for value in (math.nan, math.inf, -math.inf):
        refuse(config, item, value)
    if whole(item):
        assert "whole number" in refuse(config, item, float(item.metadata["range"][0]))
    if "None" in str(item.type):
        assert getattr(make(config, item, None), item.name) is None
    else:
        refuse(config, item, None)


@named(CHOSEN)
def test_a_choice_must_be_among_the_choices(config, item):
    for value in item.metadata["choices"]:
        changed: dict[str, Any] = {"softmax": {"tie": False}, "input": {"tie": False}}.get(item.name, {})
        if value in ("number", "linear"):  # which go together
            changed = {"vocabulary_size": 1, "input": "number", "output": "linear"}
        assert getattr(config(**{**NEEDED[config], **changed, item.name: value}), item.name) == value
    for value in ("", "Words", item.metadata["choices"][0] + " ", 1, True, [], "x" * 10_000):
        assert ", ".join(item.metadata["choices"]) in refuse(config, item, value)
    if "None" not in str(item.type):
        refuse(config, item, None)


@named(FLAGS)
def test_a_flag_is_true_or_false(config, item):
    assert getattr(make(config, item, True), item.name) is True
    others: tuple[object, ...] = (0, 1, "true", None, [])
    for value in others:
        assert "true or false" in refuse(config, item, value)


@pytest.mark.parametrize("config", CONFIGS)
def test_json_with_unknown_or_missing_settings_is_refused(config):
    with pytest.raises(UsageError, match="unknown setting 'surprise'"):
        config.from_json({**NEEDED[config], "surprise": 1})
    for name in NEEDED[config]:
        with pytest.raises(UsageError, match=f"{name!r} is missing"):
            config.from_json({})
    for values in (None, [], "x", 1, [["seed", 1]]):
        with pytest.raises(UsageError, match="expected an object"):
            config.from_json(values)


@pytest.mark.parametrize("config", CONFIGS)
def test_settings_cannot_change(config):
    made = config(**NEEDED[config])
    for item in dataclasses.fields(config):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(made, item.name, 1)


def values_of(item: Any) -> Any:
    if "choices" in item.metadata:
        found: Any = st.sampled_from(item.metadata["choices"])
    elif "range" in item.metadata:
        low, high = item.metadata["range"]
        found = st.integers(low, high) if whole(item) else st.floats(low, high)
    else:
        found = st.booleans()
    return st.one_of(st.none(), found) if "None" in str(item.type) else found


@pytest.mark.parametrize("config", CONFIGS)
@given(data=st.data())
def test_json_and_back_is_the_same(config, data):
    values = {item.name: data.draw(values_of(item), label=item.name) for item in dataclasses.fields(config)}
    try:
        made = config(**values)
    except UsageError as error:  # settings that don't go together
        assert any(word in str(error) for word in ("tie", "budget", "linear", "learning-rate-end"))  # noqa: PT017
        return
    text = json.dumps(made.to_json(), allow_nan=False)
    assert config.from_json(json.loads(text)) == made


def test_settings_that_do_not_go_together_are_refused():
    with pytest.raises(UsageError, match="tie needs input embedding; got input scalar"):
        NetworkConfig(10, input="scalar", tie=True)
    with pytest.raises(UsageError, match="one budget at most: got epochs and seconds"):
        TrainingConfig(1, epochs=3, seconds=60.0)
    with pytest.raises(UsageError, match=r"learning-rate-end must be the highest rate, 0\.1, or less; got 0\.2"):
        TrainingConfig(1, learning_rate=0.1, learning_rate_end=0.2)
    with pytest.raises(UsageError, match="learning-rate-end is for the schedule cosine; got constant"):
        TrainingConfig(1, schedule="constant", learning_rate_end=0.2)


def test_a_range_of_its_own():
    @dataclasses.dataclass(frozen=True)
    class Own(Config):
        share: float = within(0.0, 1.0, default=0.5)
        kind: str = one_of(("a", "b"), default="a")

    assert Own(1).share == 1  # whole numbers are numbers
    with pytest.raises(UsageError, match=r"share must be between 0.0 and 1.0; got 1.5"):
        Own(1.5)


@pytest.mark.parametrize("tie", [False, True])
@pytest.mark.parametrize("input", INPUTS)
@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("reading", READINGS)
def test_the_layer_table_counts_all_weights(reading, cell, input, tie):
    if tie and input != "embedding":
        return
    for layers, embedding in ((1, 8), (3, 5)):
        network = NetworkConfig(40, reading, 4, cell, layers, 8, input, embedding, tie)
        shapes, table = network.shapes(), network.layer_table()
        assert sum(row["parameters"] for row in table) == sum(math.prod(shape) for shape in shapes.values())
        assert [row["layer"] for row in table] == list(dict.fromkeys(name.split("/")[0] for name in shapes))
        assert table[-1]["shape"][-1] == 40
        assert {row["shape"][0] for row in table} == {None}
        for row in table:
            assert len(row["shape"]) == (2 if not network.stateful and row["layer"] in after(network) else 3)
            assert row["shape"][-1] == width(network, row["layer"])


def after(network: NetworkConfig) -> set[str]:
    """Layers that give one output for a whole window."""
    return {f"{network.cell}_{network.layers}", "projection", "output"}


def width(network: NetworkConfig, layer: str) -> int:
    own = {"embedding": network.embedding, "projection": network.embedding, "output": network.vocabulary_size}
    return own.get(layer, network.units)


def test_the_weights_of_the_classic_network():
    network = NetworkConfig(112, layers=2, units=512, input="scalar")
    assert sum(row["parameters"] for row in network.layer_table()) == 3_209_328
    assert network.shapes()["lstm_1/kernel"] == (1, 2_048)


def test_the_largest_shapes_are_known_without_allocating():
    network = NetworkConfig(1_000_000, layers=16, units=8_192, embedding=8_192)
    assert sum(math.prod(shape) for shape in network.shapes().values()) > 10**10


@given(st.integers(20, 1_000_000), st.integers(16, 8_192))
def test_the_tails_of_an_adaptive_softmax_cover_every_rank_once(words, units):
    network = NetworkConfig(words, units=units, softmax="adaptive")
    edges = [0, network.clusters[0][0], *(end for _, end, _ in network.clusters)]
    assert [first for first, _, _ in network.clusters] == edges[1:-1]
    assert edges == sorted(set(edges))
    assert edges[-1] == words
    assert all(math.prod(shape) > 0 for shape in network.shapes().values())
