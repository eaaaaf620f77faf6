"""The texts that post-training reads."""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from rnnwords.config import FittedInterpolation
from rnnwords.lm.interface import Ids
from rnnwords.model_file import HELD_OUT, Model
from rnnwords.text.encoded import EncodedText
from rnnwords.text.prepare import Prepared
from rnnwords.training.continuation.base import Base

MAX_WORDS = 20_000  # of each half of the validation text: more change fitted weights by less than 0.01


@dataclass(frozen=True)
class PostTrainingTexts:
    """Training text and both halves of the validation text.

    `choosing`, the half on which the best weights were chosen, fits every setting; `held_out` measures the result. Each
    is (N,) ids, of which the first `skip` are context only, and None if there is no such text. Where `held_out` is
    missing, what is fitted could not be checked, so only what was requested is fitted.
    """

    train: EncodedText
    word_counts: Callable[[], Mapping[str, int]]  # see `Prepared`
    choosing: Ids | None
    held_out: Ids | None
    skip: int
    digest: str | None  # SHA-256 of the validation file; None: a split of the training text
    base: Base | None = None  # the model that training continued from

    @classmethod
    def of(cls, prepared: Prepared, skip: int, base: Base | None = None) -> "PostTrainingTexts":
        """Return the texts of a run whose network has windows, or steps, of `skip` words."""
        choosing, held_out = (_first(half, skip) for half in (prepared.validation, prepared.held_out))
        return cls(prepared.train, prepared.word_counts, choosing, held_out, skip, prepared.validation_digest, base)

    @property
    def words(self) -> int:
        """The number of words that `choosing` predicts."""
        return 0 if self.choosing is None else len(self.choosing) - self.skip


def _first(text: EncodedText | None, skip: int) -> Ids | None:
    """Return the first ids of a half, MAX_WORDS of them predicted; None if it is too short to predict any."""
    if text is None or len(text) <= skip:
        return None
    ids: Ids = np.asarray(text[0 : skip + MAX_WORDS]).astype(np.int64)
    return ids


def changed(model: Model, **parts: Any) -> Model:
    """Return the model with other parts, without the figures on held-out text, which are those of the parts before."""
    record = {name: value for name, value in parts.pop("training", model.training).items() if name != HELD_OUT}
    return dataclasses.replace(model, **parts, training=record)


def unfitted(model: Model, **parts: Any) -> Model:
    """Return the model with other weights: nothing is fitted for them yet, but its n-gram stays."""
    if old := model.interpolation:
        names = ("ngram_order", "ngram_count", "cache_size", "cache_by_default")
        parts["interpolation"] = FittedInterpolation(**{name: getattr(old, name) for name in names})
    return changed(model, **parts, adaptation=None, adaptation_config=None)
