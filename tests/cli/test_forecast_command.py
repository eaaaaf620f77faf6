"""The command `rnnwords forecast`: report, resuming, JSON, plot, errors."""

import json
import math
import re
import shutil
import signal
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from rnnwords.forecasting.forecaster import Forecaster
from rnnwords.forecasting.series import read_series
from rnnwords.model_file import Model
from tests.processes import (
    HEAVY,
    LIMIT,
    Killed,
    checkpoints,
    contents,
    here,
    killed_at_end,
    matched,
    rnnwords,
    start,
    until,
    without,
)
from tests.texts import FABLE, write

SMALL = ("--column", "Open", "--window", "5", "--layers", "1", "--units", "6", "--seed", "3")
TINY = (*SMALL, "--epochs", "3", "--model", "run")
DAYS = 60
NUMBERS = {"values", "from", "to", "low", "high", "rmse"}


def prices(path: Path, days: int = DAYS, first: int = 0) -> Path:
    """Prices that rise and fall, some of them with a comma, with dates, oldest first."""
    lines = ["Date,Open,Volume"]
    for day in range(first, first + days):
        when = date(2020, 1, 1) + timedelta(day)
        value = 950 + 100 * math.sin(day / 4) + day
        lines.append(f'{when.month}/{when.day}/{when.year},"{value:,.2f}","{1_000_000 + day:,}"')
    return write(path, "\n".join(lines) + "\n")


@pytest.fixture(scope="module")
def forecasted(tmp_path_factory):
    """A finished run, not to be written to, and what it printed."""
    there = tmp_path_factory.mktemp("forecast")
    prices(there / "a.csv")
    prices(there / "later.csv", 7, DAYS)
    return there, rnnwords("forecast", "a.csv", *TINY, cwd=there)


@pytest.fixture
def place(forecasted, tmp_path):
    return shutil.copytree(forecasted[0], tmp_path / "there")


def asked(*arguments: Any, cwd: Path, capfd: Any) -> tuple[int, str, str]:
    """Status, output and notes of the command in this process."""
    status = here(*arguments, cwd=cwd)
    out, err = capfd.readouterr()
    return status, out, err


def test_the_report_has_the_errors_of_network_and_naive_forecast(forecasted):
    there, done = forecasted
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith(
        "column Open, 6 values from 2020-02-24 to 2020-02-29, each forecast from the 5 before it"
    )
    assert lines[1].split() == ["RMSE", "MAE"]
    series = read_series(there / "a.csv", "Open")
    real = series.values[-6:]
    naive = series.values[-7:-1]
    rmse, mae = math.sqrt(((naive - real) ** 2).mean()), abs(naive - real).mean()
    assert lines[3].split()[-2:] == [f"{rmse:.2f}", f"{mae:.2f}"]
    evaluation = Forecaster.load(there / "run" / "model.safetensors").evaluate(series.values[:-6], real)
    assert lines[2].split() == ["network", f"{evaluation.network.rmse:,.2f}", f"{evaluation.network.mae:,.2f}"]
    assert not evaluation.beats_naive  # three epochs are too few
    assert lines[4] == "The network does not have smaller errors than the naive forecast (the value before)."
    assert lines[5] == f"next, after 2020-02-29: {evaluation.next:,.2f}"
    assert len(lines) == 6


def test_a_run_prints_its_settings_and_has_the_files_of_a_run(forecasted):
    there, done = forecasted
    notes = done.stderr.splitlines()
    assert notes[0].startswith(
        "series: column Open, 54 values for training (2020-01-01 to 2020-02-23), 6 for the test; "
    )
    assert notes[1].startswith("network: windows of 5 values, 1 x lstm 6, 1 output; ")
    figures = r"training: loss [\d.]+, RMSE [\d.]+  [\d,]+ windows/s .* -> [\d,.]+ \([\d,.]+\)$"
    matched(done.stderr, rf"^step 6  epoch 3\.0 of 3  100%  {figures}")
    run = there / "run"
    assert {item.name for item in run.iterdir()} == {
        "model.safetensors", "checkpoints", "history.jsonl", "logs", "rnnwords-run", "tensorflow.log"
    }  # fmt: skip
    report = json.loads((run / "history.jsonl").read_text().splitlines()[-1])
    assert (report["step"], report["accuracy"], report["validation_loss"]) == (6, None, None)
    model = Model.load(run / "model.safetensors")
    assert model.series is not None
    assert (model.series.column, model.training["values"]) == ("Open", 54)
    assert model.series.high == read_series(there / "a.csv", "Open").values[:54].max()
    assert not (there / "models").exists()


def test_the_same_command_again_reports_without_tensorflow(place, forecasted):
    before = contents(place / "run")
    done = without(HEAVY, "forecast", "a.csv", *TINY, cwd=place)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[1:] == forecasted[1].stdout.splitlines()[1:]
    assert "complete already; start again with --restart" in done.stdout
    assert contents(place / "run") == before


def test_equal_seeds_give_equal_bytes(place, capfd):
    before = (place / "run" / "model.safetensors").read_bytes()
    assert here("forecast", "a.csv", *TINY, "--restart", cwd=place) == 0
    assert (place / "run" / "model.safetensors").read_bytes() == before


def test_a_resumed_run_gives_an_equal_model(place, killed_after, monkeypatch, capfd):
    def command(run: str) -> tuple[str, ...]:
        return ("forecast", "a.csv", *TINY[:-1], run, "--checkpoint-every", "2", "--dropout", "0.4")

    assert here(*command("unbroken"), cwd=place) == 0
    killed_after(1)
    with pytest.raises(Killed):
        here(*command("other"), cwd=place)
    monkeypatch.undo()
    assert checkpoints(place / "other") == [2]
    status, _, notes = asked(*command("other"), cwd=place, capfd=capfd)
    assert status == 0
    assert "resuming other at step 2" in notes
    whole, resumed = ((place / run / "model.safetensors").read_bytes() for run in ("unbroken", "other"))
    assert resumed == whole


def test_ctrl_c_saves_and_prints_the_command_that_resumes(tmp_path):
    prices(tmp_path / "a.csv")
    command = ("forecast", "a.csv", *SMALL, "--iterations", "1000000", "--checkpoint-every", "5", "--model", "run")
    process = start(*command, cwd=tmp_path)
    with killed_at_end(process):
        until(lambda: checkpoints(tmp_path / "run"), process)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=LIMIT)
    assert (process.returncode, out) == (130, "")
    assert matched(err, r"^Interrupted; step [\d,]+ is saved\. Resume with: rnnwords forecast a\.csv --column Open ")
    Forecaster.load(tmp_path / "run" / "model.safetensors")


def test_a_test_file_is_forecast_one_step_ahead_from_real_values(place, capfd):
    options = (*TINY[:-1], "whole")
    status, out, _ = asked("forecast", "a.csv", *options, "--test", "later.csv", "--json", cwd=place, capfd=capfd)
    assert status == 0
    message = json.loads(out)
    assert set(message) == {
        "model", "reason", "step", "seconds", "column", "window", "training", "test", "forecasts", "next"
    }  # fmt: skip
    assert set(message["training"]) == NUMBERS
    assert message["training"]["values"] == DAYS
    test = message["test"]
    assert set(test) == {"values", "from", "to", "network", "naive", "beats_naive"}
    assert (test["values"], test["from"], test["to"]) == (7, "2020-03-01", "2020-03-07")
    before, after = (read_series(place / name, "Open").values for name in ("a.csv", "later.csv"))
    evaluation = Forecaster.load(place / "whole" / "model.safetensors").evaluate(before, after)
    assert [row["forecast"] for row in message["forecasts"]] == evaluation.forecasts.round(6).tolist()
    assert [row["real"] for row in message["forecasts"]] == after.tolist()
    assert message["forecasts"][0]["when"] == "2020-03-01"
    assert test["naive"]["mae"] == pytest.approx(
        abs(after - [before[-1], *after[:-1]]).mean()
    )  # the first naive forecast is the last training value
    assert message["next"] == {"after": "2020-03-07", "forecast": round(evaluation.next, 6)}
    # other test values are forecast by the same run
    status, out, notes = asked("forecast", "a.csv", *options, "--test", "a.csv", "--json", cwd=place, capfd=capfd)
    assert (status, json.loads(out)["reason"]) == (0, "already")
    assert "a.csv begins at 2020-01-01, before the end of a.csv, 2020-02-29" in notes


def test_tiny_values_keep_their_digits(tmp_path, capfd):
    lines = [f"2020-01-{1 + day % 28:02},{9e-9 + 1e-10 * math.sin(day / 4):.15f}" for day in range(28)]
    write(tmp_path / "a.csv", "Date,Open\n" + "\n".join(lines) + "\n")
    status, out, notes = asked("forecast", "a.csv", *TINY, cwd=tmp_path, capfd=capfd)
    assert status == 0
    assert matched(out, r"^next, after 2020-01-28: (8|9)\.\d{3,}e-09$")
    assert matched(notes, r"; 8\.9\d*e-09 to 9\.\d+e-09 scaled to 0 to 1$")
    status, out, _ = asked("forecast", "a.csv", *TINY, "--json", "--plot", "a.png", cwd=tmp_path, capfd=capfd)
    message = json.loads(out)
    forecasts = [row["forecast"] for row in message["forecasts"]]
    assert all(8e-9 < forecast < 1e-8 for forecast in forecasts)
    assert len(set(forecasts)) == len(forecasts)
    assert len(str(message["next"]["forecast"])) > len("9.123e-09")


def test_a_number_of_two_readings_is_decided_by_an_option(tmp_path, capfd):
    write(tmp_path / "a.csv", "Datum;Open\n" + "".join(f"{day:02}.01.2020;1.{day:03}\n" for day in range(1, 29)))
    status, out, err = asked("forecast", "a.csv", *TINY, cwd=tmp_path, capfd=capfd)
    assert (status, out) == (2, "")
    assert err == (
        "Error: a.csv, line 2, column Open: expected numbers with one reading, found 1.001, which is 1001 or 1.001; "
        "set --decimal to . or to ,\n"
    )
    status, out, _ = asked("forecast", "a.csv", *TINY, "--decimal", ",", "--json", cwd=tmp_path, capfd=capfd)
    assert (status, json.loads(out)["training"]["low"]) == (0, 1001)
    status, _, err = asked("forecast", "a.csv", *TINY, "--decimal", ".", cwd=tmp_path, capfd=capfd)
    assert (status, "run holds a run with --decimal ," in err) == (2, True)
    status, _, err = asked("forecast", "a.csv", *TINY, "--decimal", "x", cwd=tmp_path, capfd=capfd)
    assert (status, err.startswith("Error: --decimal: expected one of auto, ., ,, found 'x'")) == (2, True)


def test_warnings_of_a_table_are_one_line_each_and_stdout_is_clean(tmp_path, capfd):
    rows = "".join(f"day {day};{day % 5},5\n" for day in range(40))
    write(tmp_path / "a.csv", f"Datum;Open\n{rows}")
    status, out, err = asked("forecast", "a.csv", *TINY, "--json", "--quiet", cwd=tmp_path, capfd=capfd)
    assert (status, json.loads(out)["training"]["high"]) == (0, 4.5)
    assert err == (
        "Warning: a.csv: column Datum is not understood as dates: 'day 0' in line 2; the values are numbered instead\n"
    )


@pytest.mark.parametrize("column", ["Retail sales, " * 30, "\u5c0f\u58f2" * 100, "x/" * 130])
def test_a_run_is_named_by_a_column_of_any_length(column, tmp_path, capfd):
    write(tmp_path / "a.csv", f'"{column}"\n' + "".join(f"{day % 5}\n" for day in range(40)))
    status, _, err = asked("forecast", "a.csv", *SMALL[2:], "--epochs", "1", cwd=tmp_path, capfd=capfd)
    assert status == 0, err
    (run,) = [item.name for item in (tmp_path / "models").iterdir() if item.is_dir()]
    assert run.startswith(f"a-{column[:2].rstrip('/')}")
    assert 200 < len(run.encode()) <= 255


def test_numbers_from_standard_input_need_a_directory(place):
    done = rnnwords("forecast", "-", *TINY, cwd=place, input=(place / "a.csv").read_text())
    assert done.returncode == 0, done.stderr
    assert "complete already" in done.stdout
    done = rnnwords("forecast", "-", *TINY[:-2], cwd=place, input="")
    assert (done.returncode, "--model DIRECTORY" in done.stderr) == (2, True)


# The plot.


@pytest.mark.parametrize("ending", ["png", "svg", "pdf"])
def test_equal_runs_give_equal_plots_of_each_format(ending, place, capfd):
    beginning = {"png": b"\x89PNG\r\n", "svg": b"<?xml", "pdf": b"%PDF-"}[ending]
    found = []
    for name in (f"one.{ending}", f"two.{ending}"):
        assert here("forecast", "a.csv", *TINY, "--plot", name, "--quiet", cwd=place) == 0
        found.append((place / name).read_bytes())
    assert found[0].startswith(beginning)
    assert 5_000 < len(found[0]) < 200_000
    assert found[0] == found[1]
    if ending == "png":
        assert int.from_bytes(found[0][16:20]) == 900
        assert int.from_bytes(found[0][20:24]) == 500
    if ending == "svg":
        text = found[0].decode()
        for words in ("real", "one-step forecast, from 5 values", "2020-02-2", "Open"):
            assert words in text


@pytest.mark.parametrize("name", ["plot.txt", "plot", "nowhere/plot.png"])
def test_a_plot_with_a_bad_name_is_refused_before_training(name, place, capfd):
    status, out, err = asked("forecast", "a.csv", *TINY[:-1], "new", "--plot", name, cwd=place, capfd=capfd)
    assert (status, out) == (2, "")
    assert err.startswith("Error: --plot: expected ")
    assert err.endswith(f", found {name}\n")
    assert not (place / "new").exists()


def test_a_plot_without_matplotlib_says_what_to_install(place):
    done = without("matplotlib", "forecast", "a.csv", *TINY, "--plot", "a.png", cwd=place)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        "Error: a plot needs matplotlib, which is not installed; install it with: pip install 'rnnwords[plot]'"
    )
    assert not (place / "a.png").exists()


# Refusals.


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        ("Date,Open\n1/1/2020,1\n", ["--column", "Close"], "a.csv: expected a column 'Close', found Date, Open"),
        ("Open\n1\n\n\nx\n", [], "a.csv, line 5, column Open: expected a number like 1,008.64, found 'x'"),
        (
            "Date,Open\n1/1/2020,1\n1/2/2020,\n",
            [],
            "a.csv, line 3, column Open: expected a number, found an empty cell",
        ),
        (
            "Open\n1\n2\n3\n",
            [],
            "a.csv, column Open: expected 6 or more training values, found 3; add values, or choose",
        ),
        ("Open\n" + "3\n" * 50, [], "--column: expected values that differ, found only 3 in 'Open'"),
    ],
)
def test_bad_input_gives_a_one_line_error(content, options, message, tmp_path, capfd):
    write(tmp_path / "a.csv", content)
    status, out, err = asked("forecast", "a.csv", *TINY, *options, cwd=tmp_path, capfd=capfd)
    assert (status, out) == (2, "")
    assert err.startswith(f"Error: {message}")
    assert len(err.splitlines()) == 1
    assert [item.name for item in tmp_path.iterdir()] == ["a.csv"]


@pytest.mark.parametrize(
    ("options", "changed"),
    [
        (["--units", "7"], r"\S*units`? 6, found \S*units`? 7"),
        (["--column", "Volume"], r"\S*column`? Open, found \S*column`? Volume"),
        (["--test", "later.csv"], r"\S*test\S* 0\.1, found \S*test\S* 0\.0"),
        (["--seed", "4"], r"\S*seed`? 3, found \S*seed`? 4"),
    ],
)
def test_a_run_of_other_settings_is_refused(options, changed, place, capfd):
    status, _, err = asked("forecast", "a.csv", *TINY, *options, cwd=place, capfd=capfd)
    assert status == 2
    assert re.search(f"run holds a run with {changed}", err)


def test_a_run_of_another_file_is_refused(place, capfd):
    prices(place / "a.csv", DAYS + 1)
    status, _, err = asked("forecast", "a.csv", *TINY, cwd=place, capfd=capfd)
    assert status == 2
    assert re.search(r"run holds a run with (`corpus`|TEXT) ", err)


@pytest.mark.parametrize(
    "command",
    [
        ("predict", "a b"), ("generate", "a"), ("score", "a b"), ("eval", str(FABLE)), ("repl",),
        ("explain", "a b"),
    ],
)  # fmt: skip
def test_commands_for_words_refuse_a_model_of_numbers(command, place, capfd):
    status, out, err = asked(*command, "--model", "run", cwd=place, capfd=capfd)
    assert (status, out) == (2, "")
    assert err == "Error: expected a model of words, found one of numbers (column Open); use rnnwords forecast\n"


def test_train_and_forecast_do_not_take_over_each_others_runs(place, trained, run, capfd):
    status, _, err = asked("train", FABLE, "--model", "run", cwd=place, capfd=capfd)
    assert status == 2
    assert err.startswith("Error: expected a model of words in run, found one of numbers; name another ")
    for keep in (True, False):
        if not keep:
            shutil.rmtree(run / "checkpoints")
        before = contents(run)
        status, _, err = asked("forecast", "a.csv", *TINY[:-1], run, cwd=place, capfd=capfd)
        assert status == 2
        assert err.startswith(f"Error: expected a model of numbers in {run}, found one of words; name another ")
        assert contents(run) == before


def test_info_of_a_model_of_numbers(place, capfd):
    status, out, _ = asked("info", "--model", "run", cwd=place, capfd=capfd)
    assert status == 0
    assert matched(out, r"^numbers     column Open, 54 values; 8\d\d\.\d+ to 1,\d+\.\d+ scaled to 0 to 1$")
    assert "vocabulary" not in out
    status, out, _ = asked("info", "--model", "run", "--json", cwd=place, capfd=capfd)
    assert json.loads(out)["series"]["column"] == "Open"
