"""`rnnwords forecast` from CSV to report: resume, refusals, JSON, plot."""

import json
import math
import shutil
import signal
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from rnnwords.forecasting.forecaster import Forecaster
from rnnwords.forecasting.series import read_series
from rnnwords.model_file import Model
from tests.cli.test_imports import HEAVY, without
from tests.conftest import Killed
from tests.helpers import FABLE, write
from tests.processes import LIMIT, checkpoints, contents, here, killed_at_end, rnnwords, said, start, until

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


def test_the_report_stands_beside_that_of_tomorrow_as_today(forecasted):
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
    judged = Forecaster.load(there / "run" / "model.safetensors").judge(series.values[:-6], real)
    assert lines[2].split() == ["network", f"{judged.network.rmse:,.2f}", f"{judged.network.mae:,.2f}"]
    assert not judged.beats  # three epochs learn nothing
    assert lines[4] == 'The network does not beat "tomorrow as today": that forecast needs no network, and is nearer.'
    assert lines[5] == f"next, after 2020-02-29: {judged.next:,.2f}"
    assert len(lines) == 6


def test_the_run_says_what_it_does_and_keeps_what_a_run_of_words_keeps(forecasted):
    there, done = forecasted
    notes = done.stderr.splitlines()
    assert notes[0].startswith("series: column Open, 54 values to learn from (2020-01-01 to 2020-02-23), 6 held out; ")
    assert notes[1].startswith("network: windows of 5 values, 1 x lstm 6, one number; ")
    said(done.stderr, r"^step 6  epoch 3\.0  loss [\d.]+  RMSE [\d.]+  [\d,]+ windows/s .* -> [\d,.]+ \([\d,.]+\)$")
    run = there / "run"
    assert {item.name for item in run.iterdir()} == {
        "model.safetensors", "checkpoints", "history.jsonl", "logs", "lock", "tensorflow.log"
    }  # fmt: skip
    report = json.loads((run / "history.jsonl").read_text().splitlines()[-1])
    assert (report["step"], report["accuracy"], report["held_out_loss"]) == (6, None, None)
    model = Model.load(run / "model.safetensors")
    assert model.series is not None
    assert (model.series.column, model.training["values"]) == ("Open", 54)
    assert model.series.high == read_series(there / "a.csv", "Open").values[:54].max()
    assert not (there / "models").exists()


def test_the_same_command_again_says_complete_and_reports_without_tensorflow(place, forecasted):
    before = contents(place / "run")
    done = without(HEAVY, "forecast", "a.csv", *TINY, cwd=place)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[1:] == forecasted[1].stdout.splitlines()[1:]
    assert "complete already; start anew with --restart" in done.stdout
    assert contents(place / "run") == before


def test_equal_seeds_give_equal_bytes(place, capfd):
    before = (place / "run" / "model.safetensors").read_bytes()
    assert here("forecast", "a.csv", *TINY, "--restart", cwd=place) == 0
    assert (place / "run" / "model.safetensors").read_bytes() == before


def test_a_resumed_run_ends_as_an_unbroken_one(place, killed_after, monkeypatch, capfd):
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
    assert said(err, r"^Interrupted; step [\d,]+ is saved\. Resume with: rnnwords forecast a\.csv --column Open ")
    Forecaster.load(tmp_path / "run" / "model.safetensors")


def test_a_test_file_is_judged_one_step_ahead_with_real_values(place, capfd):
    options = (*TINY[:-1], "whole")
    status, out, _ = asked("forecast", "a.csv", *options, "--test", "later.csv", "--json", cwd=place, capfd=capfd)
    assert status == 0
    told = json.loads(out)
    assert set(told) == {
        "model", "reason", "step", "seconds", "column", "window", "training", "test", "forecasts", "next"
    }  # fmt: skip
    assert set(told["training"]) == NUMBERS
    assert told["training"]["values"] == DAYS
    test = told["test"]
    assert set(test) == {"values", "from", "to", "network", "naive", "beats_naive"}
    assert (test["values"], test["from"], test["to"]) == (7, "2020-03-01", "2020-03-07")
    before, after = (read_series(place / name, "Open").values for name in ("a.csv", "later.csv"))
    judged = Forecaster.load(place / "whole" / "model.safetensors").judge(before, after)
    assert [row["forecast"] for row in told["forecasts"]] == judged.forecasts.round(6).tolist()
    assert [row["real"] for row in told["forecasts"]] == after.tolist()
    assert told["forecasts"][0]["when"] == "2020-03-01"
    assert test["naive"]["mae"] == pytest.approx(
        abs(after - [before[-1], *after[:-1]]).mean()
    )  # tomorrow as today begins with the last training value
    assert told["next"] == {"after": "2020-03-07", "forecast": round(judged.next, 6)}
    # other test values are judged by the same run
    status, out, notes = asked("forecast", "a.csv", *options, "--test", "a.csv", "--json", cwd=place, capfd=capfd)
    assert (status, json.loads(out)["reason"]) == (0, "already")
    assert "a.csv begins at 2020-01-01, and a.csv goes to 2020-02-29: they overlap" in notes


def test_numbers_from_a_pipe(place):
    done = rnnwords("forecast", "-", *TINY, cwd=place, input=(place / "a.csv").read_text())
    assert done.returncode == 0, done.stderr
    assert "complete already" in done.stdout
    done = rnnwords("forecast", "-", *TINY[:-2], cwd=place, input="")
    assert (done.returncode, "--model DIRECTORY" in done.stderr) == (2, True)


# The plot.


@pytest.mark.parametrize("ending", ["png", "svg", "pdf"])
def test_the_plot_is_one_of_its_kind_and_repeats_byte_for_byte(ending, place, capfd):
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
        for words in ("real", "forecast one step ahead", "2020-02-2", "Open"):
            assert words in text


@pytest.mark.parametrize("name", ["plot.txt", "plot", "nowhere/plot.png"])
def test_a_plot_that_cannot_be_is_refused_before_training(name, place, capfd):
    status, out, err = asked("forecast", "a.csv", *TINY[:-1], "new", "--plot", name, cwd=place, capfd=capfd)
    assert (status, out) == (2, "")
    assert err.startswith(f"Error: {name}: ")
    assert not (place / "new").exists()


def test_a_plot_without_matplotlib_says_what_to_install(place):
    done = without("matplotlib", "forecast", "a.csv", *TINY, "--plot", "a.png", cwd=place)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        "Error: a plot needs matplotlib, which is not installed; install it with: pip install matplotlib"
    )
    assert not (place / "a.png").exists()


# Refusals.


@pytest.mark.parametrize(
    ("content", "options", "told"),
    [
        ("Date,Open\n1/1/2020,1\n", ["--column", "Close"], "a.csv has no column 'Close'; its columns are Date, Open"),
        ("Open\n1\n\n\nx\n", [], "a.csv, line 5, column Open: expected a number like 1,008.64; got 'x'"),
        ("Date,Open\n1/1/2020,1\n1/2/2020,\n", [], "a.csv, line 3, column Open: expected a number; the cell is empty"),
        ("Open\n1\n2\n3\n", [], "a.csv, column Open: 3 values to learn from; windows of 5 values need 6 or more"),
        ("Open\n" + "3\n" * 50, [], "column 'Open': expected values that differ; all are 3"),
    ],
)
def test_bad_input_is_one_line(content, options, told, tmp_path, capfd):
    write(tmp_path / "a.csv", content)
    status, out, err = asked("forecast", "a.csv", *TINY, *options, cwd=tmp_path, capfd=capfd)
    assert (status, out) == (2, "")
    assert err.startswith(f"Error: {told}")
    assert len(err.splitlines()) == 1
    assert [item.name for item in tmp_path.iterdir()] == ["a.csv"]


@pytest.mark.parametrize(
    ("options", "changed"),
    [
        (["--units", "7"], "units 6; this command has units 7"),
        (["--column", "Volume"], "column Open; this command has column Volume"),
        (["--test", "later.csv"], "holdout 0.1; this command has holdout 0.0"),
        (["--seed", "4"], "seed 3; this command has seed 4"),
    ],
)
def test_a_run_of_other_settings_is_refused(options, changed, place, capfd):
    status, _, err = asked("forecast", "a.csv", *TINY, *options, cwd=place, capfd=capfd)
    assert status == 2
    assert f"run holds a run with {changed}" in err


def test_a_run_of_another_file_is_refused(place, capfd):
    prices(place / "a.csv", DAYS + 1)
    status, _, err = asked("forecast", "a.csv", *TINY, cwd=place, capfd=capfd)
    assert status == 2
    assert "run holds a run with corpus " in err


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
    assert err == "Error: this model forecasts numbers (column Open), not words; use rnnwords forecast\n"


def test_train_and_forecast_do_not_take_over_each_others_runs(place, trained, run, capfd):
    status, _, err = asked("train", FABLE, "--model", "run", cwd=place, capfd=capfd)
    assert (status, err) == (2, "Error: run holds a model of numbers; name another directory with --model\n")
    for keep in (True, False):
        if not keep:
            shutil.rmtree(run / "checkpoints")
        before = contents(run)
        status, _, err = asked("forecast", "a.csv", *TINY[:-1], run, cwd=place, capfd=capfd)
        assert (status, err) == (2, f"Error: {run} holds a model of words; name another directory with --model\n")
        assert contents(run) == before


def test_info_of_a_model_of_numbers(place, capfd):
    status, out, _ = asked("info", "--model", "run", cwd=place, capfd=capfd)
    assert status == 0
    assert said(out, r"^numbers     column Open, 54 values; 8\d\d\.\d+ to 1,\d+\.\d+ scaled to 0 to 1$")
    assert "vocabulary" not in out
    status, out, _ = asked("info", "--model", "run", "--json", cwd=place, capfd=capfd)
    assert json.loads(out)["series"]["column"] == "Open"
