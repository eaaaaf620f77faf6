"""Corpora as streams of text: files, `-` for standard input, `.gz` by name, UTF-8, in bounded memory.

A text arrives in chunks that end at white space, so that no symbol is cut in two. \\r\\n and \\r are read as \\n, a
byte order mark is left out, and the last line has an end. A stretch of more than CHUNK bytes without any white space
is cut where the chunk ends.
"""

import codecs
import contextlib
import gzip
import io
import os
import re
import stat
import sys
import tempfile
import weakref
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, NamedTuple, cast

from rnnwords.errors import CorpusError, UsageError
from rnnwords.files import reason
from rnnwords.text.stdin import Buffered, arriving

CHUNK = 1 << 20  # bytes
PROCESSES = Path("/proc")  # where Linux shows the open files of each
_LAST_SPACE = re.compile(rb".*[ \t\n\r\f\v]", re.DOTALL)


class Block(NamedTuple):
    """A stretch of a text, and where it begins."""

    data: bytes
    name: str  # of the text
    line: int  # counted from 1, as is
    byte: int  # in its line

    def decode(self, errors: str) -> str:
        """The block as text. Raises CorpusError with line and byte for invalid UTF-8, unless `errors` is "replace"."""
        return decode(self.data, self.name, self.line, errors, self.byte)


class Corpus:
    """One or more texts, read as often as needed. Standard input is kept in a temporary file, so it counts as such."""

    def __init__(self, paths: Sequence[Path], encoding_errors: str = "strict") -> None:
        """Raises CorpusError for a path that is missing, a directory, or cannot be read, UsageError for none."""
        if not paths:
            raise UsageError("no text was named; name one or more files, or - for standard input")
        if [str(path) for path in paths].count("-") > 1:
            raise UsageError("- (standard input) can be named once")
        self.names = ["standard input" if str(path) == "-" else str(path) for path in paths]
        self.encoding_errors = encoding_errors
        self.paths = [self._checked(path) for path in paths]

    def _checked(self, path: Path) -> Path:
        try:
            if str(path) == "-":
                if sys.stdin is None:
                    raise CorpusError("standard input is closed; name a text file, or pipe one in")
                return self._spooled(cast(io.BufferedReader, sys.stdin.buffer))
            mode = path.stat().st_mode
            if stat.S_ISDIR(mode):
                raise CorpusError(f"{path} is a directory; name the text files in it, for example {path}/*.txt")
            with open(path, "rb") as stream:
                return path if stat.S_ISREG(mode) else self._spooled(stream)
        except FileNotFoundError as error:
            raise CorpusError(f"{path} does not exist; name a text file, or - for standard input") from error
        except OSError as error:
            raise CorpusError(f"{path} cannot be read: {reason(error)}") from error

    def _spooled(self, stream: Buffered) -> Path:
        """A pipe can be read once only: keep it in a temporary file for as long as this corpus lives."""
        spool, path = _temporary_file()
        weakref.finalize(self, spool.close)
        for block in arriving(stream, CHUNK):
            spool.write(block)
        spool.flush()
        return path

    @property
    def size(self) -> int:
        """Bytes on disk, of all files together (compressed ones as they are)."""
        return sum(path.stat().st_size for path in self.paths)

    def chunks(self) -> Iterator[str]:
        """The text in chunks of about CHUNK bytes that end at white space."""
        for block in self.blocks():
            yield block.decode(self.encoding_errors)

    def blocks(self) -> Iterator[Block]:
        """The same, not yet decoded."""
        for name, path in zip(self.names, self.paths, strict=True):
            line = byte = 1
            for data in blocks(name, path):
                yield Block(data, name, line, byte)
                line += data.count(b"\n")
                byte = len(data) - data.rfind(b"\n") if b"\n" in data else byte + len(data)

    @property
    def length(self) -> int | None:
        """Bytes of text that reading will go through; None where compressed files keep it a secret."""
        return None if any(name.endswith(".gz") for name in self.names) else self.size


def _temporary_file() -> tuple[IO[bytes], Path]:
    """A file that goes when it is closed, and the path by which it can be opened again until then.

    Where open files can be opened again it has no name, so that not even a killed process leaves it behind.
    """
    nameless = tempfile.TemporaryFile()  # noqa: SIM115
    path = PROCESSES / str(os.getpid()) / "fd" / str(nameless.fileno())
    try:
        open(path, "rb").close()
    except OSError:
        nameless.close()
        named = tempfile.NamedTemporaryFile(prefix="rnnwords-")  # noqa: SIM115
        return named, Path(named.name)
    return nameless, path


def blocks(name: str, path: Path) -> Iterator[bytes]:
    """The bytes of one text, line ends mended, in blocks of about CHUNK that end at white space, the last at \\n."""
    try:
        with contextlib.closing(gzip.open(path, "rb") if name.endswith(".gz") else open(path, "rb")) as stream:
            rest = stream.read(CHUNK).removeprefix(codecs.BOM_UTF8)
            while block := stream.read(CHUNK):
                rest = _line_ends_mended(rest, block[:1])
                if cut := _cut(rest):
                    yield rest[:cut]
                rest = rest[cut:] + block
            if rest:
                rest = _line_ends_mended(rest, b"")
                yield rest if rest.endswith(b"\n") else rest + b"\n"
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise CorpusError(f"{name} is damaged: {error}") from error
    except OSError as error:
        raise CorpusError(f"{name} cannot be read: {reason(error)}") from error


def _line_ends_mended(block: bytes, following: bytes) -> bytes:
    """\\r\\n and \\r as \\n. A last \\r whose \\n is yet to come goes without one."""
    if b"\r" not in block:
        return block
    if following == b"\n":
        block = block.removesuffix(b"\r")
    return block.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def _cut(block: bytes) -> int:
    """Where to cut: behind the last line end; else the last space; else, in an endless word, before the last letter."""
    if at := block.rfind(b"\n") + 1:
        return at
    if len(block) < CHUNK:
        return 0
    if space := _LAST_SPACE.match(block):
        return space.end()
    at = len(block)
    while at > len(block) - 4 and block[at - 1] & 0xC0 == 0x80:  # inside a UTF-8 sequence
        at -= 1
    return at - 1


def decode(block: bytes, name: str, line: int, errors: str, byte: int = 1) -> str:
    """The block, which begins at that line and byte, as text (see Block.decode)."""
    try:
        return block.decode("utf-8", errors)
    except UnicodeDecodeError as error:
        before = block[: error.start]
        line += before.count(b"\n")
        byte = len(before) - before.rfind(b"\n") if b"\n" in before else byte + len(before)
        raise CorpusError(
            f"{name}, line {line}, byte {byte}: 0x{block[error.start]:02x} is not UTF-8; "
            "convert the file, or read on with --encoding-errors replace"
        ) from error
