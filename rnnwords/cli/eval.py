"""`rnnwords eval`: how good a model is on a text, and on which terms."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rnnwords.cli.common import (
    byte_progress,
    cores,
    corpus_argument,
    find_model,
    json_option,
    model_option,
    print_json,
    quiet_option,
    train_text_option,
)
from rnnwords.cli.terminal import safe
from rnnwords.errors import UsageError

if TYPE_CHECKING:
    from rnnwords.prediction.predictor import Predictor


@click.command("eval")
@corpus_argument
@model_option
@click.option("--by-frequency", is_flag=True, help="Loss and hits by how often a word stands in the training text.")
@click.option(
    "--baseline",
    is_flag=True,
    help="The same figures for the commonest word, a bigram and a Kneser-Ney n-gram that sees as many words, "
    "trained on what the model was trained on: name it with --train-text.",
)
@train_text_option
@click.option(
    "--encoding-errors",
    type=click.Choice(["strict", "replace"]),
    default="strict",
    help="What to do with bytes that are not UTF-8.  [default: strict]",
)
@json_option
@quiet_option
def eval_command(
    corpus: tuple[Path, ...], model: Path | None, by_frequency: bool, baseline: bool, train_text: tuple[Path, ...],
    encoding_errors: str, as_json: bool, quiet: bool,
) -> None:  # fmt: skip
    """Measure a model on a text: perplexity, hits, keystrokes saved.

    \b
    Examples:
      rnnwords eval other-story.txt --json
      rnnwords eval other-story.txt --baseline --train-text story.txt
    """
    if baseline and not train_text:
        raise UsageError(
            "--baseline needs the text that the model was trained on, which its file does not hold; "
            "name it with --train-text FILE"
        )
    if train_text and not baseline:
        raise UsageError("--train-text is for --baseline; add that")
    from rnnwords.prediction.baselines import baselines
    from rnnwords.prediction.evaluation import evaluate
    from rnnwords.prediction.predictor import Predictor
    from rnnwords.prediction.texts import ids_of, trained_part
    from rnnwords.text.reading import Corpus

    path = find_model(model, quiet)
    predictor = Predictor.load(path)
    source = Corpus(corpus, encoding_errors)
    with byte_progress(quiet) as progress:
        metrics = evaluate(predictor, source, progress("evaluating", source.length), threads=cores())
        report = {
            **metrics.report(), "model": str(path), "text": source.names if len(source.names) > 1 else source.names[0],
        }  # fmt: skip
        if by_frequency:
            report["by_frequency"] = metrics.by_frequency()
        if baseline:
            trained = trained_part(ids_of(Corpus(train_text, encoding_errors), predictor.vocabulary), predictor.model)
            report["baselines"] = [
                {"name": name, **evaluate(predictor, source, progress(name, source.length), by=scorer).report()}
                for name, scorer in baselines(predictor, trained, cores())
            ]
    if as_json:
        print_json(report)
        return
    for line in lines_of(report, predictor):
        click.echo(safe(line))


def lines_of(report: dict[str, Any], predictor: "Predictor") -> Iterator[str]:
    """The report for people, its terms first, so that two numbers can be compared."""
    text = predictor.vocabulary.text
    unk = predictor.vocabulary.unk
    seen = "all words before it" if predictor.window is None else f"the {predictor.window} words before it"
    unseen = (
        "read and counted as <unk>" if unk is not None else "have no probability here, and are left out of contexts"
    )
    yield f"text       {report['text']}: {report['words']:,} words"
    yield (
        f"terms      each word from {seen}; tokenizer {text.tokenizer}, "
        f"{'lowercased' if text.lowercase else 'case kept'}, line ends {'are words' if text.eos else 'not counted'};"
    )
    yield f"           {len(predictor.vocabulary):,} symbols; unseen words {unseen}; logarithms are natural"
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
    yield f"keystrokes {report['keystroke_savings']:.1%} saved by a list of 3 words"
    yield f"speed      {report['words_per_second']:,.0f} words a second"
    if "by_frequency" in report:
        yield f"\n{'in training':<22} {'words':>9} {'loss':>8} {'top 1':>7}"
        for band in report["by_frequency"]:
            yield f"{_band(band):<22} {band['words']:>9,} {_shown(band['loss'], '.4f'):>8} {band['top1']:>7.1%}"
    if "baselines" in report:
        yield f"\n{'baseline':<22} {'loss':>8} {'perplexity':>10} {'top 1':>7} {'top 3':>7} {'top 5':>7} {'keys':>7}"
        for row in [{"name": "this model", **report}, *report["baselines"]]:
            yield (
                f"{row['name']:<22} {_shown(row['loss'], '.4f'):>8} {_shown(row['perplexity'], ',.2f'):>10} "
                f"{row['top1']:>7.1%} {row['top3']:>7.1%} {row['top5']:>7.1%} {row['keystroke_savings']:>7.1%}"
            )


def _band(band: dict[str, Any]) -> str:
    if band["to"] == 0:
        return "unseen"
    if band["from"] == band["to"]:
        return f"{band['from']:,} times"
    return f"{band['from']:,} times or more" if band["to"] is None else f"{band['from']:,} to {band['to']:,} times"


def _shown(number: float | None, form: str) -> str:
    return "infinite" if number is None else format(number, form)
