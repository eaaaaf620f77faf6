"""Lines of standard input, in batches of what has arrived: one line from a slow writer, many from a file."""

import io
import sys
from collections.abc import Iterator
from typing import cast

from rnnwords.errors import CorpusError, UsageError
from rnnwords.files import reason
from rnnwords.text.formats.signatures import HEAD_SIZE, refuse_other_formats
from rnnwords.text.reading.byte_order_marks import as_utf8, encoding_of
from rnnwords.text.reading.stdin import BufferedStream, has_input, read_arriving, with_line_feeds

NAME = "standard input"
READ_SIZE = 1 << 20  # bytes read at a time
MAX_BYTES = 1 << 24  # of a batch, unless one line is longer
MAX_LINE = 1 << 24  # bytes of a line: of an input without line ends, no more is in memory
MIN_LINES, MAX_LINES = 1_024, 65_536  # limits of batches: the first is small, so that its answers come soon


def waiting_lines(nul: bool = False, stream: BufferedStream | None = None) -> Iterator[list[str]]:
    """Yield the lines of standard input without their ends, or with `nul` the parts between NULs, in batches.

    Invalid bytes become U+FFFD.
    """
    for batch in waiting_batches(nul, stream, "replace"):
        yield [line.decode("utf-8", "replace") for line in batch]


def waiting_batches(
    nul: bool = False, stream: BufferedStream | None = None, encoding_errors: str = "strict"
) -> Iterator[list[bytes]]:
    """Yield the lines of standard input, or with `nul` the parts between NULs, as bytes, in batches.

    As in a text file, \\n, \\r\\n and \\r are line ends, also within parts, a byte-order mark is left out, and UTF-16
    and UTF-32 with a mark become UTF-8, which is not checked. A batch ends where reading on would block, or at its
    limit. So a terminal and a slow pipe are answered line by line, and a file or a fast pipe in large batches.
    Raises CorpusError.
    """
    if stream is None:
        if sys.stdin is None:
            raise UsageError(
                "expected text on standard input, found it closed; pass the text as an argument or from a file"
            )
        stream = cast(io.BufferedReader, sys.stdin.buffer)
    lines: list[bytes] = []
    started = bytearray()  # a line that has not ended
    limit, size = MIN_LINES, 0
    for block in _blocks(stream, nul, encoding_errors):
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


def _blocks(stream: BufferedStream, nul: bool, encoding_errors: str) -> Iterator[bytes]:
    """Yield the input in UTF-8 with line ends \\n, as it arrives. Raises CorpusError."""
    try:
        arriving = _of_text(read_arriving(stream, READ_SIZE), nul)
        yield from with_line_feeds(as_utf8(arriving, NAME, encoding_errors, nul=nul))
    except OSError as error:
        raise CorpusError(f"cannot read {NAME}: {reason(error)}") from error


def _of_text(pieces: Iterator[bytes], nul: bool) -> Iterator[bytes]:
    """Yield the pieces of an input. Raises CorpusError if its first bytes, in however many pieces, show no text.

    With `nul`, what is known only by a NUL byte that follows is a prompt.
    """
    head = b""
    for piece in pieces:
        if len(head) < HEAD_SIZE:
            head += piece[: HEAD_SIZE - len(head)]
            if encoding_of(head) == "UTF-8":
                refuse_other_formats(head.partition(b"\0")[0] if nul else head, NAME, unmarked=False)
        yield piece
