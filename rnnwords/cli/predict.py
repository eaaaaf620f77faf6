"""`rnnwords predict`: the most probable next words after a prompt, or after each line of stdin."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rnnwords.cli import options as shared
from rnnwords.cli.help import command
from rnnwords.cli.models import load_predictor
from rnnwords.cli.options import cores, option
from rnnwords.cli.output.bars import bar, block_for
from rnnwords.cli.output.json_output import json_line
from rnnwords.cli.output.notes import note
from rnnwords.cli.output.terminal import safe
from rnnwords.cli.stdin import waiting_lines
from rnnwords.cli.types import Whole
from rnnwords.config import shown
from rnnwords.text.utf8 import decode_argument

if TYPE_CHECKING:
    from rnnwords.prediction.ranking import Answer

MAX_PREDICTIONS = 1_000_000  # in memory at a time
SMALL_BATCH = 8  # prompts up to which reading them one by one is faster than preparing a batch
BAR_LENGTH = 20


@command()
@shared.options(
    shared.prompt_argument,
    shared.model_option,
    option("-k", Whole(1, 1_000_000), "Number of words to print.", default=5),
    option("--prefix", str, "Rank only words that begin with LETTERS. Their probabilities are renormalized.",
           default="", metavar="LETTERS"),
    shared.oov_option,
    shared.interpolation_options,
    shared.null_option,
    shared.output_options,
)  # fmt: skip
def predict(
    prompt: str | None, model: Path | None, k: int, prefix: str, oov: str | None, nul: bool, as_json: bool, quiet: bool,
    **interpolation: Any,
) -> None:  # fmt: skip
    """List the most probable next words after a prompt.

    Without PROMPT, read one prompt per line of stdin and print one line per prompt. Each line is answered as soon as
    the writer waits, so a program can keep the command running; a file is processed in fast batches.

    The model reads the last words of a prompt, as many as its window. Upper and lower case differ, unless the model was
    trained with --lowercase. With --cache, the cache contains the earlier words of the same prompt.

    \b
    Examples:
      rnnwords predict "had a general"
      rnnwords predict "had a" --prefix ge
      cat contexts.txt | rnnwords predict --json
    """
    predictor = load_predictor(model, quiet, interpolation)
    if prompt is not None:
        from rnnwords.prediction.prompts import resolve_oov

        oov = oov or resolve_oov(None, predictor.vocabulary, strict=True)
        answer = predictor.answer(decode_argument(prompt), k, prefix=prefix, oov=oov)
        if as_json:
            click.echo(_json(answer))
            return
        for word in dict.fromkeys(answer.unknown):
            note(predictor.vocabulary.unknown_message(word), quiet)
        for line in _table(answer):
            click.echo(line)
        if prefix and answer.predictions:
            note(f"probabilities are renormalized over the words that begin with {shown(prefix)}", quiet)
        elif prefix:
            note(f"no word begins with {shown(prefix)}", quiet)
        return

    size = max(1, MAX_PREDICTIONS // min(k, len(predictor.vocabulary)))
    for lines in waiting_lines(nul):
        for start in range(0, len(lines), size):
            batch = lines[start : start + size]
            if len(batch) <= SMALL_BATCH:
                answers = [predictor.answer(text, k, prefix=prefix, oov=oov) for text in batch]
            else:
                answers = predictor.answer_each(batch, k, prefix=prefix, oov=oov, threads=cores())
            click.echo("\n".join(map(_json if as_json else _line, answers)))  # echo flushes


def _json(answer: "Answer") -> str:
    predictions = [prediction._asdict() for prediction in answer.predictions]
    return json_line(
        {"prompt": answer.prompt, "predictions": predictions, "oov": answer.unknown, "entropy": answer.entropy}
    )


def _line(answer: "Answer") -> str:
    return "\t".join(f"{safe(word)} {probability:.4f}" for word, probability in answer.predictions)


def _table(answer: "Answer") -> Iterator[str]:
    words = [safe(word) for word, _ in answer.predictions]
    width, block = max((len(word) for word in words), default=0), block_for(sys.stdout)
    for word, (_, probability) in zip(words, answer.predictions, strict=True):
        yield f"{word:<{width}}  {probability:7.2%}  {bar(probability, BAR_LENGTH, block)}".rstrip()
