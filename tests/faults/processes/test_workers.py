"""Row 44: a worker that ends at any moment ends the call, and no worker is left."""

import functools
import itertools
import os
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from typing import Any

import pytest

from rnnwords.config import TextConfig
from rnnwords.errors import WorkerError
from rnnwords.text.counting import count_words, encode_corpus
from rnnwords.text.vocabulary import Vocabulary
from rnnwords.text.workers import map_in_workers
from tests.faults.processes.workers import SECONDS

BIG = 3 << 20  # bytes of an item or result: many times what a pipe or socket holds


def message(status: str) -> str:
    return f"expected the worker processes to finish, found one ended by {status}, .*run the command again"


@pytest.mark.parametrize("count", [1, 2], ids=["one", "all"])
@pytest.mark.parametrize("moment", range(10))
def test_row_44_a_worker_that_is_killed_at_any_moment_ends_the_command(moment, count, started):
    delay = random.Random(moment).uniform(0, 0.3) if moment else 0.0

    def kill() -> None:
        started.began.wait()
        time.sleep(delay)
        while len(started) < count:
            pass
        killed.append(time.monotonic())
        started.kill(count)

    killed: list[float] = []
    killer = threading.Thread(target=kill)
    killer.start()
    items = itertools.repeat(b"had a general council " * (BIG // 22))
    with pytest.raises(WorkerError, match=message("SIGKILL")):
        for _ in map_in_workers(functools.partial, (bytes.upper,), items, 2):
            pass
    killer.join()
    assert time.monotonic() - killed[0] < SECONDS
    assert started.all_ended()


@pytest.mark.parametrize(
    ("make", "arguments", "item", "status"),
    [
        (os._exit, (3,), 0, "status 3"),  # at its start
        (os.kill, (0, signal.SIGTERM), 0, "SIGTERM"),  # of its process group, in which it is alone
        (functools.partial, (os._exit,), 3, "status 3"),  # while it computes
        (functools.partial, (os._exit,), 0, "status 0"),
        (functools.partial, (signal.raise_signal,), signal.SIGKILL, "SIGKILL"),
        (functools.partial, (signal.raise_signal,), signal.SIGSEGV, "SIGSEGV"),
        (functools.partial, (exec,), "raise SystemExit", "status 1"),
        (functools.partial, (eval,), "lambda: 0", "status 1"),  # a result that cannot be sent
    ],
)
def test_row_44_a_worker_that_ends_itself_ends_the_command(make, arguments, item, status, started):
    with pytest.raises(WorkerError, match=message(status)):
        list(map_in_workers(make, arguments, itertools.repeat(item, 9), 2))
    assert started.all_ended()


@pytest.mark.parametrize("moment", ["while an item is sent", "while a result is sent", "idle"])
def test_row_44_a_worker_that_is_killed_while_it_communicates_ends_the_command(moment, started, monkeypatch):
    """Kill it in the middle of a message that is larger than what the connection holds."""
    calls = [0]

    def killed_in(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(connection: Connection, *arguments: Any) -> Any:
            calls[0] += 1
            if calls[0] in (12, 13) and (worker := next(one for one in started if one.connection is connection)):
                worker.process.kill()
                worker.process.wait()
            return function(connection, *arguments)

        return call

    if moment != "idle":
        name = "_send" if moment == "while an item is sent" else "_recv"
        monkeypatch.setattr(Connection, name, killed_in(getattr(Connection, name)))

    def items() -> Iterator[Any]:
        for number in range(20):
            if moment == "idle" and number == 9:
                started.kill()
                started[0].process.wait()
            yield bytes(BIG) if moment == "while an item is sent" else BIG

    with pytest.raises(WorkerError, match=message("SIGKILL")):
        list(map_in_workers(functools.partial, (bytes,), items(), 2))
    assert started.all_ended()


def test_row_44_results_larger_than_a_pipe_while_items_are_sent_do_not_block(started):
    results = list(map_in_workers(functools.partial, (bytes,), (bytes([number]) * BIG for number in range(8)), 2))
    assert [(result[0], len(result)) for result in results] == [(number, BIG) for number in range(8)]
    assert started.all_ended()


def test_row_44_an_interrupted_count_ends_its_workers(long_text, started):
    def stop(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        count_words(long_text, TextConfig(), stop)
    assert len(started) == 2
    assert started.all_ended()


def test_row_44_an_abandoned_encoding_ends_its_workers(long_text, started):
    vocabulary = Vocabulary.build(count_words(long_text, TextConfig()).counts, TextConfig())
    pieces = encode_corpus(long_text, vocabulary)
    next(pieces)
    assert not started[-1].process.returncode
    del pieces
    assert started.all_ended()
