"""`rnnwords score`: log-probability of a text, per word, line or file."""

import math
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click import Choice

from rnnwords.cli import options as shared
from rnnwords.cli.help import command
from rnnwords.cli.models import load_predictor
from rnnwords.cli.options import PATH_OR_STDIN, cores, option
from rnnwords.cli.output.json_output import json_line
from rnnwords.cli.output.terminal import safe
from rnnwords.cli.stdin import waiting_batches
from rnnwords.errors import CorpusError, UsageError
from rnnwords.files import reason
from rnnwords.lm.perplexity import finite, perplexity
from rnnwords.text.formats import HEAD_SIZE, refuse_other_formats
from rnnwords.text.utf8 import decode, decode_argument, refuse_nul

if TYPE_CHECKING:
    from rnnwords.prediction.scoring import ScoredLine

COLUMNS = {
    "word": ("line", "position", "word", "logprob", "rank", "oov"),
    "line": ("line", "words", "oov", "logprob", "perplexity"),
    "file": ("file", "words", "oov", "logprob", "perplexity"),
}
BASES = {"2": math.log(2), "e": 1.0, "10": math.log(10)}  # name of a base -> its natural logarithm
Row = dict[str, Any]  # column -> value


@command()
@click.argument("text", nargs=-1, metavar="[TEXT]...")
@shared.options(
    shared.model_option,
    option("--text as_text", bool, "Take the argument as text, even if it looks like a file name."),
    option("--unit", Choice(tuple(COLUMNS)), "Unit of text that gets a row of the output.", default="word"),
    option("--log-base", Choice(tuple(BASES)), "Base of the log-probabilities.", default="e"),
    shared.interpolation_options,
    option("--independent-lines", bool, "Score each line on its own, without the lines before it as context."),
    shared.encoding_errors_option,
    shared.output_options,
)
def score(
    text: tuple[str, ...], model: Path | None, as_text: bool, unit: str, log_base: str, independent_lines: bool,
    encoding_errors: str, as_json: bool, quiet: bool, **interpolation: Any,
) -> None:  # fmt: skip
    """Print the log-probability of each word, line or file of a text, given the words before it.

    TEXT is the text itself, or one or more files. A single argument is a text if no such file exists, unless it looks
    like a file name (a dot or slash, no space). Without TEXT, or with -, stdin is read and answered line by line.

    The output is tab-separated, with a header; with several files, the last column names the file. Words outside the
    vocabulary have oov 1, an empty rank and the probability of <unk>, or -inf if the model has no <unk>. Line ends are
    scored if they are tokens of the model. The sums agree with rnnwords eval.

    \b
    Examples:
      rnnwords score "had a general council"
      rnnwords score story.txt --unit line --log-base 2
    """
    sources = _sources(text, as_text, encoding_errors)
    predictor = load_predictor(model, quiet, interpolation)
    from rnnwords.prediction.scoring import Scorer, score_lines

    scorer, base = Scorer(predictor.lm, cores()), BASES[log_base]
    columns = COLUMNS[unit] + (("file",) if unit != "file" and (len(sources) > 1 or as_json) else ())
    header = [] if as_json else ["\t".join(columns)]  # printed with the first row: an error before it leaves no output
    for name, lines in sources:
        for rows in _rows(score_lines(scorer, lines, independent_lines), unit, base, name):
            if rows:
                printed = (_line([row[column] for column in columns], columns, as_json) for row in rows)
                click.echo("\n".join([*header, *printed]))
                header = []
    if header:
        click.echo(header[0])


def _rows(lines: "Iterator[ScoredLine]", unit: str, base: float, name: str | None) -> Iterator[list[Row]]:
    """Yield the rows of each scored line, and at the end those of the file."""
    words, unknown, nats = 0, 0, 0.0
    for line in lines:
        if unit == "word":
            yield [
                {"line": line.number, "position": position, "word": word.word, "rank": word.rank, "file": name,
                 "logprob": word.log_prob / base, "oov": not word.known}
                for position, word in enumerate(line.words, start=line.position)
            ]  # fmt: skip
            continue
        words += len(line.words)
        unknown += sum(not word.known for word in line.words)
        nats += math.fsum(word.log_prob for word in line.words)
        if unit == "line" and line.ended:
            yield [{"line": line.number, **_sums(words, unknown, nats, base), "file": name}]
            words, unknown, nats = 0, 0, 0.0
    if unit == "file":
        yield [{"file": name, **_sums(words, unknown, nats, base)}]


def _sums(words: int, unknown: int, nats: float, base: float) -> Row:
    """Return the figures of a line or a file; without words, the perplexity is NaN."""
    value = perplexity(-nats / words) if words else math.nan
    return {"words": words, "oov": unknown, "logprob": nats / base, "perplexity": value}


def _line(values: Sequence[Any], columns: Sequence[str], as_json: bool) -> str:
    if not as_json:
        return "\t".join(map(_cell, values))
    numbers = (finite(value) if isinstance(value, float) else value for value in values)
    return json_line(dict(zip(columns, numbers, strict=True)))


def _cell(value: Any) -> str:
    if value is None or value != value:  # NaN: the perplexity of no words
        return ""
    if isinstance(value, float):
        return f"{value:.7f}"
    return safe(value) if isinstance(value, str) else str(int(value))


Source = tuple[str | None, Iterator[list[str]]]  # name, batches of lines with their ends


def _sources(arguments: tuple[str, ...], as_text: bool, errors: str) -> list[Source]:
    """Return the texts to score. Raises UsageError; CorpusError for a file that is missing or cannot be read."""
    from rnnwords.text.corpus import Corpus

    if as_text and len(arguments) != 1:
        raise UsageError(f"`as_text`: expected one argument, the text in quotes, found {len(arguments)}")
    if as_text or (len(arguments) == 1 and arguments[0] != "-" and not _is_file(arguments[0])):
        return [(None, iter([_with_ends(decode_argument(arguments[0]) + "\n")]))]
    if arguments.count("-") > 1:
        raise UsageError("expected - (standard input) once, found it twice")
    return [
        ("standard input", _standard_input(errors))
        if name == "-"
        else (decode_argument(name), map(_with_ends, Corpus([Path(os.fsdecode(PATH_OR_STDIN(name)))], errors).texts()))
        for name in arguments or ("-",)
    ]


def _is_file(argument: str) -> bool:
    """Return whether a single argument is a file and not the text itself.

    Raises CorpusError for what is neither: no such file, and it looks like the name of one.
    """
    if os.path.lexists(argument):
        return True
    point = re.search(r"[./]", argument)
    if re.search(r"\s", argument) or point is None or not re.search(r"\w", argument[point.end() :]):
        return False
    try:
        os.stat(argument)
    except FileNotFoundError:
        raise CorpusError(f"expected a file, found nothing at {argument}; if it is a text, add `as_text`") from None
    except (OSError, ValueError) as error:
        raise CorpusError(f"cannot read {argument}: {reason(error)}; if it is a text, add `as_text`") from error
    return True


def _with_ends(text: str) -> list[str]:
    r"""Return the lines of a text with their ends, which are \n only."""
    return re.findall(r"[^\n]*\n|[^\n]+", text)


def _standard_input(errors: str) -> Iterator[list[str]]:
    """Yield the lines of stdin as they arrive."""
    number = 1
    for batch in waiting_batches():
        data = b"\n".join(batch) + b"\n"
        if number == 1:
            refuse_other_formats(data[:HEAD_SIZE], "standard input")
        refuse_nul(data, "standard input", number)
        yield _with_ends(decode(data, errors, "standard input", number))
        number += data.count(b"\n")
