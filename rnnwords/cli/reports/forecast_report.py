"""Display and report of `rnnwords forecast`: the errors of the network next to those of the naive forecast."""

import math
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from rnnwords.cli.output.terminal import safe
from rnnwords.cli.reports.training.report_table import series_columns
from rnnwords.cli.reports.training.run_summary import budget
from rnnwords.cli.reports.training.train_display import RunDisplay, speed
from rnnwords.cli.reports.training.train_progress import TrainProgress
from rnnwords.forecasting.digits import rounded, short, value_text
from rnnwords.forecasting.forecaster import ForecastEvaluation
from rnnwords.forecasting.series import Series
from rnnwords.forecasting.training import ForecastPlan, ForecastPlanned
from rnnwords.training.events import Finished, Report

NAIVE = "naive forecast"


class ForecastRunDisplay(RunDisplay):
    """Shows the events of a run on a series; `plan` is there after the first one."""

    unit = "windows"
    plan: ForecastPlan

    def show(self, event: object) -> None:
        """Show an event, as a line or on the line of progress."""
        if isinstance(event, ForecastPlanned):
            self.plan = event.plan
            lines = () if event.complete else describe(event)
            self.begin(event.plan.training, series_columns(self.unit, self._rmse), lines)
        super().show(event)

    def report_line(self, report: Report, progress: TrainProgress) -> str:
        """Return `step 180  epoch 5.0 of 100  5%  training: loss 0.0024, RMSE 26.3  900 windows/s  ...`."""
        figures = f"training: loss {report.loss:.3g}, RMSE {self._rmse(report)}"
        return "  ".join([*progress.beginning_of(report), figures, *speed(report, self.unit), report.sample])

    def _rmse(self, report: Report) -> str:
        return short(math.sqrt(max(0.0, report.loss)) * self.plan.scaling.span)


def describe(planned: ForecastPlanned) -> Iterator[str]:
    """Yield lines about series, network and training settings of a run."""
    plan = planned.plan
    series, scaling, network, training = plan.series, plan.scaling, plan.network, plan.training
    test = len(series) - plan.cut
    yield (
        f"series: column {series.column}, {plan.cut:,} values for training ({series.when(0)} to "
        f"{series.when(plan.cut - 1)})" + (f", {test:,} for the test" if test else "")
        + f"; {value_text(scaling.low, scaling.span)} to {value_text(scaling.high, scaling.span)} scaled to 0 to 1"
    )  # fmt: skip
    yield (
        f"network: windows of {network.window} values, {network.layers} x {network.cell} {network.units}, 1 output; "
        f"{network.weight_count:,} weights"
    )
    yield (
        f"training: {training.optimizer} {training.learning_rate:g} {training.schedule}, batch {training.batch_size}, "
        f"dropout {training.dropout:g}, clip {training.clip_norm:g}, {budget(training)}, seed {training.seed}"
    )
    if planned.resumed_step is not None:
        yield f"resuming {plan.directory.path} at step {planned.resumed_step:,}"


def report(plan: ForecastPlan, finished: Finished, tested: Series, evaluation: ForecastEvaluation) -> dict[str, Any]:
    """Return what `--json` prints."""
    first, span = len(tested) - len(evaluation.real), plan.scaling.span
    real_values, forecasts = evaluation.real.tolist(), evaluation.forecasts.tolist()
    return {
        "model": str(plan.directory.model), "reason": finished.reason, "step": finished.step,
        "seconds": round(finished.seconds, 1), "column": plan.series.column, "window": plan.network.window,
        "training": {
            "values": plan.cut, "from": plan.series.when(0), "to": plan.series.when(plan.cut - 1),
            "low": plan.scaling.low, "high": plan.scaling.high, "rmse": finished.metrics["rmse"],
        },
        "test": {
            "values": len(evaluation.real), "from": tested.when(first), "to": tested.when(-1),
            "network": asdict(evaluation.network), "naive": asdict(evaluation.naive),
            "beats_naive": evaluation.beats_naive,
        },
        "forecasts": [
            {"when": tested.when(first + row), "real": real, "forecast": rounded(forecast, span)}
            for row, (real, forecast) in enumerate(zip(real_values, forecasts, strict=True))
        ],
        "next": {"after": tested.when(-1), "forecast": rounded(evaluation.next, span)},
    }  # fmt: skip


def report_lines(results: dict[str, Any]) -> Iterator[str]:
    """Yield the lines of the report."""
    test = results["test"]
    network, naive = test["network"], test["naive"]
    span = results["training"]["high"] - results["training"]["low"]
    ended = "complete already; start again with --restart" if results["reason"] == "already" else "done"
    yield safe(
        f"column {results['column']}, {test['values']:,} values from {test['from']} to {test['to']}, "
        f"each forecast from the {results['window']} before it ({results['step']:,} steps: {ended})"
    )
    yield f"{'':<21}{'RMSE':>12}{'MAE':>12}"
    yield f"{'network':<21}{short(network['rmse']):>12}{short(network['mae']):>12}"
    yield f"{NAIVE:<21}{short(naive['rmse']):>12}{short(naive['mae']):>12}"
    yield _conclusion(network, naive)
    yield f"next, after {results['next']['after']}: {value_text(results['next']['forecast'], span)}"


def _conclusion(network: dict[str, float], naive: dict[str, float]) -> str:
    better = [name.upper() for name in ("rmse", "mae") if network[name] < naive[name]]
    if len(better) == 2:
        return f"The network has smaller errors than the {NAIVE} (the value before)."
    if better:
        return f"The network has a smaller {better[0]} than the {NAIVE} (the value before), but not both errors."
    return f"The network does not have smaller errors than the {NAIVE} (the value before)."
