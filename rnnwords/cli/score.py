"""`rnnwords score`: how probable a text is, by word, line or file."""

import math
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from rnnwords.cli.interpolation_options import mixed, mixing_options
from rnnwords.cli.options import clean, cores, json_line, json_option, load_predictor, model_option, quiet_option
from rnnwords.cli.output.terminal import safe
from rnnwords.errors import CorpusError, UsageError

COLUMNS = {
    "word": ("line", "position", "word", "logprob", "rank", "oov"),
    "line": ("line", "words", "oov", "logprob", "perplexity"),
    "file": ("file", "words", "oov", "logprob", "perplexity"),
}


@click.command()
@click.argument("text", nargs=-1)
@model_option
@click.option("--text", "as_text", is_flag=True, help="The argument is a text, whatever it looks like.")
@click.option(
    "--unit", type=click.Choice(tuple(COLUMNS)), default="word", show_default=True, help="What gets a line of its own."
)
@click.option(
    "--log-base", type=click.Choice(["2", "e", "10"]), default="e", show_default=True, help="Of the log-probabilities."
)
@mixing_options
@click.option("--fresh", is_flag=True, help="Score each line by itself, as if nothing stood before it.")
@click.option(
    "--encoding-errors",
    type=click.Choice(["strict", "replace"]),
    default="strict",
    help="What to do with bytes that are not UTF-8.  [default: strict]",
)
@json_option
@quiet_option
def score(
    text: tuple[str, ...], model: Path | None, as_text: bool, unit: str, log_base: str, fresh: bool,
    encoding_errors: str, as_json: bool, quiet: bool, **mixing: Any,
) -> None:  # fmt: skip
    """Give the log-probability of each word, line or file of a text, each word given those before it.

    TEXT is the text itself, or names of files. One argument that names no file is a text, unless it looks like a file
    name (a dot or slash and no space); more than one are files. - or nothing is stdin, answered line by line.

    The output is tab-separated under a header; with several files a last column names the file. An unknown word is
    marked by oov 1 and has the probability of <unk>, or -inf if the model has none; its rank is empty. Line ends are
    words where the model's text settings say so. The sums are those of `rnnwords eval`.

    \b
    Examples:
      rnnwords score "had a general council"
      rnnwords score story.txt --unit line --log-base 2
    """
    sources = _sources(text, as_text, encoding_errors)
    predictor = mixed(load_predictor(model, quiet), mixing, quiet)
    from rnnwords.prediction.scoring import score_lines, scorer

    judge = scorer(predictor, cores())
    base = {"2": math.log(2), "e": 1.0, "10": math.log(10)}[log_base]
    columns = COLUMNS[unit] + (("file",) if unit != "file" and (len(sources) > 1 or as_json) else ())
    if not as_json:
        click.echo("\t".join(columns))
    for name, lines in sources:
        for rows in _rows(score_lines(judge, lines, fresh), unit, base, name):
            if rows:
                click.echo("\n".join(_json(row, columns) if as_json else _tabs(row, columns) for row in rows))


@dataclass
class Sum:
    """Figures of a line or a file."""

    words: int = 0
    oov: int = 0
    nats: float = 0.0

    def add(self, words: Sequence[Any]) -> None:
        """Add some WordScores."""
        self.words += len(words)
        self.oov += sum(not word.known for word in words)
        self.nats += math.fsum(word.log_probability for word in words)

    def row(self, base: float) -> dict[str, Any]:
        """By the names of the columns."""
        mean = -self.nats / self.words if self.words else math.nan
        perplexity = math.exp(mean) if mean < 700 else math.inf if self.words else math.nan
        return {"words": self.words, "oov": self.oov, "logprob": self.nats / base, "perplexity": perplexity}


def _rows(lines: Iterator[Any], unit: str, base: float, name: str | None) -> Iterator[list[dict[str, Any]]]:
    """Rows by the names of their columns, a list for each scored line."""
    total = Sum()
    for line in lines:
        if unit == "word":
            yield [
                {"line": line.number, "position": position, "word": word.word, "rank": word.rank, "file": name,
                 "logprob": word.log_probability / base, "oov": not word.known}
                for position, word in enumerate(line.words, start=line.position)
            ]  # fmt: skip
            continue
        total.add(line.words)
        if unit == "line" and line.ended:
            yield [{"line": line.number, **total.row(base), "file": name}]
            total = Sum()
    if unit == "file":
        yield [{"file": name, **total.row(base)}]


def _json(row: dict[str, Any], columns: Sequence[str]) -> str:
    values = {column: row[column] for column in columns}
    for column, value in values.items():
        if isinstance(value, float) and not math.isfinite(value):
            values[column] = None
    return json_line(values)


def _tabs(row: dict[str, Any], columns: Sequence[str]) -> str:
    return "\t".join(_cell(row[column]) for column in columns)


def _cell(value: Any) -> str:
    if value is None or value != value:  # NaN: nothing to take a mean of
        return ""
    if isinstance(value, float):
        return f"{value:.7f}"
    return safe(value) if isinstance(value, str) else str(int(value))


Source = tuple[str | None, Iterator[list[str]]]  # name, batches of lines with their ends


def _sources(arguments: tuple[str, ...], as_text: bool, errors: str) -> list[Source]:
    """What is to be scored. Raises UsageError, CorpusError for a file that is missing or cannot be read."""
    from rnnwords.text.reading import Corpus

    if as_text and len(arguments) != 1:
        raise UsageError(f"--text takes one argument, the text in quotes; got {len(arguments)}")
    if len(arguments) == 1 and arguments[0] != "-" and (as_text or not os.path.exists(arguments[0])):
        text = arguments[0]
        if not as_text and re.fullmatch(r"\S*[./]\S*\w\S*", text):
            raise CorpusError(f"there is no file {text}; if it is a text, add --text")
        return [(None, iter([_with_ends(clean(text) + "\n")]))]
    found: list[Source] = []
    for name in arguments or ("-",):
        if name == "-":
            found.append(("standard input", _standard_input(errors)))
        else:
            found.append((clean(name), map(_with_ends, Corpus([Path(name)], errors).chunks())))
    if arguments.count("-") > 1:
        raise UsageError("- (standard input) can be named once")
    return found


def _with_ends(text: str) -> list[str]:
    r"""Lines with their ends, which are \n only."""
    lines = text.split("\n")
    last = lines.pop()
    return [line + "\n" for line in lines] + ([last] if last else [])


def _standard_input(errors: str) -> Iterator[list[str]]:
    """Lines as they come, each batch when the writer waits."""
    from rnnwords.cli.stdin import waiting_batches
    from rnnwords.text.reading import Block

    number = 1
    for batch in waiting_batches():
        data = b"\n".join(batch).replace(b"\r\n", b"\n").replace(b"\r", b"\n") + b"\n"
        yield _with_ends(Block(data, "standard input", number, 1).decode(errors))
        number += data.count(b"\n")
