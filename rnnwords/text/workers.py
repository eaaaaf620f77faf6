"""Worker processes: a function of each item, computed on all cores, with the results in order.

Each worker has a connection of its own to the main process: no lock and no pipe is shared. So the end of a worker, at
any moment, is the end of its connection, which the main process notices at once, and no other worker waits for it.
(`concurrent.futures.ProcessPoolExecutor` waits for ever when its workers are killed while its queue is full.)

A worker is a Python process of its own that imports nothing but the standard library, this package and the packages
that it needs, from where this process has them: nothing from the current directory, PYTHONPATH or the user's site
directory.
"""

import contextlib
import functools
import importlib.util
import os
import queue
import signal
import subprocess
import sys
import threading
import traceback
from collections import deque
from collections.abc import Callable, Generator, Iterator
from multiprocessing.connection import Connection, Pipe, wait
from pathlib import Path
from typing import Any, TypeVar

from rnnwords.errors import WorkerError

Item = TypeVar("Item")
R = TypeVar("R")

PENDING = 2  # items per worker: it computes one while the next one arrives
_NEEDED = ("regex", "icu4py")
_START = "import sys; sys.path += sys.argv[2:]; from rnnwords.text.workers import work; work(int(sys.argv[1]))"


@functools.cache
def _package_directories() -> list[str]:
    """Return the directories of this package and of those that it needs. Others may lie there: the last on the path."""
    specs = [importlib.util.find_spec(name) for name in _NEEDED]
    needed = [str(Path(spec.origin).parents[1]) for spec in specs if spec and spec.origin]
    return list(dict.fromkeys([str(Path(__file__).parents[2]), *needed]))


class _Worker:
    """A worker process, the connection to it, and the numbers of the items that it has."""

    def __init__(self) -> None:
        """Raises OSError if the system has no room for a process."""
        self.connection, theirs = Pipe()
        self.pending: deque[int] = deque()
        with theirs:
            self.process = subprocess.Popen(  # noqa: S603 - this interpreter, with arguments of our own
                [sys.executable, "-I", "-S", "-B", "-c", _START, str(theirs.fileno()), *_package_directories()],
                pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL, process_group=0,  # so that Ctrl-C does not reach it
            )  # fmt: skip

    def send(self, message: object) -> None:
        """Send a message. This ends: the worker receives at all times, and its death closes the connection."""
        try:
            self.connection.send(message)
        except OSError:
            raise self._ended() from None

    def receive(self) -> tuple[int, tuple[Any, BaseException | None]]:
        """Return the number of an item, and its result or the exception that it raised."""
        try:
            outcome = self.connection.recv()
        except (EOFError, OSError):
            raise self._ended() from None
        return self.pending.popleft(), outcome

    def _ended(self) -> WorkerError:
        try:
            status = self.process.wait(1)
        except subprocess.TimeoutExpired:
            self.process.kill()
            status = self.process.wait()
        names = {int(one): one.name for one in signal.Signals}
        how = names.get(-status, f"signal {-status}") if status < 0 else f"status {status}"
        return WorkerError(
            f"expected the worker processes to finish, found one ended by {how}, often for lack of memory; no file was "
            "changed; free some memory and run the command again"
        )

    def stop(self) -> None:
        self.connection.close()
        self.process.kill()
        self.process.wait()


def map_in_workers(
    make: Callable[..., Callable[[Item], R]], arguments: tuple[Any, ...], items: Iterator[Item], count: int
) -> Generator[R, None, None]:
    """Yield `function` of each item, in order, where each of `count` workers calls `function = make(*arguments)`.

    Items are read as workers become free, which bounds memory. With room for fewer processes, fewer are started, and
    without any, this process computes. Raises WorkerError if a worker ends, and what `function` raises.
    """
    with contextlib.ExitStack() as stack:
        workers: list[_Worker] = []
        with contextlib.suppress(OSError):
            for _ in range(count):
                workers.append(_Worker())
                stack.callback(workers[-1].stop)
        if workers:
            for worker in workers:
                worker.send((make, arguments))
            yield from _in_order(workers, items)
        else:
            yield from map(make(*arguments), items)


def _in_order(workers: list[_Worker], items: Iterator[Any]) -> Iterator[Any]:
    """Yield the results of the workers in the order of the items."""
    by_connection: dict[object, _Worker] = {worker.connection: worker for worker in workers}
    connections = [worker.connection for worker in workers]
    received: dict[int, tuple[Any, BaseException | None]] = {}  # results that are early
    sent = yielded = 0
    more = True
    while more or yielded < sent:
        while more and sent - yielded < PENDING * len(workers):
            worker = min(workers, key=lambda worker: len(worker.pending))
            if len(worker.pending) == PENDING:
                break
            try:
                item = next(items)
            except StopIteration:
                more = False
                break
            worker.send(item)
            worker.pending.append(sent)
            sent += 1
        for connection in wait(connections, timeout=0 if yielded in received else None) if sent else []:
            number, outcome = by_connection[connection].receive()
            received[number] = outcome
        if yielded in received:
            result, error = received.pop(yielded)
            if error is not None:
                raise error
            yielded += 1
            yield result


def work(descriptor: int) -> None:
    """Compute as a worker until the main process closes the connection or ends; exit with status 1."""
    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the main process ends its workers
        connection = Connection(descriptor)
        messages: queue.SimpleQueue[Any] = queue.SimpleQueue()
        threading.Thread(target=_receive, args=(connection, messages), daemon=True).start()
        make, arguments = messages.get()
        function = make(*arguments)
        while True:
            connection.send(_outcome(function, messages.get()))
    finally:
        os._exit(1)


def _receive(connection: Connection, messages: "queue.SimpleQueue[Any]") -> None:
    """Receive at all times: the main process never waits for a busy worker, nor does a worker outlive it."""
    try:
        while True:
            messages.put(connection.recv())
    finally:
        os._exit(1)


def _outcome(function: Callable[[Any], Any], item: object) -> tuple[Any, BaseException | None]:
    try:
        return function(item), None
    except Exception as error:
        error.add_note("".join(traceback.format_exception(error)))  # a traceback stays in its process
        return None, error
