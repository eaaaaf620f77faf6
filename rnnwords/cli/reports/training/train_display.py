"""The display of a training run on stderr: a line of progress and a table on a terminal, plain lines elsewhere."""

import sys
import textwrap
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Self

from rnnwords.cli.errors import with_options
from rnnwords.cli.output.messages import one_line
from rnnwords.cli.output.notes import note
from rnnwords.cli.output.status_line import StatusLine
from rnnwords.cli.output.terminal import can_write, coloured, encodable, plain_terminal, terminal_size
from rnnwords.cli.reports.training.report_table import Column, ReportTable, text_columns
from rnnwords.cli.reports.training.run_summary import describe, describe_interpolation, other_settings
from rnnwords.cli.reports.training.train_progress import TrainProgress
from rnnwords.config import HeldOutFigures
from rnnwords.lm.perplexity import perplexity
from rnnwords.training.events import Note, Planned, PostTrained, Report, Saved, Started, StepProgress, Warned
from rnnwords.training.settings.config import TrainingConfig

SILENT_SECONDS = 60.0  # without a line, after which plain output has one with the progress


class RunDisplay:
    """Shows the events of a run: progress in a line that is redrawn and reports as a table, or plain lines.

    A context manager that leaves the terminal as it was.
    """

    unit = "words"  # of the speed

    def __init__(self, quiet: bool, as_json: bool, plain: bool = False) -> None:
        """With `quiet` only warnings are shown, with `as_json` no progress and no reports.

        `plain` prints whole lines only, as off a terminal.
        """
        self.quiet, self.as_json, self.output = quiet, as_json, sys.stderr
        self.draws = not (quiet or as_json or plain or plain_terminal(self.output))
        self.status: StatusLine | None = None
        self.progress: TrainProgress | None = None
        self.table: ReportTable | None = None
        self.printed = time.monotonic()  # when the last line was printed

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        if self.status:
            self.status.show("")

    def begin(self, training: TrainingConfig, columns: Sequence[Column], lines: Iterable[str]) -> None:
        """Take what decides how progress and reports are shown; print lines about the run, if it is not complete."""
        self.output = sys.stderr  # which has been another one while the text was read with a progress bar
        self.status = StatusLine(self.output) if self.draws else None
        self.progress, self.table = TrainProgress(training, self.unit), ReportTable(columns, self.output)
        for line in lines:
            self.line(line)
            self._show_status("loading TensorFlow")

    def show(self, event: object) -> None:
        """Show an event, as a line or on the line of progress."""
        if isinstance(event, StepProgress) and self.progress:
            self.progress.update(event)
            self._show_progress(self.progress)
        elif isinstance(event, Started):
            self._show_status("preparing the network")
        elif isinstance(event, Report) and not self.as_json and self.progress:
            self._show_report(event, self.progress)
        elif isinstance(event, Note):
            self.line(with_options(event.message))
            if self.progress and self.progress.now.step:  # after training, or until a missing worker is back
                self._show_status("")
        elif isinstance(event, Warned):
            self.line(f"Warning: {event.message}", always=True)

    def report_line(self, report: Report, progress: TrainProgress) -> str:
        """Return a report as a line that can be understood alone."""
        raise NotImplementedError

    def line(self, line: str, *, always: bool = False) -> None:
        """Print a line, on a terminal wrapped between words."""
        self.printed = time.monotonic()
        if self.status is None:
            note(line, self.quiet and not always)
            return
        for part in textwrap.wrap(one_line(line), self._size()[0], subsequent_indent="  ", break_on_hyphens=False):
            self.status.print(encodable(part, self.output))

    def _show_report(self, report: Report, progress: TrainProgress) -> None:
        if self.status is None or self.table is None:
            self.line(self.report_line(report, progress))
            return
        for row in self.table.lines(report, *self._size()):
            self.status.print(row)

    def _show_status(self, text: str) -> None:
        if self.status is not None:
            self.status.show(text)

    def _show_progress(self, progress: TrainProgress) -> None:
        if self.status is not None:
            blocks = ("\u2501", "\u2500") if can_write("\u2501\u2500", self.output) else ("#", "-")
            self.status.show(progress.line(self._size()[0], *blocks, partial(coloured, colour="green")))
        elif not self.as_json and time.monotonic() - self.printed >= SILENT_SECONDS:
            self.line(progress.plain())

    def _size(self) -> tuple[int, int]:
        """Return columns that can be written without a line break, and lines of the terminal, at present."""
        size = terminal_size(self.output)
        return max(1, size.columns - 1), size.lines


class TextRunDisplay(RunDisplay):
    """Shows the events of a run on text. `planned` is the event of this name, None in a worker."""

    def __init__(
        self, quiet: bool, as_json: bool, on_planned: Callable[[], None], on_model: Callable[[], str | None],
        plain: bool = False,
    ) -> None:  # fmt: skip
        """`on_planned` is called when the text is read, `on_model` when a model is saved; it returns a warning."""
        super().__init__(quiet, as_json, plain)
        self.planned: Planned | None = None
        self.on_planned, self.on_model = on_planned, on_model
        self.problem: str | None = None  # the first warning of `on_model`
        self.best_epoch: float | None = None  # of the last model that was saved
        self.held_out: HeldOutFigures | None = None  # perplexities on held-out text

    def show(self, event: object) -> None:
        """Show an event, as a line or on the line of progress."""
        if isinstance(event, Planned):
            self.planned = event
            self.on_planned()
            columns = text_columns(bool(event.validation_words), self.unit)
            self.begin(event.training, columns, () if event.complete else describe(event))
        elif isinstance(event, Started) and self.planned is not None:
            self.line(other_settings(self.planned.network, self.planned.training, event.precision))
        elif isinstance(event, Saved) and event.what == "model":
            self._model_saved()
        elif isinstance(event, PostTrained):
            self.held_out = event.held_out
            for line in describe_interpolation(event.interpolation) if event.interpolation else ():
                self.line(line)
        elif isinstance(event, Report) and event.best and event.validation_loss is not None and self.progress:
            figure = perplexity(event.validation_loss)
            self.progress.best = f"best perplexity {figure:,.1f} after epoch {event.epoch:,.1f}"
        super().show(event)

    @property
    def epochs(self) -> tuple[float | None, float | None]:
        """The epochs of the last step and of the best evaluation, as far as this session made them."""
        return self.progress.now.epoch if self.progress else None, self.best_epoch

    def _model_saved(self) -> None:
        self.best_epoch = self.epochs[0]
        if (problem := self.on_model()) and not self.problem:
            self.problem = problem
            self.line(f"Warning: {problem}", always=True)

    def report_line(self, report: Report, progress: TrainProgress) -> str:
        """Return `step 96  epoch 3.0 of 12  25%  training: loss 2.310, ...  validation: ..., best  ...  a -> b (c)`."""
        figures = [_figures("training", report.loss, report.accuracy)]
        if report.validation_loss is not None:
            best = ", best" * report.best
            figures.append(_figures("validation", report.validation_loss, report.validation_accuracy) + best)
        return "  ".join([*progress.beginning_of(report), *figures, *speed(report, self.unit), report.sample])


def _figures(name: str, loss: float, accuracy: float | None) -> str:
    return f"{name}: loss {loss:.3f}, perplexity {perplexity(loss):,.1f}, accuracy {accuracy or 0:.1%}"


def speed(report: Report, unit: str) -> tuple[str, str]:
    """Return the speed and the learning rate of a report."""
    return f"{report.words_per_second:,.0f} {unit}/s", f"rate {report.learning_rate:.2g}"
