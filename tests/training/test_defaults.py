"""Default settings: as in TABLE, and never in place of a given setting."""

from pathlib import Path
from typing import Any

import pytest

from rnnwords.errors import CorpusError, UsageError
from rnnwords.training import plan
from rnnwords.training.plan import Plan, make_plan
from rnnwords.training.settings import defaults
from rnnwords.training.settings.config import TrainingConfig
from rnnwords.training.settings.defaults import TIERS, complete, network_defaults, tier_of
from rnnwords.training.settings.request import TrainRequest
from tests.texts import FABLE

TABLE = """
| words of text | vocabulary | network | optimizer | rate | batch | dropout | averaging | budget |
|---|---|---|---|---|---|---|---|---|
| below 10,000 | all words | 2 x 512, E 256, untied | Adam, constant | 0.003 | 67 | 0 | 0 | 500 epochs |
| below 500,000 | 2+, 10,000 | 1 x 512, E 256, tied | AdamW, cosine | 0.004 | 128 | 0.2 to 0.6 | 0.999 | 12 epochs |
| below 5 million | 2+, 10,000 | 1 x 512, E 256, tied | AdamW, cosine | 0.004 | 512 | 0.2 to 0.6 | 0.999 | 9 epochs |
| more | 2+, 30,000 | 2 x 512, E 512, tied | AdamW, cosine | 0.002 | 512 | 0.2 | 0 | 3 epochs |
| stateful, below 10,000 | | | | | 20 | | | |
| stateful, below 500,000 | | 2 x 512, E 512, tied | SGD, cosine | 20 | 10 | 0.65 | 0 | |
| stateful, below 5 million | | 2 x 512, E 512, tied | SGD, cosine | 20 | 20 | 0.5 | 0 | |
| stateful, more | | | | 0.004 | 20 | | | |
"""
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in TABLE.splitlines()
    if line.startswith("|") and "---" not in line
][1:]
TEXTS = {"below 10,000": 9_999, "below 500,000": 499_999, "below 5 million": 4_999_999, "more": 5_000_000}
PREFIX = "stateful, "
WINDOWS = {row[0]: row for row in ROWS if not row[0].startswith(PREFIX)}
STATEFUL = {row[0].removeprefix(PREFIX): row for row in ROWS if row[0].startswith(PREFIX)}


def chosen(words: int, *, stateful: bool = False, **given: Any) -> TrainingConfig:
    return complete(TrainingConfig(seed=1, **given), words, words - 3, stateful)


def shown(config: TrainingConfig) -> list[str]:
    """Return the cells of the table: optimizer, rate, batch, dropout, averaging, budget."""
    name = {"adam": "Adam", "adamw": "AdamW", "sgd": "SGD"}[config.optimizer or ""]
    start = "" if config.dropout_start is None else f"{config.dropout_start:g} to "
    return [f"{name}, {config.schedule}", f"{config.learning_rate:g}", f"{config.batch_size}",
            f"{start}{config.dropout:g}", f"{config.ema:g}", f"{config.epochs} epochs"]  # fmt: skip


def test_the_table_of_defaults_has_a_row_for_each_tier():
    assert list(WINDOWS) == list(STATEFUL) == list(TEXTS)
    assert len(WINDOWS) == len(TIERS)


@pytest.mark.parametrize("size", TEXTS)
def test_defaults_of_windows_are_those_of_the_table(size):
    row = WINDOWS[size]
    *cells, budget = shown(chosen(TEXTS[size]))
    assert row[3:] == [*cells, budget]
    tier = defaults.tier_of(TEXTS[size])
    assert row[1] == ("all words" if tier.max_size is None else f"{tier.min_count}+, {tier.max_size:,}")
    assert tier.below > TEXTS[size]


@pytest.mark.parametrize("size", TEXTS)
def test_defaults_of_stateful_networks_are_those_of_the_table(size):
    """An empty cell means the default of windows."""
    expected = [own or above for own, above in zip(STATEFUL[size][3:8], WINDOWS[size][3:8], strict=True)]
    assert shown(chosen(TEXTS[size], stateful=True))[:-1] == expected


@pytest.mark.parametrize("size", TEXTS)
def test_default_networks_are_those_of_the_table(size):
    for row, stateful in ((WINDOWS[size], False), (STATEFUL[size], True)):
        network = network_defaults(TEXTS[size], stateful)
        embedding, tied = network.get("embedding", network["units"]), tier_of(TEXTS[size]).tie
        described = f"{network['layers']} x {network['units']}, E {embedding}, {'tied' if tied else 'untied'}"
        assert described == (row[2] or WINDOWS[size][2])


def test_a_given_dropout_rate_is_constant():
    words = TEXTS["below 500,000"]
    assert chosen(words, dropout=0.1).dropout_start is None
    assert (chosen(words, dropout_start=0.3).dropout_start, chosen(words, dropout_start=0.3).dropout) == (0.3, 0.6)
    both = chosen(words, dropout_start=0.3, dropout=0.4)
    assert (both.dropout_start, both.dropout) == (0.3, 0.4)
    assert chosen(words, ema=0.0).ema == 0


def test_the_size_of_the_text_chooses_the_network(tmp_path, monkeypatch):
    request = TrainRequest([FABLE], tmp_path, seed=1)
    assert _size(make_plan(request, pytest.fail)) == (2, 512, 256)
    monkeypatch.setattr(defaults, "TIERS", TIERS[1:])
    assert _size(make_plan(request, pytest.fail)) == (1, 512, 256)
    given = TrainRequest([FABLE], tmp_path, network={"layers": 2, "units": 128}, seed=1)
    assert _size(make_plan(given, pytest.fail)) == (2, 128, 128)


def _size(plan: Plan) -> tuple[int, int, int]:
    return plan.network.layers, plan.network.units, plan.network.embedding


def test_given_settings_are_never_changed():
    given: dict[str, Any] = {
        "optimizer": "rmsprop", "learning_rate": 0.5, "batch_size": 7, "dropout": 0.1, "clip_norm": 3.0,
    }  # fmt: skip
    for stateful in (False, True):
        for words in (40, *TEXTS.values()):
            config = chosen(words, stateful=stateful, **given)
            assert {name: getattr(config, name) for name in given} == given
            assert chosen(words, stateful=stateful, seconds=60.0).epochs is None


def test_sgd_has_its_own_learning_rate_and_norm():
    for words in TEXTS.values():
        config = chosen(words, optimizer="sgd")
        assert (config.learning_rate, config.clip_norm) == (20.0, 0.25)
        assert chosen(words, optimizer="sgd", learning_rate=0.1).learning_rate == 0.1
        adam = chosen(words, stateful=True, optimizer="adamw")
        assert (adam.learning_rate or 1) < 0.01
        assert adam.clip_norm == 1.0


def test_the_batch_size_is_limited_by_the_text():
    assert chosen(40).batch_size == chosen(40, batch_size=99).batch_size == 37
    assert chosen(350, stateful=True).batch_size == 3
    assert chosen(40, stateful=True).batch_size == 1


def plan_of(tmp_path: Path, network: dict[str, Any], **training: Any) -> Plan:
    """Return the plan for the fable: 204 words, the last fifth for validation, so 164 for training."""
    network = {"layers": 1, "units": 16, "embedding": 8, "tie": False, **network}
    request = TrainRequest([FABLE], tmp_path, network=network, training=training, validation_split=0.2, seed=1)
    return make_plan(request, pytest.fail)


def test_more_streams_than_the_text_has_room_for_are_refused(tmp_path):
    network = {"stateful": True, "window": 40}
    assert plan_of(tmp_path, network, batch_size=3).training.batch_size == 3
    with pytest.raises(CorpusError, match=r"expected 165 or more words for training, found 164; 4 streams of 40 words"):
        plan_of(tmp_path, network, batch_size=4)


def test_label_smoothing_with_an_adaptive_softmax_is_refused(tmp_path, monkeypatch):
    assert plan_of(tmp_path, {}, label_smoothing=0.1).network.softmax == "full"
    expected = r"adaptive softmax for \d\d tokens, .*; set `softmax` full"
    with pytest.raises(UsageError, match=expected):
        plan_of(tmp_path, {"softmax": "adaptive"}, label_smoothing=0.1)
    monkeypatch.setattr(plan, "ADAPTIVE_FROM", 50)
    with pytest.raises(UsageError, match=expected):
        plan_of(tmp_path, {}, label_smoothing=0.1)
    assert plan_of(tmp_path, {}, label_smoothing=0.0).network.softmax == "adaptive"
    assert plan_of(tmp_path, {"softmax": "full"}, label_smoothing=0.1).training.label_smoothing == 0.1
