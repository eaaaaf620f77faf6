"""`rnnwords predict`: the next words with their probabilities, for one prompt or a stream of them."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rnnwords.cli.interpolation_options import mixed, mixing_options
from rnnwords.cli.options import (
    clean,
    cores,
    json_line,
    json_option,
    load_predictor,
    model_option,
    note,
    nul_option,
    oov_option,
    oov_policy,
    quiet_option,
)
from rnnwords.cli.output.terminal import can_write, safe

if TYPE_CHECKING:
    from rnnwords.prediction.ranking import Answer

HELD = 1_000_000  # predictions in memory at a time
FEW = 8  # prompts up to which reading them one by one is faster than setting up a batch


@click.command()
@click.argument("prompt", required=False)
@model_option
@click.option("-k", type=click.IntRange(1, 1_000_000), default=5, show_default=True, help="How many words.")
@click.option("--prefix", default="", help="Only words that begin so; probabilities are of those alone.")
@oov_option
@mixing_options
@nul_option
@json_option
@quiet_option
def predict(
    prompt: str | None,
    model: Path | None,
    k: int,
    prefix: str,
    oov: str | None,
    nul: bool,
    as_json: bool,
    quiet: bool,
    **mixing: Any,
) -> None:
    """Rank the next words of a prompt. Without one: a context a line on stdin, an answer a line on stdout.

    Answers to a stream come at once when the writer waits for them, so that an editor can hold the command open, and
    in fast batches from a file. Of a prompt the model sees its last words, as many as its window has; a shorter one is
    read as it is. Capitals count unless the model's own text settings lowercase. A --cache holds the words of a prompt
    before its end; each line of stdin is a text of its own.

    \b
    Examples:
      rnnwords predict "had a general"
      rnnwords predict "had a" --prefix ge
      cat contexts.txt | rnnwords predict --json
    """
    predictor = mixed(load_predictor(model, quiet), mixing, quiet)
    oov = oov_policy(oov, predictor, prompt is None)
    if prompt is not None:
        answer = predictor.answer(clean(prompt), k, prefix=prefix, oov=oov)
        if as_json:
            click.echo(_json(answer))
            return
        for word in dict.fromkeys(answer.unknown):
            note(predictor.vocabulary.unknown_message(word), quiet)
        for line in _table(answer):
            click.echo(line)
        if prefix:
            found = "probabilities are of the words that begin" if answer.predictions else "no word begins"
            note(f"{found} with {prefix!r}", quiet)
        return

    from rnnwords.cli.stdin import waiting_lines

    most = max(1, HELD // min(k, len(predictor.vocabulary)))
    for batch in waiting_lines(b"\0" if nul else b"\n"):
        for start in range(0, len(batch), most):
            some = batch[start : start + most]
            if len(some) <= FEW:
                answers = [predictor.answer(text, k, prefix=prefix, oov=oov) for text in some]
            else:
                answers = predictor.answer_each(some, k, prefix=prefix, oov=oov, threads=cores())
            click.echo("\n".join(map(_json if as_json else _line, answers)))  # echo flushes


def _json(answer: "Answer") -> str:
    predictions = [{"word": word, "probability": share} for word, share in answer.predictions]
    return json_line(
        {"prompt": answer.prompt, "predictions": predictions, "oov": answer.unknown, "entropy": answer.entropy}
    )


def _line(answer: "Answer") -> str:
    return "\t".join(f"{safe(word)} {probability:.4f}" for word, probability in answer.predictions)


def _table(answer: "Answer") -> Iterator[str]:
    words = [safe(word) for word, _ in answer.predictions]
    width = max((len(word) for word in words), default=0)
    for word, (_, probability) in zip(words, answer.predictions, strict=True):
        yield f"{word:<{width}}  {probability:7.2%}  {_bar(probability)}".rstrip()


def _bar(share: float, cells: int = 20) -> str:
    """A share of 1 as a bar."""
    full = "\u2587" if can_write("\u2587", sys.stdout) else "#"
    return full * round(share * cells)
