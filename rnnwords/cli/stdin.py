"""Lines of standard input, in batches as large as what is there: one from a slow writer, many from a file."""

import io
import sys
from collections.abc import Iterator
from typing import cast

from rnnwords.errors import UsageError
from rnnwords.text.stdin import arriving, is_there

READ = 1 << 20  # bytes read at a time
MOST_BYTES = 1 << 24  # of a batch, unless one line is longer
LEAST, MOST = 1_024, 65_536  # lines of a batch: the first answers come soon, later batches are larger


def waiting_lines(separator: bytes = b"\n") -> Iterator[list[str]]:
    """The lines that stand on standard input, without their ends, in batches.

    Invalid UTF-8 becomes U+FFFD; a line may end in \\r\\n, and the last one in nothing.
    """
    for batch in waiting_batches(separator):
        ends = b"\r" if separator == b"\n" else b""
        yield [line.removesuffix(ends).decode("utf-8", "replace") for line in batch]


def waiting_batches(separator: bytes = b"\n") -> Iterator[list[bytes]]:
    """The same as bytes.

    A batch ends where reading on would mean to wait, or when it is large enough. So a terminal and a slow pipe get
    their answer line by line, and a file or a fast pipe is worked through in batches.
    """
    if sys.stdin is None:
        raise UsageError("standard input is closed; give the text as an argument, or redirect it from a file")
    stream = cast(io.BufferedReader, sys.stdin.buffer)
    lines: list[bytes] = []
    started: list[bytes] = []  # the pieces of a line that has not ended
    most, size = LEAST, 0
    for block in arriving(stream, READ):
        size += len(block)
        *ended, rest = block.split(separator)
        if ended:
            lines += [b"".join((*started, ended[0])), *ended[1:]]
            started = []
        if rest:
            started.append(rest)
        while len(lines) >= most:
            yield lines[:most]
            del lines[:most]
            most = min(2 * most, MOST)
        if lines and (size >= MOST_BYTES or not is_there(stream, 0)):
            yield lines
            lines = []
        size = size if lines else 0
    if started:
        lines.append(b"".join(started))
    if lines:
        yield lines
