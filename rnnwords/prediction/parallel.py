"""Work on several batches side by side.

numpy lets other threads run while it computes, so that batches can share the cores without the threads inside its
products. Those wait for each other at every step: on a machine that does something else too, they are many times slower
than one thread (OPENBLAS_NUM_THREADS=1 switches them off).
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from concurrent.futures import Future

R = TypeVar("R")


def side_by_side(jobs: Iterable[Callable[[], R]], threads: int) -> Iterator[R]:
    """The results of the jobs, in their order. At most twice `threads` of them wait or are under way at a time."""
    if threads == 1:
        for job in jobs:
            yield job()
        return
    from concurrent.futures import ThreadPoolExecutor  # 5 ms, which a single prediction need not wait for

    waiting: deque[Future[R]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        try:
            for job in jobs:
                waiting.append(pool.submit(job))
                if len(waiting) >= 2 * threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
