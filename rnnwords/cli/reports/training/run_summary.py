"""Lines about a run on text: what it was planned with, and what it reached."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rnnwords.cli.reports.training.next_command import next_command
from rnnwords.config import FittedInterpolation, HeldOutFigures
from rnnwords.lm.perplexity import perplexity
from rnnwords.network.config import NetworkConfig
from rnnwords.training.events import Finished, Planned
from rnnwords.training.settings.config import TrainingConfig
from rnnwords.training.task import EVAL_WORDS

COMMANDS = ("curves: ", "next: ")  # beginnings of lines with a command


def describe(planned: Planned) -> Iterator[str]:
    """Yield lines about text, network and training settings of a run."""
    network, training = planned.network, planned.training
    validation = f"{planned.validation_words:,}" if planned.validation_words else "none"
    held_out = f", {planned.held_out_words:,} held out" if planned.held_out_words else ""
    yield (
        f"text: {planned.words:,} words for training, {validation} for validation{held_out}; "
        f"{len(planned.vocabulary):,} tokens"
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
        ("activation penalty", training.activation_penalty), ("change penalty", training.change_penalty),
    )  # fmt: skip
    return ", ".join([f"settings: precision {precision}", *(f"{name} {one:g}" for name, one in numbers if one)])


def describe_interpolation(fitted: FittedInterpolation) -> Iterator[str]:
    """Yield a line for each use of what post-training added. Weights are shares of the whole predictor."""
    with_cache = fitted.with_ngram_and_cache if fitted.ngram_order else fitted.with_cache
    if fitted.ngram_order:
        share = "only with --interpolate, since there is no validation text to fit the weights on"
        if fitted.validation_words:
            used = with_cache if fitted.cache_by_default else fitted.with_ngram
            weight = (used.network or 0) * (1 - (used.cache or 0))
            share = f"interpolated: the network has a weight of {weight:.0%}, adjusted by the count of the context"
        yield f"{fitted.ngram_order}-gram model of {fitted.ngram_count:,} n-grams, {share}"
    if fitted.cache_size and fitted.validation_words:
        weight, sharpness = with_cache.cache or 0, with_cache.sharpness or 0
        if fitted.ngram_order:
            weight *= with_cache.network or 0  # that of network and cache together
        use = "the" if fitted.cache_by_default else f"with --cache {fitted.cache_size} the"
        yield f"{use} cache of {fitted.cache_size:,} words has a weight of {weight:.1%} (sharpness {sharpness:g})"
    elif fitted.cache_size:
        yield "no validation text to fit the weight of a cache on; --cache uses its default"


def describe_held_out(figures: HeldOutFigures) -> str:
    """Return the perplexities on held-out text as text."""
    parts = [("network", figures.network), ("whole predictor", figures.predictor)]
    if figures.ngram_order:
        parts.append((f"Kneser-Ney {figures.ngram_order}-gram", figures.ngram))
    shown = (f"of the {name} {'infinite' if figure is None else f'{figure:,.1f}'}" for name, figure in parts)
    return f"perplexity {', '.join(shown)}"


def conclusion(
    finished: Finished, planned: Planned, model: Path | None, settings: Mapping[str, float],
    epochs: tuple[float | None, float | None] = (None, None), curves: str | None = None,
    held_out: HeldOutFigures | None = None,
) -> Iterator[str]:  # fmt: skip
    """Yield lines about the end of the run, its metrics and the next command.

    `model` is None for the default model; `settings` are those of `generate`; `epochs` are those of the last step and
    of the best evaluation, if they are known; `curves` is the command that shows the logs, if there are any; `held_out`
    are perplexities on held-out text.
    """
    metrics, (last, best) = finished.metrics, epochs
    why = {
        "max_accuracy": "the text is learned completely, within 0.3 % of the best possible",
        "patience": f"the {metrics['of']} did not improve",
        "budget": "the budget is spent",
        "already": "this run is complete; start again with --restart",
    }[finished.reason]
    limit = planned.training.epochs
    passes = f" ({last:,.1f} of at most {limit:,} epochs)" if last and limit and last < limit else ""
    yield f"Done after {finished.step:,} steps{passes}, {finished.seconds:,.0f} s: {why}."
    if metrics["loss"] is not None:
        yield from _reached(metrics, planned, best)
    if held_out:
        yield f"held-out text ({held_out.words:,} words): {describe_held_out(held_out)}"
    if curves:
        yield f"{COMMANDS[0]}{curves}"
    yield COMMANDS[1] + next_command(planned.prompt, model, settings)


def _reached(metrics: Mapping[str, Any], planned: Planned, best_epoch: float | None) -> Iterator[str]:
    """Yield a line about the metrics of the best model and, without validation text, one about the best possible."""
    # of a long text, an evaluation only predicts the first words
    is_part = (planned.validation_words or planned.words - planned.network.window) > EVAL_WORDS
    part = f" (its first {metrics['words']:,} words)" if is_part else ""
    perplexities = f"perplexity {perplexity(metrics['loss']):,.2f}"
    if not metrics["max_accuracy"]:
        best = f" (the best, after epoch {best_epoch:,.1f})" if best_epoch and planned.validation_words else ""
        yield f"{metrics['of']}{part}: accuracy {metrics['accuracy']:.1%}, {perplexities}{best}"
        return
    correct = round(metrics["accuracy"] * metrics["words"])
    mean = metrics["mean_probability"]  # unknown in runs of earlier versions
    yield (
        f"{metrics['of']}{part}: accuracy {metrics['accuracy']:.1%} ({correct:,} of {metrics['words']:,} words), "
        f"{'' if mean is None else f'mean probability of the right word {mean:.1%}, '}{perplexities}"
    )
    if metrics["lowest_loss"] is not None:
        correct, words = metrics["max_accuracy"]
        context = "all words before" if planned.network.stateful else f"{planned.network.window} words of context"
        yield (
            f"best possible with {context}: accuracy {correct / words:.1%} ({correct:,} of {words:,} words), mean "
            f"probability {metrics['max_mean_probability']:.1%}, perplexity {perplexity(metrics['lowest_loss']):,.2f}"
        )
