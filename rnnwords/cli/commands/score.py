"""`rnnwords score`: log-probability of a text, per token, word, line or file."""

import math
import os
import re
import stat
import sys
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
from rnnwords.cli.output.notes import notes
from rnnwords.cli.output.terminal import columns as column_count
from rnnwords.cli.output.terminal import cut, ellipsis_for, padded, safe
from rnnwords.cli.stdin import waiting_batches
from rnnwords.config import ReadConfig
from rnnwords.errors import CorpusError, UsageError
from rnnwords.files import reason
from rnnwords.lm.perplexity import finite, perplexity
from rnnwords.text.formats.signatures import HEAD_SIZE, refuse_other_formats
from rnnwords.text.reading.utf8 import decode, decode_argument, lines_of, refuse_nul

if TYPE_CHECKING:
    from rnnwords.prediction.scoring import ScoredLine
    from rnnwords.text.reading.corpus import Corpus
    from rnnwords.text.vocabulary import Vocabulary

COLUMNS = {
    "token": ("line", "position", "token", "logprob", "rank", "oov"),
    "word": ("line", "position", "word", "tokens", "logprob", "rank", "oov"),
    "line": ("line", "words", "oov", "logprob", "perplexity"),
    "file": ("file", "words", "oov", "logprob", "perplexity"),
}
# Columns of a terminal: numbers are aligned on the right, texts on the left, cut where there is no room.
NUMBER_WIDTHS = {
    "line": 6, "position": 8, "tokens": 6, "words": 9, "logprob": 15, "rank": 7, "oov": 7, "perplexity": 15,
}  # fmt: skip
TEXT_WIDTHS = {"token": 24, "word": 24, "file": 40}
MIN_TEXT_WIDTH = 8
BASES = {"2": math.log(2), "e": 1.0, "10": math.log(10)}  # name of a base -> its natural logarithm
Row = dict[str, Any]  # column -> value


@command()
@click.argument("text", nargs=-1, metavar="[TEXT]...")
@shared.options(
    shared.model_option,
    option("--text as_text", bool, "Take the argument as text, even if it looks like a file name."),
    option(
        "--unit",
        Choice(tuple(COLUMNS)),
        "Unit of text that gets a row: token of the model; word, "
        "as white space separates them in the text; line; or file.",
        default="token",
    ),
    option("--log-base", Choice(tuple(BASES)), "Base of the log-probabilities.", default="e"),
    shared.interpolation_options,
    shared.adapt_option,
    option("--independent-lines", bool, "Score each line on its own, without the lines before it as context."),
    shared.reading_options,
    shared.output_options,
)
def score(
    text: tuple[str, ...], model: Path | None, as_text: bool, unit: str, log_base: str, independent_lines: bool,
    as_json: bool, quiet: bool, **options: Any,
) -> None:  # fmt: skip
    """Print the log-probability of each token, word, line or file of a text, given the words before it.

    TEXT is the text itself, or one or more files or directories. A single argument is a text if no such file exists,
    unless it looks like a file name (a dot or slash, no space). Without TEXT, or with -, stdin is read; from
    a pipe, each line is answered as it comes.

    The output is tab-separated, with a header; with several files or a directory, the last column names the file. Words
    outside the vocabulary have oov 1, an empty rank and the probability of <unk>, or -inf if the model has no <unk>.
    Line ends are scored if they are tokens of the model, as <eos>. The sums agree with rnnwords eval.

    With --unit word, each row has a word exactly as in the text, with its punctuation, and the sum of the
    log-probabilities of its tokens. oov is 1 if one of them is unknown; rank is empty unless there is exactly one.

    \b
    Examples:
      rnnwords score "had a general council"
      rnnwords score story.txt --unit word --log-base 2
    """
    corpora: list[Corpus] = []
    sources = _sources(text, as_text, shared.read_config(options), corpora)
    predictor = load_predictor(model, quiet, options, noted=True)
    from rnnwords.prediction.scoring import Scorer, score_lines

    scorer, base = Scorer(predictor.text_lm, cores()), BASES[log_base]
    names_file = as_json or len(sources) > 1 or (len(text) == 1 and os.path.isdir(text[0]))
    columns = COLUMNS[unit] + (("file",) if unit != "file" and names_file else ())
    width = None if as_json else column_count(sys.stdout)
    # Printed with the first row: an error before it leaves no output.
    header = [] if as_json else [_header(columns, width)]
    for name, lines in sources:
        scored = score_lines(scorer, lines, independent_lines)
        for rows in _rows(scored, predictor.vocabulary, unit, base, name):
            if rows:
                printed = (_line([row[column] for column in columns], columns, as_json, width) for row in rows)
                click.echo("\n".join([*header, *printed]))
                header = []
    if header:
        click.echo(header[0])
    for corpus in corpora:
        notes(corpus.notes, quiet)


def _rows(
    lines: "Iterator[ScoredLine]", vocabulary: "Vocabulary", unit: str, base: float, name: str | None
) -> Iterator[list[Row]]:
    """Yield the rows of each scored line, and at the end those of the file."""
    from rnnwords.prediction.scoring import text_words

    words, unknown, nats, position = 0, 0, 0.0, 0
    for line in lines:
        place = {"line": line.number, "file": name}
        if unit == "token":
            yield [
                {**place, "position": position, "token": token.word, "rank": token.rank,
                 "logprob": token.log_prob / base, "oov": not token.known}
                for position, token in enumerate(line.words, start=line.position)
            ]  # fmt: skip
        elif unit == "word":
            rows = [
                {**place, "position": position, "word": word.text, "tokens": len(word.tokens),
                 "rank": word.tokens[0].rank if len(word.tokens) == 1 else None,
                 "logprob": math.fsum(token.log_prob for token in word.tokens) / base,
                 "oov": not all(token.known for token in word.tokens)}
                for position, word in enumerate(text_words(line, vocabulary), start=position + 1)
            ]  # fmt: skip
            position = 0 if line.ended else position + len(rows)
            yield rows
        else:
            words += len(line.words)
            unknown += sum(not word.known for word in line.words)
            nats += math.fsum(word.log_prob for word in line.words)
            if unit == "line" and line.ended:
                yield [{**place, **_sums(words, unknown, nats, base)}]
                words, unknown, nats = 0, 0, 0.0
    if unit == "file":
        yield [{"file": name, **_sums(words, unknown, nats, base)}]


def _sums(words: int, unknown: int, nats: float, base: float) -> Row:
    """Return the figures of a line or a file; without words, the perplexity is NaN."""
    value = perplexity(-nats / words) if words else math.nan
    return {"words": words, "oov": unknown, "logprob": nats / base, "perplexity": value}


def _header(columns: Sequence[str], width: int | None) -> str:
    return "\t".join(columns) if width is None else _aligned(columns, columns, width)


def _line(values: Sequence[Any], columns: Sequence[str], as_json: bool, width: int | None) -> str:
    """Return a row: JSON, aligned for a terminal of this width, or separated by tabs."""
    if as_json:
        numbers = (finite(value) if isinstance(value, float) else value for value in values)
        return json_line(dict(zip(columns, numbers, strict=True)))
    cells = list(map(_cell, values))
    return "\t".join(cells) if width is None else _aligned(cells, columns, width)


def _aligned(cells: Sequence[str], columns: Sequence[str], width: int) -> str:
    """Return the cells of a row in columns of fixed widths, since rows are printed as they come; texts are cut."""
    left = width - sum(NUMBER_WIDTHS.get(column, 0) + 2 for column in columns)
    texts = [column for column in columns if column in TEXT_WIDTHS]
    parts = []
    for cell, column in zip(cells, columns, strict=True):
        if size := NUMBER_WIDTHS.get(column):
            parts.append(f"{cell:>{size}}")
        else:
            size = max(MIN_TEXT_WIDTH, min(TEXT_WIDTHS[column], left // len(texts)))
            parts.append(padded(cut(cell, size, ellipsis_for(sys.stdout)), size))
    return "  ".join(parts).rstrip()


def _cell(value: Any) -> str:
    if value is None or value != value:  # NaN: the perplexity of no words
        return ""
    if isinstance(value, float):
        return f"{value:.7f}"
    return safe(value) if isinstance(value, str) else str(int(value))


Source = tuple[str | None, Iterator[list[str]]]  # name, batches of lines with their ends


def _sources(arguments: tuple[str, ...], as_text: bool, read: ReadConfig, corpora: "list[Corpus]") -> list[Source]:
    """Return the texts to score, and add the corpora that they are read from.

    Raises UsageError; CorpusError for a file that is missing or cannot be read.
    """
    if as_text and len(arguments) != 1:
        raise UsageError(f"`as_text`: expected one argument, the text in quotes, found {len(arguments)}")
    if as_text or (len(arguments) == 1 and arguments[0] != "-" and not _is_file(arguments[0])):
        return [(None, iter([lines_of(decode_argument(arguments[0]) + "\n")]))]
    if arguments.count("-") > 1:
        raise UsageError("expected - (standard input) once, found it twice")
    sources: list[Source] = []
    for name in arguments or ("-",):
        if name == "-" and not _stdin_is_file():
            sources.append(("standard input", _standard_input(read.encoding_errors)))
        else:
            sources += _files(name, read, corpora)
    return sources


def _files(argument: str, read: ReadConfig, corpora: "list[Corpus]") -> list[Source]:
    """Return the text of a file, or those of the files in a directory."""
    from rnnwords.text.reading.corpus import Corpus

    corpus = Corpus([Path(os.fsdecode(PATH_OR_STDIN(argument)))], read)
    corpora.append(corpus)
    return [(decode_argument(file.name), map(lines_of, corpus.texts_of(file))) for file in corpus.files]


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


def _stdin_is_file() -> bool:
    """Return whether stdin is a redirected file, which is read as by its name; nobody waits for answers."""
    try:
        return stat.S_ISREG(os.fstat(sys.stdin.fileno()).st_mode)
    except (AttributeError, OSError, ValueError):  # closed, or not a file of the system
        return False


def _standard_input(errors: str) -> Iterator[list[str]]:
    """Yield the lines of stdin as they arrive."""
    number = 1
    for batch in waiting_batches(encoding_errors=errors):
        data = b"\n".join(batch) + b"\n"
        if number == 1:
            refuse_other_formats(data[:HEAD_SIZE], "standard input")
        refuse_nul(data, "standard input", number)
        yield lines_of(decode(data, errors, "standard input", number))
        number += data.count(b"\n")
