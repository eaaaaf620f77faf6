"""The recurrent network as a language model: with a window of words, or with a state carried from word to word.

Before any word both predict unigram frequencies. Shapes: B states, T ids, H units, V vocabulary.
"""

import functools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from rnnwords.config import AdaptationConfig
from rnnwords.lm.interface import Floats, LanguageModel, S
from rnnwords.lm.unigram import unigram_log_probs
from rnnwords.network.forward_each import forward_each
from rnnwords.network.recurrent import Network, State
from rnnwords.text.vocabulary import Vocabulary

# Khandelwal et al. 2018 ("Sharp Nearby, Fuzzy Far Away") find that an LSTM uses about 200 words of context.
PROMPT_WORDS = 1_000
Window = tuple[int, ...]  # the last ids, at most T


class NetworkModel(LanguageModel[S]):
    """Base of both kinds: a network, and the prediction before any word."""

    adaptation: AdaptationConfig | None = None  # of weights that adapt to the text: see `lm.adaptive`

    def __init__(self, network: Network, vocabulary: Vocabulary) -> None:
        self.network, self.vocabulary = network, vocabulary
        eos = vocabulary.eos_id
        self.first: Window = () if eos is None else (eos,)  # ids before the first word

    @functools.cached_property
    def unigram(self) -> Floats:
        """(V,) natural log-probabilities before any word."""
        return unigram_log_probs(self.vocabulary.counts)


class WindowedNetwork(NetworkModel[Window]):
    """A network that reads a window: the last T words, from a clean state."""

    context_size: int

    def __init__(self, network: Network, vocabulary: Vocabulary, context_size: int | None = None) -> None:
        """`context_size` may be smaller than the window of the network, whose weights suit any window."""
        super().__init__(network, vocabulary)
        self.context_size = context_size or network.config.window

    def initial_state(self) -> Window:
        """See LanguageModel."""
        return self.first

    def advance(self, state: Window, ids: Sequence[int]) -> Window:
        """See LanguageModel."""
        return (*state, *ids)[-self.context_size :]

    def advance_each(self, state: Window, ids: Sequence[int]) -> list[Window]:
        """See LanguageModel."""
        text = (*state, *ids)
        return [text[max(0, end - self.context_size) : end] for end in range(len(state) + 1, len(text) + 1)]

    def log_probs(self, states: Sequence[Window]) -> Floats:
        """See LanguageModel. Windows that begin alike are read together."""
        if len(states) == 1 and states[0]:
            return self.network.log_probs(self.network.forward(np.array(states))[0])
        windows = [state for state in states if state]
        log_probs = self.network.log_probs(forward_each(self.network, windows)) if windows else self.unigram
        if len(windows) == len(states) > 0:
            return log_probs
        rows = np.tile(self.unigram, (len(states), 1))
        rows[[bool(state) for state in states]] = log_probs
        return rows


class _Position(NamedTuple):
    """Where a state is. Replaced as a whole, so that threads always see a consistent one."""

    pending: tuple[int, ...]  # ids that are not read yet
    layers: State | None  # recurrent state after the ids read so far; None: clean


class RNNState:
    """State of a recurrent network. Ids are read when the state is needed, so several states can be read as a batch."""

    __slots__ = ("log_probs", "position")

    def __init__(self, pending: tuple[int, ...] = (), layers: State | None = None) -> None:
        self.position = _Position(pending, layers)
        self.log_probs: Floats | None = None  # (1, V), once computed

    def flush(self, network: Network) -> State | None:
        """Read the pending ids; return the recurrent state of each layer, None before any word."""
        pending, layers = self.position
        if pending:
            _, layers = network.forward(np.array([pending]), layers)
            self.position = _Position((), layers)
        return layers


class StatefulNetwork(NetworkModel[RNNState]):
    """A network that carries its state through a text, without a window."""

    context_size = None
    prompt_size = PROMPT_WORDS

    def initial_state(self) -> RNNState:
        """See LanguageModel."""
        return RNNState(self.first)

    def advance(self, state: RNNState, ids: Sequence[int]) -> RNNState:
        """See LanguageModel."""
        pending, layers = state.position
        return RNNState((*pending, *ids), layers) if len(ids) else state

    def advance_each(self, state: RNNState, ids: Sequence[int]) -> list[RNNState]:
        """See LanguageModel. All ids are read at once."""
        if not len(ids):
            return []
        _, steps = self.network.forward_steps(np.array([ids]), state.flush(self.network))
        return [RNNState((), layers) for layers in steps]

    def log_probs(self, states: Sequence[RNNState]) -> Floats:
        """See LanguageModel. A state that is asked for alone keeps its result."""
        if len(states) == 1:
            [state] = states
            if state.log_probs is None:
                layers = state.flush(self.network)
                state.log_probs = self.unigram[None] if layers is None else self.network.log_probs(layers[-1][0])
            return state.log_probs.copy()
        log_probs = self.network.log_probs(self.outputs(states))
        log_probs[[state.position == ((), None) for state in states]] = self.unigram
        return log_probs

    def outputs(self, states: Sequence[RNNState]) -> Floats:
        """Return (B, H) outputs of the last layer after each state; zeros before any word."""
        outputs = np.zeros((len(states), self.network.config.units), np.float32)
        flushed: Sequence[int] = range(len(states))
        rows = [row for row, state in enumerate(states) if state.position.pending]
        if len(rows) > 1:
            pending, starts = zip(*(states[row].position for row in rows), strict=True)
            if all(layers is starts[0] for layers in starts):  # continuations of one state: shared beginnings
                outputs[rows] = forward_each(self.network, pending, starts[0])
                flushed = sorted(set(flushed) - set(rows))
            elif all(len(ids) == 1 for ids in pending) and None not in starts:
                self._step([states[row] for row in rows])
        for row in flushed:
            layers = states[row].flush(self.network)
            if layers is not None:
                outputs[row] = layers[-1][0][0]
        return outputs

    def _step(self, states: Sequence[RNNState]) -> None:
        """Read the one pending id of each of B states in one batch."""
        positions = [state.position for state in states]
        joined = tuple(
            tuple(np.concatenate(parts) for parts in zip(*layer, strict=True))
            for layer in zip(*(layers or () for _, layers in positions), strict=True)
        )
        _, after = self.network.forward(np.array([pending for pending, _ in positions]), joined)
        for row, state in enumerate(states):
            own = tuple(tuple(part[row : row + 1] for part in layer) for layer in after)
            state.position = _Position((), own)
