"""Default settings: as in TABLE, and never in place of a given setting."""

from pathlib import Path
from typing import Any

import pytest

from rnnwords.errors import CorpusError, UsageError
from rnnwords.training import defaults, plan
from rnnwords.training.config import TrainingConfig
from rnnwords.training.defaults import TIERS, complete
from rnnwords.training.plan import Plan, make_plan
from rnnwords.training.request import TrainRequest
from tests.texts import FABLE

TABLE = """
| words of text | validation | vocabulary | network | optimizer | rate | batch | dropout | budget |
|---|---|---|---|---|---|---|---|---|
| below 10,000 | none | every word | untied, E 256 | Adam, constant | 0.003 | 67 | 0 | 500 epochs, or maximum accuracy |
| below 500,000 | last tenth | 2 times or more, 10,000 | tied, E = H | AdamW, cosine | 0.004 | 128 | 0.5 | 12 epochs |
| below 5 million | last tenth | 2 times or more, 10,000 | tied, E = H | AdamW, cosine | 0.004 | 512 | 0.5 | 9 epochs |
| more | last tenth | 2 times or more, 30,000 | tied, E = H | AdamW, cosine | 0.002 | 512 | 0.2 | 3 epochs |
| stateful, below 10,000 | | | | | | 20 | | |
| stateful, below 500,000 | | | | SGD, cosine | 20 | 10 | 0.65 | |
| stateful, below 5 million | | | | SGD, cosine | 20 | 20 | | |
| stateful, more | | | | | 0.004 | 20 | | |
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
    """Return the cells of the table: optimizer, rate, batch, dropout, budget."""
    name = {"adam": "Adam", "adamw": "AdamW", "sgd": "SGD"}[config.optimizer or ""]
    return [f"{name}, {config.schedule}", f"{config.learning_rate:g}", f"{config.batch_size}", f"{config.dropout:g}",
            f"{config.epochs} epochs"]  # fmt: skip


def test_the_table_of_defaults_has_a_row_for_each_tier():
    assert list(WINDOWS) == list(STATEFUL) == list(TEXTS)
    assert len(WINDOWS) == len(TIERS)


@pytest.mark.parametrize("size", TEXTS)
def test_defaults_of_windows_are_those_of_the_table(size):
    row = WINDOWS[size]
    *cells, budget = shown(chosen(TEXTS[size]))
    assert row[4:8] == cells
    assert row[8].split(",")[0] == budget
    assert defaults.tier_of(TEXTS[size]).below > TEXTS[size]


@pytest.mark.parametrize("size", TEXTS)
def test_defaults_of_stateful_networks_are_those_of_the_table(size):
    """An empty cell means the default of windows."""
    expected = [own or above for own, above in zip(STATEFUL[size][4:8], WINDOWS[size][4:8], strict=True)]
    assert shown(chosen(TEXTS[size], stateful=True))[:-1] == expected


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
