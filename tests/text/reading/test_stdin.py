"""Input from a pipe: complete, as it arrives, with every signal handled."""

import _thread
import io
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from rnnwords.text.reading.stdin import has_input, read_arriving

TIMEOUT = 20.0  # seconds until input arrives, so that a test with a missed signal ends


@contextmanager
def pipe() -> Iterator[tuple[io.BufferedReader, io.FileIO]]:
    """Yield both ends, the second unbuffered."""
    reads, writes = os.pipe()
    with open(reads, "rb") as reader, io.FileIO(writes, "wb") as writer:
        yield reader, writer


def test_input_is_yielded_as_it_arrives():
    with pipe() as (reader, writer):
        blocks = read_arriving(reader, 1 << 16)
        for data in (b"the cat", b" and", b"\n" * 30_000):
            writer.write(data)
            assert next(blocks) == data
        writer.close()
        assert list(blocks) == []


def test_yielded_bytes_never_exceed_the_size():
    with pipe() as (reader, writer):
        writer.write(b"abcdefgh" * 2_000)
        writer.close()
        blocks = list(read_arriving(reader, 9_000))
    assert b"".join(blocks) == b"abcdefgh" * 2_000
    assert max(map(len, blocks)) <= 9_000


def test_stream_in_memory_always_has_input():
    stream = io.BytesIO(b"the cat")
    assert has_input(stream, 0) is True
    assert list(read_arriving(stream, 4)) == [b"the ", b"cat"]


def test_has_input_is_true_for_waiting_bytes_and_at_the_end():
    with pipe() as (reader, writer):
        assert has_input(reader, 0) is False
        writer.write(b"a")
        assert has_input(reader, 0) is True
        assert reader.read1(100) == b"a"
        writer.close()
        assert has_input(reader, 0) is True  # the end


def test_stream_is_read_where_select_fails(monkeypatch):
    def refuse(*lists: Any) -> Any:
        raise OSError("not a socket")

    monkeypatch.setattr("select.select", refuse)
    with pipe() as (reader, writer):
        assert has_input(reader, 0) is None
        writer.write(b"a")
        writer.close()
        assert list(read_arriving(reader, 100)) == [b"a"]


class _Ended(Exception):
    pass


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_just_before_a_wait_is_handled(number):
    """interrupt_main simulates a signal that Python has recorded but not handled when the wait begins."""

    def end(number: int, frame: object) -> None:
        raise _Ended

    def wait(reader: io.BufferedReader) -> None:
        interrupt.start()  # inside, since a busy machine may deliver the signal before the wait begins
        next(read_arriving(reader, 100))

    before = signal.signal(number, end)
    try:
        with pipe() as (reader, writer):
            late = threading.Timer(TIMEOUT, writer.write, [b"late"])
            interrupt = threading.Timer(0.2, _thread.interrupt_main, [number])
            try:
                late.start()
                with pytest.raises(_Ended):
                    wait(reader)
                assert late.is_alive()
            finally:
                late.cancel()
                interrupt.join()
                late.join()
    finally:
        signal.signal(number, before)
