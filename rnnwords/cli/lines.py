"""Lines of standard input, in batches as large as what is there: at once from a slow writer, many from a file."""

import io
import select
import sys
from collections.abc import Iterator

READ = 1 << 20  # bytes read at a time
LEAST, MOST = 1_024, 65_536  # lines of a batch: the first answers come soon, later batches are larger


def waiting_batches(separator: bytes = b"\n") -> Iterator[list[bytes]]:
    """What stands on standard input, line by line without separators, in batches.

    A batch ends where reading on would mean to wait, or when it is large enough. So a terminal and a slow pipe get
    their answer line by line, and a file or a fast pipe is worked through in batches. The last line needs no end.
    """
    stream = sys.stdin.buffer
    lines: list[bytes] = []
    started: list[bytes] = []  # the pieces of a line that has not ended
    most = LEAST
    while block := stream.read1(READ):
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
        if lines and not _more_is_there(stream):
            yield lines
            lines = []
    if started:
        lines.append(b"".join(started))
    if lines:
        yield lines


def _more_is_there(stream: io.BufferedReader) -> bool:
    """Whether reading would not wait. The stream's own buffer is empty: more is read at a time than it holds."""
    try:
        return bool(select.select([stream], [], [], 0)[0])
    except (OSError, ValueError):  # no descriptor of the system: all of it is in memory
        return True


def waiting_lines(separator: bytes = b"\n") -> Iterator[list[str]]:
    """The same as text; invalid UTF-8 becomes U+FFFD, and the end of a line may be \\r\\n."""
    for batch in waiting_batches(separator):
        yield [_text(line, separator) for line in batch]


def _text(line: bytes, separator: bytes) -> str:
    return (line.removesuffix(b"\r") if separator == b"\n" else line).decode("utf-8", "replace")
