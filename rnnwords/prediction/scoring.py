"""Every word of a text, scored by what was predicted from the words before it, in bounded memory.

Shapes: B words at a time, V vocabulary, T window.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

from rnnwords.network.forward_each import read_each
from rnnwords.network.recurrent import Floats, Ids
from rnnwords.prediction.parallel import side_by_side
from rnnwords.text.vocabulary import Vocabulary

if TYPE_CHECKING:
    from rnnwords.prediction.predictor import Predictor

CELLS = 1 << 22  # scores that a batch may hold: 16 MB
BATCH = 256  # words a batch, at most


def at_a_time(vocabulary_size: int) -> int:
    """How many words are scored at a time."""
    return max(1, min(BATCH, CELLS // vocabulary_size))


class Reader(Protocol):
    """Whatever predicts each word of a text from those before it."""

    def predict(self, ids: Ids) -> Callable[[], Floats]:
        """(B,) the next words of the text, B >= 1 -> what gives (B, V) their predictions, natural log-probabilities.

        The words count as read at once. The result is called once, perhaps by another thread; the array is its own.
        """

    def restart(self) -> None:
        """Forget all words: what comes next begins a text."""


class OutputReader(Reader, Protocol):
    """A reader that also tells what its predictions are made of."""

    @property
    def outputs(self) -> Floats:
        """(B, H) of the network before each of the words read last; (B, 0) where nobody needs them."""


@dataclass
class Scored:
    """Some words of the text with what was predicted for them; all arrays are (B,)."""

    words: Sequence[str]
    ids: Ids  # ranks; those of unknown words are that of <unk>, or -1 without it
    known: Ids  # bool: in the vocabulary
    log_probabilities: Floats  # nats; of <unk> where unknown; -inf where there is no <unk>
    ranks: Ids  # 1 is the likeliest word; 0 for an unknown one
    rivals: Floats  # (B, V) the scores that words are ranked by: see `Scorer`

    def __len__(self) -> int:
        return len(self.words)


class Scorer:
    """Scores a text that comes in pieces.

    <unk> is passed over in the ranks, as it is never shown; for a text with `literal_unk`, whose own rare words were
    replaced by it (see `prediction.texts`), it is a word like any other.
    """

    def __init__(self, vocabulary: Vocabulary, reader: Reader, threads: int = 1, literal_unk: bool = False) -> None:
        self.vocabulary, self.reader, self.threads, self.literal_unk = vocabulary, reader, threads, literal_unk
        self.size = at_a_time(len(vocabulary))

    def score(self, words: Sequence[str]) -> Iterator[Scored]:
        """The next words of the text, in batches of `size`, in order."""
        batches = (words[start : start + self.size] for start in range(0, len(words), self.size))
        yield from side_by_side(map(self._job, batches), self.threads if len(words) > self.size else 1)

    def _job(self, words: Sequence[str]) -> Callable[[], Scored]:
        ranks, unk = self.vocabulary.ranks, self.vocabulary.unk
        known = np.array([word in ranks for word in words])
        ids = np.array([ranks.get(word, -1 if unk is None else unk) for word in words])
        readable = ids >= 0
        predictions = self.reader.predict(ids[readable]) if readable.any() else self._nothing

        def score() -> Scored:
            scores = predictions()
            if len(scores) < len(ids):  # unknown words that are not read have the scores of the next word
                following: Ids = np.cumsum(readable) - readable
                scores = scores[np.minimum(following, len(scores) - 1)]
            own = np.where(readable, scores[np.arange(len(ids)), ids], -np.inf)
            if unk is not None and not self.literal_unk:
                scores[:, unk] = -np.inf
            return Scored(words, ids, known, own, np.where(known, 1 + ahead(scores, own, ids), 0), scores)

        return score

    def _nothing(self) -> Floats:
        """(1, V) scores where no word can be read."""
        return np.full((1, len(self.vocabulary)), -np.log(len(self.vocabulary)), np.float32)


def ahead(scores: Floats, own: Floats, ids: Ids) -> Ids:
    """(B, V) scores, (B,) own scores and ranks of words -> (B,) how many words stand before each.

    Words of equal score stand in the order of their ranks, as in every list of predictions.
    """
    higher = np.array([np.count_nonzero(row) for row in scores > own[:, None]])
    equal = scores == own[:, None]
    if np.count_nonzero(equal) > len(ids):
        higher += [np.count_nonzero(row[: max(0, rank)]) for row, rank in zip(equal, ids.tolist(), strict=True)]
    return higher


class WindowReader:
    """A network that sees a window of T words."""

    outputs: Floats = np.empty((0, 0), np.float32)  # nobody needs them

    def __init__(self, predictor: "Predictor") -> None:
        self.predictor = predictor
        self.restart()

    def restart(self) -> None:
        self.before = self.predictor.led_in(())

    def predict(self, ids: Ids) -> Callable[[], Floats]:
        window = self.predictor.model.network.window
        text = (*self.before, *ids.tolist())
        first = len(self.before)
        contexts = [text[max(0, at - window) : at] for at in range(max(1, first), len(text))]
        self.before = text[-window:]

        def scores() -> Floats:
            network = self.predictor.network
            found = [] if first else [self.predictor.frequencies[None].copy()]
            if contexts:
                found.append(network.scores(read_each(network, contexts)))
            return found[0] if len(found) == 1 else np.concatenate(found)

        return scores


class StreamReader:
    """A network that carries its state on."""

    def __init__(self, predictor: "Predictor") -> None:
        self.predictor = predictor
        self.restart()

    def restart(self) -> None:
        start = self.predictor.context().settled()
        self.output = start.output  # (1, H) after the last word; None before any
        self.state = start.state

    def predict(self, ids: Ids) -> Callable[[], Floats]:
        network = self.predictor.network
        outputs, self.state = network.read_all(ids[None], self.state)
        before = np.concatenate([self.output, outputs[0, :-1]]) if self.output is not None else outputs[0, :-1]
        start = self.output is None
        self.outputs = before if not start else np.concatenate([np.zeros_like(outputs[0, :1]), before])  # (B, H)
        self.output = outputs[0, -1:]

        def scores() -> Floats:
            found = network.scores(before)
            return np.concatenate([self.predictor.frequencies[None], found]) if start else found

        return scores


def scorer(predictor: "Predictor", threads: int = 1, literal_unk: bool = False) -> Scorer:
    """A scorer of texts by a model; the first word is predicted from none, or from a line end where those are words."""
    return Scorer(predictor.vocabulary, predictor.reader(), threads, literal_unk)


class WordScore(NamedTuple):
    """A word of a text, and what was predicted for it."""

    word: str
    log_probability: float  # nats; of <unk> for an unknown word, -inf if the model has none
    rank: int | None  # 1 for the likeliest word; None for an unknown one
    known: bool  # in the vocabulary


class Line(NamedTuple):
    """A line of a text, or a part of a very long one."""

    number: int  # from 1
    position: int  # of its first word, from 1
    words: list[WordScore]
    ended: bool


def score_lines(scorer: Scorer, batches: Iterable[Sequence[str]], fresh: bool = False) -> Iterator[Line]:
    """Lines of a text, each with its line end unless it goes on in the next, in batches -> the same, scored.

    The words before a line count for it, too, unless each is to be read `fresh`.
    """
    number, position = 1, 1
    for batch in batches:
        lines = [scorer.vocabulary.tokenize(line) for line in batch]
        found = _word_scores(scorer, lines, fresh, position > 1)
        for line, words in zip(batch, lines, strict=True):
            ended = line.endswith("\n")
            yield Line(number, position, list(islice(found, len(words))), ended)
            number, position = (number + 1, 1) if ended else (number, position + len(words))


def _word_scores(scorer: Scorer, lines: Sequence[Sequence[str]], fresh: bool, goes_on: bool) -> Iterator[WordScore]:
    """The words of the lines, all at once or one `fresh` line after the other; the first may go on an earlier one."""
    for place, words in enumerate(lines if fresh else [list(chain.from_iterable(lines))]):
        if fresh and not (goes_on and place == 0):
            scorer.reader.restart()
        for batch in scorer.score(words):
            found = zip(batch.words, batch.log_probabilities.tolist(), batch.ranks.tolist(), strict=True)
            yield from (WordScore(word, nats, rank or None, rank > 0) for word, nats, rank in found)
