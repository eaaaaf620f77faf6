"""Scores a text by a language model: each word by its log-probability given the words before it, in bounded memory.

A text is computed line by line, however its lines arrive: a product of many rows rounds differently from one of few.

Shapes: B words per batch, V vocabulary.
"""

import math
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnnwords.lm.interface import Floats, Ids, LanguageModel
from rnnwords.prediction.parallel_map import parallel_map
from rnnwords.prediction.ranking import Prediction, Ranker
from rnnwords.text.vocabulary import Vocabulary

if TYPE_CHECKING:
    from rnnwords.lm.spelling import SpellingModel

MAX_NUMBERS = 1 << 22  # log-probabilities per batch: 16 MB
MAX_BATCH = 256  # words per batch
MAX_LINE = 1 << 16  # characters of a line that are scored at a time
MAX_WORD = 1 << 12  # characters before a cut in which white space is looked for
_SPACE = re.compile(r"\s")


def batch_size(vocabulary_size: int, max_batch: int | None = None) -> int:
    """Return how many predictions are computed at a time, at most `max_batch`, by default MAX_BATCH."""
    return max(1, min(max_batch or MAX_BATCH, MAX_NUMBERS // vocabulary_size))


@dataclass
class ScoredBatch:
    """Some words of a text with their predictions; all arrays are (B,) unless noted."""

    words: Sequence[str]
    ids: Ids  # of an unknown word: the id of <unk>, or -1 without it
    known: NDArray[np.bool_]  # whether the word is in the vocabulary
    log_probs: Floats  # nats; of <unk> for an unknown word, -inf without it
    ranks: Ids  # 1 for the most probable word; 0 for an unknown one
    ranking_log_probs: Floats  # (B, V) by which words are ranked: see `Scorer`
    # Nats of the letters of an unknown word, NaN without a spelling model; 0 for other words.
    spelling: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.words)


class Scorer:
    """Scores a text that comes in pieces; the state is carried from one to the next.

    <unk> is left out of the ranks, since no user is offered it. In a text with `literal_unk`, whose own rare words were
    replaced by <unk> (see `text.encoding`), it is ranked like any other word.
    """

    def __init__(
        self,
        lm: LanguageModel[Any],
        threads: int = 1,
        literal_unk: bool = False,
        spelling: "SpellingModel | None" = None,
    ) -> None:
        self.lm, self.vocabulary, self.threads, self.literal_unk = lm, lm.vocabulary, threads, literal_unk
        self.spelling = spelling
        self.size = batch_size(len(lm.vocabulary))
        self.reset_state()

    def reset_state(self) -> None:
        """Begin a new text."""
        self.state = self.lm.initial_state()

    def score(self, words: Sequence[str]) -> Iterator[ScoredBatch]:
        """Yield the next words of the text with their scores, in order, in batches of `size`."""
        yield from parallel_map(self.jobs(words), self.threads if len(words) > self.size else 1)

    def jobs(self, words: Sequence[str]) -> Iterator[Callable[[], ScoredBatch]]:
        """Advance the state over the next words of the text, and yield what computes their scores, batch by batch."""
        for first in range(0, len(words), self.size):
            yield self._job(words[first : first + self.size])

    def _job(self, words: Sequence[str]) -> Callable[[], ScoredBatch]:
        """Advance the state over the words; return what computes their scores, perhaps on another thread."""
        known_ids, unk = self.vocabulary.ids, self.vocabulary.unk_id
        known = np.array([word in known_ids for word in words])
        ids = np.array([known_ids.get(word, -1 if unk is None else unk) for word in words])
        readable = ids >= 0
        after = self.lm.advance_each(self.state, ids[readable].tolist())
        before = [self.state, *after]
        self.state = before.pop()

        def score() -> ScoredBatch:
            if before:
                log_probs = self.lm.log_probs(before)
            else:  # no word of the batch can be read
                log_probs = np.full((1, len(self.vocabulary)), -np.log(len(self.vocabulary)), np.float32)
            if len(log_probs) < len(ids):  # an unknown word that is not read has the prediction of the next word
                following: Ids = np.cumsum(readable) - readable
                log_probs = log_probs[np.minimum(following, len(log_probs) - 1)]
            own = np.where(readable, log_probs[np.arange(len(ids)), ids], -np.inf)
            if unk is not None and not self.literal_unk:
                log_probs[:, unk] = -np.inf
            ranks = np.where(known, 1 + count_higher(log_probs, own, ids), 0)
            return ScoredBatch(words, ids, known, own, ranks, log_probs, self._spelled(words, known))

        return score

    def _spelled(self, words: Sequence[str], known: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Return (B,) natural log-probabilities of the letters of the words that are not known."""
        result = np.where(known, 0.0, np.nan)
        if self.spelling and not known.all():
            result[~known] = self.spelling.log_probs([word for word, one in zip(words, known, strict=True) if not one])
        return result


def count_higher(log_probs: Floats, own: Floats, ids: Ids) -> Ids:
    """Return (B,) how many words are ranked before each, from (B, V) log-probabilities, (B,) own ones and ids.

    Ties are ordered by id, as in every list of predictions.
    """
    higher = np.array([np.count_nonzero(row) for row in log_probs > own[:, None]])
    equal = log_probs == own[:, None]
    if np.count_nonzero(equal) > len(ids):
        higher += [np.count_nonzero(row[: max(0, one)]) for row, one in zip(equal, ids.tolist(), strict=True)]
    return higher


class WordScore(NamedTuple):
    """A word of a text and its score."""

    word: str
    log_prob: float  # nats; of <unk> for an unknown word, -inf if the model has none
    rank: int | None  # 1 for the most probable word; None for an unknown one
    known: bool  # whether it is in the vocabulary


class ScoredLine(NamedTuple):
    """A line of a text, or a part of a very long one."""

    number: int  # from 1
    position: int  # of its first token, from 1
    words: list[WordScore]  # its tokens
    ended: bool
    text: str  # as it was given


def score_lines(scorer: Scorer, batches: Iterable[Sequence[str]], independent: bool = False) -> Iterator[ScoredLine]:
    """Score the lines of a text, given in batches, each with its line end unless it continues in the next.

    The words of earlier lines are context too, unless the lines are `independent`. The scores do not depend on the
    batches, which only decide how many lines are computed in parallel.
    """
    number, position = 1, 1
    for texts in _parts(batches):
        lines = [scorer.vocabulary.tokenize(text) for text in texts]
        scores = _word_scores(scorer, lines, texts, independent, continued=position > 1)
        for text, words in zip(texts, lines, strict=True):
            ended = text.endswith("\n")
            yield ScoredLine(number, position, list(islice(scores, len(words))), ended, text)
            number, position = (number + 1, 1) if ended else (number, position + len(words))


def _parts(batches: Iterable[Sequence[str]]) -> Iterator[list[str]]:
    """Yield the lines of each batch, whole up to MAX_LINE characters; a longer one is cut at white space if it has any.

    So the parts of a line are the same whether it came whole or in pieces.
    """
    rest = ""
    for batch in batches:
        parts = []
        for piece in batch:
            rest, start = rest + piece, 0
            while len(rest) - start > MAX_LINE:
                end = start + MAX_LINE
                spaces = [match.end() for match in _SPACE.finditer(rest, max(start, end - MAX_WORD), end)]
                cut = spaces[-1] if spaces else end
                parts.append(rest[start:cut])
                start = cut
            rest = rest[start:]
            if rest.endswith("\n"):
                parts.append(rest)
                rest = ""
        yield parts
    if rest:
        yield [rest]


def _word_scores(
    scorer: Scorer, lines: Sequence[Sequence[str]], texts: Sequence[str], independent: bool, continued: bool
) -> Iterator[WordScore]:
    """Score the words of the lines; the first line may continue an earlier one, and each one the line before it."""

    def jobs() -> Iterator[Callable[[], ScoredBatch]]:
        begins = not continued
        for words, text in zip(lines, texts, strict=True):
            if independent and begins:
                scorer.reset_state()
            begins = text.endswith("\n")
            yield from scorer.jobs(words)

    for batch in parallel_map(jobs(), scorer.threads if sum(map(len, lines)) > scorer.size else 1):
        columns = zip(batch.words, batch.log_probs.tolist(), batch.ranks.tolist(), strict=True)
        yield from (WordScore(word, nats, rank or None, rank > 0) for word, nats, rank in columns)


class TextWord(NamedTuple):
    """A word between white space in a text, and its tokens."""

    text: str
    tokens: list[WordScore]  # none of a word of invisible characters only


def text_words(line: ScoredLine, vocabulary: Vocabulary) -> Iterator[TextWord]:
    """Yield the words of a line exactly as in the text, with their tokens; a line end that is a token is <eos>.

    No token spans white space, so each word has the tokens that it has alone.
    """
    tokens = iter(line.words)
    for word in line.text.split():
        yield TextWord(word, list(islice(tokens, len(vocabulary.tokenize(word)))))
    for token in tokens:
        yield TextWord(token.word, [token])


def explain_steps(
    lm: LanguageModel[Any], ranker: Ranker, text: str, before: Sequence[int], k: int
) -> Iterator[tuple[str, float, list[Prediction]]]:
    """Yield each known word of a text, its probability after the ids `before` and earlier words, and the `k` best."""
    scorer, known = Scorer(lm), lm.vocabulary.words
    scorer.state = lm.advance(scorer.state, before)
    for batch in scorer.score(lm.vocabulary.tokenize(text)):
        ranked = ranker.rank(batch.ranking_log_probs, k)
        columns = zip(batch.ids.tolist(), batch.log_probs.tolist(), ranked, strict=True)
        yield from ((known[word], math.exp(nats), best) for word, nats, best in columns if word >= 0)
