"""What may stand beside a network in its model file: an n-gram model, and the weights by which predictions are mixed.

    p = w * ((1 - cache) * network + cache * p of the cache) + (1 - w) * p of the n-gram

`prediction.mixing` has the mathematics, `prediction.tuning` finds the weights.
"""

import dataclasses
from dataclasses import dataclass, field
from typing import Any, Self

from rnnwords.config import Config, shown, within
from rnnwords.errors import UsageError

MOST_BINS = 1_000


@dataclass(frozen=True)
class Weights(Config):
    """The weights of one combination. None: it has no such part."""

    network: float | None = within(0.0, 1.0, default=None)  # w, whatever the context
    by_count: tuple[float, ...] | None = None  # w by how often the n-gram has seen the context: see `prediction.mixing`
    cache: float | None = within(0.0, 0.99, default=None)
    theta: float | None = within(0.0, 100.0, default=None)  # how sharply the cache prefers some of its words

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.by_count is not None:
            if not isinstance(self.by_count, list | tuple) or not 1 <= len(self.by_count) <= MOST_BINS:
                raise UsageError(f"by-count must be a list of numbers; got {shown(self.by_count)}")
            if not all(type(one) in (int, float) and 0 <= one <= 1 for one in self.by_count):
                raise UsageError("by-count must have numbers between 0 and 1 alone")
            object.__setattr__(self, "by_count", tuple(self.by_count))


@dataclass(frozen=True)
class MixtureConfig(Config):
    """What a model file says of its n-gram model and of the weights found at the end of training."""

    order: int | None = within(1, 100, default=None)  # of the n-gram; None: there is none
    ngrams: int | None = within(1, 10**12, default=None)  # of all orders
    cache: int | None = within(1, 10_000, default=None)  # words of the cache that weights were tuned for
    words: int = within(0, 10**12, default=0)  # held-out words that the weights were tuned on; 0: there were none
    digest: str | None = None  # SHA-256 of the held-out file; None if the end of the training text was held out
    blend: Weights = field(default_factory=Weights)  # of network and n-gram
    memory: Weights = field(default_factory=Weights)  # of network and cache
    both: Weights = field(default_factory=Weights)  # of all three

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.order is None) != (self.ngrams is None):
            raise UsageError("an n-gram model has an order and a number of n-grams")
        if not (self.digest is None or isinstance(self.digest, str)):
            raise UsageError(f"digest must be text; got {shown(self.digest)}")

    def to_json(self) -> dict[str, Any]:
        """As in Config; of weights only those that there are."""
        values = super().to_json()
        for name in ("blend", "memory", "both"):
            values[name] = {key: list(one) if isinstance(one, tuple) else one
                            for key, one in values[name].items() if one is not None}  # fmt: skip
        return values

    @classmethod
    def from_json(cls, values: object) -> Self:
        """As in Config."""
        if isinstance(values, dict):
            weights = {item.name for item in dataclasses.fields(cls) if "Weights" in str(item.type)}
            values = {name: Weights.from_json(one) if name in weights else one for name, one in values.items()}
        return super().from_json(values)
