"""A network that has read some words.

Shapes: B contexts, H units, V vocabulary.
"""

import functools
from collections.abc import Sequence

import numpy as np

from rnnwords.network.arrays import Floats, Network, State
from rnnwords.network.batches import read_each


class Context:
    """What a network makes of some words. Immutable to its users: `read` gives a new context.

    Reading waits until the scores are asked for, so that the contexts of several beams can be read as one batch.
    """

    def __init__(
        self,
        network: Network,
        frequencies: Floats,
        waiting: tuple[int, ...] = (),
        state: State | None = None,
        output: Floats | None = None,
    ) -> None:
        self.network = network
        self.frequencies = frequencies  # (V,) what is predicted before any word
        self.waiting = waiting  # words to read: with a window, all that it sees
        self.state, self.output = state, output  # after the words read so far; output (1, H)

    def read(self, ids: Sequence[int]) -> "Context":
        """The context after these words too. The cost of a word is constant: a window forgets, a state is carried."""
        if not len(ids):
            return self
        config = self.network.config
        waiting = (*self.waiting, *ids)
        if config.stateful:
            return Context(self.network, self.frequencies, waiting, self.state, self.output)
        return Context(self.network, self.frequencies, waiting[-config.window :])

    def log_probabilities(self) -> Floats:
        """(V,) natural log-probabilities of the next word. Before any word: the frequencies of the training text."""
        scores: Floats = self._scores
        return scores

    @functools.cached_property
    def _scores(self) -> Floats:
        output = self.settled()
        if output is None:
            return self.frequencies
        scores: Floats = self.network.scores(output)[0]
        return scores

    def settled(self) -> Floats | None:
        """(1, H) the network's output after all the words; None before any word."""
        if not self.network.config.stateful:
            return self.network.read(np.array([self.waiting]))[0] if self.waiting else None
        if self.waiting:
            self.output, self.state = self.network.read(np.array([self.waiting]), self.state)
            self.waiting = ()
        return self.output


def evaluate(contexts: Sequence[Context]) -> Floats:
    """Contexts of one network -> (B, V) natural log-probabilities, as one batch where they can be read together."""
    network = contexts[0].network
    if not network.config.stateful and all(context.waiting for context in contexts):
        return network.scores(read_each(network, [context.waiting for context in contexts]))
    states = [context.state for context in contexts if context.state and len(context.waiting) == 1]
    if len(states) < len(contexts):
        return np.stack([context.log_probabilities() for context in contexts])
    joined = tuple(
        tuple(np.concatenate(parts) for parts in zip(*layer, strict=True)) for layer in zip(*states, strict=True)
    )
    outputs, state = network.read(np.array([context.waiting for context in contexts]), joined)
    for row, context in enumerate(contexts):
        context.state = tuple(tuple(part[row : row + 1] for part in layer) for layer in state)
        context.output, context.waiting = outputs[row : row + 1], ()
    return network.scores(outputs)
