"""The plot of `rnnwords forecast`: real and forecast values over their dates."""

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from rnnwords.cli.output.plots import new_figure
from rnnwords.cli.reports.forecast_report import short
from rnnwords.forecasting.forecaster import Judgement
from rnnwords.forecasting.series import Series
from rnnwords.forecasting.training import ForecastPlan

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw(plan: ForecastPlan, judged: Series, judgement: Judgement) -> "Figure":
    """Real values in one line, forecasts in another, each over the day that it is for."""
    figure = new_figure(9, 5)
    axes = figure.subplots()
    first = len(judged) - len(judgement.real)
    days: Any = judged.dates.days[first:] if judged.dates else range(first + 1, len(judged) + 1)
    marker = "." if len(judgement.real) <= 60 else ""
    axes.plot(days, judgement.real, color="#c0392b", marker=marker, label="real")
    label = f"forecast one step ahead, from the {plan.network.window} values before"
    axes.plot(days, judgement.forecasts, color="#2b6cc0", marker=marker, label=label)
    if judged.dates:
        _date_axis(axes.xaxis, days[-1] - days[0])
    else:
        axes.set_xlabel("value number")
    axes.set_ylabel(plan.series.column)
    axes.set_title(
        f"{plan.series.column}: RMSE {short(judgement.network.rmse)}, MAE {short(judgement.network.mae)}; "
        f"tomorrow as today: {short(judgement.naive.rmse)}, {short(judgement.naive.mae)}",
        fontsize="medium",
    )
    axes.grid(alpha=0.3)
    axes.legend()
    return figure


def _date_axis(axis: Any, span: timedelta) -> None:
    """A few ticks, each with its whole date; with the time where all is within days."""
    from matplotlib.dates import AutoDateLocator, DateFormatter

    locator = AutoDateLocator(minticks=4, maxticks=8, interval_multiples=False)  # type: ignore[no-untyped-call]
    axis.set_major_locator(locator)
    form = "%Y-%m-%d" if span > timedelta(3) else "%m-%d %H:%M"
    axis.set_major_formatter(DateFormatter(form))  # type: ignore[no-untyped-call]
