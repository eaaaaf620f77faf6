"""From a context to a text, word by word or by beam search."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from rnnwords.config import within
from rnnwords.errors import UsageError
from rnnwords.generation.beam_search import Beam, beam_search
from rnnwords.generation.overlap import Overlap
from rnnwords.generation.sampling import History, Sampling, choose
from rnnwords.lm.context import Context
from rnnwords.network.recurrent import Floats
from rnnwords.text.tokenizer import EOS, UNK

if TYPE_CHECKING:
    from rnnwords.text.vocabulary import Vocabulary

SENTENCE_ENDS = frozenset({".", "!", "?", "...", "\u2026", "\u3002", "\uff01", "\uff1f", "\u0964", EOS})


def first_word(vocabulary: "Vocabulary", frequencies: Floats, seed: int) -> str:
    """A word to begin with, drawn by (V,) log-frequencies; no mark, <unk> or <eos> where there is anything else."""
    chance = np.exp(frequencies.astype(np.float64))
    words = np.array([any(char.isalnum() for char in word) and word not in (UNK, EOS) for word in vocabulary.words])
    chance = chance * words if words.any() else chance
    return vocabulary.words[int(np.random.default_rng(seed).choice(len(chance), p=chance / chance.sum()))]


@dataclass(frozen=True)
class Request(Sampling):
    """What text is asked for; values outside their range are refused with that range."""

    words: int = within(1, 10_000_000, default=32)
    until_sentence: bool = False  # end behind the first end of a sentence
    unk: bool = False  # let <unk> be written
    seed: int | None = within(0, 2**32 - 1, default=None)
    overlap: Overlap | None = None  # a text of which not too many words in a row may be taken over


class Text(NamedTuple):
    """A text that was written."""

    text: str  # begins with the space, if any, that belongs between the prompt and it
    words: int
    log_probability: float  # nats: the sum over its words by the model, before temperature and penalties
    score: float | None  # by which a beam search ranks: the log-probability after penalties, over the length penalty
    ids: tuple[int, ...] = ()  # its words by rank


def told(ranks: Iterable[int], written: Callable[[int], None]) -> Iterator[int]:
    """The ranks, each told to `written` as it passes."""
    for rank in ranks:
        written(rank)
        yield rank


class Step(NamedTuple):
    """One word written."""

    rank: int
    log_probability: float  # nats: the network's own, before temperature and penalties


class Writer:
    """Writes on after the words of a prompt."""

    def __init__(self, vocabulary: "Vocabulary", context: Context, ids: Sequence[int], request: Request) -> None:
        self.vocabulary, self.context, self.request = vocabulary, context, request
        self.history = History(ids, request.no_repeat, request.overlap)
        self.banned = [] if request.unk or vocabulary.unk is None else [vocabulary.unk]

    def steps(self) -> Iterator[Step]:
        """The words as they are chosen. Memory and the time of a word don't grow, but for what no_repeat must know."""
        request, context = self.request, self.context
        history = self.history.fork()
        generator = None if request.greedy else np.random.default_rng(request.seed)
        for _ in range(request.words):
            scores = context.log_probabilities()
            allowed = scores
            if self.banned:
                allowed = scores.copy()
                allowed[self.banned] = -np.inf
            word = choose(allowed, history, request, generator)
            yield Step(word, float(scores[word]))
            if self.ends(word):
                return
            history.append(word)
            context = context.read((word,))

    def beams(self, width: int) -> list[Beam]:
        """The best texts that a beam search finds, best first; `words` is the longest length. Raises UsageError."""
        if self.request.words > 100_000:
            raise UsageError(f"words must be between 1 and 100,000 with beam; got {self.request.words:,}")
        return beam_search(
            self.context, self.request.words, width, banned=self.banned, stop=self.ends, sampling=self.request,
            history=self.history, evaluate=self.context.together,
        )  # fmt: skip

    def ends(self, word: int) -> bool:
        """Whether the text ends behind this word."""
        return self.request.until_sentence and self.vocabulary.words[word] in SENTENCE_ENDS
