"""Logistic regression on named features, for decisions that depend on the words around a place."""

import math
from collections.abc import Iterable, Mapping, Sequence

_EPOCHS, _RATE = 8, 0.5
_LIMIT = 30.0  # of a logit, so that exp does not overflow
_CLOSE = 0.01  # errors of a probability that change no weight
Example = tuple[list[str], bool]  # features, and whether the answer is yes


def fit(examples: Sequence[Example]) -> dict[str, float]:
    """Return the weight of each feature, by stochastic gradient descent with AdaGrad (Duchi et al. 2011)."""
    weights: dict[str, float] = {}
    squares: dict[str, float] = {}
    for _ in range(_EPOCHS):
        for features, yes in examples:
            error = yes - probability(logit(features, weights))
            if abs(error) < _CLOSE:
                continue
            for one in features:
                squares[one] = squares.get(one, 1e-3) + error * error
                weights[one] = weights.get(one, 0.0) + _RATE * error / math.sqrt(squares[one])
    return weights


def logit(features: Iterable[str], weights: Mapping[str, float]) -> float:
    """Return the log-odds of yes."""
    return sum(weights.get(one, 0.0) for one in features)


def probability(log_odds: float) -> float:
    """Return the probability with these log-odds."""
    return 1 / (1 + math.exp(-max(-_LIMIT, min(_LIMIT, log_odds))))


def log_odds(share: float) -> float:
    """Return the log-odds of a probability between 0 and 1."""
    return math.log(share / (1 - share))
