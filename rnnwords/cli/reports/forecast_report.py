"""How a run on numbers looks, and its report: the errors of the network beside those of "tomorrow as today"."""

import math
from collections.abc import Iterator
from typing import Any

from rnnwords.cli.output.terminal import safe
from rnnwords.cli.reports import train_display
from rnnwords.config import SeriesConfig
from rnnwords.forecasting.forecaster import Errors, Judgement
from rnnwords.forecasting.series import Series
from rnnwords.forecasting.training import ForecastPlan
from rnnwords.training.events import Finished, Position, Report

NAIVE = '"tomorrow as today"'


def describe(plan: ForecastPlan) -> Iterator[str]:
    """What was chosen, before it begins."""
    series, scaling, network, training = plan.series, plan.scaling, plan.network, plan.training
    held_out = len(series) - plan.cut
    yield (
        f"series: column {series.column}, {plan.cut:,} values to learn from ({series.when(0)} to "
        f"{series.when(plan.cut - 1)})" + (f", {held_out:,} held out" if held_out else "")
        + f"; {scaling.low:,g} to {scaling.high:,g} scaled to 0 to 1"
    )  # fmt: skip
    yield (
        f"network: windows of {network.window} values, {network.layers} x {network.cell} {network.units}, one number; "
        f"{sum(math.prod(shape) for shape in network.shapes().values()):,} weights"
    )
    budgets = (("epochs", training.epochs), ("iterations", training.iterations), ("seconds", training.seconds))
    budget = next(f"{text} {value:,g}" for text, value in budgets if value is not None)
    yield (
        f"training: {training.optimizer} {training.learning_rate:g} {training.schedule}, batch {training.batch_size}, "
        f"dropout {training.dropout:g}, clip {training.clip_norm:g}, {budget}, seed {training.seed}"
    )
    if plan.found:
        position = Position.from_json(plan.found.state["position"])
        yield f"resuming {plan.directory.path} at step {position.step:,}"


class Display(train_display.Display):
    """As for words; a report's line has no accuracy and no perplexity."""

    unit = "windows"

    def __init__(self, quiet: bool, scaling: SeriesConfig) -> None:
        super().__init__(quiet)
        self.span = scaling.high - scaling.low

    def line_of(self, report: Report) -> str:
        """`step 180  epoch 5.0  loss 0.0024  RMSE 26.3  900 windows/s  rate 0.001  815.2 816.1 -> 817.9 (821.3)`"""
        rmse = short(math.sqrt(report.loss) * self.span)
        return (
            f"step {report.step:,}  epoch {report.epoch:.1f}  loss {report.loss:.3g}  RMSE {rmse}  "
            f"{report.words_per_second:,.0f} windows/s  rate {report.learning_rate:.2g}  {report.sample}"
        )


def report(plan: ForecastPlan, finished: Finished, judged: Series, judgement: Judgement) -> dict[str, Any]:
    """What `--json` prints."""
    first = len(judged) - len(judgement.real)
    return {
        "model": str(plan.directory.model), "reason": finished.reason, "step": finished.step,
        "seconds": round(finished.seconds, 1), "column": plan.series.column, "window": plan.network.window,
        "training": {
            "values": plan.cut, "from": plan.series.when(0), "to": plan.series.when(plan.cut - 1),
            "low": plan.scaling.low, "high": plan.scaling.high, "rmse": finished.metrics["rmse"],
        },
        "test": {
            "values": len(judgement.real), "from": judged.when(first), "to": judged.when(-1),
            "network": _errors(judgement.network), "naive": _errors(judgement.naive), "beats_naive": judgement.beats,
        },
        "forecasts": [
            {"when": judged.when(first + row), "real": real, "forecast": round(forecast, 6)}
            for row, (real, forecast) in enumerate(
                zip(judgement.real.tolist(), judgement.forecasts.tolist(), strict=True)
            )
        ],
        "next": {"after": judged.when(-1), "forecast": round(judgement.next, 6)},
    }  # fmt: skip


def _errors(errors: Errors) -> dict[str, float]:
    return {"rmse": errors.rmse, "mae": errors.mae}


def report_lines(told: dict[str, Any]) -> Iterator[str]:
    """The report for people."""
    test = told["test"]
    network, naive = test["network"], test["naive"]
    ended = "complete already; start anew with --restart" if told["reason"] == "already" else "done"
    yield safe(
        f"column {told['column']}, {test['values']:,} values from {test['from']} to {test['to']}, "
        f"each forecast from the {told['window']} before it ({told['step']:,} steps: {ended})"
    )
    yield f"{'':<21}{'RMSE':>12}{'MAE':>12}"
    yield f"{'network':<21}{short(network['rmse']):>12}{short(network['mae']):>12}"
    yield f"{NAIVE:<21}{short(naive['rmse']):>12}{short(naive['mae']):>12}"
    yield _verdict(network, naive)
    yield f"next, after {told['next']['after']}: {short(told['next']['forecast'])}"


def _verdict(network: dict[str, float], naive: dict[str, float]) -> str:
    better = [name for name in ("rmse", "mae") if network[name] < naive[name]]
    if len(better) == 2:
        return f"The network beats {NAIVE}."
    if better:
        other = "MAE" if better == ["rmse"] else "RMSE"
        return f"The network beats {NAIVE} by {better[0].upper()}, but not by {other}."
    return f"The network does not beat {NAIVE}: that forecast needs no network, and is nearer."


def short(number: float) -> str:
    """Six digits or so, and none after the point of a large number."""
    return f"{number:,.2f}" if 1 <= abs(number) < 1e9 else f"{number:.4g}"
