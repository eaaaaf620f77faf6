"""Messages survive any division of the stream, and a header without a usable length ends it."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnwords.server.framing import MAX_MESSAGE, FramingError, MessageReader, framed


@given(st.lists(st.binary(max_size=40)), st.lists(st.integers(1, 30), min_size=1))
def test_contents_survive_any_division_of_the_stream(contents: list[bytes], sizes: list[int]) -> None:
    stream, reader = b"".join(map(framed, contents)), MessageReader()
    found: list[bytes] = []
    while stream:
        for size in sizes:
            found += reader.feed(stream[:size])
            stream = stream[size:]
    assert found == contents


@pytest.mark.parametrize(
    "header",
    [
        b"Content-Type: application/vscode-jsonrpc; charset=utf-8\r\nContent-Length: 2",
        b"content-length:2",
        b"CONTENT-LENGTH:  2 \r\nX-Other: 7",
    ],
)
def test_other_fields_and_any_case_are_accepted(header: bytes) -> None:
    assert list(MessageReader().feed(header + b"\r\n\r\n{}")) == [b"{}"]


@pytest.mark.parametrize(
    ("stream", "problem"),
    [
        (b"Content-Type: text\r\n\r\n{}", "expected the header field Content-Length, found none"),
        (b"\r\n\r\n", "expected the header field Content-Length, found none"),
        (b"Content-Length: -2\r\n\r\n{}", "expected a whole number up to 67,108,864, found ' -2'"),
        (b"Content-Length: two\r\n\r\n{}", "found ' two'"),
        (b"Content-Length: %d\r\n\r\n" % (MAX_MESSAGE + 1), "found ' 67108865'"),
        (b"Content-Length: %b\r\n\r\n" % (b"9" * 5000), "found ' 999"),
        (b"{" * 8_192, "expected a header of at most 8,192 bytes, found a longer one"),
    ],
)
def test_a_header_without_a_usable_length_is_an_error(stream: bytes, problem: str) -> None:
    with pytest.raises(FramingError) as error:
        list(MessageReader().feed(stream))
    assert problem in str(error.value)


@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_contents_or_an_error(stream: bytes) -> None:
    with contextlib.suppress(FramingError):
        assert sum(len(content) for content in MessageReader().feed(stream)) <= len(stream)
