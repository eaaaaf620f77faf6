"""`rnnwords personal`: what the personal file of repl and lsp contains, and how words are removed from it."""

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from rnnwords.cli.help import command
from rnnwords.cli.options import exclude_option, options, output_options, personal_option
from rnnwords.cli.output.json_output import print_json
from rnnwords.cli.output.notes import note
from rnnwords.cli.output.terminal import safe
from rnnwords.config import shown
from rnnwords.errors import UsageError

ACTIONS = ("list", "forget", "clear")


@command(
    epilog="""
    \b
    Examples:
      rnnwords personal list --personal words.tsv
      rnnwords personal forget --personal words.tsv Miller
    """
)
@click.argument("action", type=click.Choice(ACTIONS))
@click.argument("word", nargs=-1, metavar="[WORD...]")
@options(personal_option, exclude_option, output_options)
def personal(
    action: str, word: tuple[str, ...], personal: Path | None, exclude: Path | None, as_json: bool, quiet: bool
) -> None:
    """List the words of a personal file, or remove words from it.

    A personal file contains what was written with repl --personal or lsp --personal. list prints each word, a tab and
    how often it was written, most frequent first. forget removes words, whatever their case, from all entries. clear
    removes everything. Both print what they have removed.
    """
    from rnnwords.config import TextConfig
    from rnnwords.personal.entries import word_counts
    from rnnwords.personal.file import PersonalFile
    from rnnwords.text.exclusion import compared, read_words
    from rnnwords.text.tokens.normalization import normalize

    if personal is None:
        raise UsageError("expected `personal`, found none; set it to a file, or set RNNWORDS_PERSONAL")
    if (action == "forget") != bool(word):
        found = "none" if not word else shown(word[0])
        raise UsageError(f"{action}: expected {'words' if action == 'forget' else 'no word'}, found {found}")

    def form(one: str) -> str:  # equal for a word in all cases, composed or not, also in a file that is not normalized
        return compared(normalize(one, TextConfig()))

    file = PersonalFile(personal)
    if action == "list":
        hidden = {form(one) for one in read_words(exclude)} if exclude else set()
        counts = word_counts(file.read(must_exist=True))
        counts = [(one, count) for one, count in counts if form(one) not in hidden]
    elif action == "forget":
        forgotten = {form(one): one for one in word}
        counts = file.remove(lambda one: form(one) in forgotten)
        gone = {form(one) for one, _ in counts}
        if missing := [one for key, one in forgotten.items() if key not in gone]:
            note(f"not in {personal}: {', '.join(missing)}", quiet)
    else:
        counts = file.remove(lambda one: True)
    _print(counts, personal, as_json)
    if action != "list":
        note(f"removed {len(counts):,} {'word' if len(counts) == 1 else 'words'} from {personal}", quiet)


def _print(counts: Sequence[tuple[str, int]], path: Path, as_json: bool) -> None:
    """Print words with their counts."""
    if as_json:
        print_json({"file": str(path), "counts": dict(counts)})
        return
    shown_word = safe if sys.stdout.isatty() else str
    for word, count in counts:
        click.echo(f"{shown_word(word)}\t{count}")
