"""`rnnwords build-vocab`: count a text, rank its symbols, write them."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rnnwords.cli.options import (
    byte_progress,
    corpus_argument,
    json_option,
    note,
    print_json,
    quiet_option,
    quoted,
    text_config,
    text_options,
)
from rnnwords.cli.output.terminal import safe
from rnnwords.errors import CorpusError, SaveError

if TYPE_CHECKING:
    from rnnwords.text.vocabulary import Vocabulary


@click.command("build-vocab")
@corpus_argument
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Write here instead of to stdout.")
@text_options
@click.option("--unk", is_flag=True, help="Make <unk> a symbol even if nothing is cut.")
@json_option
@quiet_option
def build_vocab(
    corpus: tuple[Path, ...], output: Path | None, unk: bool, as_json: bool, quiet: bool, **options: Any
) -> None:
    """Write the vocabulary of a text: word, tab, count, one line a rank, the commonest first.

    \b
    Example:
      rnnwords build-vocab story.txt --max-size 10000 -o story.tsv
    """
    from rnnwords.text.counting import count_words
    from rnnwords.text.reading import Corpus
    from rnnwords.text.vocabulary import Vocabulary

    text = text_config(options)
    with byte_progress(quiet) as progress:
        source = Corpus(corpus, options["encoding_errors"])
        counts = count_words(source, text, progress("counting", source.length))
    if not counts.total:
        raise CorpusError(f"{', '.join(source.names)}: no words found; at least one is needed")
    vocabulary = Vocabulary.build(
        counts.counts, text, max_size=options["max_size"], min_count=options["min_count"] or 1, keep_unk=unk,
        pruned=counts.pruned,
    )  # fmt: skip
    report = vocabulary.report()
    if output is not None:
        _save(vocabulary, output)
    elif not as_json and sys.stdout.isatty():
        click.echo(safe(vocabulary.to_bytes().decode()), nl=False)
    elif not as_json:
        sys.stdout.buffer.write(vocabulary.to_bytes())
    if as_json:
        print_json({**report, "file": None if output is None else str(output)})
    covered = ", ".join(f"{size:,}: {share:.1%}" for size, share in report["coverage"].items())
    note(
        f"{report['words']:,} words, {report['symbols']:,} symbols; coverage of the commonest {covered}; "
        f"rarest count kept {report['rarest_count']:,}",
        quiet,
    )
    if output is not None:
        train = ["rnnwords", "train", "--vocab", str(output), "--", *map(str, corpus)]
        note(f"wrote {output}; train with it: {quoted(train)}", quiet)


def _save(vocabulary: "Vocabulary", output: Path) -> None:
    """Into a file, replaced whole; a pipe or a device is written to."""
    if not output.exists() or output.is_file():
        vocabulary.save(output)
        return
    try:
        output.write_bytes(vocabulary.to_bytes())
    except OSError as error:
        raise SaveError(f"could not write to {output}: {error.strerror}") from error
