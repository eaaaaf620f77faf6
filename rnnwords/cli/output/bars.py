"""Bars: of probabilities, as text; of progress, with rate and time left, on a terminal."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from rnnwords.cli.output.terminal import can_write, plain_terminal

NARROW = 75  # columns, below which a progress bar is a percentage
BLOCK, EMPTY_BLOCK = "\u2587", "\u2581"


def block_for(output: TextIO) -> str:
    """Return the character of which bars are made: # where the encoding of `output` has no block."""
    return BLOCK if can_write(BLOCK, output) else "#"


def bar(share: float, length: int, block: str, empty: str = "") -> str:
    """Return a share of 0 to 1 as a bar of up to `length` blocks, filled up with `empty`.

    >>> bar(0.62, 5, "#", ".")
    '###..'
    """
    blocks = min(length, max(0, round(share * length)))
    return block * blocks + empty * (length - blocks)


@contextmanager
def byte_progress(quiet: bool) -> Iterator[Callable[[str, int | None], Callable[[int], None] | None]]:
    """Yield a function that starts a progress bar for a number of bytes; it starts none off a terminal.

    The bar is advanced by calling what that function returns with the bytes of each step.
    """
    if quiet or plain_terminal(sys.stderr):
        yield lambda what, size: None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        ProgressColumn,
        TaskProgressColumn,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    console = Console(stderr=True)
    columns: list[ProgressColumn] = [TextColumn("{task.description}"), TaskProgressColumn()]
    if console.width >= NARROW:  # rich would cut the columns
        columns += [BarColumn(bar_width=20), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn()]
    with Progress(*columns, console=console, transient=True) as progress:

        def start(what: str, size: int | None) -> Callable[[int], None]:
            task = progress.add_task(what, total=size)
            return lambda done: progress.advance(task, done)

        yield start
