"""The reports of a run as rows of a table on a terminal, whose columns depend on its width."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TextIO

from rnnwords.cli.output.terminal import can_write, cut, ellipsis_for, encodable, safe
from rnnwords.lm.perplexity import perplexity
from rnnwords.training.events import Report

GAP = "  "
HEADER_LINES = 3  # that stay in sight with the rows: two of the header, and the progress
SAMPLE = "text -> predicted (true)"


@dataclass(frozen=True)
class Column:
    """A column of the table. Where there is too little room, that with the highest `rank` is left out first."""

    title: str
    width: int
    rank: int
    text: Callable[[Report], str]
    group: str = ""  # heading of neighbouring columns


class ReportTable:
    """Rows that fit a terminal, after headers.

    A header comes before the first row, before it would scroll out of sight, and where a new width changes the columns.
    """

    def __init__(self, columns: Sequence[Column], output: TextIO) -> None:
        """The last column takes the rest of the width. The encoding of `output` has all characters of the lines."""
        self.columns, self.output = columns, output
        self.rule = "\u2500" if can_write("\u2500", output) else "-"
        self._shown: list[Column] = []  # in the last header
        self._rows = 0  # since then

    def lines(self, report: Report, width: int, height: int) -> Iterator[str]:
        """Yield the row of a report, after a header where one is due, for a terminal of this size."""
        columns = self._fitting(width)
        if columns != self._shown or self._rows >= max(1, height - HEADER_LINES):
            self._shown, self._rows = columns, 0
            yield from self._header(columns)
        self._rows += 1
        cells = [column.text(report).rjust(column.width) for column in columns]
        if columns[-1] is self.columns[-1]:
            room = width - sum(map(len, cells[:-1])) - len(GAP) * (len(cells) - 1)
            text = encodable(safe(columns[-1].text(report)), self.output)
            cells[-1] = cut(text, max(room, columns[-1].width), ellipsis_for(self.output))
        yield GAP.join(cells).rstrip()

    def _fitting(self, width: int) -> list[Column]:
        columns = list(self.columns)
        while len(columns) > 1 and _width(columns) > width:
            columns.remove(max(columns, key=lambda column: column.rank))
        return columns

    def _header(self, columns: Sequence[Column]) -> Iterator[str]:
        groups: list[tuple[str, int]] = []  # and their widths
        for column in columns:
            if groups and column.group and groups[-1][0] == column.group:
                groups[-1] = column.group, groups[-1][1] + len(GAP) + column.width
            else:
                groups.append((column.group, column.width))
        yield GAP.join(self._heading(name, width) for name, width in groups).rstrip()
        titles = [column.title.rjust(column.width) for column in columns]
        if columns[-1] is self.columns[-1]:
            titles[-1] = titles[-1].strip()
        yield GAP.join(titles).rstrip()

    def _heading(self, name: str, width: int) -> str:
        spaced = f" {name} " if name and len(name) + 2 <= width else name
        return spaced.center(width, self.rule if name else " ")


def _width(columns: Sequence[Column]) -> int:
    return sum(column.width for column in columns) + len(GAP) * (len(columns) - 1)


def text_columns(validation: bool, unit: str) -> list[Column]:
    """Return the columns of a run on text, with or without `validation` text."""
    columns = [
        Column("epoch", 5, 0, lambda report: f"{report.epoch:,.1f}"),
        Column("step", 6, 6, lambda report: f"{report.step:,}"),
        Column("loss", 6, 10, lambda report: f"{report.loss:.3f}", "training"),
        Column("perplexity", 10, 3, lambda report: number(report.perplexity), "training"),
        Column("accuracy", 8, 5, lambda report: f"{report.accuracy or 0:.1%}", "training"),
    ]
    if validation:
        figures: list[tuple[str, int, int, Callable[[float, float], str]]] = [
            ("loss", 6, 11, lambda loss, _: f"{loss:.3f}"),
            ("perplexity", 10, 1, lambda loss, _: number(perplexity(loss))),
            ("accuracy", 8, 4, lambda _, accuracy: f"{accuracy:.1%}"),
        ]
        columns += [Column(title, width, rank, _evaluated(text), "validation") for title, width, rank, text in figures]
        columns.append(Column("", 4, 2, lambda report: "best" if report.best else "", "validation"))
    return columns + _last_columns(unit)


def series_columns(unit: str, rmse: Callable[[Report], str]) -> list[Column]:
    """Return the columns of a run on a series of numbers; `rmse` returns the root mean squared error of a report."""
    return [
        Column("epoch", 5, 0, lambda report: f"{report.epoch:,.1f}"),
        Column("step", 6, 6, lambda report: f"{report.step:,}"),
        Column("loss", 8, 5, lambda report: f"{report.loss:.3g}", "training"),
        Column("RMSE", 10, 1, rmse, "training"),
        *_last_columns(unit),
    ]


def _last_columns(unit: str) -> list[Column]:
    return [
        Column(f"{unit}/s", len(unit) + 2, 7, lambda report: f"{report.words_per_second:,.0f}"),
        Column("rate", 7, 9, lambda report: f"{report.learning_rate:.2g}"),
        Column(SAMPLE, len(SAMPLE), 8, lambda report: report.sample),
    ]


def _evaluated(text: Callable[[float, float], str]) -> Callable[[Report], str]:
    """Return the text of a figure of validation loss and accuracy; it is empty where a report has none."""
    return lambda report: (
        "" if report.validation_loss is None else text(report.validation_loss, report.validation_accuracy or 0)
    )


def number(value: float) -> str:
    """Return a perplexity in at most 10 characters.

    >>> number(46.29), number(123_456.7), number(3.2e12)
    ('46.3', '123,457', '3.2e+12')
    """
    if value >= 1e8:
        return f"{value:.1e}"
    return f"{value:,.1f}" if value < 1e5 else f"{value:,.0f}"
