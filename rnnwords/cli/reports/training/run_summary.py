"""Lines about a run on text: what it was planned with, and what it reached."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from rnnwords.cli.reports.training.next_command import next_command
from rnnwords.config import FittedInterpolation
from rnnwords.lm.perplexity import perplexity
from rnnwords.network.config import NetworkConfig
from rnnwords.training.config import TrainingConfig
from rnnwords.training.events import Finished, Planned
from rnnwords.training.task import EVAL_WORDS

COMMANDS = ("curves: ", "next: ")  # beginnings of lines with a command


def describe(planned: Planned) -> Iterator[str]:
    """Yield lines about text, network and training settings of a run."""
    network, training = planned.network, planned.training
    validation = f"{planned.validation_words:,}" if planned.validation_words else "none"
    yield (
        f"text: {planned.words:,} words for training, {validation} for validation; {len(planned.vocabulary):,} tokens"
    )
    yield f"network: {architecture(network)}; {network.weight_count:,} weights"
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


def architecture(network: NetworkConfig) -> str:
    """Return the settings of a network on text as a line."""
    size = f" {network.embedding}" if network.input == "embedding" else ""
    return (
        f"{'stateful, steps' if network.stateful else 'windows'} of {network.window} words, "
        f"{network.input}{size}, {network.layers} x {network.cell} {network.units}, softmax "
        f"{network.vocabulary_size:,}{' tied' if network.tie else ''}{' adaptive' if network.clusters else ''}"
    )


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


def conclusion(
    finished: Finished, planned: Planned, model: Path | None, settings: Mapping[str, float],
    epochs: tuple[float | None, float | None] = (None, None), curves: str | None = None,
) -> Iterator[str]:  # fmt: skip
    """Yield lines about the end of the run, its metrics and the next command.

    `model` is None for the default model; `settings` are those of `generate`; `epochs` are those of the last step and
    of the best evaluation, if they are known; `curves` is the command that shows the logs, if there are any.
    """
    metrics, (last, best) = finished.metrics, epochs
    why = {
        "max_accuracy": "maximum accuracy, no predictor with this context gets more words right",
        "patience": f"the {metrics['of']} did not improve",
        "budget": "the budget is spent",
        "already": "this run is complete; start again with --restart",
    }[finished.reason]
    limit = planned.training.epochs
    passes = f" ({last:,.1f} of at most {limit:,} epochs)" if last and limit and last < limit else ""
    yield f"Done after {finished.step:,} steps{passes}, {finished.seconds:,.0f} s: {why}."
    if metrics["loss"] is not None:
        # of a long text, an evaluation only predicts the first words
        is_part = (planned.validation_words or planned.words - planned.network.window) > EVAL_WORDS
        part = f" (its first {metrics['words']:,} words)" if is_part else ""
        figure = perplexity(metrics["loss"])
        line = f"{metrics['of']}{part}: accuracy {metrics['accuracy']:.1%}, perplexity {figure:,.2f}"
        if best and planned.validation_words:
            line += f" (the best, after epoch {best:,.1f})"
        if metrics["max_accuracy"]:
            correct, count = metrics["max_accuracy"]
            windows, of_all = (metrics["words"], f"of all {count:,} ") if is_part else (count, "")
            line += (
                f" ({round(metrics['accuracy'] * windows):,} of {windows:,} windows; {of_all}no predictor with "
                f"{planned.network.window} words of context gets more than {correct:,})"
            )
        yield line
    if curves:
        yield f"{COMMANDS[0]}{curves}"
    yield COMMANDS[1] + next_command(planned.prompt, model, settings)
