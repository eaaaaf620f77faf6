"""EPUB books to prose: the documents of the archive in the order of its spine.

The two files that describe a book are read like pages, by a parser that expands no entities and loads nothing. Names in
the archive are looked up in it and written nowhere.
"""

import posixpath
import struct
import urllib.parse
import zipfile
import zlib
from collections.abc import Iterator
from typing import IO

from rnnwords.errors import CorpusError
from rnnwords.text.formats.source import Source
from rnnwords.text.formats.web_page import MarkupParser, declared, prose

MAX_ARCHIVE = 1 << 30  # bytes of the file, pictures included
MAX_DIRECTORY = 16 << 20  # bytes of its list of files
MAX_TEXT = 64 << 20  # bytes of all documents that are read
CONTAINER = "META-INF/container.xml"
ENCRYPTION = "META-INF/encryption.xml"
_PAGES = ("application/xhtml+xml", "text/html", "text/x-oeb1-document", "")
_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, struct.error)


def text_of_epub(source: Source) -> Iterator[str]:
    """Yield the prose of each document of a book."""
    with source.opened() as stream:
        try:
            _check_size(source.name, stream)
            with zipfile.ZipFile(stream) as archive:
                book = _Book(source.name, archive)
                between = ""
                for name in book.chapters():
                    if text := prose(_decoded(book.data(name)), source.read.keep_code):
                        yield between + text
                        between = "\n"
        except _DAMAGED as error:
            raise CorpusError(
                f"{source.name}: expected an EPUB book, found it damaged: {error}; copy it again"
            ) from error


def _check_size(name: str, stream: IO[bytes]) -> None:
    """Raise CorpusError for an archive, or a list of its files, that is larger than books have."""
    size = stream.seek(0, 2)
    stream.seek(max(0, size - (1 << 16) - 22))
    tail = stream.read()
    end = tail.rfind(b"PK\5\6")
    if end < 0 or len(tail) < end + 22:
        raise CorpusError(
            f"{name}: expected an EPUB book, which is a ZIP archive, found another file or an incomplete one"
        )
    (directory,) = struct.unpack_from("<I", tail, end + 12)
    if size > MAX_ARCHIVE or directory > MAX_DIRECTORY:
        raise _too_large(name, f"a file of at most {MAX_ARCHIVE >> 20:,} MB")
    stream.seek(0)


def _too_large(name: str, expected: str) -> CorpusError:
    return CorpusError(f"{name}: expected {expected}, found more; convert it, as with pandoc -t plain")


class _Book:
    """The archive of a book."""

    def __init__(self, name: str, archive: zipfile.ZipFile) -> None:
        self.name, self.archive, self.left = name, archive, MAX_TEXT
        self.names = {info.filename: info for info in archive.infolist()}

    def data(self, name: str) -> bytes:
        """Return a file of the archive. Raises CorpusError for a missing one, and where MAX_TEXT is exceeded."""
        info = self.names.get(name)
        if info is None:
            raise CorpusError(
                f"{self.name}: expected an EPUB book with the file {name[:100]}, found none; copy it again"
            )
        if info.flag_bits & 1:
            raise self._encrypted()
        with self.archive.open(info) as stream:
            data = stream.read(self.left + 1)  # a size that the archive states can be false
        self.left -= len(data)
        if self.left < 0:
            raise _too_large(self.name, f"a book with at most {MAX_TEXT >> 20} MB of text")
        return data

    def chapters(self) -> list[str]:
        """Return the names of the documents in the order of the spine, without the table of contents."""
        roots = _Elements.of(self.data(CONTAINER))["rootfile"]
        package = next((path for root in roots if (path := root.get("full-path"))), "")
        found = _Elements.of(self.data(package))
        items = {item["id"]: item for item in found["item"] if item.get("id") and item.get("href")}
        names = []
        for entry in found["itemref"]:
            item = items.get(entry.get("idref", ""))
            if item is None or "nav" in item.get("properties", "").split() or entry.get("linear") == "no":
                continue
            if item.get("media-type", "").lower() in _PAGES:
                path = urllib.parse.unquote(item["href"].partition("#")[0])
                names.append(posixpath.normpath(posixpath.join(posixpath.dirname(package), path)))
        if not names:
            raise CorpusError(f"{self.name}: expected an EPUB book with chapters, found none in its spine")
        if ENCRYPTION in self.names:
            secret = {
                urllib.parse.unquote(one.get("uri", ""))
                for one in _Elements.of(self.data(ENCRYPTION))["cipherreference"]
            }
            if secret.intersection(names):
                raise self._encrypted()
        return list(dict.fromkeys(names))

    def _encrypted(self) -> CorpusError:
        return CorpusError(
            f"{self.name}: expected an EPUB book that can be read, found it encrypted (DRM); pass another one"
        )


class _Elements(MarkupParser):
    """Attributes of the elements of an XML file, by element without its prefix, in lower case."""

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, list[dict[str, str]]] = {}

    @classmethod
    def of(cls, data: bytes) -> "_Elements":
        """Return the elements of a file."""
        elements = cls()
        elements.read(_decoded(data))
        return elements

    def __getitem__(self, tag: str) -> list[dict[str, str]]:
        return self.found.get(tag, [])

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.setdefault(tag.rpartition(":")[2], []).append({name: value or "" for name, value in attrs})


def _decoded(data: bytes) -> str:
    """Return a file as text: XML is UTF-8 or UTF-16, unless it declares something else."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", "replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode(declared(data) or "utf-8", "replace")
