"""Report of `rnnwords info --history`: charts of the curves of a run, a table of them, or JSON values."""

import textwrap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from itertools import chain
from typing import Any, NamedTuple

from rnnwords.cli.output.charts import Axis, ChartStyle, Curve, Point, chart
from rnnwords.cli.reports.explain_tables import table
from rnnwords.cli.reports.training.report_table import number
from rnnwords.lm.perplexity import finite, perplexity
from rnnwords.training.events import Report

MAX_WIDTH, MIN_WIDTH = 120, 20  # columns of a chart
MAX_HEIGHT, MIN_HEIGHT = 12, 3  # lines of a chart without title and axis
OTHER_LINES = 5  # of a chart: one or two of the title, axis, labels, space
PROMPT_LINES = 2  # of a shell, after the report


class Figure(NamedTuple):
    """A figure of the reports, by training and by validation text, with its axes."""

    left: Axis
    right: Axis | None
    training: Callable[[Report], float | None]
    validation: Callable[[Report], float | None]

    def points(self, reports: Sequence[Report], validation: bool) -> list[Point]:
        """Return step and value of each report that has the figure."""
        value_of = self.validation if validation else self.training
        return [(report.step, value) for report in reports if (value := value_of(report)) is not None]


LOSS = Figure(
    Axis("loss, nats per word", "{:.3g}".format), Axis("perplexity", lambda loss: number(perplexity(loss))),
    lambda report: report.loss, lambda report: report.validation_loss,
)  # fmt: skip
ACCURACY = Figure(
    Axis("accuracy", "{:.1%}".format), None, lambda report: report.accuracy, lambda report: report.validation_accuracy
)
ERROR = LOSS._replace(left=Axis("loss, mean squared error of values scaled to 0 to 1", "{:.3g}".format), right=None)


def figures_of(reports: Sequence[Report]) -> list[Figure]:
    """Return the figures that the reports have: those of a text, or of a series of numbers."""
    return [ERROR] if reports[-1].accuracy is None else [LOSS, ACCURACY]


def best_of(reports: Sequence[Report]) -> Report | None:
    """Return the report with the lowest loss on validation text; None without one."""
    evaluated = [report for report in reports if report.validation_loss is not None]
    return min(evaluated, key=lambda report: report.validation_loss or 0.0, default=None)


def lines_of(reports: Sequence[Report], width: int, height: int, style: ChartStyle) -> Iterator[str]:
    """Yield the charts for a terminal of this size, then the best and the last report."""
    figures, best, last = figures_of(reports), best_of(reports), reports[-1]
    lines = [f"best: {in_words(best)}"] if best else []
    lines += [f"last: {in_words(last)}"] if last is not best else []
    wrapped = [textwrap.wrap(line, max(MIN_WIDTH, width - 1), subsequent_indent=" " * 6) for line in lines]
    left = height - sum(map(len, wrapped)) - PROMPT_LINES
    rows = min(MAX_HEIGHT, max(MIN_HEIGHT, left // len(figures) - OTHER_LINES))
    below = _place(reports[0]), _place(last)
    for figure in figures:
        curves = [Curve("training", figure.points(reports, False), "", "blue")]
        if best:
            curves.append(Curve("validation", figure.points(reports, True), "o", "yellow"))
            curves.append(Curve("best", figure.points([best], True), "*", "green"))
        yield from chart(curves, figure.left, figure.right, below, (min(width, MAX_WIDTH), rows), style)
        yield ""
    yield from chain.from_iterable(wrapped)


def _place(report: Report) -> str:
    return f"step {report.step:,}, epoch {report.epoch:,.1f}"


def in_words(report: Report) -> str:
    """Return a report as `step 480, epoch 5.0; training: loss 3.57, ...; validation: loss 3.84, ...`."""
    parts = [_place(report), f"training: {_in_words(report.loss, report.accuracy)}"]
    if report.validation_loss is not None:
        parts.append(f"validation: {_in_words(report.validation_loss, report.validation_accuracy)}")
    return "; ".join(parts)


def _in_words(loss: float, accuracy: float | None) -> str:
    if accuracy is None:
        return f"loss {loss:.3g}"
    return f"loss {loss:.3f}, perplexity {number(perplexity(loss))}, accuracy {accuracy:.1%}"


def table_of(reports: Sequence[Report], width: int | None) -> Iterator[str]:
    """Yield the reports as a table."""
    best, is_text = best_of(reports), reports[-1].accuracy is not None
    names = ["loss", "perplexity", "accuracy"] if is_text else ["loss"]
    rows = [["step", "epoch", *names]]
    if best:
        rows[0] += [*(f"validation {name}" for name in names), "best"]
    for report in reports:
        row = [f"{report.step:,}", f"{report.epoch:,.1f}", *_cells(report.loss, report.accuracy)]
        if best:
            row += [*_cells(report.validation_loss, report.validation_accuracy or 0), "best" * (report is best)]
        rows.append(row)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return table([[cell.rjust(size) for cell, size in zip(row, widths, strict=True)] for row in rows], width)


def _cells(loss: float | None, accuracy: float | None) -> list[str]:
    if loss is None:
        return ["", "", ""]
    return [f"{loss:.3g}"] if accuracy is None else [f"{loss:.3f}", number(perplexity(loss)), f"{accuracy:.1%}"]


def values_of(reports: Sequence[Report]) -> list[dict[str, Any]]:
    """Return the reports as JSON values: the keys of the history, and the perplexities of text."""
    values = []
    for report in reports:
        value = asdict(report)
        if report.accuracy is not None:
            value["perplexity"] = finite(perplexity(report.loss))
            loss = report.validation_loss
            value["validation_perplexity"] = None if loss is None else finite(perplexity(loss))
        values.append(value)
    return values
