"""The display of a training run on stderr: a live bar on a terminal, plain lines elsewhere."""

import math
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

from rnnwords.cli.errors import with_options
from rnnwords.cli.output.messages import one_line
from rnnwords.cli.output.notes import command_line, note
from rnnwords.cli.output.terminal import plain_terminal
from rnnwords.config import FittedInterpolation
from rnnwords.lm.perplexity import perplexity
from rnnwords.network.config import NetworkConfig
from rnnwords.training.config import TrainingConfig
from rnnwords.training.events import Finished, Note, Planned, PostTrained, Report, Saved, Started, StepProgress, Warned
from rnnwords.training.task import EVAL_WORDS


class RunDisplay:
    """Shows the events of a run. A context manager that leaves the terminal as it was."""

    unit = "words"  # of the speed

    def __init__(self, quiet: bool, as_json: bool) -> None:
        """With `quiet` only warnings are shown, with `as_json` neither bar nor reports."""
        self.quiet, self.as_json = quiet, as_json
        self.bar: Any = None
        self.task: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        if self.bar is not None:
            self.bar.stop()
            self.bar = None

    def show(self, event: object) -> None:
        """Show an event, as a line or on the bar."""
        if isinstance(event, StepProgress) and self.bar is not None:
            now = f"step {event.step:,}  loss {event.loss:.3f}  {event.words_per_second:,.0f} {self.unit}/s"
            self.bar.update(self.task, completed=min(1.0, event.spent), now=now, refresh=True)
        elif isinstance(event, Started):
            self._start_bar()
        elif isinstance(event, Report) and not self.as_json:
            self.line(self.report_line(event))
        elif isinstance(event, Note):
            self.line(with_options(event.message))
        elif isinstance(event, Warned):
            self.line(f"Warning: {event.message}", always=True)

    def report_line(self, report: Report) -> str:
        """Return a report as a line."""
        raise NotImplementedError

    def line(self, line: str, *, always: bool = False) -> None:
        """Print a line above the bar."""
        if self.bar is not None:  # then not quiet
            self.bar.console.print(one_line(line), highlight=False, markup=False)
        else:
            note(line, self.quiet and not always)

    def _start_bar(self) -> None:
        if self.quiet or self.as_json or plain_terminal(sys.stderr):
            return
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        columns = (TextColumn("{task.description}"), BarColumn(bar_width=20), TextColumn("{task.fields[now]}"))
        # Without a thread and without redirection, since the run replaces sys.stderr while TensorFlow writes its log.
        self.bar = Progress(
            *columns, TimeElapsedColumn(), console=Console(stderr=True), transient=True, auto_refresh=False,
            redirect_stdout=False, redirect_stderr=False,
        )  # fmt: skip
        self.task = self.bar.add_task("training", total=1.0, now="")
        self.bar.start()


class TextRunDisplay(RunDisplay):
    """Shows the events of a run on text. `planned` is the event of this name, None in a worker."""

    def __init__(
        self, quiet: bool, as_json: bool, on_planned: Callable[[], None], on_model: Callable[[], str | None]
    ) -> None:
        """`on_planned` is called when the text is read, `on_model` when a model is saved; it returns a warning."""
        super().__init__(quiet, as_json)
        self.planned: Planned | None = None
        self.on_planned, self.on_model = on_planned, on_model
        self.problem: str | None = None  # the first warning of `on_model`

    def show(self, event: object) -> None:
        """Show an event, as a line or on the bar."""
        if isinstance(event, Planned):
            self.planned = event
            self.on_planned()
            for line in () if event.complete else describe(event):
                self.line(line)
        elif isinstance(event, Started) and self.planned is not None:
            self.line(other_settings(self.planned.network, self.planned.training, event.precision))
        elif isinstance(event, Saved) and event.what == "model":
            self._model_saved()
        elif isinstance(event, PostTrained):
            for line in describe_interpolation(event.interpolation):
                self.line(line)
        super().show(event)

    def _model_saved(self) -> None:
        if (problem := self.on_model()) and not self.problem:
            self.problem = problem
            self.line(f"Warning: {problem}", always=True)

    def report_line(self, report: Report) -> str:
        """Return `step 1,200  epoch 3.0  loss 2.31  accuracy 45.1 %  perplexity 10.1  ...  a b c -> d (e)`."""
        validation = ""
        if report.validation_loss is not None:
            validation = f"validation perplexity {perplexity(report.validation_loss):,.1f}  accuracy "
            validation += f"{report.validation_accuracy or 0:.1%}  "
        return (
            f"step {report.step:,}  epoch {report.epoch:.1f}  loss {report.loss:.3f}  "
            f"accuracy {report.accuracy or 0:.1%}  perplexity {report.perplexity:,.1f}  {validation}"
            f"{report.words_per_second:,.0f} words/s  rate {report.learning_rate:.2g}  {report.sample}"
        )


def describe(planned: Planned) -> Iterator[str]:
    """Yield lines about text, network and training settings of a run."""
    network, training = planned.network, planned.training
    validation = f"{planned.validation_words:,}" if planned.validation_words else "none"
    yield (
        f"text: {planned.words:,} words for training, {validation} for validation; {len(planned.vocabulary):,} tokens"
    )
    size = f" {network.embedding}" if network.input == "embedding" else ""
    yield (
        f"network: {'stateful, steps' if network.stateful else 'windows'} of {network.window} words, "
        f"{network.input}{size}, {network.layers} x {network.cell} {network.units}, softmax "
        f"{network.vocabulary_size:,}{' tied' if network.tie else ''}{' adaptive' if network.clusters else ''}; "
        f"{weight_count(network):,} weights"
    )
    last_rate = "" if training.learning_rate_end is None else f"to {training.learning_rate_end:g} "
    first_dropout = "" if training.dropout_start is None else f"{training.dropout_start:g} to "
    of_weights = f" and {training.weight_dropout:g} of the recurrent weights" if training.weight_dropout else ""
    yield (
        f"training: {training.optimizer} {training.learning_rate:g} {last_rate}{training.schedule}, "
        f"batch {training.batch_size}, {'variational ' if training.variational else ''}dropout {first_dropout}"
        f"{training.dropout:g}{of_weights}, clip {training.clip_norm:g}, at most {budget(training)}, "
        f"patience {training.patience}, seed {training.seed}"
    )
    if planned.resumed_step is not None:
        yield f"resuming {planned.directory} at step {planned.resumed_step:,}"


def weight_count(network: NetworkConfig) -> int:
    """Return the number of weights of a network."""
    return sum(math.prod(shape) for shape in network.shapes().values())


def budget(training: TrainingConfig) -> str:
    """Return the budget of a run: `epochs 500`."""
    budgets = (("epochs", training.epochs), ("iterations", training.iterations), ("seconds", training.seconds))
    return next(f"{name} {value:,g}" for name, value in budgets if value is not None)


def other_settings(network: NetworkConfig, training: TrainingConfig, precision: str) -> str:
    """Return a line with the settings that `describe` leaves out, without those that are off."""
    decay = training.weight_decay if training.optimizer == "adamw" else None
    warmup = None if training.schedule == "one-cycle" else training.warmup
    short = None if network.stateful else training.short_windows
    numbers = (
        ("weight decay", decay), ("warm-up", warmup), ("short windows", short),
        ("label smoothing", training.label_smoothing), ("averaging", training.ema),
    )  # fmt: skip
    return ", ".join([f"settings: precision {precision}", *(f"{name} {one:g}" for name, one in numbers if one)])


def describe_interpolation(fitted: FittedInterpolation) -> Iterator[str]:
    """Yield a line for each use of what post-training added."""
    if fitted.ngram_order:
        share = "50%, since there is no validation text to fit it on"
        if fitted.validation_words:
            share = f"{fitted.with_ngram.network or 0:.0%}, adjusted by the count of the context"
        yield (
            f"{fitted.ngram_order}-gram model of {fitted.ngram_count:,} n-grams; with --interpolate auto the network "
            f"has a weight of {share}"
        )
    if fitted.cache_size and fitted.validation_words:
        weight, sharpness = fitted.with_cache.cache or 0, fitted.with_cache.sharpness or 0
        yield f"with --cache {fitted.cache_size} the cache has a weight of {weight:.1%} (sharpness {sharpness:g})"
    elif fitted.cache_size:
        yield "no validation text to fit the weight of a cache on; --cache uses its default"


def conclusion(finished: Finished, planned: Planned, model: Path | None) -> Iterator[str]:
    """Yield lines about the end of the run, its metrics and the next command; `model` is None for the default model."""
    metrics = finished.metrics
    why = {
        "max_accuracy": "maximum accuracy, no predictor with this context gets more words right",
        "patience": f"the {metrics['of']} did not improve",
        "budget": "the budget is spent",
        "already": "this run is complete; start again with --restart",
    }[finished.reason]
    yield f"Done after {finished.step:,} steps, {finished.seconds:,.0f} s: {why}."
    if metrics["loss"] is not None:
        # of a long text, an evaluation only predicts the first words
        is_part = (planned.validation_words or planned.words - planned.network.window) > EVAL_WORDS
        part = f" (its first {metrics['words']:,} words)" if is_part else ""
        figure = perplexity(metrics["loss"])
        line = f"{metrics['of']}{part}: accuracy {metrics['accuracy']:.1%}, perplexity {figure:,.2f}"
        if metrics["max_accuracy"]:
            correct, count = metrics["max_accuracy"]
            windows, of_all = (metrics["words"], f"of all {count:,} ") if is_part else (count, "")
            line += (
                f" ({round(metrics['accuracy'] * windows):,} of {windows:,} windows; {of_all}no predictor with "
                f"{planned.network.window} words of context gets more than {correct:,})"
            )
        yield line
    command = ["rnnwords", "generate", *([] if model is None else ["--model", str(model)])]
    words = [*command, *(["--"] if planned.prompt.startswith("-") else []), planned.prompt]
    yield "next: " + command_line(words, "rnnwords generate --help")
