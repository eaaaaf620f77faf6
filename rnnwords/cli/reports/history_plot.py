"""Plot of `rnnwords info --history`: loss and accuracy over the steps of a run."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rnnwords.cli.output.plots import new_figure
from rnnwords.cli.reports.history_report import best_of, figures_of
from rnnwords.lm.perplexity import perplexity
from rnnwords.training.events import Report

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TRAINING, VALIDATION, BEST = "#2b6cc0", "#c0603a", "#2f8f46"
FEW = 60  # points that have a marker each


def draw(reports: Sequence[Report]) -> "Figure":
    """Return a plot per figure with a line for training, one for validation, and a mark at the best evaluation."""
    figures, best = figures_of(reports), best_of(reports)
    plot = new_figure(9, 3.4 * len(figures) + 0.4)
    from matplotlib.ticker import PercentFormatter

    rows: Any = plot.subplots(len(figures), 1, sharex=True, squeeze=False)
    marker = "." if len(reports) <= FEW else ""
    for axes, figure in zip(rows[:, 0], figures, strict=True):
        for name, colour in (("training", TRAINING), ("validation", VALIDATION)):
            if points := figure.points(reports, name == "validation"):
                axes.plot(*zip(*points, strict=True), color=colour, marker=marker, label=name)
        if best and (point := figure.points([best], validation=True)):
            label = f"best, step {best.step:,}"
            axes.plot(*zip(*point, strict=True), color=BEST, marker="*", markersize=12, linestyle="", label=label)
        axes.set_ylabel(figure.left.name)
        axes.grid(alpha=0.3)
        axes.legend()
        if figure.right:
            other = axes.secondary_yaxis("right")
            other.set_ylabel(figure.right.name)
            other.yaxis.set_major_formatter(lambda loss, _: f"{perplexity(loss):,.3g}")
        elif reports[-1].accuracy is not None:
            axes.yaxis.set_major_formatter(PercentFormatter(xmax=1))
    rows[-1, 0].set_xlabel("step")
    return plot
