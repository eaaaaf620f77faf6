"""UTF-8 decoding: positions of invalid bytes, and command-line arguments."""

import os

import pytest

from rnnwords.errors import CorpusError
from rnnwords.text.reading.utf8 import decode, decode_argument


def test_invalid_byte_is_counted_from_the_line_and_byte_of_the_input():
    with pytest.raises(
        CorpusError, match=r"^name, line 7, byte 12: expected UTF-8, found 0xe9, probably windows-1252; convert it"
    ):
        decode(b"a\xe9", "strict", "name", 7, 11)
    with pytest.raises(
        CorpusError, match=r"^name, line 8, byte 2: expected UTF-8, found 0xe9, probably windows-1252; convert it"
    ):
        decode(b"\na\xe9", "strict", "name", 7, 11)
    assert decode(b"a\xe9b", "replace", "name") == "a\ufffdb"


def test_argument_is_utf8_and_its_invalid_bytes_are_replaced():
    assert decode_argument("na\u00efve") == "na\u00efve"
    assert decode_argument(os.fsdecode(b"a\xe9b")) == "a\ufffdb"
    assert decode_argument("a\ud800b") == "a?b"  # a surrogate that no argument has
