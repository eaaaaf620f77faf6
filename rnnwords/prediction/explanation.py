"""Explains a prediction: gates and states of every layer word by word, and the effect of leaving a word out.

The numbers are those of prediction itself: the same cells, read step by step. Shapes: T words, H units, V vocabulary.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from rnnwords.lm.interface import Floats
from rnnwords.lm.networks import NetworkModel
from rnnwords.network.recurrent import Network, State
from rnnwords.prediction.ranking import Prediction, Ranker, entropy

MAX_WORDS = 64  # words explained, at most: the last ones; earlier ones are read too


class Summary(NamedTuple):
    """Mean and standard deviation over the units of a layer."""

    mean: float
    spread: float


@dataclass(frozen=True, eq=False)
class LayerTrace:
    """Gates and states of one layer. All arrays are (T, H): a row per word, a column per unit.

    Gates of an LSTM: input, forget, candidate, output; of a GRU: update, reset, candidate; a simple cell has none. A
    candidate is between -1 and 1, any other gate between 0 (closed) and 1 (open). States: hidden and, of an LSTM, cell.
    """

    name: str  # lstm_1
    gates: Mapping[str, Floats]
    states: Mapping[str, Floats]

    def summaries(self, step: int) -> dict[str, Summary]:
        """Return name of a gate or state -> its mean and spread over the units at one of the words."""
        rows = {name: values[step].astype(np.float64) for name, values in {**self.gates, **self.states}.items()}
        return {name: Summary(float(row.mean()), float(row.std())) for name, row in rows.items()}


class ExplainedWord(NamedTuple):
    """A word that the network read."""

    word: str  # as in the vocabulary: may be <unk>, or <eos> before the prompt
    id: int
    predictions: list[Prediction]  # of the word after it, best first


class Omission(NamedTuple):
    """The prediction without one of the words: its neighbours are read as if adjacent."""

    word: str
    probability: float  # of the word that is best after the whole prompt
    predictions: list[Prediction]  # best first
    divergence: float  # Kullback-Leibler, of the whole prompt's distribution from this one, in nats


@dataclass(frozen=True, eq=False)
class Explanation:
    """What a network computes for a prompt; see `Predictor.explain`. If no word is read, `words` is empty."""

    prompt: str
    unknown: list[str]  # words of the prompt outside the vocabulary, in order
    truncated: bool  # whether words at the beginning of the prompt were not read
    before: int  # words read before those explained
    words: list[ExplainedWord]  # T
    layers: list[LayerTrace]
    predictions: list[Prediction]  # after all words
    entropy: float  # of the whole distribution there, in nats
    omissions: list[Omission]  # T


def explain(
    lm: NetworkModel[Any], ranker: Ranker, prompt: str, ids: Sequence[int], k: int, unknown: list[str], truncated: bool
) -> Explanation:
    """Explain the prediction after the ids of a prompt that the network reads, with `k` predictions each."""
    network, known = lm.network, lm.vocabulary.words
    before, explained = ids[:-MAX_WORDS], ids[-MAX_WORDS:]
    start = network.forward(np.array([before]))[1] if before else None
    layers, states = trace(network, explained, start)

    def log_probs_at(state: State | None) -> Floats:
        """Return (V,) natural log-probabilities after a state; before any word, by frequency."""
        if state is None:
            return lm.unigram
        log_probs: Floats = network.log_probs(state[-1][0])[0]
        return log_probs

    def predictions_of(log_probs: Floats) -> list[Prediction]:
        return ranker.rank(log_probs[None], k)[0]

    whole = log_probs_at(states[-1])
    best = predictions_of(whole)
    best_id = lm.vocabulary.ids[best[0].word] if best else None
    omissions = []
    for place, word in enumerate(explained):
        rest = explained[place + 1 :]
        without = log_probs_at(network.forward(np.array([rest]), states[place])[1] if rest else states[place])
        probability = 0.0 if best_id is None else math.exp(without[best_id])
        omissions.append(Omission(known[word], probability, predictions_of(without), divergence(whole, without)))
    words = [
        ExplainedWord(known[word], word, predictions_of(log_probs_at(state)))
        for word, state in zip(explained, states[1:], strict=True)
    ]
    return Explanation(prompt, unknown, truncated, len(before), words, layers, best, float(entropy(whole)), omissions)


def trace(network: Network, ids: Sequence[int], start: State | None) -> tuple[list[LayerTrace], list[State | None]]:
    """Return what every layer computes for T ids, and the T + 1 states: at the start and after each id.

    A clean state is `None` and counts as zeros: at the first word the forget gate has a value but no effect.
    """
    units, cells = network.config.units, network.cells
    gates: list[list[tuple[Floats, ...]]] = [[] for _ in cells]  # of each layer, after each id
    states: list[State] = []
    state = start or tuple(tuple(np.zeros((1, units), np.float32) for _ in cell.state_names) for cell in cells)
    for word in ids:
        x = network.input_products(np.array([[word]]))[:, 0]  # (1, GH)
        after: list[tuple[Floats, ...]] = []
        for number, cell in enumerate(cells):
            if number:
                x = cell.input_product(after[-1][0])
            before = cell.recurrent_product(state[number])
            gates[number].append(cell.gates(x, before))
            after.append(cell.apply(x, before, state[number]))
        state = tuple(after)
        states.append(state)

    def by_name(names: Sequence[str], values: Sequence[tuple[Floats, ...]]) -> dict[str, Floats]:
        arrays = np.array(values, np.float32).reshape(len(ids), len(names), units)
        return dict(zip(names, arrays.swapaxes(0, 1), strict=True))

    layers = []
    for number, cell in enumerate(cells):
        held = by_name(cell.state_names, [state[number] for state in states])
        layers.append(LayerTrace(f"{network.config.cell}_{number + 1}", by_name(cell.gate_names, gates[number]), held))
    return layers, [start, *states]


def divergence(log_probs: Floats, other: Floats) -> float:
    """Return the Kullback-Leibler divergence in nats of the first from the second of two (V,) log-probabilities.

    >>> one, other = np.log([0.5, 0.5]), np.log([0.25, 0.75])
    >>> round(divergence(one, other), 4)
    0.1438
    """
    first, second = log_probs.astype(np.float64), other.astype(np.float64)
    return max(0.0, float(np.exp(first) @ (first - second)))
