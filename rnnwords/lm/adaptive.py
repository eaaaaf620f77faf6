"""Dynamic evaluation (Krause et al. 2018): a network whose weights adapt to the text as it is read.

The text is read in segments. The predictions after each word of a segment are computed as the word is read, and kept in
the states. The gradient of a segment changes the weights (`lm.weight_updates`) when the word after its last prediction
is known, so no prediction depends on the word that it predicts, nor on a later one.

The states of a text must be read in order, since all of them share one copy of the weights. An initial state returns
that to the trained weights. Shapes as in `lm.networks`; N predictions of a segment.
"""

import math
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from rnnwords.errors import ModelError, UsageError
from rnnwords.lm.interface import Floats, Ids
from rnnwords.lm.networks import NetworkModel, RNNState, StatefulNetwork, Window, WindowedNetwork
from rnnwords.lm.weight_updates import WeightUpdates, scale_shapes
from rnnwords.model_file import ADAPTATION_PREFIX, Model
from rnnwords.network.gradients import Tape, loss_gradients, record
from rnnwords.network.output_gradients import Gradients
from rnnwords.network.recurrent import Network
from rnnwords.tensor_file import Tensors
from rnnwords.text.vocabulary import Vocabulary

MIN_GRADIENT = 1e-4  # of a logit: words whose gradients are all lower are left out, to save time
MAX_LOSS = 3.0  # nats above that of chance: such weights have diverged, and return to the trained ones


def adaptive_network(model: Model) -> NetworkModel[Any]:
    """Return the network of a model file with weights that adapt, by the settings of its adaptation section.

    Raises UsageError if it has none, ModelError if that is damaged.
    """
    if model.adaptation is None or model.adaptation_config is None:
        raise UsageError(
            "`adapt` needs settings that training fits on validation text, found a model without them; "
            "train it again with `validation` or `validation_split`"
        )
    scales = {name.removeprefix(ADAPTATION_PREFIX): scale for name, scale in model.adaptation.read().items()}
    check_scales(model, scales)
    config = model.adaptation_config
    network = reading_network(model, WeightUpdates(model.weights, scales, config.rate, config.decay), config.segment)
    network.adaptation = config
    return network


def check_scales(model: Model, scales: Tensors) -> None:
    """Raise ModelError unless these are the root mean squares of the gradients of the network of a model file."""
    expected = scale_shapes(model.network)
    found = {name: scale.shape for name, scale in scales.items()}
    if found != expected or not all(scale.dtype == np.float32 for scale in scales.values()):
        raise ModelError("the adaptation section does not match the network; train the model again")
    if not all(np.isfinite(scale).all() and (scale >= 0).all() for scale in scales.values()):
        raise ModelError("the adaptation section has numbers that no gradient has; train the model again")


class Updates(Protocol):
    """What is done with the gradients of each segment."""

    @property
    def weights(self) -> Mapping[str, Floats]:
        """The weights now; they change in place."""

    def reset(self) -> None:
        """Begin a text."""

    def apply(self, gradients: Gradients, words: int) -> Iterator[None]:
        """Use the gradients of the summed loss of a segment of so many words, in steps."""


def reading_network(model: Model, updates: Updates, segment: int) -> NetworkModel[Any]:
    """Return the network of a model file, which reads in segments of so many words and has the weights of `updates`."""
    network, trained = (Network(model.network, one, low_memory=True) for one in (updates.weights, model.weights))
    kind: type[AdaptiveStateful | AdaptiveWindows] = AdaptiveStateful if model.network.stateful else AdaptiveWindows
    return kind(network, trained, updates, segment, model.vocabulary)


class AdaptedState(RNNState):
    """State of a stateful network, with the prediction that was computed when it was read."""

    __slots__ = ("is_first",)

    def __init__(self, pending: tuple[int, ...] = (), layers: Any = None, is_first: bool = False) -> None:
        super().__init__(pending, layers)
        self.is_first = is_first


class AdaptiveStateful(StatefulNetwork):
    """A network that carries its state through a text, and adapts its weights to it."""

    def __init__(
        self, network: Network, trained: Network, updates: Updates, segment: int, vocabulary: Vocabulary
    ) -> None:
        """`network` has the weights of `updates`, `trained` those of the model file."""
        super().__init__(network, vocabulary)
        self.trained, self.updates, self.segment = StatefulNetwork(trained, vocabulary), updates, segment
        self._last: RNNState | None = None  # the state that was read last
        self._tape: Tape | None = None  # of the segment so far
        self._log_probs: list[Floats] = []  # (n, V) of the segment so far

    def initial_state(self) -> RNNState:
        """See LanguageModel. Its prediction is that of the trained weights."""
        state = AdaptedState(self.first, is_first=True)
        self.trained.log_probs([state])
        return state

    def advance(self, state: RNNState, ids: Sequence[int]) -> RNNState:
        """See LanguageModel."""
        return self.advance_each(state, ids)[-1] if len(ids) else state

    def advance_each(self, state: RNNState, ids: Sequence[int]) -> list[RNNState]:
        """See LanguageModel."""
        return [one for one in self.read(state, ids) if one is not None]

    def read(self, state: RNNState, ids: Sequence[int]) -> Iterator[RNNState | None]:
        """Yield the states after each of T ids, and None between two steps of an update, which take milliseconds."""
        if state is not self._last:
            self._tape, self._log_probs = None, []
            if isinstance(state, AdaptedState) and state.is_first:
                self.updates.reset()
                self.network.weights_changed()
        text, at = np.asarray(ids, np.int64), 0
        while at < len(text):
            if self._tape is not None and self._tape.ids.shape[1] >= self.segment:
                yield from self._update(self._tape, int(text[at]))
            room = self.segment - (0 if self._tape is None else self._tape.ids.shape[1])
            piece = record(self.network, text[None, at : at + room], state.flush(self.network))
            log_probs = self.network.log_probs(piece.outputs()[0])
            self._tape = piece if self._tape is None else self._tape.followed_by(piece)
            self._log_probs.append(log_probs)
            at += piece.ids.shape[1]
            for row, layers in enumerate(piece.states()):
                state = self._last = AdaptedState((), layers)
                state.log_probs = log_probs[row : row + 1]
                yield state

    def _update(self, tape: Tape, following: int) -> Iterator[None]:
        """Adapt the weights to a whole segment, given the id after it."""
        targets = np.append(tape.ids[:, 1:], [[following]], axis=1)
        log_probs = np.concatenate(self._log_probs)
        self._tape, self._log_probs = None, []
        if not _is_plausible(log_probs, targets):
            self.updates.reset()
            self.network.weights_changed()
            return
        _, gradients = loss_gradients(self.network, tape, targets, log_probs, MIN_GRADIENT)
        yield
        yield from self.updates.apply(gradients, targets.size)
        self.network.weights_changed()

    def log_probs(self, states: Sequence[RNNState]) -> Floats:
        """See LanguageModel."""
        return _stacked([state.log_probs for state in states])


class AdaptedWindow(NamedTuple):
    """A window, with the prediction that was computed when it was read."""

    ids: Window
    log_probs: Floats  # (1, V)
    is_first: bool = False


class AdaptiveWindows(NetworkModel[AdaptedWindow]):
    """A network that reads a window, and adapts its weights to the text."""

    context_size = None  # the weights depend on all words before

    def __init__(
        self, network: Network, trained: Network, updates: Updates, segment: int, vocabulary: Vocabulary
    ) -> None:
        """See AdaptiveStateful."""
        super().__init__(network, vocabulary)
        self.windows, self.trained = WindowedNetwork(network, vocabulary), WindowedNetwork(trained, vocabulary)
        self.updates, self.segment = updates, segment
        self._last: AdaptedWindow | None = None
        self._segment: deque[AdaptedWindow] = deque()

    @property
    def prompt_size(self) -> int:
        """See LanguageModel."""
        return self.windows.context_size

    def initial_state(self) -> AdaptedWindow:
        """See AdaptiveStateful."""
        first = self.trained.initial_state()
        return AdaptedWindow(first, self.trained.log_probs([first]), is_first=True)

    def advance(self, state: AdaptedWindow, ids: Sequence[int]) -> AdaptedWindow:
        """See LanguageModel."""
        return self.advance_each(state, ids)[-1] if len(ids) else state

    def advance_each(self, state: AdaptedWindow, ids: Sequence[int]) -> list[AdaptedWindow]:
        """See LanguageModel."""
        return [one for one in self.read(state, ids) if one is not None]

    def read(self, state: AdaptedWindow, ids: Sequence[int]) -> Iterator[AdaptedWindow | None]:
        """See AdaptiveStateful."""
        if state is not self._last:
            self._segment.clear()
            if state.is_first:
                self.updates.reset()
                self.network.weights_changed()
        at = 0
        while at < len(ids):
            if len(self._segment) >= self.segment:
                yield from self._update(ids[at])
            windows = self.windows.advance_each(state.ids, ids[at : at + self.segment - len(self._segment)])
            log_probs = self.windows.log_probs(windows)
            at += len(windows)
            for row, window in enumerate(windows):
                state = self._last = AdaptedWindow(window, log_probs[row : row + 1])
                self._segment.append(state)
                yield state

    def _update(self, following: int) -> Iterator[None]:
        """Adapt the weights to a whole segment, given the id after it. Windows that are not full yet are left out."""
        read, after = list(self._segment), [*(one.ids[-1] for one in self._segment), following][1:]
        self._segment.clear()
        rows = [row for row, one in enumerate(read) if len(one.ids) == self.windows.context_size]
        if rows:
            log_probs, targets = np.concatenate([read[row].log_probs for row in rows]), np.array(after)[rows]
            if not _is_plausible(log_probs, targets):
                self.updates.reset()
                self.network.weights_changed()
                return
            tape = record(self.network, np.array([read[row].ids for row in rows]))
            yield
            _, gradients = loss_gradients(self.network, tape, targets, log_probs, MIN_GRADIENT)
            yield
            yield from self.updates.apply(gradients, len(rows))
            self.network.weights_changed()

    def log_probs(self, states: Sequence[AdaptedWindow]) -> Floats:
        """See LanguageModel."""
        return _stacked([state.log_probs for state in states])


def _is_plausible(log_probs: Floats, targets: Ids) -> bool:
    """Return whether the mean loss of N words, from (N, V) log-probabilities, is about that of chance or below."""
    own = log_probs[np.arange(targets.size), targets.reshape(-1)]
    return float(own.mean()) > -math.log(log_probs.shape[1]) - MAX_LOSS  # False for NaN


def _stacked(rows: Sequence[Floats | None]) -> Floats:
    """Return (B, V) of B arrays (1, V)."""
    known = [row for row in rows if row is not None]
    if len(known) < len(rows):
        raise ValueError("expected states of this model, found one without a prediction")
    return np.concatenate(known)
