"""Speed of this machine, measured in a few hundredths of a second."""

import functools
import time

import numpy as np

SIZE = 512  # rows and columns of the matrices
TRIES = 5


@functools.cache
def seconds_per_operation() -> float:
    """Return how long a multiplication or addition of a matrix product takes on all cores: the best of a few tries."""
    matrix, best = np.ones((SIZE, SIZE), np.float32), float("inf")
    for _ in range(TRIES):
        begun = time.perf_counter()
        matrix @ matrix
        best = min(best, time.perf_counter() - begun)
    return best / (2 * SIZE**3)
