"""Generates text from a language model, word by word or by beam search."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from rnnwords.config import within
from rnnwords.errors import UsageError
from rnnwords.generation.beam_search import MAX_LENGTH, Beam, beam_search
from rnnwords.generation.sampling import History, Sampling, choose
from rnnwords.generation.suffix_array import Overlap
from rnnwords.lm.interface import LanguageModel
from rnnwords.lm.unigram import unigram_log_probs
from rnnwords.text.tokens.tokenizer import EOS, UNK
from rnnwords.text.vocabulary import Vocabulary

SENTENCE_ENDS = frozenset({".", "!", "?", "...", "\u2026", "\u3002", "\uff01", "\uff1f", "\u0964", EOS})


def draw_word(vocabulary: Vocabulary, seed: int) -> str:
    """Return a word drawn by frequency; no punctuation, <unk> or <eos> where there is anything else."""
    probs = np.exp(unigram_log_probs(vocabulary.counts).astype(np.float64))
    probs[list(vocabulary.excluded)] = 0
    words = np.array([any(char.isalnum() for char in word) and word not in (UNK, EOS) for word in vocabulary.words])
    probs = probs * words if (probs * words).any() else probs
    if not probs.any():
        raise UsageError(f"expected a word to begin with, found all {len(vocabulary):,} excluded")
    return vocabulary.words[int(np.random.default_rng(seed).choice(len(probs), p=probs / probs.sum()))]


@dataclass(frozen=True)
class GenerationRequest(Sampling):
    """Settings of a generated text. Values outside their range are refused."""

    words: int = within(1, 10_000_000, default=32)
    until_sentence: bool = False  # stop after the first end of a sentence
    unk: bool = False  # allow <unk>
    seed: int | None = within(0, 2**32 - 1, default=None)
    overlap: Overlap | None = None  # limit of consecutive words copied from a text


class GeneratedText(NamedTuple):
    """A generated text."""

    text: str  # begins with the space, if any, that belongs between the prompt and it
    words: int
    log_prob: float  # nats: the sum over its words by the model, before temperature and penalties
    score: float | None  # of a beam search: the log-probability after penalties, over the length penalty
    ids: tuple[int, ...] = ()


class GeneratedWord(NamedTuple):
    """A generated word."""

    id: int
    log_prob: float  # nats, by the model, before temperature and penalties


class Writer:
    """Continues a prompt, given as the state of the language model after it, and its ids."""

    def __init__(
        self, lm: LanguageModel[Any], state: Any, ids: Sequence[int], request: GenerationRequest,
        excluded: Iterable[int] = (),
    ) -> None:  # fmt: skip
        """`excluded` ids are never generated."""
        self.lm, self.state, self.request = lm, state, request
        self.history = History(ids, request.no_repeat_ngram, request.overlap)
        unk = lm.vocabulary.unk_id
        hidden = [] if request.unk or unk is None else [unk]
        self.banned = np.array(sorted({*hidden, *excluded}), np.intp)
        if len(self.banned) == len(lm.vocabulary):
            raise UsageError(f"expected a word to choose from, found all {len(self.banned):,} excluded")

    def steps(self) -> Iterator[GeneratedWord]:
        """Yield the words as they are chosen. Memory and time per word stay constant, except for no-repeat n-grams."""
        request, state = self.request, self.state
        history = self.history.fork()
        generator = None if request.greedy else np.random.default_rng(request.seed)
        for _ in range(request.words):
            [log_probs] = self.lm.log_probs([state])
            allowed = log_probs.copy()
            allowed[self.banned] = -np.inf
            word = choose(allowed, history, request, generator)
            yield GeneratedWord(word, float(log_probs[word]))
            if self.ends(word):
                return
            history.append(word)
            state = self.lm.advance(state, (word,))

    def beams(self, width: int) -> list[Beam]:
        """Return the best texts of a beam search, best first; `words` is the longest length. Raises UsageError."""
        if self.request.words > MAX_LENGTH:
            raise UsageError(f"`words`: expected 1 to {MAX_LENGTH:,} with `beam`, found {self.request.words:,}")
        return beam_search(
            self.lm, self.state, self.request.words, width, banned=self.banned, stop=self.ends, sampling=self.request,
            history=self.history,
        )  # fmt: skip

    def ends(self, word: int) -> bool:
        """Whether the text ends after this word."""
        return self.request.until_sentence and self.lm.vocabulary.words[word] in SENTENCE_ENDS
