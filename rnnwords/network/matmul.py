"""One row times a large matrix, by two cores.

Such a product is bound by memory: a second core brings the matrix in faster. numpy's own threads would do so too, but
they wait busily, so that on a machine that does something else as well they are many times slower than one thread; and
they round differently from one thread, so that equal runs could differ. Here a thread that sleeps between products does
the first half of the columns. Where it comes late, since the core is taken, both halves are done by one core for a
while: the numbers are the same, whoever computes them.
"""

import os
import queue
import threading
import time

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

SHARED = 1 << 22  # numbers in a matrix from which a second core gains more than it costs to call it
LATE = 2e-3  # seconds: a core that was idle comes sooner
ALONE = 100  # products done alone after one in which the other half came late


class Helper:
    """A thread that does half of a product."""

    def __init__(self) -> None:
        self.asked: queue.SimpleQueue[tuple[Floats, Floats, Floats]] = queue.SimpleQueue()
        self.done: queue.SimpleQueue[None] = queue.SimpleQueue()
        self.free = threading.Lock()  # one product at a time
        self.alone = 0  # products that will be done without it
        threading.Thread(target=self._work, daemon=True, name="rnnwords product").start()

    def _work(self) -> None:
        while True:
            row, kernel, out = self.asked.get()
            np.matmul(row, kernel, out=out)
            self.done.put(None)

    def take(self) -> bool:
        """Whether it can be asked now; then `free` is to be released."""
        if self.alone > 0:
            self.alone -= 1
            return False
        return self.free.acquire(blocking=False)


_helper: Helper | None = None


def _forget() -> None:
    global _helper
    _helper = None  # a forked process has no threads but the one that forked


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


def row_product(row: Floats, kernel: Floats) -> Floats:
    """(1, K), (K, N) -> (1, N); large ones by two cores, if there are two and the other is free."""
    global _helper
    if kernel.size < SHARED:
        return row @ kernel
    out: Floats = np.empty((1, kernel.shape[1]), np.float32)
    half = kernel.shape[1] // 32 * 16
    halves = (kernel[:, :half], out[:, :half]), (kernel[:, half:], out[:, half:])
    if _helper is None and (os.cpu_count() or 1) > 1:
        _helper = Helper()
    if _helper is None or not _helper.take():
        for part, place in halves:
            np.matmul(row, part, out=place)
        return out
    try:
        begun = time.perf_counter()
        _helper.asked.put((row, *halves[0]))
        np.matmul(row, halves[1][0], out=halves[1][1])
        own = time.perf_counter() - begun
        _helper.done.get()
        if time.perf_counter() - begun > 3 * own + LATE:
            _helper.alone = ALONE
    finally:
        _helper.free.release()
    return out
