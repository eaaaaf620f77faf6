"""Framing of the base protocol: `Content-Length: N`, an empty line, and N bytes, in both directions."""

import re
from collections.abc import Iterator

MAX_HEADER = 8_192  # bytes
MAX_MESSAGE = 1 << 26  # bytes; the largest message is the text of a whole document
_LENGTH = re.compile(rb"[ \t]*([0-9]{1,10})[ \t]*")


class FramingError(Exception):
    """A header from which the place of the next message cannot be known."""


class MessageReader:
    """Cuts a stream of bytes, fed in pieces, into the contents of messages."""

    def __init__(self) -> None:
        self.buffer = bytearray()
        self.length: int | None = None  # of the content that is awaited; None: a header is

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield the contents that are complete with `data`. Raises FramingError, after which nothing can be read."""
        self.buffer += data
        while True:
            if self.length is None:
                end = self.buffer.find(b"\r\n\r\n", 0, MAX_HEADER)
                if end < 0:
                    if len(self.buffer) >= MAX_HEADER:
                        raise FramingError(f"expected a header of at most {MAX_HEADER:,} bytes, found a longer one")
                    return
                self.length = content_length(bytes(self.buffer[:end]))
                del self.buffer[: end + 4]
            if len(self.buffer) < self.length:
                return
            content = bytes(self.buffer[: self.length])
            del self.buffer[: self.length]
            self.length = None
            yield content


def content_length(header: bytes) -> int:
    """Return the length that a header states; its other fields are ignored. Raises FramingError."""
    for field in header.split(b"\r\n"):
        name, _, value = field.partition(b":")
        if name.strip().lower() == b"content-length":
            number = _LENGTH.fullmatch(value)
            if number is None or int(number[1]) > MAX_MESSAGE:
                found = repr(value[:40].decode("latin-1"))
                raise FramingError(f"Content-Length: expected a whole number up to {MAX_MESSAGE:,}, found {found}")
            return int(number[1])
    raise FramingError("expected the header field Content-Length, found none")


def framed(content: bytes) -> bytes:
    """Return the bytes that transmit the content of a message."""
    return b"Content-Length: %d\r\n\r\n%b" % (len(content), content)
