"""A network that has read some words.

Shapes: B contexts, H units, V vocabulary.
"""

import functools
import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from rnnwords.network.forward_each import read_each
from rnnwords.network.recurrent import Floats, Network, State

LOOK_BACK = 128  # words by which a context may be longer than the one remembered that it goes on from
REMEMBERED = 64  # contexts, or as many as have SCORES scores
SCORES = 1 << 24


class Standing(NamedTuple):
    """Where a context stands. Replaced as one, so that threads always see a whole."""

    waiting: tuple[int, ...]  # words to read: with a window, all that it sees
    state: State | None  # after the words read so far
    output: Floats | None  # (1, H) likewise


_START = Standing((), None, None)


class Context:
    """What a network makes of some words. Immutable to its users: `read` gives a new context.

    Reading waits until the scores are asked for, so that the contexts of several beams can be read as one batch.
    """

    def __init__(self, network: Network, frequencies: Floats, standing: Standing = _START) -> None:
        self.network = network
        self.frequencies = frequencies  # (V,) what is predicted before any word
        self.standing = standing

    @property
    def waiting(self) -> tuple[int, ...]:
        """The words that are still to be read; with a window, all that it sees."""
        return self.standing.waiting

    def read(self, ids: Sequence[int]) -> "Context":
        """The context after these words too. The cost of a word is constant: a window forgets, a state is carried."""
        if not len(ids):
            return self
        config = self.network.config
        waiting = (*self.standing.waiting, *ids)
        if not config.stateful:
            waiting = waiting[-config.window :]
        return Context(self.network, self.frequencies, self.standing._replace(waiting=waiting))

    @property
    def cells(self) -> int:
        """Numbers that it keeps, or the largest of its arrays."""
        return len(self.frequencies)

    def log_probabilities(self) -> Floats:
        """(V,) natural log-probabilities of the next word. Before any word: the frequencies of the training text."""
        scores: Floats = self._scores
        return scores

    def together(self, contexts: Sequence["Context"]) -> Floats:
        """Contexts of this kind and network -> (B, V), as `log_probabilities` of each."""
        return evaluate(contexts)

    @functools.cached_property
    def _scores(self) -> Floats:
        return self._scored()

    def _scored(self) -> Floats:
        output = self.settled().output
        if output is None:
            return self.frequencies
        scores: Floats = self.network.scores(output)[0]
        return scores

    def settled(self) -> Standing:
        """Where the network stands after all the words; its output is None before any word."""
        standing = self.standing
        if standing.waiting:
            output, state = self.network.read(np.array([standing.waiting]), standing.state)
            if not self.network.config.stateful:
                return standing._replace(output=output)
            self.standing = standing = Standing((), state, output)
        return standing


def evaluate(contexts: Sequence[Context]) -> Floats:
    """Contexts of one network -> (B, V) natural log-probabilities, as one batch where they can be read together."""
    network = contexts[0].network
    before = [context.standing for context in contexts]
    if not network.config.stateful and all(standing.waiting for standing in before):
        return network.scores(read_each(network, [standing.waiting for standing in before]))
    states = [standing.state for standing in before if standing.state and len(standing.waiting) == 1]
    if len(states) < len(contexts):
        return np.stack([context.log_probabilities() for context in contexts])
    joined = tuple(
        tuple(np.concatenate(parts) for parts in zip(*layer, strict=True)) for layer in zip(*states, strict=True)
    )
    outputs, state = network.read(np.array([standing.waiting for standing in before]), joined)
    for row, context in enumerate(contexts):
        own = tuple(tuple(part[row : row + 1] for part in layer) for layer in state)
        context.standing = Standing((), own, outputs[row : row + 1])
    return network.scores(outputs)


class Memory:
    """Contexts of late, from which longer ones go on: whoever writes asks for one text after the other that grows."""

    def __init__(self, start: Context) -> None:
        self.start = start
        self.contexts: OrderedDict[tuple[int, ...], Context] = OrderedDict()  # words -> context
        self.size = max(1, min(REMEMBERED, SCORES // start.cells))
        self.lock = threading.Lock()

    def context(self, ids: Sequence[int]) -> Context:
        """The context after these words."""
        words = tuple(ids)
        with self.lock:
            for cut in range(len(words), max(0, len(words) - LOOK_BACK), -1):
                if found := self.contexts.get(words[:cut]):
                    break
            else:
                found, cut = self.start, 0
            context = found.read(words[cut:])
            self.contexts[words] = context
            self.contexts.move_to_end(words)
            while len(self.contexts) > self.size:
                self.contexts.popitem(last=False)
        return context
