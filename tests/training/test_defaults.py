"""The settings that a run gets where nobody said: as in the table that the README shows, and never over a wish."""

from pathlib import Path
from typing import Any

import pytest

from rnnwords.config import TextConfig, TrainingConfig
from rnnwords.errors import CorpusError, UsageError
from rnnwords.training import defaults, plan
from rnnwords.training.checkpoint import RunDirectory
from rnnwords.training.defaults import SIZES, complete
from rnnwords.training.plan import Asked, Plan, make_plan
from tests.helpers import FABLE

ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in (defaults.__doc__ or "").splitlines()
    if line.startswith("|") and "---" not in line
][1:]
TEXTS = {"below 10,000": 9_999, "below 500,000": 499_999, "below 5 million": 4_999_999, "more": 5_000_000}
WINDOWS = {row[0]: row for row in ROWS if not row[0].startswith("`")}
STATEFUL = {row[0].removeprefix("`--stateful`, "): row for row in ROWS if row[0].startswith("`")}


def chosen(words: int, *, stateful: bool = False, **wishes: Any) -> TrainingConfig:
    return complete(TrainingConfig(seed=1, **wishes), words, words - 3, stateful)


def shown(config: TrainingConfig) -> list[str]:
    """The cells of the table: optimizer, rate, batch, dropout, budget."""
    name = {"adam": "Adam", "adamw": "AdamW", "sgd": "SGD"}[config.optimizer or ""]
    return [f"{name}, {config.schedule}", f"{config.learning_rate:g}", f"{config.batch_size}", f"{config.dropout:g}",
            f"{config.epochs} epochs"]  # fmt: skip


def test_the_table_has_a_row_for_each_size():
    assert list(WINDOWS) == list(STATEFUL) == list(TEXTS)
    assert len(WINDOWS) == len(SIZES)


@pytest.mark.parametrize("size", TEXTS)
def test_the_table_says_what_is_chosen(size):
    row = WINDOWS[size]
    *cells, budget = shown(chosen(TEXTS[size]))
    assert row[4:8] == cells
    assert row[8].split(",")[0] == budget
    assert defaults.size_of(TEXTS[size]).below > TEXTS[size]


@pytest.mark.parametrize("size", TEXTS)
def test_the_table_says_what_differs_when_the_text_is_a_stream(size):
    """An empty cell stands for what windows get."""
    expected = [own or above for own, above in zip(STATEFUL[size][4:8], WINDOWS[size][4:8], strict=True)]
    assert shown(chosen(TEXTS[size], stateful=True))[:-1] == expected


def test_a_wish_is_never_changed():
    wishes: dict[str, Any] = {
        "optimizer": "rmsprop",
        "learning_rate": 0.5,
        "batch_size": 7,
        "dropout": 0.1,
        "clip_norm": 3.0,
    }
    for stateful in (False, True):
        for words in (40, *TEXTS.values()):
            config = chosen(words, stateful=stateful, **wishes)
            assert {name: getattr(config, name) for name in wishes} == wishes
            assert chosen(words, stateful=stateful, seconds=60.0).epochs is None


def test_gradient_descent_gets_rates_of_its_own():
    for words in TEXTS.values():
        config = chosen(words, optimizer="sgd")
        assert (config.learning_rate, config.clip_norm) == (20.0, 0.25)
        assert chosen(words, optimizer="sgd", learning_rate=0.1).learning_rate == 0.1
        adam = chosen(words, stateful=True, optimizer="adamw")
        assert (adam.learning_rate or 1) < 0.01
        assert adam.clip_norm == 1.0


def test_a_batch_is_never_larger_than_the_text():
    assert chosen(40).batch_size == chosen(40, batch_size=99).batch_size == 37
    assert chosen(350, stateful=True).batch_size == 3
    assert chosen(40, stateful=True).batch_size == 1


NETWORK = {
    "window": None, "stateful": False, "layers": 1, "units": 16, "cell": "lstm", "input": "embedding", "embedding": 8,
    "tie": False, "softmax": "auto",
}  # fmt: skip


def plan_of(tmp_path: Path, network: dict[str, Any], **wishes: Any) -> Plan:
    """The plan for the fable: 204 words, the last fifth held out, so 164 to learn from."""
    asked = Asked([FABLE], TextConfig(), {**NETWORK, **network}, wishes, hold_out=0.2)
    return make_plan(RunDirectory(tmp_path / "run"), asked, lambda: 1, pytest.fail)


def test_more_streams_than_the_text_has_room_for_are_refused(tmp_path):
    network = {"stateful": True, "window": 40}
    assert plan_of(tmp_path, network, batch_size=3).training.batch_size == 3
    with pytest.raises(CorpusError, match=r"164 words for training; 4 streams of steps of 40 words need 165 or more"):
        plan_of(tmp_path, network, batch_size=4)


def test_label_smoothing_is_refused_where_it_would_do_nothing(tmp_path, monkeypatch):
    assert plan_of(tmp_path, {}, label_smoothing=0.1).network.softmax == "full"
    expected = r"with \d\d symbols it needs --softmax full"
    with pytest.raises(UsageError, match=expected):
        plan_of(tmp_path, {"softmax": "adaptive"}, label_smoothing=0.1)
    monkeypatch.setattr(plan, "ADAPTIVE_FROM", 50)
    with pytest.raises(UsageError, match=expected):
        plan_of(tmp_path, {}, label_smoothing=0.1)
    assert plan_of(tmp_path, {}, label_smoothing=0.0).network.softmax == "adaptive"
    assert plan_of(tmp_path, {"softmax": "full"}, label_smoothing=0.1).training.label_smoothing == 0.1
