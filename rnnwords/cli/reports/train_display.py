"""How a training run looks: a live bar on a terminal, plain lines elsewhere, all on stderr."""

import math
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

from rnnwords.cli.options import note, plain_terminal, quoted
from rnnwords.cli.output.terminal import safe
from rnnwords.config import NetworkConfig, TrainingConfig
from rnnwords.text.tokenizer import EOS, UNK, detokenize
from rnnwords.training.events import Event, Finished, Position, Progress, Report, Saved, Warned
from rnnwords.training.plan import Plan
from rnnwords.training.task import EVALUATED


def describe(plan: Plan) -> Iterator[str]:
    """What was chosen, before it begins."""
    prepared, network, training = plan.prepared, plan.network, plan.training
    held_out = 0 if prepared.held_out is None else len(prepared.held_out) - network.window
    yield (
        f"text: {prepared.words:,} words to learn from, "
        + (f"{held_out:,} held out" if held_out else "none held out (accuracy is of the training text)")
        + f"; {len(prepared.vocabulary):,} symbols"
    )
    yield (
        f"network: {'stateful, steps' if network.stateful else 'windows'} of {network.window} words, {network.input}"
        + (f" {network.embedding}" if network.input == "embedding" else "")
        + f", {network.layers} x {network.cell} {network.units}, softmax {network.vocabulary_size:,}"
        + (" tied" if network.tie else "")
        + (" adaptive" if network.clusters else "")
        + f"; {sum(math.prod(shape) for shape in network.shapes().values()):,} weights"
    )
    budget = next(
        f"{text} {value:,g}"
        for text, value in (
            ("epochs", training.epochs),
            ("iterations", training.iterations),
            ("seconds", training.seconds),
        )
        if value is not None
    )
    yield (
        f"training: {training.optimizer} {training.learning_rate:g} "
        + (f"to {training.learning_rate_end:g} " if training.learning_rate_end is not None else "")
        + f"{training.schedule}, batch {training.batch_size}, "
        f"{'variational ' if training.variational else ''}dropout "
        + (f"{training.dropout_start:g} to " if training.dropout_start is not None else "")
        + f"{training.dropout:g}"
        + (f" and {training.weight_dropout:g} of the recurrent weights" if training.weight_dropout else "")
        + f", clip {training.clip_norm:g}, at most {budget}, patience {training.patience}, "
        f"seed {training.seed}"
    )
    if plan.found:
        position = Position.from_json(plan.found.state["position"])
        yield f"resuming {plan.directory.path} at step {position.step:,}"


def also_in_force(network: NetworkConfig, training: TrainingConfig, precision: str) -> str:
    """The settings that `describe` leaves out, those that are off left out too, with the precision that was chosen."""
    decay = training.weight_decay if training.optimizer == "adamw" else None
    warmup = None if training.schedule == "one-cycle" else training.warmup
    short = None if network.stateful else training.short_windows
    numbers = (
        ("weight decay", decay), ("warm-up", warmup), ("short windows", short),
        ("label smoothing", training.label_smoothing), ("averaging", training.ema),
    )  # fmt: skip
    return ", ".join([f"settings: precision {precision}", *(f"{name} {one:g}" for name, one in numbers if one)])


class Display:
    """Shows the events of a run. A context manager: on leaving, the terminal is as before."""

    unit = "words"  # of what is read

    def __init__(self, quiet: bool) -> None:
        self.quiet = quiet
        self.bar: Any = None
        self.task: Any = None

    def __enter__(self) -> Self:
        if not self.quiet and not plain_terminal(sys.stderr):
            from rich.console import Console
            from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
            from rich.progress import Progress as Bars

            columns = (TextColumn("{task.description}"), BarColumn(bar_width=20), TextColumn("{task.fields[now]}"))
            self.bar = Bars(*columns, TimeElapsedColumn(), console=Console(stderr=True), transient=True)
            self.task = self.bar.add_task("training", total=1.0, now="")
            self.bar.start()
        return self

    def __exit__(self, *raised: object) -> None:
        if self.bar is not None:
            self.bar.stop()

    def show(self, event: Event) -> None:
        """One event, as a line or as a move of the bar."""
        if isinstance(event, Progress) and self.bar is not None:
            now = f"step {event.step:,}  loss {event.loss:.3f}  {event.words_per_second:,.0f} {self.unit}/s"
            self.bar.update(self.task, completed=min(1.0, event.spent), now=now)
        elif isinstance(event, Report):
            self._line(self.line_of(event))
        elif isinstance(event, Warned):
            note(f"Warning: {event.message}")
        elif isinstance(event, Saved | Finished):
            pass

    def line_of(self, report: Report) -> str:
        """A report as a line."""
        return report_line(report)

    def _line(self, line: str) -> None:
        if self.quiet:
            return
        if self.bar is not None:
            self.bar.console.print(safe(line), highlight=False, markup=False)
        else:
            note(line)


def report_line(report: Report) -> str:
    """`step 1,200  epoch 3.0  loss 2.31  accuracy 45.1 %  perplexity 10.1  ...  a b c -> d (e)`"""
    parts = [
        f"step {report.step:,}",
        f"epoch {report.epoch:.1f}",
        f"loss {report.loss:.3f}",
        f"accuracy {report.accuracy or 0:.1%}",
        f"perplexity {report.perplexity:,.1f}",
    ]
    if report.held_out_loss is not None:
        parts.append(f"held-out perplexity {math.exp(min(700.0, report.held_out_loss)):,.1f}")
        parts.append(f"accuracy {report.held_out_accuracy or 0:.1%}")
    parts += [f"{report.words_per_second:,.0f} words/s", f"rate {report.learning_rate:.2g}", report.sample]
    return "  ".join(parts)


def conclusion(finished: Finished, plan: Plan, model: Path | None) -> Iterator[str]:
    """How it ended, how good it is, and what to type next."""
    why = {
        "ceiling": "the network predicts all that can be predicted",
        "patience": f"the {finished.metrics['of']} got no better",
        "budget": "the budget is spent",
        "already": "this run is complete; start anew with --restart",
    }[finished.reason]
    metrics = finished.metrics
    yield f"Done after {finished.step:,} steps, {finished.seconds:,.0f} s: {why}."
    if metrics["loss"] is not None:
        looked = _part_looked_at(metrics, plan)
        first = f" (its first {looked:,} words)" if looked else ""
        line = f"{metrics['of']}{first}: accuracy {metrics['accuracy']:.1%}, perplexity {metrics['perplexity']:,.2f}"
        if metrics["ceiling"]:
            right, count = metrics["ceiling"]
            windows = looked or count
            line += (
                f" ({round(metrics['accuracy'] * windows):,} of {windows:,} windows; "
                + (f"of all {count:,} " if looked else "")
                + f"no predictor that sees {plan.network.window} words can have more than {right:,})"
            )
        yield line
    vocabulary = plan.prepared.vocabulary
    opening = [word for word in vocabulary.decode(plan.prepared.train[0:100].tolist()) if word not in (UNK, EOS)]
    prompt = detokenize(opening[: min(plan.network.window, 3)], vocabulary.text)
    command = ["rnnwords", "generate", *([] if model is None else ["--model", str(model)])]
    yield "next: " + quoted([*command, *(["--"] if prompt.startswith("-") else []), prompt])


def _part_looked_at(metrics: dict[str, Any], plan: Plan) -> int | None:
    """How many words the figures are of, if that is not the whole text."""
    text = plan.prepared.train if plan.prepared.held_out is None else plan.prepared.held_out
    return metrics.get("words") if len(text) - plan.network.window > EVALUATED else None
