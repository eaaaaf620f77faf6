"""Lines of standard input, in batches of what has arrived: one line from a slow writer, many from a file."""

import io
import sys
from collections.abc import Iterator
from typing import cast

from rnnwords.errors import UsageError
from rnnwords.text.stdin import has_input, read_arriving

READ_SIZE = 1 << 20  # bytes read at a time
MAX_BYTES = 1 << 24  # of a batch, unless one line is longer
MIN_LINES, MAX_LINES = 1_024, 65_536  # limits of batches: the first is small, so that its answers come soon


def waiting_lines(nul: bool) -> Iterator[list[str]]:
    """Yield the lines of standard input without their ends, or with `nul` the parts between NULs, in batches.

    Invalid UTF-8 becomes U+FFFD; a line may end in \\r\\n, and the last one without an end.
    """
    for batch in waiting_batches(b"\0" if nul else b"\n"):
        yield [line.removesuffix(b"" if nul else b"\r").decode("utf-8", "replace") for line in batch]


def waiting_batches(separator: bytes = b"\n") -> Iterator[list[bytes]]:
    """Yield the lines of standard input as bytes, in batches.

    A batch ends where reading on would block, or at its limit. So a terminal and a slow pipe are answered line by
    line, and a file or a fast pipe in large batches.
    """
    if sys.stdin is None:
        raise UsageError(
            "expected text on standard input, found it closed; pass the text as an argument or from a file"
        )
    stream = cast(io.BufferedReader, sys.stdin.buffer)
    lines: list[bytes] = []
    started: list[bytes] = []  # the pieces of a line that has not ended
    limit, size = MIN_LINES, 0
    for block in read_arriving(stream, READ_SIZE):
        size += len(block)
        *ended, rest = block.split(separator)
        if ended:
            lines += [b"".join((*started, ended[0])), *ended[1:]]
            started = []
        if rest:
            started.append(rest)
        while len(lines) >= limit:
            yield lines[:limit]
            del lines[:limit]
            limit = min(2 * limit, MAX_LINES)
        if lines and (size >= MAX_BYTES or not has_input(stream, 0)):
            yield lines
            lines = []
        size = size if lines else 0
    if started:
        lines.append(b"".join(started))
    if lines:
        yield lines
