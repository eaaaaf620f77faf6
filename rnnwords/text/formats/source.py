"""What a converter reads: a file of another format than plain text."""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import IO

from rnnwords.config import ReadConfig
from rnnwords.errors import CorpusError
from rnnwords.text.reading.utf8 import decode


def ending(name: str) -> str:
    """Return the ending of a file's name in lower case, that before .gz if it has one."""
    return os.path.splitext(name.lower().removesuffix(".gz"))[1]


@dataclass(frozen=True)
class Source:
    """A file, as converters read it. All of it may raise CorpusError."""

    name: str
    read: ReadConfig
    pieces: Callable[[], Iterator[bytes]]  # UTF-8, unless the file is in an encoding without a mark
    texts: Callable[[], Iterator[str]]  # decoded, with line ends \n, in blocks that end at white space
    opened: Callable[[], AbstractContextManager[IO[bytes]]]

    def lines(self) -> Iterator[str]:
        r"""Yield the lines with their ends, which are \n only."""
        rest = ""
        for text in self.texts():
            *lines, rest = (rest + text).split("\n")
            for line in lines:
                yield line + "\n"
        if rest:
            yield rest


def whole(source: Source, limit: int, encoding_of: Callable[[bytes], str | None] = lambda data: None) -> str:
    """Return a file of at most `limit` bytes as text. What is not UTF-8 is decoded by `encoding_of` its bytes."""
    data = bytearray()
    for piece in source.pieces():
        data += piece
        if len(data) > limit:
            raise CorpusError(
                f"{source.name}: expected at most {limit >> 20} MB in this format, which is read as a whole, found "
                "more; split the file, or convert it to plain text"
            )
    content = bytes(data)
    encoding = None if _is_utf8(content) else encoding_of(content)
    text = (
        content.decode(encoding, "replace") if encoding else decode(content, source.read.encoding_errors, source.name)
    )
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
