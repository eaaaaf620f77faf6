"""Corpora: files, pipes and `-` for standard input, read as UTF-8 in bounded memory; `text_file` has the formats.

A corpus is read in blocks that end at white space, so that no token is cut in two. Line ends \\r\\n and \\r become
\\n, a byte-order mark is removed, and a missing line end at the end of a file is added. A word of more than BLOCK_SIZE
bytes is cut.
"""

import errno
import io
import itertools
import os
import re
import stat
import sys
import tempfile
import weakref
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, NamedTuple, cast

from rnnwords.errors import CorpusError, UsageError
from rnnwords.files import reason
from rnnwords.text.stdin import BufferedStream, read_arriving
from rnnwords.text.text_file import TextFile
from rnnwords.text.utf8 import after, decode, refuse_nul

BLOCK_SIZE = 1 << 20  # bytes
ProgressCallback = Callable[[int], None]  # receives the bytes read since the last call
StartProgress = Callable[[str, int | None], ProgressCallback | None]  # receives what begins and its bytes, if known
PROC = Path("/proc")  # where Linux lists the open files of each process
_LAST_SPACE = re.compile(rb".*[ \t\n\r\f\v]", re.DOTALL)


def no_progress(what: str, size: int | None) -> None:
    """Show no progress; a StartProgress."""


class Block(NamedTuple):
    """A stretch of a corpus as bytes, and where it begins."""

    data: bytes
    name: str  # of the file
    line: int  # counted from 1
    byte: int  # in its line, counted from 1

    def decode(self, encoding_errors: str) -> str:
        """Return the block as text. Raises CorpusError for invalid UTF-8: see `text.utf8.decode`."""
        return decode(self.data, encoding_errors, self.name, self.line, self.byte)


class Corpus:
    """One or more files, which can be read any number of times; a pipe is copied to a temporary file first."""

    def __init__(self, paths: Sequence[Path], encoding_errors: str = "strict") -> None:
        """Open the files. Raises UsageError for none, CorpusError for one that cannot be read or contains no text."""
        if not paths:
            raise UsageError("expected one or more text files, found none; use - for standard input")
        if [str(path) for path in paths].count("-") > 1:
            raise UsageError("expected - (standard input) once, found it twice")
        self.names = ["standard input" if str(path) == "-" else str(path) for path in paths]
        self.encoding_errors = encoding_errors
        self.paths = [self._readable(path) for path in paths]
        self._files = [TextFile(name, path) for name, path in zip(self.names, self.paths, strict=True)]

    def _readable(self, path: Path) -> Path:
        """Return a path that can be read any number of times."""
        try:
            if str(path) == "-":
                if sys.stdin is None:
                    raise CorpusError("expected text on standard input, found it closed; name a text file")
                _refuse_device(sys.stdin.buffer, "standard input")
                return self._spooled(cast(io.BufferedReader, sys.stdin.buffer))
            mode = path.stat().st_mode
            if stat.S_ISDIR(mode):
                raise CorpusError(f"expected a text file, found a directory: {path}; name files, as in {path}/*.txt")
            with open(path, "rb") as stream:
                _refuse_device(stream, str(path))
                return path if stat.S_ISREG(mode) else self._spooled(stream)
        except FileNotFoundError as error:
            raise CorpusError(f"expected a text file, found nothing at {path}; use - for standard input") from error
        except (OSError, ValueError) as error:
            is_text = isinstance(error, OSError) and error.errno == errno.ENAMETOOLONG
            hint = "; if it is the text itself, save it in a file, or pipe it to -" if is_text else ""
            raise CorpusError(f"cannot read {path}: {reason(error)}{hint}") from error

    def _spooled(self, stream: BufferedStream) -> Path:
        """Copy a pipe, which can be read only once, to a temporary file that lives as long as this corpus."""
        spool, path = _temporary_file()
        weakref.finalize(self, spool.close)
        for piece in read_arriving(stream, BLOCK_SIZE):
            spool.write(piece)
        spool.flush()
        return path

    @property
    def size(self) -> int:
        """Bytes of all files together; of compressed files, as they are."""
        return sum(file.size for file in self._files)

    @property
    def text_size(self) -> int | None:
        """Bytes of text in UTF-8, for progress; None if a file is compressed or in another encoding."""
        return self.size if all(file.is_plain for file in self._files) else None

    def reaches(self, size: int) -> bool:
        """Return whether the text has `size` bytes or more. A compressed text is read up to them."""
        if (known := self.text_size) is not None:
            return known >= size
        return any(total >= size for total in itertools.accumulate(len(block.data) for block in self.blocks()))

    def blocks(self) -> Iterator[Block]:
        """Yield the corpus in blocks of about BLOCK_SIZE bytes that end at white space."""
        for file in self._files:
            line = byte = 1
            for data in _blocks(file.pieces(BLOCK_SIZE, self.encoding_errors)):
                refuse_nul(data, file.name, line, byte)
                yield Block(data, file.name, line, byte)
                line, byte = after(data, line, byte)

    def texts(self) -> Iterator[str]:
        """Yield the blocks decoded."""
        for block in self.blocks():
            yield block.decode(self.encoding_errors)


def _refuse_device(stream: IO[bytes], name: str) -> None:
    """Raise CorpusError for a device other than a terminal or the null device: most devices never end."""
    try:
        status = os.fstat(stream.fileno())
    except (OSError, ValueError):  # not a file of the system
        return
    is_null = status.st_rdev == os.stat(os.devnull).st_rdev
    if stat.S_ISBLK(status.st_mode) or (stat.S_ISCHR(status.st_mode) and not (is_null or stream.isatty())):
        raise CorpusError(f"expected a text file, found a device: {name}; name a file")


def _temporary_file() -> tuple[IO[bytes], Path]:
    """Return a file that is deleted when it is closed, and a path by which it can be opened again until then.

    On Linux it has no name, so that not even a killed process leaves it behind.
    """
    unnamed = tempfile.TemporaryFile()  # noqa: SIM115
    path = PROC / str(os.getpid()) / "fd" / str(unnamed.fileno())
    try:
        open(path, "rb").close()
    except OSError:
        unnamed.close()
        named = tempfile.NamedTemporaryFile(prefix="rnnwords-")  # noqa: SIM115
        return named, Path(named.name)
    return unnamed, path


def _blocks(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the bytes of one file, with line ends \\n, in blocks that end at white space, the last one at \\n."""
    rest = next(pieces, b"")
    for piece in pieces:
        rest = _normalize_line_ends(rest, piece[:1])
        if cut := _cut(rest):
            yield rest[:cut]
        rest = rest[cut:] + piece
    if rest:
        rest = _normalize_line_ends(rest, b"")
        yield rest if rest.endswith(b"\n") else rest + b"\n"


def _normalize_line_ends(data: bytes, following: bytes) -> bytes:
    """Return the bytes with \\n for \\r\\n and \\r. A final \\r is dropped if the `following` byte is its \\n."""
    if b"\r" not in data:
        return data
    if following == b"\n":
        data = data.removesuffix(b"\r")
    return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def _cut(data: bytes) -> int:
    """Return where to end a block: after the last line end; else after the last space; else inside a long word.

    A word that has not reached BLOCK_SIZE is not cut (0); a longer one ends before its last character.
    """
    if at := data.rfind(b"\n") + 1:
        return at
    if len(data) < BLOCK_SIZE:
        return 0
    if space := _LAST_SPACE.match(data):
        return space.end()
    at = len(data)
    while at > len(data) - 4 and data[at - 1] & 0xC0 == 0x80:  # inside a UTF-8 sequence
        at -= 1
    return at - 1
