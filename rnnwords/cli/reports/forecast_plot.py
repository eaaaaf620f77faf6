"""The plot of `rnnwords forecast`: real and forecast values by date."""

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from rnnwords.cli.output.plots import new_figure
from rnnwords.forecasting.digits import short
from rnnwords.forecasting.forecaster import ForecastEvaluation
from rnnwords.forecasting.series import Series
from rnnwords.forecasting.training import ForecastPlan

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw(plan: ForecastPlan, tested: Series, evaluation: ForecastEvaluation) -> "Figure":
    """Return a plot with a line of real values and a line of forecasts."""
    figure = new_figure(9, 5)
    axes = figure.subplots()
    first = len(tested) - len(evaluation.real)
    days: Any = tested.dates.days[first:] if tested.dates else range(first + 1, len(tested) + 1)
    marker = "." if len(evaluation.real) <= 60 else ""
    axes.plot(days, evaluation.real, color="#c0392b", marker=marker, label="real")
    label = f"one-step forecast, from {plan.network.window} values"
    axes.plot(days, evaluation.forecasts, color="#2b6cc0", marker=marker, label=label)
    if tested.dates:
        _date_axis(axes.xaxis, days[-1] - days[0])
    else:
        axes.set_xlabel("value number")
    axes.set_ylabel(plan.series.column)
    axes.set_title(
        f"{plan.series.column}: RMSE {short(evaluation.network.rmse)}, MAE {short(evaluation.network.mae)}; "
        f"naive forecast: {short(evaluation.naive.rmse)}, {short(evaluation.naive.mae)}",
        fontsize="medium",
    )
    axes.grid(alpha=0.3)
    axes.legend()
    return figure


def _date_axis(axis: Any, span: timedelta) -> None:
    """Show a few ticks with whole dates; with the time if all values are within three days."""
    from matplotlib.dates import AutoDateLocator, DateFormatter

    locator = AutoDateLocator(minticks=4, maxticks=8, interval_multiples=False)  # type: ignore[no-untyped-call]
    axis.set_major_locator(locator)
    form = "%Y-%m-%d" if span > timedelta(3) else "%m-%d %H:%M"
    axis.set_major_formatter(DateFormatter(form))  # type: ignore[no-untyped-call]
