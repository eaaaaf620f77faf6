"""Text files: plain or `.gz` by name, in UTF-8, or in UTF-16 or UTF-32 with a byte-order mark; read as UTF-8.

`formats.registry` has the formats that are converted.
"""

import codecs
import contextlib
import gzip
import io
import os
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, cast

from rnnwords.config import ReadConfig
from rnnwords.errors import CorpusError
from rnnwords.files import reason
from rnnwords.text.formats.registry import converter_of, refuse_ending, seems
from rnnwords.text.formats.signatures import HEAD_SIZE, refuse_other_formats
from rnnwords.text.formats.source import ending
from rnnwords.text.reading.byte_order_marks import encoding_of, invalid

CHAT_SIZE = 1 << 15  # bytes that show whether a text is the log of a chat


class TextFile:
    """A file that contains a text, as far as its first bytes show, and that does not change while it is in use."""

    def __init__(self, name: str, path: Path, read: ReadConfig) -> None:
        """Raises CorpusError for a file that cannot be read, or whose name or first bytes show that it is no text."""
        self.name, self.path = name, path
        self.is_compressed = name.lower().endswith(".gz")
        self._version: tuple[int, int, int] | None = None  # size, time of the last change and inode
        with self.opened() as stream:
            start = stream.read(CHAT_SIZE)
        head = start[:HEAD_SIZE]
        self.encoding = encoding_of(head)
        is_book = ending(name) == ".epub" and head.startswith(b"PK") and not read.as_is
        if self.encoding == "UTF-8" and not is_book:
            is_named = name == str(path) and not self.is_compressed  # else a pipe, or compressed twice
            refuse_other_formats(head, name, f"{name}.gz" if is_named else None)
        text = start.decode(self.encoding, "ignore").removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
        if not read.as_is:
            refuse_ending(name)
        self.convert = None if read.as_is else converter_of(name, text)
        self.seems = None if read.as_is or self.convert else seems(text)

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return self._version[0] if self._version else 0

    @property
    def is_plain(self) -> bool:
        """Whether the text has as many bytes as the file."""
        return not self.is_compressed and self.encoding == "UTF-8" and self.convert is None

    def pieces(self, size: int, encoding_errors: str) -> Iterator[bytes]:
        """Yield the text in pieces of about `size` bytes of UTF-8, without its byte-order mark.

        Raises CorpusError as the constructor, for a file that has changed since, and for invalid UTF-16 or UTF-32.
        UTF-8 is not checked.
        """
        with self._opened() as (file, stream):
            mark, read = codecs.BOM_UTF8, cast(Callable[[int], bytes], stream.read)
            if self.encoding != "UTF-8":
                text = io.TextIOWrapper(stream, self.encoding, encoding_errors, newline="")
                mark, read = b"", lambda size: text.read(size).encode()
            piece = read(size).removeprefix(mark)
            self._check_unchanged(file)
            while piece:
                yield piece
                piece = read(size)
                self._check_unchanged(file)

    @contextlib.contextmanager
    def opened(self) -> Iterator[IO[bytes]]:
        """Yield the decompressed content. Raises CorpusError as the constructor, and for a file that has changed."""
        with self._opened() as (_, stream):
            yield stream

    @contextlib.contextmanager
    def _opened(self) -> Iterator[tuple[IO[bytes], IO[bytes]]]:
        """Yield the file, and the stream of its decompressed content. Raises CorpusError."""
        try:
            with open(self.path, "rb") as file:
                self._check_unchanged(file)
                if not self.is_compressed:
                    yield file, file
                elif os.fstat(file.fileno()).st_size == 0:
                    raise EOFError("it is empty")
                else:
                    with gzip.GzipFile(fileobj=file, mode="rb") as stream:
                        yield file, cast(IO[bytes], stream)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise CorpusError(
                f"expected a whole .gz file, found {self.name} damaged: {error}; copy it again, or remove .gz from its "
                "name if it is a plain text"
            ) from error
        except UnicodeDecodeError as error:
            raise invalid(self.name, self.encoding, error) from error
        except OSError as error:
            raise CorpusError(f"cannot read {self.name}: {reason(error)}") from error

    def check_unchanged(self) -> None:
        """Raise CorpusError for a file that has changed since it was opened first, or cannot be opened."""
        with self._opened():
            pass

    def _check_unchanged(self, file: IO[bytes]) -> None:
        """Raise CorpusError if the file differs from the one that was opened first.

        Its vocabulary, its token ids and its digest would be those of different texts.
        """
        status = os.fstat(file.fileno())
        version = (status.st_size, status.st_mtime_ns, status.st_ino)
        self._version = self._version or version
        if version != self._version:
            raise CorpusError(
                f"{self.name}: expected a text that does not change while it is read, found it changed; run the "
                "command again when it is complete"
            )
