"""Input that comes through a pipe: all of it, as it comes, and no signal missed."""

import _thread
import io
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from rnnwords.text.stdin import arriving, is_there

MISSED = 20.0  # seconds after which a wait has missed the signal: then input comes, so that the test ends


@contextmanager
def pipe() -> Iterator[tuple[io.BufferedReader, io.FileIO]]:
    """Both ends, the second without a buffer."""
    reads, writes = os.pipe()
    with open(reads, "rb") as reader, io.FileIO(writes, "wb") as writer:
        yield reader, writer


def test_blocks_come_as_they_are_written():
    with pipe() as (reader, writer):
        blocks = arriving(reader, 1 << 16)
        for data in (b"the cat", b" and", b"\n" * 30_000):
            writer.write(data)
            assert next(blocks) == data
        writer.close()
        assert list(blocks) == []


def test_blocks_have_a_size_at_most():
    with pipe() as (reader, writer):
        writer.write(b"abcdefgh" * 2_000)
        writer.close()
        blocks = list(arriving(reader, 9_000))
    assert b"".join(blocks) == b"abcdefgh" * 2_000
    assert max(map(len, blocks)) <= 9_000


def test_what_is_in_memory_is_there_at_once():
    stream = io.BytesIO(b"the cat")
    assert is_there(stream, 0) is True
    assert list(arriving(stream, 4)) == [b"the ", b"cat"]


def test_it_tells_whether_input_is_there():
    with pipe() as (reader, writer):
        assert is_there(reader, 0) is False
        writer.write(b"a")
        assert is_there(reader, 0) is True
        assert reader.read1(100) == b"a"
        writer.close()
        assert is_there(reader, 0) is True  # the end


def test_a_system_that_cannot_tell_is_read_from(monkeypatch):
    def refuse(*lists: Any) -> Any:
        raise OSError("not a socket")

    monkeypatch.setattr("select.select", refuse)
    with pipe() as (reader, writer):
        assert is_there(reader, 0) is None
        writer.write(b"a")
        writer.close()
        assert list(arriving(reader, 100)) == [b"a"]


class _Ended(Exception):
    pass


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_that_comes_right_before_a_wait_is_not_missed(number):
    """interrupt_main does what a signal does, but for ending the wait of the system: so it is for a signal that Python
    has noted and not looked at yet when the wait begins."""

    def end(number: int, frame: object) -> None:
        raise _Ended

    before = signal.signal(number, end)
    try:
        with pipe() as (reader, writer):
            late = threading.Timer(MISSED, writer.write, [b"late"])
            timers = [threading.Timer(0.2, _thread.interrupt_main, [number]), late]
            try:
                for timer in timers:
                    timer.start()
                with pytest.raises(_Ended):
                    next(arriving(reader, 100))
                assert late.is_alive()
            finally:
                late.cancel()
                for timer in timers:
                    timer.join()
    finally:
        signal.signal(number, before)
