"""`rnnwords eval`: how good a model is on a text, and on which terms."""

from pathlib import Path
from typing import Any

import click

from rnnwords.cli.common import (
    byte_progress,
    corpus_argument,
    find_model,
    json_option,
    model_option,
    print_json,
    quiet_option,
)


@click.command("eval")
@corpus_argument
@model_option
@click.option("--encoding-errors", type=click.Choice(["strict", "replace"]), default="strict",
              help="What to do with bytes that are not UTF-8.  [default: strict]")  # fmt: skip
@json_option
@quiet_option
def eval_command(
    corpus: tuple[Path, ...], model: Path | None, encoding_errors: str, as_json: bool, quiet: bool
) -> None:
    """Measure a model on a text: perplexity, hits, keystrokes saved.

    \b
    Example:
      rnnwords eval other-story.txt --json
    """
    from rnnwords.prediction.evaluation import evaluate
    from rnnwords.prediction.predictor import Predictor
    from rnnwords.text.reading import Corpus

    path = find_model(model, quiet)
    predictor = Predictor.load(path)
    source = Corpus(corpus, encoding_errors)
    with byte_progress(quiet) as progress:
        metrics = evaluate(predictor, source, progress("evaluating", source.length))
    report = {
        **metrics.report(),
        "model": str(path),
        "text": source.names if len(source.names) > 1 else source.names[0],
    }
    if as_json:
        print_json(report)
        return
    for line in lines_of(report, predictor):
        click.echo(line)


def lines_of(report: dict[str, Any], predictor: Any) -> list[str]:
    """The report for people, its terms first, so that two numbers can be compared."""
    text = predictor.vocabulary.text
    unk = predictor.vocabulary.unk
    seen = "all words before it" if predictor.window is None else f"the {predictor.window} words before it"
    unseen = (
        "read and counted as <unk>" if unk is not None else "have no probability here, and are left out of contexts"
    )

    def shown(number: float | None, form: str) -> str:
        return "infinite" if number is None else format(number, form)

    return [
        f"text       {report['text']}: {report['words']:,} words",
        f"terms      each word from {seen}; tokenizer {text.tokenizer}, "
        f"{'lowercased' if text.lowercase else 'case kept'}, line ends {'are words' if text.eos else 'not counted'};",
        f"           {len(predictor.vocabulary):,} symbols; unseen words {unseen}; logarithms are natural",
        f"unseen     {report['oov_rate']:.2%} of the words",
        f"loss       {shown(report['loss'], '.4f')} nats a word",
        f"perplexity {shown(report['perplexity'], ',.2f')}; without unseen words "
        f"{shown(report['perplexity_excluding_oov'], ',.2f')}",
        f"hits       top 1 {report['top1']:.1%}, top 3 {report['top3']:.1%}, top 5 {report['top5']:.1%}; "
        f"mean reciprocal rank {report['mrr']:.3f}",
        f"keystrokes {report['keystroke_savings']:.1%} saved by a list of 3 words",
        f"speed      {report['words_per_second']:,.0f} words a second",
    ]
