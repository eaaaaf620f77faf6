"""`LanguageModel`: the one interface of everything that gives P(next word | words before).

Network, n-gram model, cache and their interpolation implement it, so whatever is built on it (ranking, scoring,
generation, evaluation, explanation) takes any of them. Shapes: B states, T ids, V vocabulary.
"""

from collections.abc import Sequence
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from rnnwords.text.vocabulary import Vocabulary

Floats = NDArray[np.float32]
Ids = NDArray[np.integer[Any]]
S = TypeVar("S")


class LanguageModel(Protocol[S]):
    """A language model over the token ids of a vocabulary. States of type S are immutable to their users."""

    vocabulary: Vocabulary
    context_size: int | None  # words before a prediction that can change it; None: all of them

    @property
    def prompt_size(self) -> int:
        """Words at the end of a prompt that are worth reading."""
        return self.context_size or 0

    @property
    def state_size(self) -> int:
        """About how many numbers a state keeps, for whoever keeps many states."""
        return len(self.vocabulary)

    def initial_state(self) -> S:
        """Return the state at the beginning of a text: after <eos> where line ends are tokens, else before any word."""

    def advance(self, state: S, ids: Sequence[int]) -> S:
        """Return the state after these ids."""

    def advance_each(self, state: S, ids: Sequence[int]) -> list[S]:
        """Return the states after each of T ids."""
        states = [state]
        for token in ids:
            states.append(self.advance(states[-1], (token,)))
        return states[1:]

    def log_probs(self, states: Sequence[S]) -> Floats:
        """Return (B, V) natural log-probabilities of the next word after each state, an array of the caller's own."""

    def add_probs(self, states: Sequence[S], weights: NDArray[np.float64], out: Floats) -> None:
        """Add the (B, V) probabilities after the states to `out`, each row times its weight (B,)."""
        probs = self.log_probs(states)
        np.exp(probs, out=probs)
        probs *= weights.astype(np.float32)[:, None]
        out += probs
