"""The plot of `rnnwords forecast`: real and forecast values over their dates."""

from typing import TYPE_CHECKING, Any

from rnnwords.cli.plots import new_figure
from rnnwords.prediction.forecaster import Judgement
from rnnwords.series.reading import Series
from rnnwords.training.forecast import ForecastPlan

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
        _date_axis(axes.xaxis)
    else:
        axes.set_xlabel("value number")
    axes.set_ylabel(plan.series.column)
    axes.set_title(
        f"{plan.series.column}: RMSE {judgement.network.rmse:,.4g}, MAE {judgement.network.mae:,.4g}; "
        f"tomorrow as today: {judgement.naive.rmse:,.4g}, {judgement.naive.mae:,.4g}",
        fontsize="medium",
    )
    axes.grid(alpha=0.3)
    axes.legend()
    return figure


def _date_axis(axis: Any) -> None:
    """Ticks at whole days, months or years, written as short as they can be."""
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    locator = AutoDateLocator()  # type: ignore[no-untyped-call]
    axis.set_major_locator(locator)
    axis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
