"""Words to offer while a text is written: completions of the word that it ends in, or next words with their spaces.

The text is given as the line up to the cursor, and a function from such a line to what a prediction reads: the end of
the text before the line, and the line.
"""

import functools
import re
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from rnnwords.prediction.prefixes import fold, offered
from rnnwords.text.tokens.tokenizer import EOS, UNK
from rnnwords.text.vocabulary import Vocabulary

MAX_CONTEXT = 3_000  # characters of the text that are read for each prediction
SPACING = 300  # characters that decide whether a word needs a space before it
MIN_PROBABILITY = 0.001  # of a word to be offered
CACHE_SIZE = 1_024  # contexts
NO_REPEAT_NGRAM = 4  # words; a greedy continuation may repeat itself otherwise

Ranked = Sequence[tuple[str, float]]  # words with their probabilities, best first
ContextOf = Callable[[str], str]  # line up to the cursor -> what a prediction reads


class RankingModel(Protocol):
    """What completions need of a model; `rnnwords.prediction.predictor.Predictor` has it."""

    @property
    def vocabulary(self) -> Vocabulary: ...

    def rank(self, prompt: str, k: int = 5, *, prefix: str = "") -> Ranked: ...


class MenuEntry(NamedTuple):
    """A word of the menu; `text` replaces the last `replaced` characters before the cursor."""

    word: str
    probability: float
    text: str
    replaced: int


class Completions:
    """Offers up to `size` words at the end of a line."""

    def __init__(self, model: RankingModel, size: int) -> None:
        self.model, self.size = model, size
        self._rank = functools.lru_cache(maxsize=CACHE_SIZE)(self._ranked)

    @property
    def vocabulary(self) -> Vocabulary:
        """The vocabulary of the model, which may grow."""
        return self.model.vocabulary

    def refresh(self) -> None:
        """Drop the predictions before, since the model has learned."""
        self._rank.cache_clear()

    def entries(self, line: str, context: ContextOf, *, finished: bool = False) -> list[MenuEntry]:
        """Return the completions of the word that `line` ends in or, if it is whole, the next words.

        With `finished`, the last word is whole. Raises RnnwordsError as the model does.
        """
        before, started = (line, "") if finished else self.started(line)
        if started:
            completions = self._rank(context(before), started)
            known = self.folded(started) in self.vocabulary.ids
            if known and not any(_is_longer(word, started) for word, _ in completions):
                completions = []  # the word is whole: neither its other forms nor words like it are meant
            if completions:
                return [
                    MenuEntry(text, share, text, len(started))
                    for text, share in ((offered(word, started), share) for word, share in completions)
                ]
            if started[-1].isalnum() and not known:
                return []
        whole = context(line)
        return [self._next(whole, line, word, share) for word, share in self._rank(whole, "")]

    def _next(self, context: str, line: str, word: str, probability: float) -> MenuEntry:
        """Return a next word with the space before it; where none belongs (`general,`), it replaces a typed one.

        Spaces at the beginning of a line are an indentation, and stay.
        """
        before = context.rstrip(" ")
        if not line or not before or before[-1] in "\r\n":
            return MenuEntry(word, probability, word, 0)
        text = space_between(self.vocabulary, before, word) + word
        return MenuEntry(word, probability, text, len(line) - len(line.rstrip(" ")))

    def beginning(self, line: str, entries: Sequence[MenuEntry], *, finished: bool = False) -> str | None:
        """Return the text with which a continuation of `line` begins: what completes its last word, or a next word.

        `entries` are those of the line. Empty where any next word may follow; None where none can: the last word is
        unknown, or spelled in another way than the offered word.
        """
        started = "" if finished else self.started(line)[1]
        if started and not entries:
            return None
        if started and entries[0].replaced:
            text = entries[0].text
            return text[len(started) :] if text.startswith(started) else None
        if line.endswith(" "):  # the typed space calls for a word that has one before it
            spaced = [entry for entry in entries if entry.text.startswith(" ")]
            return spaced[0].text.lstrip() if spaced else ""
        return ""

    def started(self, line: str) -> tuple[str, str]:
        """Return `line` up to the word that it ends in, and that word, which is empty after a space."""
        end = line[-100:]
        words = self.vocabulary.tokenize(end)
        if not words or end[-1].isspace():
            return line, ""
        word = words[-1]
        if word in "'\u2019" and len(words) > 1 and self.folded(end).endswith(words[-2] + word):
            word = words[-2] + word  # don' may become don't
        return (line[: -len(word)], line[-len(word) :]) if self.folded(end).endswith(word) else (line, "")

    def folded(self, text: str) -> str:
        """Return a text in the case that the vocabulary has."""
        return text.lower() if self.vocabulary.text.lowercase else text

    def _ranked(self, context: str, prefix: str) -> list[tuple[str, float]]:
        """Return the best words after `context` without special tokens: with a prefix, those that match it.

        Without a prefix, improbable words are left out, except the best one.
        """
        ranked = self.model.rank(context, self.size + 2, prefix=prefix)
        best = [(word, share) for word, share in ranked if word not in (UNK, EOS)][: self.size]
        return best if prefix else [(word, share) for word, share in best if share >= MIN_PROBABILITY] or best[:1]


def _is_longer(word: str, started: str) -> bool:
    """Return whether the word continues the started one."""
    typed, whole = fold(started), fold(word)
    return whole.startswith(typed) and whole != typed


def space_between(vocabulary: Vocabulary, before: str, word: str) -> str:
    """Return the space, if any, that belongs between the text `before` and `word`."""
    piece = next(vocabulary.pieces([word], before=before[-SPACING:]))
    return piece.removesuffix(word)


def percent(probability: float) -> str:
    """Return a probability with two significant digits: 62 %, 3.1 %, <0.1 %."""
    if 0 < probability < 0.001:
        return "<0.1 %"
    return f"{probability * 100:.1f} %" if probability < 0.0995 else f"{probability * 100:.0f} %"


def end_of_text(parts: Sequence[str], limit: int = MAX_CONTEXT, *, preceding: int = 0, ahead: int = 0) -> str:
    """Return the end of a text, given in parts: at most `limit` characters, from the start of a word.

    The start moves in steps, see `step`, so that consecutive contexts mostly begin at the same place and a model that
    caches states can continue from one of them. With `ahead`, it is where that of a text longer by as many characters
    will be. As many characters as are `preceding` the parts are left out, and count.
    """
    length = preceding + sum(map(len, parts))
    start = max(0, -(-(length + ahead - limit) // step(limit)) * step(limit))
    kept: list[str] = []
    for part in reversed(parts):
        if length <= start:
            break
        length -= len(part)
        kept.append(part[max(0, start - length) :])
    text = "".join(reversed(kept))
    blank = re.search(r"\s", text[:200]) if start else None
    return text[blank.start() :] if blank else text


def step(limit: int = MAX_CONTEXT) -> int:
    """Return by how many characters the start of a context moves, whose highest length is `limit`."""
    return limit // 3
