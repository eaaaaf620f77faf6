"""`rnnwords forecast`: the next value of a column of numbers, from the values before it."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rnnwords.cli.options import MODELS, Number, json_option, note, print_json, quiet_option, seed_option
from rnnwords.cli.output.plots import check_plot
from rnnwords.cli.train_run import carry_out, interrupted, new_seed, warn
from rnnwords.cli.types import Duration, StepsOrTime
from rnnwords.config import CELLS, OPTIMIZERS
from rnnwords.errors import UsageError

if TYPE_CHECKING:
    from rnnwords.forecasting.series import Series

NETWORK = ("window", "layers", "units", "cell")
TRAINING = ("dropout", "optimizer", "learning_rate", "batch_size", "epochs", "iterations", "log_every")


@click.command()
@click.argument("csv", type=click.Path(path_type=Path, allow_dash=True))
@click.option("--column", metavar="NAME", help="The column to forecast.  [default: the only one of numbers]")
@click.option(
    "--test", type=click.Path(path_type=Path, allow_dash=True),
    help="A CSV with the values that came next, to judge by.  [default: the last tenth, held out]",
)  # fmt: skip
@click.option("--plot", type=click.Path(path_type=Path), help="Draw real and forecast values: .png, .svg or .pdf.")
@click.option("--model", type=click.Path(path_type=Path), help="Directory of the run.  [default: models/CSV-COLUMN]")
@click.option("--window", type=click.IntRange(1, 1000), default=60, show_default=True,
              help="Values that a forecast sees.")  # fmt: skip
@click.option("--layers", type=click.IntRange(1, 16), default=4, show_default=True, help="Recurrent layers.")
@click.option("--units", type=click.IntRange(1, 8192), default=50, show_default=True, help="Units a layer.")
@click.option("--cell", type=click.Choice(CELLS), default="lstm", show_default=True, help="Kind of recurrent unit.")
@click.option("--dropout", type=Number(0, 0.95), default=0.2, show_default=True, help="Behind every layer.")
@click.option("--optimizer", type=click.Choice(OPTIMIZERS), help="Kind of optimizer.  [default: adam]")
@click.option("--learning-rate", type=Number(1e-8, 100), help="The highest learning rate.  [default: 0.003]")
@click.option("--batch-size", type=click.IntRange(1, 65536), help="Windows a step.  [default: 32]")
@click.option("--epochs", type=click.IntRange(1, 1_000_000), help="Budget: passes over the series.  [default: 100]")
@click.option("--iterations", type=click.IntRange(1, 10**12), help="Budget: steps.")
@click.option("--time", type=Duration(), help="Budget: time, for example 10m.")
@click.option("--log-every", type=click.IntRange(1), metavar="N", help="Steps between two reports.")
@click.option("--checkpoint-every", type=StepsOrTime(),
              help="Steps or time between two checkpoints.  [default: 5m]")  # fmt: skip
@click.option("--restart", is_flag=True, help="Forget an earlier run in the directory.")
@seed_option
@json_option
@quiet_option
def forecast(
    csv: Path, test: Path | None, plot: Path | None, restart: bool, as_json: bool, quiet: bool, **options: Any
) -> int:
    """Learn a column of a CSV file and forecast its next value, as `train` does for words.

    Every value to judge by is forecast from the real ones before it; the errors stand beside those of "tomorrow as
    today", which needs no network. The same command again resumes an interrupted run, or reports on a complete one.

    \b
    Examples:
      rnnwords forecast prices.csv --column Open --plot open.png
      rnnwords forecast until-2016.csv --column Open --test january-2017.csv
    """
    if plot:
        check_plot(plot)
    if str(csv) == "-" and (str(test) == "-" or not options["model"]):
        raise UsageError(
            "standard input can be read once" if str(test) == "-" else
            "numbers from standard input have no name; say where the run goes with --model DIRECTORY"
        )  # fmt: skip
    from rnnwords.cli.reports.forecast_report import Display, describe, report, report_lines
    from rnnwords.forecasting.forecaster import Forecaster
    from rnnwords.forecasting.series import read_series
    from rnnwords.forecasting.training import HOLD_OUT, ForecastAsked, make_forecast_plan
    from rnnwords.training.checkpoint import RunDirectory

    series = read_series(csv, options["column"])
    later = read_series(test, series.column, like=series) if test else None
    if later and series.dates and later.dates and later.dates.days[0] <= series.dates.days[-1]:
        warn(f"{later.name} begins at {later.when(0)}, and {series.name} goes to {series.when(-1)}: they overlap")
    asked = ForecastAsked(
        series, 0.0 if test else HOLD_OUT, {name: options[name] for name in NETWORK}, _training(options),
        options["seed"],
    )  # fmt: skip
    directory = RunDirectory(options["model"] or MODELS / _run_name(csv, series))
    with directory.locked():
        plan = make_forecast_plan(directory, asked, lambda: new_seed(options["seed"]), warn, restart=restart)
        display = Display(quiet or as_json, plan.scaling)
        finished = carry_out(plan, display, describe(plan), restart=restart, quiet=quiet, command="forecast")
    if status := interrupted(finished):
        return status
    before = series.values[: plan.cut]
    judged = later or series
    real = judged.values if later else series.values[plan.cut :]
    judgement = Forecaster.load(directory.model).judge(before, real)
    told = report(plan, finished, judged, judgement)
    if as_json:
        print_json(told)
    else:
        for line in report_lines(told):
            click.echo(line)
    if plot:
        from rnnwords.cli.output.plots import save_figure
        from rnnwords.cli.reports.forecast_plot import draw

        save_figure(draw(plan, judged, judgement), plot)
        note(f"plot {plot}", quiet)
    return 0


def _training(options: dict[str, Any]) -> dict[str, Any]:
    """The options of training as the library wants them."""
    training = {name: options[name] for name in TRAINING} | {"seconds": options["time"]}
    every = options["checkpoint_every"]
    return training | {"checkpoint_every" if isinstance(every, int) else "checkpoint_seconds": every}


def _run_name(csv: Path, series: "Series") -> str:
    """models/CSV-COLUMN: the name of the file without its endings, and the column without what names cannot have."""
    name = csv.name.removesuffix(".gz")
    column = re.sub(r"[^\w.-]+", "_", series.column)
    return f"{name.removesuffix('.csv') or name}-{column}"
