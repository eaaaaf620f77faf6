"""Weight updates of dynamic evaluation (Krause et al. 2018, "Dynamic Evaluation of Neural Sequence Models").

Stochastic gradient descent, in which each step is divided by the root mean square that the gradient of the weight had
on a sample of text, and weights decay towards the trained ones:

    weight += decay * (trained weight - weight) - rate * gradient / root mean square

The root mean squares of a matrix are the products of one factor per row and one per column, as in Adafactor (Shazeer &
Stern 2018), so the model file keeps few numbers. Gradients are means over the words of a segment.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnwords.network.config import NetworkConfig
from rnnwords.network.output_gradients import Gradients, ProductGradient, RowGradient
from rnnwords.network.recurrent import Floats

ROWS, COLUMNS = "/rows", "/columns"  # of the names of the factors of a matrix
# The lowest root mean square of a weight, as a share of that of all: a word that the sample lacks has 0.
MIN_FACTOR = 1.0
DECAY_SEGMENTS = 10  # between two decays, since each of them reads and writes all weights


def scale_shapes(network: NetworkConfig) -> dict[str, tuple[int, ...]]:
    """Return the names and shapes of the root mean squares of the gradients of a network."""
    shapes: dict[str, tuple[int, ...]] = {}
    for name, shape in network.shapes().items():
        if name.endswith("bias"):
            shapes[name] = shape
        else:
            shapes[name + ROWS], shapes[name + COLUMNS] = shape[:1], shape[1:]
    return shapes


class SquareSums:
    """Sums of squared gradients over the segments of a sample, by row and by column of each matrix."""

    def __init__(self, network: NetworkConfig, weights: Mapping[str, Floats]) -> None:
        """The weights do not change."""
        self.weights = weights
        self.sums = {name: np.zeros(shape) for name, shape in scale_shapes(network).items()}
        self.segments = 0

    def reset(self) -> None:
        """Begin a text; the sums stay."""

    def apply(self, gradients: Gradients, words: int) -> Iterator[None]:
        """Add the gradients of the summed loss of a segment of so many words."""
        yield
        self.segments += 1
        for name, gradient in gradients.items():
            if isinstance(gradient, ProductGradient):
                rows, columns = _product_squares(gradient)
                self.sums[name + ROWS] += rows / words**2
                places: Any = slice(None) if gradient.columns is None else gradient.columns
                self.sums[name + COLUMNS][places] += columns / words**2
                continue
            places = slice(None) if gradient.rows is None else gradient.rows
            squares = np.square(gradient.values, dtype=np.float64) / words**2
            if name in self.sums:
                self.sums[name][places] += squares
            else:
                self.sums[name + ROWS][places] += squares.sum(axis=1)
                self.sums[name + COLUMNS] += squares.sum(axis=0)

    def scales(self) -> dict[str, Floats]:
        """Return the root mean squares: of a matrix the factors NAME/rows (K,) and NAME/columns (M,), of a bias all."""
        scales = {}
        for name, sums in self.sums.items():
            mean = sums / max(1, self.segments)
            if name.endswith(ROWS):
                mean = mean / len(self.sums[name.removesuffix(ROWS) + COLUMNS])
            elif name.endswith(COLUMNS):
                mean = mean / max(mean.mean(), np.finfo(np.float64).tiny)
            scales[name] = np.sqrt(mean).astype(np.float32)
        return scales


def _product_squares(gradient: ProductGradient) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the sums of squares by row (K,) and by column (M,) of left^T right, which is not computed.

    With N rows of few, they follow from the (N, N) products of these rows.
    """
    left, right = gradient.left, gradient.right
    rows = ((right @ right.T) @ left * left).sum(axis=0, dtype=np.float64)
    columns = ((left @ left.T) @ right * right).sum(axis=0, dtype=np.float64)
    return np.maximum(rows, 0), np.maximum(columns, 0)


class WeightUpdates:
    """Updates a copy of the weights of a network."""

    def __init__(self, weights: Mapping[str, Floats], scales: Mapping[str, Floats], rate: float, decay: float) -> None:
        self.trained = weights
        self.weights = {name: np.array(weight) for name, weight in weights.items()}
        self.rate, self.decay = rate, decay
        self.inverse = {name: _inverse(scale) for name, scale in scales.items()}
        self.segments = 0

    def reset(self) -> None:
        """Return to the trained weights."""
        if self.segments:
            for name, weight in self.trained.items():
                self.weights[name][...] = weight
        self.segments = 0

    def apply(self, gradients: Gradients, words: int) -> Iterator[None]:
        """Update the weights, one at a time, by the gradients of the summed loss of a segment of so many words."""
        step = np.float32(self.rate / words)
        for name, gradient in gradients.items():
            self._apply(name, gradient, step)
            yield
        self.segments += 1
        if self.decay and self.segments % DECAY_SEGMENTS == 0:
            share = np.float32(1 - (1 - self.decay) ** DECAY_SEGMENTS)
            for name, weight in self.weights.items():
                weight += share * (self.trained[name] - weight)
                yield

    def _apply(self, name: str, gradient: ProductGradient | RowGradient, step: np.float32) -> None:
        weight, inverse = self.weights[name], self.inverse
        if isinstance(gradient, ProductGradient):
            left, columns = gradient.left * (step * inverse[name + ROWS]), gradient.columns
            if columns is None:
                weight -= left.T @ (gradient.right * inverse[name + COLUMNS])
            else:
                weight[:, columns] -= left.T @ (gradient.right * inverse[name + COLUMNS][columns])
            return
        rows: Any = slice(None) if gradient.rows is None else gradient.rows
        if name in inverse:
            weight[rows] -= step * inverse[name][rows] * gradient.values
        else:
            change = gradient.values * inverse[name + COLUMNS]
            change *= (step * inverse[name + ROWS][rows])[:, None]
            weight[rows] -= change


def _inverse(scale: Floats) -> Floats:
    """Return 1 / root mean square, or factor of it, of each weight, row or column; the lowest ones are limited."""
    lowest = max(MIN_FACTOR * float(np.sqrt(np.square(scale, dtype=np.float64).mean())), 1e-30)
    return np.asarray(1 / np.maximum(scale, lowest), np.float32)
