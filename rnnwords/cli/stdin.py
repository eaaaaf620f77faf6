"""Lines of standard input, in batches of what has arrived: one line from a slow writer, many from a file."""

import io
import sys
from collections.abc import Iterator
from typing import cast

from rnnwords.errors import CorpusError, UsageError
from rnnwords.files import reason
from rnnwords.text.formats import HEAD_SIZE, refuse_other_formats
from rnnwords.text.stdin import has_input, read_arriving, with_line_feeds, without_bom

READ_SIZE = 1 << 20  # bytes read at a time
MAX_BYTES = 1 << 24  # of a batch, unless one line is longer
MAX_LINE = 1 << 24  # bytes of a line: of an input without line ends, no more is in memory
MIN_LINES, MAX_LINES = 1_024, 65_536  # limits of batches: the first is small, so that its answers come soon


def waiting_lines(nul: bool) -> Iterator[list[str]]:
    """Yield the lines of standard input without their ends, or with `nul` the parts between NULs, in batches.

    Invalid UTF-8 becomes U+FFFD.
    """
    for batch in waiting_batches(nul):
        yield [line.decode("utf-8", "replace") for line in batch]


def waiting_batches(nul: bool = False) -> Iterator[list[bytes]]:
    """Yield the lines of standard input, or with `nul` the parts between NULs, as bytes, in batches.

    As in a text file, lines end in \\n, \\r\\n or \\r, and a byte-order mark is left out. A batch ends where
    reading on would block, or at its limit. So a terminal and a slow pipe are answered line by line, and a file or a
    fast pipe in large batches.
    """
    if sys.stdin is None:
        raise UsageError(
            "expected text on standard input, found it closed; pass the text as an argument or from a file"
        )
    stream = cast(io.BufferedReader, sys.stdin.buffer)
    lines: list[bytes] = []
    started = bytearray()  # a line that has not ended
    limit, size = MIN_LINES, 0
    for block in _blocks(stream, nul):
        size += len(block)
        *ended, rest = block.split(b"\0" if nul else b"\n")
        if ended:
            lines += [bytes(started) + ended[0], *ended[1:]]
            started.clear()
        started += rest
        while len(lines) >= limit:
            yield lines[:limit]
            del lines[:limit]
            limit = min(2 * limit, MAX_LINES)
        if lines and (size >= MAX_BYTES or not has_input(stream, 0)):
            yield lines
            lines = []
        size = size if lines else 0
        if len(started) > MAX_LINE:
            if lines:
                yield lines
            raise line_too_long()
    if started:
        lines.append(bytes(started))
    if lines:
        yield lines


def line_too_long() -> CorpusError:
    """Return the error for a line, or a part between NULs, of more than MAX_LINE bytes."""
    return CorpusError(
        f"standard input: expected lines of at most {MAX_LINE:,} bytes, found a longer one; pass a text with line ends"
    )


def _blocks(stream: io.BufferedReader, nul: bool) -> Iterator[bytes]:
    """Yield the input as it arrives; parts between NULs keep their line ends. Raises CorpusError."""
    blocks = without_bom(_of_text(read_arriving(stream, READ_SIZE)))
    try:
        yield from blocks if nul else with_line_feeds(blocks)
    except OSError as error:
        raise CorpusError(f"cannot read standard input: {reason(error)}") from error


def _of_text(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the blocks of an input. Raises CorpusError if the first one shows that it is not a text."""
    for number, block in enumerate(blocks):
        if number == 0:
            refuse_other_formats(block[:HEAD_SIZE], "standard input", unmarked=False)  # prompts may have NULs
        yield block
