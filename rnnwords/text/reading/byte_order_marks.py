"""Byte-order marks: the encoding that the first bytes of a text state, and the text in UTF-8 without its mark."""

import codecs
from collections.abc import Iterable, Iterator
from itertools import chain

from rnnwords.errors import CorpusError

# Mark -> encoding. The mark of UTF-32 in little-endian order begins with that of UTF-16.
_MARKS = {
    codecs.BOM_UTF32_LE: "UTF-32LE", codecs.BOM_UTF32_BE: "UTF-32BE",
    codecs.BOM_UTF16_LE: "UTF-16LE", codecs.BOM_UTF16_BE: "UTF-16BE",
    codecs.BOM_UTF8: "UTF-8",
}  # fmt: skip


def encoding_of(head: bytes) -> str:
    """Return the encoding that a text with these first bytes states: UTF-16, UTF-32, and without a mark UTF-8."""
    return next((encoding[:6] for mark, encoding in _MARKS.items() if head.startswith(mark)), "UTF-8")


def as_utf8(pieces: Iterable[bytes], name: str, encoding_errors: str, *, nul: bool = False) -> Iterator[bytes]:
    """Yield the pieces of the input `name` in UTF-8, without its mark; both marks and characters may be cut.

    Nothing is held back but a start that can be that of a mark. With `nul`, a NUL byte ends an empty prompt, so no mark
    that begins with one is known. UTF-8 is not checked. Raises CorpusError for invalid UTF-16 or UTF-32.
    """
    marks = [mark for mark in _MARKS if not (nul and mark.startswith(b"\0"))]
    start, rest = b"", iter(pieces)
    for piece in rest:
        start += piece
        if not any(mark.startswith(start) and mark != start for mark in marks):
            break
    mark = next(filter(start.startswith, marks), b"")
    following = chain([start.removeprefix(mark)], rest)
    encoding = _MARKS.get(mark, "UTF-8")
    yield from following if encoding == "UTF-8" else _decoded(following, name, encoding, encoding_errors)


def invalid(name: str, encoding: str, error: UnicodeDecodeError) -> CorpusError:
    """Return the error for the input `name`, which is not in the encoding that its mark states."""
    return CorpusError(
        f"{name}: expected {encoding}, as its byte-order mark states, found invalid bytes ({error.reason}); convert "
        "the file to UTF-8, or set `encoding_errors` to replace"
    )


def _decoded(pieces: Iterable[bytes], name: str, encoding: str, encoding_errors: str) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder(encoding)(encoding_errors)
    try:
        for piece in pieces:
            yield decoder.decode(piece).encode()
        yield decoder.decode(b"", final=True).encode()
    except UnicodeDecodeError as error:
        raise invalid(name, encoding[:6], error) from error
