"""Networks of numbers: the model file, forecasts and their errors, and the series as training uses it.

`python -m tests.forecasting.test_forecaster` writes the golden model of numbers again.
"""

import dataclasses
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rnnwords.config import SeriesConfig, TextConfig
from rnnwords.errors import CorpusError, ModelError, UsageError
from rnnwords.forecasting.forecaster import Forecaster, ForecastErrors
from rnnwords.forecasting.series import Series, read_series
from rnnwords.forecasting.training import ForecastRequest, make_forecast_plan
from rnnwords.model_file import Model
from rnnwords.network.config import RNN_CELLS, NetworkConfig
from rnnwords.prediction.predictor import Predictor
from rnnwords.text.vocabulary import Vocabulary
from rnnwords.training.batches import Windows
from tests.models import small_model, small_weights
from tests.reference import gru, lstm, simple
from tests.texts import GOLDEN

SCALING = SeriesConfig("Adj Close", 10.0, 30.0)
NETWORK = {"window": 4, "layers": 1, "units": 8, "cell": "lstm"}


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


@pytest.mark.parametrize("cell", RNN_CELLS)
def test_forecasts_follow_the_textbook_formulas(cell):
    model = number_model(cell)
    values = np.random.default_rng(1).uniform(5, 35, 9)
    found = Forecaster(model).forecast(values)
    assert len(found) == 9 - 4 + 1
    for at, forecast in enumerate(found.tolist()):
        assert forecast == pytest.approx(by_the_book(model, values[at : at + 4]), abs=1e-4)


def test_every_forecast_is_made_from_the_real_values_before_it():
    forecaster = Forecaster(number_model())
    before, real = np.linspace(10, 30, 10), np.array([31.0, 29.0, 33.0])
    evaluation = forecaster.evaluate(before, real)
    every = np.concatenate([before, real])
    for at in range(3):
        assert evaluation.forecasts[at] == pytest.approx(forecaster.forecast(every[: 10 + at])[-1], abs=1e-4)
    assert evaluation.next == pytest.approx(forecaster.forecast(every)[-1], abs=1e-4)
    assert evaluation.naive == ForecastErrors.of(np.array([30.0, 31.0, 29.0]), real)
    assert (evaluation.naive.mae, evaluation.naive.rmse) == pytest.approx(((1 + 2 + 4) / 3, np.sqrt((1 + 4 + 16) / 3)))
    assert evaluation.network == ForecastErrors.of(evaluation.forecasts, real)


def test_fewer_values_than_a_window_are_refused():
    with pytest.raises(UsageError, match="expected 4 or more values, a whole window, found 3"):
        Forecaster(number_model()).forecast(np.ones(3))


@pytest.mark.parametrize("cell", RNN_CELLS)
def test_a_loaded_model_of_numbers_equals_the_saved_one(cell, tmp_path):
    made = number_model(cell)
    made.save(tmp_path / "model")
    loaded = Model.load(tmp_path / "model")
    assert (loaded.network, loaded.series, loaded.vocabulary) == (made.network, SCALING, made.vocabulary)
    values = np.linspace(10, 30, 8)
    assert (Forecaster.load(tmp_path / "model").forecast(values) == Forecaster(made).forecast(values)).all()


def test_a_file_with_words_and_numbers_is_refused(tmp_path):
    for mixed in (
        dataclasses.replace(number_model(), series=None),
        dataclasses.replace(small_model(), series=SCALING),
    ):
        mixed.save(tmp_path / "model")
        with pytest.raises(ModelError, match="expected a numeric network and the scaling of its column, found"):
            Model.load(tmp_path / "model")


@pytest.mark.parametrize("bad", [{"low": 3, "high": 3}, {"low": "a", "high": 3}, {"low": float("inf"), "high": 3}])
def test_a_scaling_without_a_range_is_refused(bad, tmp_path):
    with pytest.raises(UsageError):
        SeriesConfig("x", **bad)
    with pytest.raises(UsageError, match="`column`: expected a name"):
        SeriesConfig("", 0, 1)


def test_a_network_of_words_has_no_output_setting_in_its_file():
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
def test_a_network_of_numbers_has_one_linear_output(options):
    with pytest.raises(UsageError, match="expected `input` number, `output` linear and 1 value together"):
        NetworkConfig(**options)


def test_models_of_words_and_numbers_are_not_interchangeable(tmp_path):
    with pytest.raises(UsageError, match=r"found one of numbers \(column Adj Close\); use rnnwords forecast"):
        Predictor(number_model())
    with pytest.raises(UsageError, match="expected a model of numbers, found one of words"):
        Forecaster(small_model())


def test_windows_of_a_series_are_floats():
    values = np.linspace(0, 1, 20, dtype=np.float32)
    batch = Windows(values, 4, 3, 0).batches(0, 2)
    assert batch.shape == (2, 3, 5)
    assert batch.dtype == np.float32
    assert np.abs(np.diff(batch, axis=2) - values[1]).max() < 1e-6
    assert Windows(np.arange(20, dtype=np.uint8), 4, 3, 0).batches(0, 2).dtype == np.int32


# The plan.


def plan_of(tmp_path: Path, values: Any, test_split: float = 0.2) -> Any:
    request = ForecastRequest(series_of(values), tmp_path / "run", test_split, NETWORK, {"epochs": 2}, seed=7)
    return make_forecast_plan(request, pytest.fail)


def test_scaling_is_fitted_on_the_training_values_only(tmp_path):
    values = [*range(40), 1_000, -1_000, *range(8)]
    plan = plan_of(tmp_path, values)
    assert (plan.cut, plan.scaling) == (40, SeriesConfig("Adj Close", 0.0, 39.0))
    task = plan.task()
    assert np.asarray(task.train).tolist() == (np.arange(40) / 39).astype(np.float32).tolist()
    assert (task.validation, task.data_record) == (None, {"values": 40})
    assert plan_of(tmp_path, values, test_split=0.0).scaling == SeriesConfig("Adj Close", -1_000.0, 1_000.0)


def test_a_series_shorter_than_a_window_is_refused(tmp_path):
    with pytest.raises(CorpusError) as caught:
        plan_of(tmp_path, range(5), test_split=0.2)
    assert str(caught.value) == (
        "prices.csv, column Adj Close: expected 5 or more training values, found 4, without 1 test values; add values, "
        "or choose a smaller `window` than 4"
    )
    assert plan_of(tmp_path, range(6)).training.batch_size == 1


def test_a_constant_series_is_refused(tmp_path):
    with pytest.raises(UsageError, match="expected values that differ, found only 5 in 'Adj Close'"):
        plan_of(tmp_path, [5.0] * 50)


def test_a_sample_shows_values_in_the_unit_of_the_series(tmp_path):
    plan = plan_of(tmp_path, np.round(np.linspace(100, 200, 50), 2))
    task = plan.task()
    weights = {name: np.zeros(shape, np.float32) for name, shape in plan.network.shapes().items()}
    before, _, after = task.sample(weights, np.random.default_rng(0)).partition(" -> ")
    assert len(before.split()) == 3
    assert after.startswith("100.00 (1")  # an output of 0 is the lowest value
    assert task.figures(0.25, 0.0) == {"loss": 0.25, "RMSE": pytest.approx(0.5 * plan.scaling.high - 50)}


# The golden model of numbers.


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("numbers-*.safetensors")), ids=lambda path: path.stem)
def test_golden_models_of_numbers_give_their_recorded_forecasts(path):
    expected = json.loads(path.with_suffix(".json").read_text())
    found = Forecaster.load(path).forecast(np.array(expected["values"]))
    np.testing.assert_allclose(found, expected["forecasts"], atol=1e-4)


def make_golden() -> None:
    """Write the golden model with its forecasts by the textbook formulas."""
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
