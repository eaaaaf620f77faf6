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
from rnnwords.cli.output.terminal import cell_count, columns, cut, ellipsis_for, padded, safe
from rnnwords.cli.stdin import waiting_lines
from rnnwords.cli.types import Whole
from rnnwords.config import shown
from rnnwords.text.reading.utf8 import decode_argument

if TYPE_CHECKING:
    from rnnwords.prediction.ranking import Answer

MAX_PREDICTIONS = 1_000_000  # in memory at a time
SMALL_BATCH = 8  # prompts up to which reading them one by one is faster than preparing a batch
BAR_LENGTH = 20
MIN_WORD_WIDTH = 8
PROBABILITY_WIDTH = 12  # columns of a probability with the spaces around it, and one that stays empty


@command()
@shared.options(
    shared.prompt_argument,
    shared.model_option,
    option("-k", Whole(1, 1_000_000), "Number of words to print.", default=5),
    option("--prefix", str, "Rank only words that begin with LETTERS: as typed, then regardless of case and "
           "diacritics, then with one typing error. Their probabilities are renormalized.",
           default="", metavar="LETTERS"),
    option("--exact", bool, "With --prefix, rank only words that begin with LETTERS as typed."),
    shared.exclude_option,
    shared.oov_option,
    shared.interpolation_options,
    shared.null_option,
    shared.output_options,
)  # fmt: skip
def predict(
    prompt: str | None, model: Path | None, k: int, prefix: str, exact: bool, oov: str | None, nul: bool, as_json: bool,
    quiet: bool, **interpolation: Any,
) -> None:  # fmt: skip
    """List the most probable next words after a prompt.

    Without PROMPT, read one prompt per line of stdin and print one line per prompt. Each line is answered as soon as
    the writer waits, so a program can keep the command running; a file is processed in fast batches.

    The model reads the last words of a prompt, as many as its window. Upper and lower case differ, unless the model was
    trained with --lowercase. With --cache, the cache contains the earlier words of the same prompt.

    With --prefix, each word is printed in the case that the prefix shows: Ge finds general, and prints General. Its
    probability is that of the word, given that it is one of all words found, whatever -k. An error is looked for in
    four letters or more, two swapped letters in three.

    \b
    Examples:
      rnnwords predict "had a general"
      rnnwords predict "had a" --prefix ge
      cat contexts.txt | rnnwords predict --json
    """
    predictor = load_predictor(model, quiet, interpolation)
    prefix = decode_argument(prefix)
    typed = "" if exact else prefix
    if prompt is not None:
        from rnnwords.prediction.prompts import resolve_oov

        oov = oov or resolve_oov(None, predictor.vocabulary, strict=True)
        answer = predictor.answer(decode_argument(prompt), k, prefix=prefix, exact=exact, oov=oov)
        if as_json:
            click.echo(_json(answer, typed, bool(prefix)))
            return
        for word in dict.fromkeys(answer.unknown):
            note(predictor.vocabulary.unknown_message(word), quiet)
        for line in _table(answer, typed):
            click.echo(line)
        if prefix and answer.predictions:
            from rnnwords.prediction.prefixes import fold

            begin = all(fold(word).startswith(fold(prefix)) for word, _ in answer.predictions)
            relation = "begin with" if begin else "begin with, or but for one typing error with,"
            note(f"probabilities are renormalized over the words that {relation} {shown(prefix)}", quiet)
        elif prefix:
            note(f"no word begins with {shown(prefix)}", quiet)
        return

    size = max(1, MAX_PREDICTIONS // min(k, len(predictor.vocabulary)))
    for lines in waiting_lines(nul):
        for start in range(0, len(lines), size):
            batch = lines[start : start + size]
            if len(batch) <= SMALL_BATCH:
                answers = [predictor.answer(text, k, prefix=prefix, exact=exact, oov=oov) for text in batch]
            else:
                answers = predictor.answer_each(batch, k, prefix=prefix, exact=exact, oov=oov, threads=cores())
            printed = (_json(one, typed, bool(prefix)) if as_json else _line(one, typed) for one in answers)
            click.echo("\n".join(printed))  # echo flushes


def _json(answer: "Answer", typed: str, has_prefix: bool) -> str:
    """Return an answer as JSON. With a prefix, `text` is the word in the case that it shows."""
    from rnnwords.prediction.prefixes import offered

    predictions = [
        prediction._asdict() | ({"text": offered(prediction.word, typed)} if has_prefix else {})
        for prediction in answer.predictions
    ]
    return json_line(
        {"prompt": answer.prompt, "predictions": predictions, "oov": answer.unknown, "entropy": answer.entropy}
    )


def _line(answer: "Answer", typed: str) -> str:
    from rnnwords.prediction.prefixes import offered

    return "\t".join(f"{safe(offered(word, typed))} {probability:.4f}" for word, probability in answer.predictions)


def _table(answer: "Answer", typed: str) -> Iterator[str]:
    from rnnwords.prediction.prefixes import offered

    words, limit = [safe(offered(word, typed)) for word, _ in answer.predictions], columns(sys.stdout)
    if limit is not None:
        ellipsis = ellipsis_for(sys.stdout)
        words = [cut(word, max(MIN_WORD_WIDTH, limit - PROBABILITY_WIDTH), ellipsis) for word in words]
    width, block = max(map(cell_count, words), default=0), block_for(sys.stdout)
    length = BAR_LENGTH if limit is None else max(0, min(BAR_LENGTH, limit - PROBABILITY_WIDTH - width))
    for word, (_, probability) in zip(words, answer.predictions, strict=True):
        yield f"{padded(word, width)}  {probability:7.2%}  {bar(probability, length, block)}".rstrip()
