"""Runs jobs on several threads and yields their results in order.

numpy releases the interpreter lock while it computes, so several batches can share the cores. That is faster than the
threads inside a matrix product, which wait for one another at every step: beside another busy process they are many
times slower than one thread (OPENBLAS_NUM_THREADS=1 turns them off).
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from concurrent.futures import Future

R = TypeVar("R")


def parallel_map(jobs: Iterable[Callable[[], R]], threads: int) -> Iterator[R]:
    """Yield the results of the jobs in order. At most twice `threads` of them are pending or running at a time."""
    if threads == 1:
        for job in jobs:
            yield job()
        return
    from concurrent.futures import ThreadPoolExecutor  # takes 5 ms, which a single prediction does not need

    pending: deque[Future[R]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        try:
            for job in jobs:
                pending.append(pool.submit(job))
                if len(pending) >= 2 * threads:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()
