"""`rnnwords forecast`: the next value of a column of numbers."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click import Choice

from rnnwords.cli.help import command
from rnnwords.cli.models import MODELS, run_name
from rnnwords.cli.options import PATH, PATH_OR_STDIN, option, options
from rnnwords.cli.output.json_output import print_json
from rnnwords.cli.output.notes import note
from rnnwords.cli.output.plots import check_plot, save_figure
from rnnwords.cli.training_run import run_options, show_run, stopped_status, tensorboard_command, training_options
from rnnwords.cli.types import Number, Whole
from rnnwords.config import DECIMALS
from rnnwords.errors import UsageError
from rnnwords.network.config import RNN_CELLS
from rnnwords.training.settings.config import OPTIMIZERS
from rnnwords.training.settings.request import StopRequest

if TYPE_CHECKING:
    from rnnwords.forecasting.series import Series


@command()
@click.argument("csv", type=PATH_OR_STDIN)
@options(
    option("--column", str, "Column to forecast.  [default: the only one of numbers]", metavar="NAME"),
    option("--decimal", Choice(DECIMALS), "Decimal sign of the numbers.  [default: auto, decided per file]"),
    option("--test", PATH_OR_STDIN, "CSV file with the values that follow, used as test values.  "
           "[default: the last tenth of CSV]", metavar="FILE"),
    option("--plot", PATH, "Plot of real and forecast values: .png, .svg or .pdf.", metavar="FILE"),
    option("--model", PATH, "Directory of the run.  [default: models/CSV-COLUMN]"),
    option("--window", Whole(1, 1000), "Values of context per forecast.  [default: 60]"),
    option("--layers", Whole(1, 16), "Number of recurrent layers.  [default: 4]"),
    option("--units", Whole(1, 8192), "Units per recurrent layer.  [default: 50]"),
    option("--cell", Choice(RNN_CELLS), "Type of the recurrent layers.  [default: lstm]"),
    option("--dropout", Number(0, 0.95), "Dropout rate of layer outputs.  [default: 0.2]"),
    option("--optimizer", Choice(OPTIMIZERS), "Optimizer.  [default: adam]"),
    option("--learning-rate", Number(1e-8, 100), "Highest learning rate.  [default: 0.003]"),
    option("--batch-size", Whole(1, 65536), "Windows per step.  [default: 32]"),
    option("--epochs", Whole(1, 1_000_000), "Budget: passes over the series.  [default: 100]"),
    run_options,
)  # fmt: skip
def forecast(csv: Path, test: Path | None, plot: Path | None, as_json: bool, quiet: bool, **options: Any) -> int:
    """Train a model of a column of a CSV file and forecast its next value.

    Each test value is forecast from the real values before it. The errors are compared with those of the naive
    forecast, which repeats the last value. The same command again resumes an interrupted run, or shows the results of a
    complete one.

    \b
    Examples:
      rnnwords forecast prices.csv --column Open --plot open.png
      rnnwords forecast until-2016.csv --column Open --test january-2017.csv
    """
    if plot:
        check_plot(plot)
    if str(csv) == "-" and str(test) == "-":
        raise UsageError("expected one - (standard input), found two; name a file")
    if str(csv) == "-" and not options["model"]:
        raise UsageError("expected --model DIRECTORY with numbers from standard input, which have no name; add it")
    from rnnwords.cli.reports.forecast_report import ForecastRunDisplay, report, report_lines
    from rnnwords.forecasting.forecaster import Forecaster
    from rnnwords.forecasting.series import read_series
    from rnnwords.forecasting.training import NETWORK_DEFAULTS, TEST_SPLIT, ForecastRequest, train_forecaster

    decimal = options["decimal"] or "auto"
    series = read_series(csv, options["column"], decimal=decimal, warn=_warn)
    later = read_series(test, series.column, series, decimal, _warn) if test else None
    if later and series.dates and later.dates and later.dates.days[0] <= series.dates.days[-1]:
        note(f"Warning: {later.name} begins at {later.when(0)}, before the end of {series.name}, {series.when(-1)}")
    request = ForecastRequest(
        series, options["model"] or MODELS / _run_name(csv, series), 0.0 if test else TEST_SPLIT,
        {name: options[name] for name in NETWORK_DEFAULTS}, training_options(options), options["seed"],
        options["restart"],
    )  # fmt: skip
    display, stop = ForecastRunDisplay(quiet, as_json, options["plain"]), StopRequest()
    finished = show_run(train_forecaster(request, stop=stop), display, stop)
    if status := stopped_status(finished):
        return status
    plan = display.plan
    tested = later or series
    real = tested.values if later else series.values[plan.cut :]
    evaluation = Forecaster.load(plan.directory.model).evaluate(series.values[: plan.cut], real)
    results = report(plan, finished, tested, evaluation)
    if as_json:
        print_json(results)
    else:
        for line in report_lines(results):
            click.echo(line)
    if plot:
        from rnnwords.cli.reports.forecast_plot import draw

        save_figure(draw(plan, tested, evaluation), plot)
        note(f"plot {plot}", quiet)
    if not as_json and finished.reason != "already" and (curves := tensorboard_command(plan.directory.path)):
        note(f"curves: {curves}", quiet)
    return 0


def _warn(message: str) -> None:
    note(f"Warning: {message}")


def _run_name(csv: Path, series: "Series") -> str:
    """Return CSV-COLUMN: the name of the file without its endings, and the column without characters such as /."""
    name = csv.name.removesuffix(".gz")
    column = re.sub(r"[^\w.-]+", "_", series.column)
    return run_name(f"{name.removesuffix('.csv') or name}-{column}")
