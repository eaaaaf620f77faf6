"""Corpora: files, directories, pipes and `-` for standard input, read as UTF-8 in bounded memory.

A corpus is read in blocks that end at white space, so that no token is cut in two. Line ends \\r\\n and \\r become
\\n, a byte-order mark is removed, and a missing line end at the end of a file is added. A word of more than BLOCK_SIZE
bytes is cut. `formats` has the formats of which only the prose is read; in each text, header and licence of Project
Gutenberg are left out.
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

from rnnwords.config import ReadConfig
from rnnwords.errors import CorpusError, UsageError
from rnnwords.files import reason
from rnnwords.text.formats.directories import files_in
from rnnwords.text.formats.gutenberg import boilerplate, markers, without_lines
from rnnwords.text.formats.source import Source
from rnnwords.text.formats.spool import Spool
from rnnwords.text.reading.stdin import BufferedStream, read_arriving
from rnnwords.text.reading.text_file import TextFile
from rnnwords.text.reading.utf8 import after, decode, refuse_nul

BLOCK_SIZE = 1 << 20  # bytes
ProgressCallback = Callable[[int], None]  # receives the bytes read since the last call
StartProgress = Callable[[str, int | None], ProgressCallback | None]  # receives what begins and its bytes, if known
READ = ReadConfig()
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
        """Return the block as text. Raises CorpusError for invalid UTF-8: see `text.reading.utf8.decode`."""
        return decode(self.data, encoding_errors, self.name, self.line, self.byte)


class Corpus:
    """One or more files, which can be read any number of times; a pipe is copied to a temporary file first."""

    def __init__(self, paths: Sequence[Path], read: ReadConfig = READ) -> None:
        """Open the files. Raises UsageError for none, CorpusError for one that cannot be read or contains no text."""
        if not paths:
            raise UsageError("expected one or more text files, found none; use - for standard input")
        if [str(path) for path in paths].count("-") > 1:
            raise UsageError("expected - (standard input) once, found it twice")
        self.read, self.encoding_errors = read, read.encoding_errors
        self._notes: dict[str, None] = {}  # each once, in order
        files = [file for path in paths for file in self._files_at(path)]
        self.names = ["standard input" if str(path) == "-" else str(path) for path in files]
        self.paths = [self._readable(path) for path in files]
        self.files = [TextFile(name, path, read) for name, path in zip(self.names, self.paths, strict=True)]
        self._spool = Spool()
        self._left_out: dict[str, list[range]] = {}  # name of a file -> lines, from 0, that are not read
        for file in self.files:
            if file.seems:
                what, ending = file.seems
                self._note(
                    f"Warning: {file.name} seems to be {what}, whose markup is read as text; rename it to end in "
                    f"{ending}"
                )

    @property
    def notes(self) -> tuple[str, ...]:
        """What was left out, one line each; of converted files, when they have been read."""
        for file in self.files:
            if file.convert is None:
                self._spans(file)
        return tuple(self._notes)

    def _note(self, message: str) -> None:
        self._notes[message] = None

    def _files_at(self, path: Path) -> list[Path]:
        """Return the file itself, or the text files in a directory."""
        try:
            if str(path) == "-" or self.read.as_is or not path.is_dir():
                return [path]
        except (OSError, ValueError):
            return [path]  # which `_readable` reports
        files, note = files_in(path, self.read)
        self._note(note)
        return files

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
                raise CorpusError(f"expected a file, found a directory: {path}; name a file in it")
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
        return sum(file.size for file in self.files)

    @property
    def text_size(self) -> int | None:
        """Bytes of text in UTF-8, for progress; None if a file is compressed or in another encoding."""
        return self.size if all(file.is_plain for file in self.files) else None

    def reaches(self, size: int) -> bool:
        """Return whether the text has `size` bytes or more. A compressed text is read up to them."""
        if (known := self.text_size) is not None:
            return known >= size
        return any(total >= size for total in itertools.accumulate(len(block.data) for block in self.blocks()))

    def blocks(self) -> Iterator[Block]:
        """Yield the corpus in blocks of about BLOCK_SIZE bytes that end at white space."""
        for file in self.files:
            yield from self.blocks_of(file)

    def blocks_of(self, file: TextFile) -> Iterator[Block]:
        """Yield one file in blocks. The lines of a file that was converted are those of its text."""
        spans = self._spans(file)
        for block in self._all_blocks(file):
            if not spans:
                yield block
                continue
            for line, data in without_lines(block.data, block.line - 1, spans):
                yield Block(data, block.name, line + 1, block.byte if line == block.line - 1 else 1)

    def _all_blocks(self, file: TextFile) -> Iterator[Block]:
        """Yield a file in blocks, with all its lines."""
        if file.convert is None:
            yield from _located(file.name, file.pieces(BLOCK_SIZE, self.encoding_errors))
        else:
            file.check_unchanged()
            pieces = self._spool.pieces(file.name, lambda: self._converted(file), BLOCK_SIZE)
            yield from _located(file.name, pieces)

    def _converted(self, file: TextFile) -> Iterator[str]:
        """Yield the prose of a file of another format than plain text."""

        def pieces() -> Iterator[bytes]:
            return file.pieces(BLOCK_SIZE, self.encoding_errors)

        def texts() -> Iterator[str]:
            for block in _located(file.name, pieces()):
                yield block.decode(self.encoding_errors)

        if file.convert is not None:
            converted = file.convert(Source(file.name, self.read, pieces, texts, file.opened))
            yield from [converted] if isinstance(converted, str) else converted

    def _spans(self, file: TextFile) -> list[range]:
        """Return the lines, from 0, of the header and licence of Project Gutenberg in a file."""
        if self.read.keep_boilerplate or self.read.as_is:
            return []
        if file.name not in self._left_out:
            *found, end = markers(block.data for block in self._all_blocks(file))
            self._left_out[file.name] = spans = boilerplate([*found, end])
            if lines := sum(map(len, spans)):
                self._note(f"left out the Project Gutenberg header and licence of {file.name} ({lines:,} of "
                           f"{end.first:,} lines); `keep_boilerplate` keeps them")  # fmt: skip
        return self._left_out[file.name]

    def texts(self) -> Iterator[str]:
        """Yield the blocks decoded."""
        for file in self.files:
            yield from self.texts_of(file)

    def texts_of(self, file: TextFile) -> Iterator[str]:
        """Yield the blocks of one file decoded."""
        for block in self.blocks_of(file):
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


def _located(name: str, pieces: Iterator[bytes]) -> Iterator[Block]:
    """Yield the blocks of a file. Raises CorpusError for a NUL byte."""
    line = byte = 1
    for data in _blocks(pieces):
        refuse_nul(data, name, line, byte)
        yield Block(data, name, line, byte)
        line, byte = after(data, line, byte)


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
