"""The report of `rnnwords eval` for people."""

import textwrap
from collections.abc import Iterator
from typing import Any

from rnnwords.evaluation.bootstrap import FEWEST
from rnnwords.lm.loading import described

IN_TRAINING = {
    "learned": "the model learned from this very text",
    "held out": "the model's best weights were chosen on this very text",
}


def lines_of(report: dict[str, Any]) -> Iterator[str]:
    """The report line by line, its terms first, so that two numbers can be compared."""
    terms = report["protocol"]
    yield f"text       {_names(report['text'])}: {report['words']:,} words"
    yield from _wrapped(
        f"terms      each word from {terms['context']}; at the start {terms['first_words']}; tokenizer "
        f"{terms['tokenizer']}, case {terms['case']}, line ends {terms['line_ends']}, {terms['symbols']:,} symbols; "
        f"unseen words {terms['unseen_words']}; <unk> is {terms['unk']}; logarithms are natural"
    )
    if report["in_training"]:
        yield f"beware     {IN_TRAINING[report['in_training']]}, which flatters it"
    if "mixture" in report:
        told = described(report["mixture"])
        if report["mixture"]["tuned_on_this_text"]:
            told += "; its weights were tuned on this very text, which flatters it"
        yield from _wrapped(f"mixed      {told}")
    yield f"unseen     {report['oov_rate']:.2%} of the words"
    yield f"loss       {_shown(report['loss'], '.4f')} nats a word"
    yield (
        f"perplexity {_shown(report['perplexity'], ',.2f')}; without unseen words "
        f"{_shown(report['perplexity_excluding_oov'], ',.2f')}"
    )
    yield (
        f"hits       top 1 {report['top1']:.1%}, top 3 {report['top3']:.1%}, top 5 {report['top5']:.1%}; "
        f"mean reciprocal rank {report['mrr']:.3f}"
    )
    yield from _wrapped(f"keystrokes {report['keystroke_savings']:.1%} saved by {terms['keystrokes']}")
    yield f"speed      {report['words_per_second']:,.0f} words a second, in batches"
    if report["latency_p50_ms"] is not None:
        yield (
            f"latency    {report['latency_p50_ms']:.2f} ms for one prediction alone (median), "
            f"{report['latency_p95_ms']:.2f} ms at the 95th percentile"
        )
    for part, lines in (
        ("calibration", _calibration), ("by_frequency", _bands), ("baselines", _baselines), ("vs", _comparison),
    ):  # fmt: skip
        if part in report:
            yield ""
            yield from lines(report)


def _calibration(report: dict[str, Any]) -> Iterator[str]:
    found = report["calibration"]
    yield f"{'likeliest word has':<22} {'words':>9} {'mean':>8} {'right':>7}"
    for one in found["bins"]:
        borders = f"{one['from']:.0%} to {one['to']:.0%}"
        yield f"{borders:<22} {one['words']:>9,} {one['mean_probability']:>8.1%} {one['share_right']:>7.1%}"
    yield (
        f"expected calibration error {found['expected_calibration_error']:.2%}: the mean distance of the last two "
        "columns, by words"
    )


def _bands(report: dict[str, Any]) -> Iterator[str]:
    yield f"{'in training':<22} {'words':>9} {'loss':>8} {'top 1':>7}"
    for band in report["by_frequency"]:
        yield f"{band_name(band):<22} {band['words']:>9,} {_shown(band['loss'], '.4f'):>8} {band['top1']:>7.1%}"


def _baselines(report: dict[str, Any]) -> Iterator[str]:
    yield f"{'baseline':<22} {'loss':>8} {'perplexity':>10} {'top 1':>7} {'top 3':>7} {'top 5':>7} {'keys':>7}"
    for row in [{"name": "this model", **report}, *report["baselines"]]:
        yield (
            f"{row['name']:<22} {_shown(row['loss'], '.4f'):>8} {_shown(row['perplexity'], ',.2f'):>10} "
            f"{row['top1']:>7.1%} {row['top3']:>7.1%} {row['top5']:>7.1%} {row['keystroke_savings']:>7.1%}"
        )
    if not report.get("baselines_learned_alike", True):
        yield "beware: --train-text is not, byte for byte, what the model was trained on; these learned from it"


def _comparison(report: dict[str, Any]) -> Iterator[str]:
    found = report["vs"]
    yield f"against {found['model']}, {_compared_over(found)}"
    yield f"{'':<22} {'this':>10} {'other':>10} {'difference':>11}" + "   95 % interval" * bool(found["resamples"])
    yield _row("loss, nats a word", found["loss"], found["other_loss"], found["loss_difference"], "+.4f", ".4f")
    yield _row("perplexity", found["perplexity"], found["other_perplexity"], found["perplexity_ratio"], ".4f", ",.2f")
    hits = {name: None if share is None else 100 * share for name, share in found["top1_difference"].items()}
    yield _row("top 1, percent", 100 * found["top1"], 100 * found["other_top1"], hits, "+.2f", ".2f")
    if found["resamples"]:
        yield (
            f"perplexities as a ratio; intervals by a paired bootstrap over {found['blocks']:,} blocks of "
            f"{found['block_words']:,} words, {found['resamples']:,} resamples, seed {found['seed']}"
        )
    yield sentence(found)


def _compared_over(found: dict[str, Any]) -> str:
    words, left_out = found["words"], found["words_left_out"]
    if not left_out:
        return f"over all {words:,} words"
    known = "that have a probability" if found["same_symbols"] else "known to both, whose symbols differ"
    return f"over the {words:,} words {known} ({left_out:,} left out)"


def _row(
    name: str, ours: float | None, others: float | None, difference: dict[str, float | None], signed: str, plain: str
) -> str:
    low, high = difference["low"], difference["high"]
    limits = "" if low is None or high is None else f"   {low:{signed}} to {high:{signed}}"
    value = difference["value"]
    return f"{name:<22} {_shown(ours, plain):>10} {_shown(others, plain):>10} {_shown(value, signed):>11}{limits}"


def sentence(found: dict[str, Any]) -> str:
    """Which of two models is better, plainly."""
    if found["verdict"] == "too short":
        return (
            f"Too short to tell: {found['blocks']} {'blocks' if found['blocks'] > 1 else 'block'} of "
            f"{found['block_words']} words, and {FEWEST} are needed."
        )
    loss = found["loss_difference"]
    if found["verdict"] == "chance":
        if loss["low"] == loss["high"] == 0:
            return "The two predict this text alike."
        return "The difference could be chance: the interval of the loss holds 0."
    better = "This model" if found["verdict"] == "this" else "The other model"
    lower = f"its loss is {abs(loss['value']):.4f} nats a word lower"
    return f"{better} is better on this text: {lower}, more than chance explains."


def _wrapped(line: str) -> list[str]:
    return textwrap.wrap(line, 110, subsequent_indent=11 * " ", break_long_words=False, break_on_hyphens=False)


def _names(text: str | list[str]) -> str:
    return text if isinstance(text, str) else ", ".join(text)


def band_name(band: dict[str, Any]) -> str:
    """A band of frequency in words."""
    if band["to"] == 0:
        return "unseen"
    if band["from"] == band["to"]:
        return "once" if band["to"] == 1 else f"{band['from']:,} times"
    return f"{band['from']:,} times or more" if band["to"] is None else f"{band['from']:,} to {band['to']:,} times"


def _shown(number: float | None, form: str) -> str:
    return "infinite" if number is None else format(number, form)
