"""What a network does with a prompt: its gates and states word by word, and what becomes of the prediction without one.

The numbers are those of prediction itself: the same cells, read step by step. Shapes: T words explained, H units, V
vocabulary.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from rnnwords.generation.sampling import RECENT
from rnnwords.network.recurrent import Floats, Network, State
from rnnwords.prediction.prompts import last_words
from rnnwords.prediction.ranking import Prediction, entropy
from rnnwords.prediction.scoring import scorer

if TYPE_CHECKING:
    from rnnwords.prediction.predictor import Predictor

SHOWN = 64  # words explained, at most: the last ones; those before them are read all the same


class Summary(NamedTuple):
    """The units of a layer in two numbers."""

    mean: float
    spread: float  # standard deviation


@dataclass(frozen=True, eq=False)
class Layer:
    """What one layer did. All arrays are (T, H): a row for each word, a column for each unit.

    Gates of an LSTM: input, forget, candidate, output; of a GRU: update, reset, candidate; a simple cell has none. A
    candidate lies between -1 and 1, all others between 0, closed, and 1, open. States: hidden and, of an LSTM, cell.
    """

    name: str  # lstm_1
    gates: Mapping[str, Floats]
    states: Mapping[str, Floats]

    def summaries(self, step: int) -> dict[str, Summary]:
        """Name of a gate or state -> its mean and spread over the units at one of the words."""
        rows = {name: values[step].astype(np.float64) for name, values in {**self.gates, **self.states}.items()}
        return {name: Summary(float(row.mean()), float(row.std())) for name, row in rows.items()}


class Step(NamedTuple):
    """A word that was read."""

    word: str  # as the model knows it: perhaps <unk>, or <eos> in front of the prompt
    rank: int  # in the vocabulary, from 0: what the network reads
    predictions: list[Prediction]  # what may come after it, best first


class Omission(NamedTuple):
    """The prediction where one word had been left out: those around it are read as if they stood side by side."""

    word: str
    probability: float  # of the word that is best after the whole prompt
    predictions: list[Prediction]  # what is best now
    divergence: float  # Kullback-Leibler, of the whole prompt's distribution from this one, in nats


@dataclass(frozen=True, eq=False)
class Explanation:
    """What a network made of a prompt; see `Predictor.explain`. Without a word read, there are no steps."""

    prompt: str
    unknown: list[str]  # words of the prompt that the vocabulary lacks, in order
    truncated: bool  # whether words at the beginning of the prompt were not read
    before: int  # words that were read before those explained
    steps: list[Step]  # T words
    layers: list[Layer]
    predictions: list[Prediction]  # after all words
    entropy: float  # of the whole distribution there, in nats
    omissions: list[Omission]  # T words


def explain(predictor: "Predictor", prompt: str, k: int, oov: str | None) -> Explanation:
    """See `Predictor.explain`."""
    network, known = predictor.network, predictor.vocabulary.words
    ids, unknown = predictor.encode(prompt, oov)
    words = predictor.led_in(ids)
    before, words = words[:-SHOWN], words[-SHOWN:]
    start = network.read(np.array([before]))[1] if before else None
    layers, states = trace(network, words, start)

    def scores(state: State | None) -> Floats:
        """(V,) natural log-probabilities where the network stands; before any word, by frequency."""
        found: Floats = predictor.frequencies if state is None else network.scores(state[-1][0])[0]
        return found

    def ranked(found: Floats) -> list[Prediction]:
        return predictor.ranked(found[None], k)[0]

    whole = scores(states[-1])
    predictions = ranked(whole)
    best = predictor.vocabulary.ranks[predictions[0].word] if predictions else None
    omissions = []
    for place, word in enumerate(words):
        rest = words[place + 1 :]
        without = scores(network.read(np.array([rest]), states[place])[1] if rest else states[place])
        probability = 0.0 if best is None else math.exp(without[best])
        omissions.append(Omission(known[word], probability, ranked(without), divergence(whole, without)))
    steps = [Step(known[word], word, ranked(scores(state))) for word, state in zip(words, states[1:], strict=True)]
    looked_at = max(predictor.reach, RECENT)  # words of the prompt, unknown ones among them
    truncated = len(ids) > predictor.reach or len(last_words(prompt, predictor.vocabulary, looked_at + 1)) > looked_at
    return Explanation(
        prompt, unknown, truncated, len(before), steps, layers, predictions, float(entropy(whole)), omissions
    )


def trace(network: Network, words: Sequence[int], start: State | None) -> tuple[list[Layer], list[State | None]]:
    """What every layer does with T words, and where the network stands: at the start and after each of them.

    A clean state is `None`, and counts as zeros: at the first word the forget gate has a value, but nothing to forget.
    """
    units, cells = network.config.units, network.cells
    gates = [np.empty((len(cell.gate_names), len(words), units), np.float32) for cell in cells]
    held = [np.empty((len(cell.state_names), len(words), units), np.float32) for cell in cells]
    states = [start]
    state = start or tuple(tuple(np.zeros((1, units), np.float32) for _ in cell.state_names) for cell in cells)
    for t, word in enumerate(words):
        x = network.input_products(np.array([[word]]))[:, 0]  # (1, GH)
        after: list[tuple[Floats, ...]] = []
        for number, cell in enumerate(cells):
            if number:
                x = cell.input_product(after[-1][0])
            before = cell.recurrent_product(state[number])
            for row, values in zip(gates[number], cell.gates(x, before), strict=True):
                row[t] = values[0]
            after.append(cell.apply(x, before, state[number]))
            for row, values in zip(held[number], after[-1], strict=True):
                row[t] = values[0]
        state = tuple(after)
        states.append(state)
    layers = [
        Layer(
            f"{network.config.cell}_{number}",
            dict(zip(cell.gate_names, gates[number - 1], strict=True)),
            dict(zip(cell.state_names, held[number - 1], strict=True)),
        )
        for number, cell in enumerate(cells, start=1)
    ]
    return layers, states


def divergence(scores: Floats, others: Floats) -> float:
    """(V,) and (V,) natural log-probabilities -> the Kullback-Leibler divergence of the first from the second, in nats.

    It is 0 where both are equal, and grows as the second gives less to what the first expects.

    >>> one, other = np.log([0.5, 0.5]), np.log([0.25, 0.75])
    >>> round(divergence(one, other), 4)
    0.1438
    """
    first, second = scores.astype(np.float64), others.astype(np.float64)
    return max(0.0, float(np.exp(first) @ (first - second)))


def word_steps(predictor: "Predictor", text: str, before: str, k: int) -> Iterator[tuple[str, float, list[Prediction]]]:
    """See `Predictor.explain_steps`."""
    judge = scorer(predictor)
    if ids := predictor.encode(before)[0]:
        judge.reader.predict(np.array(ids))
    known = predictor.vocabulary.words
    for batch in judge.score(predictor.vocabulary.tokenize(text)):
        likeliest = predictor.ranked(batch.rivals, k)
        found = zip(batch.ids.tolist(), batch.log_probabilities.tolist(), likeliest, strict=True)
        yield from ((known[word], math.exp(nats), best) for word, nats, best in found if word >= 0)
