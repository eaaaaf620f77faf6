"""`rnnwords build-vocab`: count the words of a text and write its vocabulary."""

import sys
from pathlib import Path
from typing import Any

import click

from rnnwords.cli.help import command
from rnnwords.cli.options import (
    PATH,
    corpus_argument,
    option,
    options,
    output_options,
    read_config,
    text_config,
    text_options,
)
from rnnwords.cli.output.bars import byte_progress
from rnnwords.cli.output.json_output import print_json
from rnnwords.cli.output.notes import command_line, note, notes
from rnnwords.cli.output.terminal import safe
from rnnwords.errors import CorpusError
from rnnwords.saving import check_replaceable


@command("build-vocab")
@corpus_argument
@options(
    option("-o --output", PATH, "Output file instead of stdout.", metavar="FILE"),
    text_options,
    option("--unk", bool, "Add the token <unk> even if every word is kept."),
    output_options,
)
def build_vocab(
    corpus: tuple[Path, ...], output: Path | None, unk: bool, as_json: bool, quiet: bool, **options: Any
) -> None:
    """Write the vocabulary of a text: one line per token, most frequent first.

    A line has the word, a tab and its count. TEXT is one or more files or directories, or - for stdin. The file is an
    input of train --vocab.

    \b
    Example:
      rnnwords build-vocab story.txt --max-size 10000 -o story.tsv
    """
    from rnnwords.text.counting import count_words
    from rnnwords.text.reading.corpus import Corpus
    from rnnwords.text.vocabulary import Vocabulary, check_has_words, vocabulary_notes

    if output is not None:
        check_replaceable(output)
    text = text_config(options)
    with byte_progress(quiet) as progress:
        source = Corpus(corpus, read_config(options))
        counts = count_words(source, text, progress("counting", source.text_size))
    notes(source.notes, quiet)
    if not counts.total:
        raise CorpusError(f"expected a text with words, found none in {', '.join(source.names)}")
    vocabulary = Vocabulary.build(
        counts.counts, text, max_size=options["max_size"], min_count=options["min_count"] or 1, keep_unk=unk,
        pruned=counts.pruned,
    )  # fmt: skip
    check_has_words(vocabulary, counts.counts)
    notes(vocabulary_notes(vocabulary), quiet)
    report = vocabulary.report()
    if output is not None:
        vocabulary.save(output)
    elif not as_json and sys.stdout.isatty():
        click.echo(safe(vocabulary.to_bytes().decode()), nl=False)
    elif not as_json:
        sys.stdout.buffer.write(vocabulary.to_bytes())
    if as_json:
        print_json({**report, "file": None if output is None else str(output)})
    coverage = ", ".join(f"{size:,}: {share:.1%}" for size, share in report["coverage"].items())
    note(
        f"{report['words']:,} words, {report['symbols']:,} tokens; coverage of the most frequent {coverage}; "
        f"lowest count {report['rarest_count']:,}",
        quiet,
    )
    if output is not None:
        train = ["rnnwords", "train", "--vocab", str(output), "--"]
        command = command_line(
            [*train, *map(str, corpus)], command_line(train, "rnnwords train --vocab FILE") + " TEXT..."
        )
        note(f"wrote {output}; train with it: {command}", quiet)
