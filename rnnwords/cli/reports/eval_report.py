"""Report of `rnnwords eval` as text."""

import textwrap
from collections.abc import Iterator
from typing import Any

from rnnwords.evaluation.bootstrap import MIN_BLOCKS
from rnnwords.lm.describe import summary

IN_TRAINING = {
    "training": "the model was trained on this text",
    "validation": "the best weights of the model were selected on this text",
}


def lines_of(report: dict[str, Any]) -> Iterator[str]:
    """Yield the lines of the report: first the settings that its figures depend on."""
    settings = report["eval_settings"]
    names = report["text"] if isinstance(report["text"], str) else ", ".join(report["text"])
    yield f"text       {names}: {report['words']:,} words"
    yield from _wrapped(
        f"settings   each word from {settings['context']}; {settings['first_words']}; tokenizer "
        f"{settings['tokenizer']}, case {settings['case']}, line ends {settings['line_ends']}, {settings['symbols']:,} "
        f"tokens; unknown words {settings['unseen_words']}; <unk> is {settings['unk']}; logarithms are natural"
    )
    if report["in_training"]:
        yield f"warning    {IN_TRAINING[report['in_training']]}, so the figures are too good"
    if "interpolation" in report:
        line = summary(report["interpolation"])
        if report["interpolation"]["fitted_on_this_text"]:
            line += "; the weights were fitted on this text, so the figures are too good"
        yield from _wrapped(f"model      {line}")
    yield f"unknown    {report['oov_rate']:.2%} of the words"
    yield f"loss       {_shown(report['loss'], '.4f')} nats per word"
    yield (
        f"perplexity {_shown(report['perplexity'], ',.2f')}; without unknown words "
        f"{_shown(report['perplexity_excluding_oov'], ',.2f')}"
    )
    yield from _wrapped(f"bits       {_bits(report)}")
    yield (
        f"accuracy   top 1 {report['top1']:.1%}, top 3 {report['top3']:.1%}, top 5 {report['top5']:.1%}; "
        f"mean reciprocal rank {report['mrr']:.3f}"
    )
    yield from _wrapped(f"keystrokes {report['keystroke_savings']:.1%} saved by {settings['keystrokes']}")
    yield f"speed      {report['words_per_second']:,.0f} words per second, in batches"
    if report["latency_p50_ms"] is not None:
        yield (
            f"latency    {report['latency_p50_ms']:.2f} ms for a single prediction (median), "
            f"{report['latency_p95_ms']:.2f} ms at the 95th percentile"
        )
    for part, lines in (
        ("calibration", _calibration), ("by_frequency", _bands), ("baselines", _baselines), ("compare", _comparison),
    ):  # fmt: skip
        if part in report:
            yield ""
            yield from lines(report)


def _bits(report: dict[str, Any]) -> str:
    """Return the bits per character, or why they have no value."""
    if (bits := report["bits_per_character"]) is not None:
        characters = f"{report['characters']:,} with white space"
        return f"{bits:.4f} per character, of {characters}; unknown words with their letters"
    if report["loss"] is None:
        return "infinite: the vocabulary has no <unk>, so unknown words have no probability"
    return "none: the model file has no spelling model of unknown words; models of this version have one"


def _calibration(report: dict[str, Any]) -> Iterator[str]:
    calibration = report["calibration"]
    yield f"{'probability':<22} {'words':>9} {'mean':>8} {'right':>7}"
    for one in calibration["bins"]:
        borders = f"{one['from']:.0%} to {one['to']:.0%}"
        yield f"{borders:<22} {one['words']:>9,} {one['mean_probability']:>8.1%} {one['share_right']:>7.1%}"
    yield (
        f"expected calibration error {calibration['expected_calibration_error']:.2%}: mean difference of the last two "
        "columns, weighted by words"
    )


def _bands(report: dict[str, Any]) -> Iterator[str]:
    yield f"{'in training':<22} {'words':>9} {'loss':>8} {'top 1':>7}"
    for band in report["by_frequency"]:
        yield f"{band_name(band):<22} {band['words']:>9,} {_shown(band['loss'], '.4f'):>8} {band['top1']:>7.1%}"


def _baselines(report: dict[str, Any]) -> Iterator[str]:
    shares = "".join(f" {name:>7}" for name in ("top 1", "top 3", "top 5", "keys"))
    yield f"{'baseline':<19} {'loss':>8} {'perplexity':>10} {'bits':>7}{shares}"
    missing = "infinite" if report["loss"] is None else "none"
    for row in [{"name": "this model", **report}, *report["baselines"]]:
        yield (
            f"{row['name']:<19} {_shown(row['loss'], '.4f'):>8} {_shown(row['perplexity'], ',.2f'):>10} "
            f"{_shown(row['bits_per_character'], '.4f', missing=missing):>7} "
            f"{row['top1']:>7.1%} {row['top3']:>7.1%} {row['top5']:>7.1%} {row['keystroke_savings']:>7.1%}"
        )
    if not report.get("baselines_learned_alike", True):
        yield "warning: the baselines learned from --train-text, which is not the training text of the model"


def _comparison(report: dict[str, Any]) -> Iterator[str]:
    comparison = report["compare"]
    yield f"against {comparison['model']}, {_compared_over(comparison)}"
    yield f"{'':<22} {'this':>10} {'other':>10} {'difference':>11}" + "   95 % interval" * bool(comparison["resamples"])
    rows = [
        ("loss, nats per word", "loss", "loss_difference", 1, "+.4f", ".4f"),
        ("perplexity", "perplexity", "perplexity_ratio", 1, ".4f", ",.2f"),
        ("top 1, percent", "top1", "top1_difference", 100, "+.2f", ".2f"),
    ]
    if comparison["bits_per_character_difference"]["value"] is not None:
        rows.append(("bits per character", "bits_per_character", "bits_per_character_difference", 1, "+.4f", ".4f"))
    for name, key, difference, factor, signed, plain in rows:
        ours, others = (_shown(comparison[one], plain, factor) for one in (key, f"other_{key}"))
        value, low, high = (_shown(comparison[difference][one], signed, factor) for one in ("value", "low", "high"))
        limits = "" if comparison[difference]["low"] is None else f"   {low} to {high}"
        yield f"{name:<22} {ours:>10} {others:>10} {value:>11}{limits}"
    if comparison["resamples"]:
        yield (
            f"perplexities as a ratio; bits over all words; intervals by a paired bootstrap over "
            f"{comparison['blocks']:,} blocks of {comparison['block_words']:,} words, {comparison['resamples']:,} "
            f"resamples, seed {comparison['seed']}"
        )
    yield verdict(comparison)


def _compared_over(comparison: dict[str, Any]) -> str:
    words, left_out = comparison["words"], comparison["words_left_out"]
    if not left_out:
        return f"over all {words:,} words"
    known = "that have a probability" if comparison["same_symbols"] else "known to both, whose vocabularies differ"
    return f"over the {words:,} words {known} ({left_out:,} left out)"


def verdict(comparison: dict[str, Any]) -> str:
    """Return which of two models is better, as a sentence."""
    if comparison["verdict"] == "too short":
        return (
            f"Too short to decide: {comparison['blocks']} {'blocks' if comparison['blocks'] > 1 else 'block'} of "
            f"{comparison['block_words']} words, and {MIN_BLOCKS} are needed."
        )
    by_loss = comparison["verdict_by"] == "loss"
    figure, unit = ("loss", "nats per word lower") if by_loss else ("bits per character", "lower")
    difference = comparison["loss_difference" if by_loss else "bits_per_character_difference"]
    if comparison["verdict"] == "chance":
        if difference["low"] == difference["high"] == 0:
            return "The two models are equal on this text."
        return f"The difference is not significant: the interval of the {figure} contains 0."
    better = "This model" if comparison["verdict"] == "this" else "The other model"
    verb = "is" if by_loss else "are"
    return f"{better} is significantly better on this text: its {figure} {verb} {abs(difference['value']):.4f} {unit}."


def _wrapped(line: str) -> list[str]:
    return textwrap.wrap(line, 110, subsequent_indent=11 * " ", break_long_words=False, break_on_hyphens=False)


def band_name(band: dict[str, Any]) -> str:
    """Return a band of frequencies as text."""
    if band["to"] == 0:
        return "unseen"
    if band["from"] == band["to"]:
        return "once" if band["to"] == 1 else f"{band['from']:,} times"
    return f"{band['from']:,} times or more" if band["to"] is None else f"{band['from']:,} to {band['to']:,} times"


def _shown(number: float | None, form: str, factor: float = 1, missing: str = "infinite") -> str:
    return missing if number is None else format(factor * number, form)
