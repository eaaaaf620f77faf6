"""Product of one row and a large matrix on two cores, and of several rows with the results that each has alone.

The product is limited by memory bandwidth, so a second core makes it faster. numpy's own threads are not used: they
wait in a busy loop, which makes them many times slower than one thread on a loaded machine, and they round differently
from one thread, so that equal runs could differ. Here a sleeping thread computes the first half of the columns. If it
finishes late because its core is busy, the next products are computed by one core. The results are bit-equal, whichever
thread computes them.
"""

import contextlib
import os
import queue
import threading
import time
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

PARALLEL_FROM = 1 << 22  # elements of the matrix; below, waking the thread takes longer than it saves
MAX_DELAY = 2e-3  # seconds; an idle core starts sooner
BACKOFF = 100  # products computed by one core after a late one


_settings = threading.local()


@contextlib.contextmanager
def row_by_row() -> Iterator[None]:
    """Make each row of the products of this thread independent of the other rows, as slow streams of prompts need."""
    before = is_row_by_row()
    _settings.row_by_row = True
    try:
        yield
    finally:
        _settings.row_by_row = before


def is_row_by_row() -> bool:
    """Return whether this thread computes in `row_by_row`."""
    return getattr(_settings, "row_by_row", False)


def rows_product(rows: Floats, kernel: Floats) -> Floats:
    """Return (R, N) of (R, K) and (K, N), each row bit-equal to `row_product` of it."""
    parts = [kernel]
    if kernel.size >= PARALLEL_FROM:
        half = _half(kernel)
        parts = [kernel[:, :half], kernel[:, half:]]
    return np.concatenate([np.matmul(rows[:, None], part)[:, 0] for part in parts], axis=1)


def _half(kernel: Floats) -> int:
    """Return how many columns the first of two parts of a product has; numpy computes the last few in another way."""
    return int(kernel.shape[1]) // 32 * 16


class ProductThread:
    """A thread that computes half of a product."""

    def __init__(self) -> None:
        self.requests: queue.SimpleQueue[tuple[Floats, Floats, Floats]] = queue.SimpleQueue()
        self.done: queue.SimpleQueue[None] = queue.SimpleQueue()
        self.lock = threading.Lock()  # one product at a time
        self.backoff = 0  # products left to compute without it
        threading.Thread(target=self._run, daemon=True, name="rnnwords product").start()

    def _run(self) -> None:
        while True:
            row, kernel, out = self.requests.get()
            np.matmul(row, kernel, out=out)
            self.done.put(None)

    def acquire(self) -> bool:
        """Return whether the thread is available; if so, the caller must release `lock`."""
        if self.backoff > 0:
            self.backoff -= 1
            return False
        return self.lock.acquire(blocking=False)


_thread: ProductThread | None = None


def _reset() -> None:
    global _thread
    _thread = None  # a forked process has only the thread that called fork


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_reset)


def row_product(row: Floats, kernel: Floats) -> Floats:
    """Return (1, N) of (1, K) and (K, N); large products use two cores if they are available."""
    global _thread
    if kernel.size < PARALLEL_FROM:
        return row @ kernel
    out = np.empty((1, kernel.shape[1]), np.float32)
    half = _half(kernel)
    halves = (kernel[:, :half], out[:, :half]), (kernel[:, half:], out[:, half:])
    if _thread is None and (os.cpu_count() or 1) > 1:
        _thread = ProductThread()
    if _thread is None or not _thread.acquire():
        for columns, result in halves:
            np.matmul(row, columns, out=result)
        return out
    try:
        start = time.perf_counter()
        _thread.requests.put((row, *halves[0]))
        np.matmul(row, halves[1][0], out=halves[1][1])
        own = time.perf_counter() - start
        _thread.done.get()
        if time.perf_counter() - start > 3 * own + MAX_DELAY:
            _thread.backoff = BACKOFF
    finally:
        _thread.lock.release()
    return out
