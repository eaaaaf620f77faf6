"""Notes on stderr, and command lines in them."""

import os
import re
import shlex
from collections.abc import Sequence

import click

from rnnwords.cli.errors import with_options
from rnnwords.cli.output.messages import one_line

MAX_COMMAND = 300  # characters; a command that a message cuts could not be pasted


def note(message: str, quiet: bool = False) -> None:
    """Print a line on stderr that is not an error, unless `quiet`."""
    if not quiet:
        click.echo(one_line(message), err=True)


def notes(messages: Sequence[str], quiet: bool = False) -> None:
    """Print the notes of the library, in which a `setting` becomes its option."""
    for message in messages:
        note(with_options(message), quiet)


def quoted(words: Sequence[str]) -> str:
    """Return a command line that can be pasted into a shell, with double quotes where they are safe."""
    return " ".join(
        f'"{word}"' if shlex.quote(word) != word and not re.search(r'["$`\\!]', word) else shlex.quote(word)
        for word in words
    )


def command_line(words: Sequence[str], otherwise: str) -> str:
    """Return a command line that can be pasted into a shell, or `otherwise` where it is too long for a message."""
    command = quoted(words)
    return command if len(command) <= MAX_COMMAND else otherwise


def seed_or_random(seed: int | None, quiet: bool) -> int:
    """Return the seed, or a random one, which is printed."""
    if seed is None:
        seed = int.from_bytes(os.urandom(4))
        note(f"seed {seed}", quiet)
    return seed
