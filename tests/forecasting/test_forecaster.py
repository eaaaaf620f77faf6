"""Networks of numbers: the model file, the forecasts and how they are judged, what training sees of a series.

`python -m tests.forecasting.test_forecaster` makes the golden model of numbers anew.
"""

import dataclasses
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rnnwords.config import CELLS, NetworkConfig, SeriesConfig, TextConfig
from rnnwords.errors import CorpusError, ModelError, UsageError
from rnnwords.forecasting.forecaster import Errors, Forecaster
from rnnwords.forecasting.series import Series, read_series
from rnnwords.forecasting.training import ForecastAsked, make_forecast_plan
from rnnwords.model_file import Model
from rnnwords.prediction.predictor import Predictor
from rnnwords.text.corpus import Windows
from rnnwords.text.vocabulary import Vocabulary
from rnnwords.training.checkpoint import RunDirectory
from tests.helpers import GOLDEN, small_model, small_weights
from tests.network.test_recurrent import gru, lstm, simple

SCALING = SeriesConfig("Adj Close", 10.0, 30.0)
WANTED = {"window": 4, "layers": 1, "units": 8, "cell": "lstm"}


def number_network(cell: str = "lstm", **options: Any) -> NetworkConfig:
    return NetworkConfig(1, **{"window": 4, "cell": cell, "units": 8, "input": "number", "output": "linear", **options})


def number_model(cell: str = "lstm", seed: int = 0) -> Model:
    network = number_network(cell)
    vocabulary = Vocabulary(["Adj_Close"], [50], TextConfig())
    return Model(network, vocabulary, small_weights(network, seed), {"seed": seed}, SCALING)


def series_of(values: Any) -> Series:
    return Series("prices.csv", "Adj Close", np.array(values, np.float64), None, "0" * 64)


def by_the_book(model: Model, values: Any) -> float:
    """The next value after a window, one number at a time, in double precision."""
    step = {"lstm": lstm, "gru": gru, "simple": simple}[model.network.cell]
    h = c = np.zeros((model.network.layers, model.network.units))
    weights = {name: weight.astype(np.float64) for name, weight in model.weights.items()}
    x = np.zeros(1)
    for value in values:
        x = np.array([(value - SCALING.low) / (SCALING.high - SCALING.low)])
        for layer in range(model.network.layers):
            own = [weights[f"{model.network.cell}_{layer + 1}/{part}"] for part in
                   ("kernel", "recurrent_kernel", "bias")]  # fmt: skip
            h, c = h.copy(), c.copy()
            h[layer], c[layer] = step(x, h[layer], c[layer], *own)
            x = h[layer]
    output = float((x @ weights["output/kernel"] + weights["output/bias"])[0])
    return SCALING.low + output * (SCALING.high - SCALING.low)


@pytest.mark.parametrize("cell", CELLS)
def test_forecasts_are_those_of_the_textbook(cell):
    model = number_model(cell)
    values = np.random.default_rng(1).uniform(5, 35, 9)
    found = Forecaster(model).forecast(values)
    assert len(found) == 9 - 4 + 1
    for at, forecast in enumerate(found.tolist()):
        assert forecast == pytest.approx(by_the_book(model, values[at : at + 4]), abs=1e-4)


def test_every_forecast_sees_the_real_values_before_it_and_no_other():
    forecaster = Forecaster(number_model())
    before, real = np.linspace(10, 30, 10), np.array([31.0, 29.0, 33.0])
    judged = forecaster.judge(before, real)
    every = np.concatenate([before, real])
    for at in range(3):
        assert judged.forecasts[at] == pytest.approx(forecaster.forecast(every[: 10 + at])[-1], abs=1e-4)
    assert judged.next == pytest.approx(forecaster.forecast(every)[-1], abs=1e-4)
    assert judged.naive == Errors.of(np.array([30.0, 31.0, 29.0]), real)
    assert (judged.naive.mae, judged.naive.rmse) == pytest.approx(((1 + 2 + 4) / 3, np.sqrt((1 + 4 + 16) / 3)))
    assert judged.network == Errors.of(judged.forecasts, real)


def test_fewer_values_than_a_window_are_refused():
    with pytest.raises(UsageError, match="expected 4 values or more, a whole window; got 3"):
        Forecaster(number_model()).forecast(np.ones(3))


@pytest.mark.parametrize("cell", CELLS)
def test_what_is_saved_is_loaded(cell, tmp_path):
    made = number_model(cell)
    made.save(tmp_path / "model")
    loaded = Model.load(tmp_path / "model")
    assert (loaded.network, loaded.series, loaded.vocabulary) == (made.network, SCALING, made.vocabulary)
    values = np.linspace(10, 30, 8)
    assert (Forecaster.load(tmp_path / "model").forecast(values) == Forecaster(made).forecast(values)).all()


def test_numbers_and_words_are_not_mixed_up_in_a_file(tmp_path):
    for mixed in (
        dataclasses.replace(number_model(), series=None),
        dataclasses.replace(small_model(), series=SCALING),
    ):
        mixed.save(tmp_path / "model")
        with pytest.raises(ModelError, match="a network of numbers, and no other, has the scaling of its column"):
            Model.load(tmp_path / "model")


@pytest.mark.parametrize("bad", [{"low": 3, "high": 3}, {"low": "a", "high": 3}, {"low": float("inf"), "high": 3}])
def test_a_scaling_that_cannot_be_is_damage(bad, tmp_path):
    with pytest.raises(UsageError):
        SeriesConfig("x", **bad)
    with pytest.raises(UsageError, match="column must be a name"):
        SeriesConfig("", 0, 1)


def test_a_model_of_words_is_as_format_1_0_has_it():
    assert "output" not in small_model().network.to_json()
    assert number_network().to_json()["output"] == "linear"


@pytest.mark.parametrize(
    "options",
    [
        {"vocabulary_size": 1, "input": "number"},
        {"vocabulary_size": 1, "output": "linear"},
        {"vocabulary_size": 2, "input": "number", "output": "linear"},
        {"vocabulary_size": 1, "input": "scalar", "output": "linear"},
    ],
)
def test_number_linear_and_one_value_go_together(options):
    with pytest.raises(UsageError, match="input number, output linear and 1 value go together"):
        NetworkConfig(**options)


def test_words_and_numbers_are_told_apart(tmp_path):
    with pytest.raises(UsageError, match=r"forecasts numbers \(column Adj Close\), not words; use rnnwords forecast"):
        Predictor(number_model())
    with pytest.raises(UsageError, match="this model predicts words, not numbers"):
        Forecaster(small_model())


def test_windows_keep_the_type_of_what_they_read():
    values = np.linspace(0, 1, 20, dtype=np.float32)
    batch = Windows(values, 4, 3, 0).batches(0, 2)
    assert batch.shape == (2, 3, 5)
    assert batch.dtype == np.float32
    assert np.abs(np.diff(batch, axis=2) - values[1]).max() < 1e-6
    assert Windows(np.arange(20, dtype=np.uint8), 4, 3, 0).batches(0, 2).dtype == np.int32


# The plan.


def plan_of(tmp_path: Path, values: Any, hold_out: float = 0.2, **options: Any) -> Any:
    asked = ForecastAsked(series_of(values), hold_out, {**WANTED, **options}, {"epochs": 2})
    return make_forecast_plan(RunDirectory(tmp_path / "run"), asked, lambda: 7, pytest.fail)


def test_scaling_is_fitted_on_the_training_part_only(tmp_path):
    values = [*range(40), 1_000, -1_000, *range(8)]
    plan = plan_of(tmp_path, values)
    assert (plan.cut, plan.scaling) == (40, SeriesConfig("Adj Close", 0.0, 39.0))
    subject = plan.subject()
    assert np.asarray(subject.train).tolist() == (np.arange(40) / 39).astype(np.float32).tolist()
    assert (subject.held_out, subject.amount) == (None, {"values": 40})
    assert plan_of(tmp_path, values, hold_out=0.0).scaling == SeriesConfig("Adj Close", -1_000.0, 1_000.0)


def test_a_series_shorter_than_a_window_is_refused(tmp_path):
    with pytest.raises(CorpusError) as caught:
        plan_of(tmp_path, range(5), hold_out=0.2)
    assert str(caught.value) == (
        "prices.csv, column Adj Close: 4 values to learn from and 1 held out; windows of 4 values need 5 or more; "
        "a smaller --window needs fewer"
    )
    assert plan_of(tmp_path, range(6)).training.batch_size == 1


def test_a_constant_series_is_refused(tmp_path):
    with pytest.raises(UsageError, match="column 'Adj Close': expected values that differ; all are 5"):
        plan_of(tmp_path, [5.0] * 50)


def test_a_sample_shows_values_in_their_own_unit(tmp_path):
    plan = plan_of(tmp_path, np.round(np.linspace(100, 200, 50), 2))
    subject = plan.subject()
    weights = {name: np.zeros(shape, np.float32) for name, shape in plan.network.shapes().items()}
    before, _, after = subject.sample(weights, np.random.default_rng(0)).partition(" -> ")
    assert len(before.split()) == 3
    assert after.startswith("100 (1")  # nothing but zeros is the lowest value
    assert subject.figures(0.25, 0.0) == {"loss": 0.25, "RMSE": pytest.approx(0.5 * plan.scaling.high - 50)}


# The golden model of numbers: what was saved once is forecast alike for ever.


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("numbers-*.safetensors")), ids=lambda path: path.stem)
def test_golden_models_of_numbers_forecast_as_they_did(path):
    expected = json.loads(path.with_suffix(".json").read_text())
    found = Forecaster.load(path).forecast(np.array(expected["values"]))
    np.testing.assert_allclose(found, expected["forecasts"], atol=1e-4)


def make_golden() -> None:
    """Write it, with what it must forecast by the formulas of the textbook."""
    model = number_model("gru", seed=3)
    path = GOLDEN / "numbers-1.1.safetensors"
    model.save(path)
    values = [12.0, 14.5, 19.25, 18.0, 22.5, 31.0, 28.75]
    forecasts = [round(by_the_book(model, values[at : at + 4]), 6) for at in range(4)]
    path.with_suffix(".json").write_text(json.dumps({"values": values, "forecasts": forecasts}) + "\n")


# The stock prices of the tutorials.

STOCK = Path(os.environ.get("RNNWORDS_STOCK", "stock"))  # the directory of Google_Stock_Price_Train.csv


@pytest.mark.skipif(not STOCK.exists(), reason="RNNWORDS_STOCK names no directory with the prices")
def test_the_stock_prices_of_the_tutorials_are_read():
    train = read_series(STOCK / "Google_Stock_Price_Train.csv", "Open")
    test = read_series(STOCK / "Google_Stock_Price_Test.csv", "Open", like=train)
    assert (len(train), train.when(0), train.when(-1)) == (1_258, "2012-01-03", "2016-12-30")
    assert (len(test), test.when(0), test.when(-1)) == (20, "2017-01-03", "2017-01-31")
    assert (train.values[0], test.values[-1]) == (325.25, 796.86)
    assert len(read_series(STOCK / "Google_Stock_Price_Train.csv", "Close")) == 1_258


if __name__ == "__main__":
    make_golden()
