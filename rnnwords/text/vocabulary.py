"""The vocabulary: tokens in order of frequency, ties in order of first appearance; id 0 is the most frequent.

It also holds the counts of the tokens and the text settings they were made with, so that every text is tokenized in
the same way.
"""

import copy
import difflib
import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from rnnwords.config import TextConfig, shown
from rnnwords.errors import ModelError, UnknownWordError, UsageError
from rnnwords.saving import replace_file
from rnnwords.text.spacing.detokenizer import pieces
from rnnwords.text.spacing.learned import Spacing
from rnnwords.text.tokens.segmentation import script_note
from rnnwords.text.tokens.tokenizer import EOS, UNK, tokenize
from rnnwords.text.vocabulary_file import MAX_LENGTH, MAX_TOKENS, read_vocabulary_file, vocabulary_file


class TokenError(ModelError):
    """A token or count that a vocabulary cannot have, with its id."""

    def __init__(self, token_id: int, problem: str) -> None:
        super().__init__(f"vocabulary, id {token_id}: {problem}")
        self.token_id, self.problem = token_id, problem


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """Tokens in order of their ids, with their counts.

    Raises ModelError for an empty or repeated token, one with white space, and for counts that increase.
    """

    words: Sequence[str]  # id -> token
    counts: Sequence[int]  # id -> count in the training text
    text: TextConfig
    # Of the training text. None: hand-made rules, as for models of earlier formats. Not in the vocabulary file, and no
    # part of equality.
    spacing: Spacing | None = None
    # Ids that are never offered, a choice at prediction; in no file, and no part of equality.
    excluded: frozenset[int] = frozenset()

    def __post_init__(self) -> None:
        if not 1 <= len(self.words) <= MAX_TOKENS:
            raise ModelError(f"vocabulary: expected 1 to {MAX_TOKENS:,} tokens, found {len(self.words):,}")
        if len(self.words) != len(self.counts):
            raise ModelError(
                f"vocabulary: expected one count per token, found {len(self.words):,} tokens and "
                f"{len(self.counts):,} counts"
            )
        if problem := self._first_problem():
            raise TokenError(*problem)

    def _first_problem(self) -> tuple[int, str] | None:
        """Return the first id with an invalid token or count, and what is invalid."""
        if max(map(len, self.words)) > MAX_LENGTH:
            token_id = next(place for place, word in enumerate(self.words) if len(word) > MAX_LENGTH)
            found = len(self.words[token_id])
            return token_id, f"expected a token of at most {MAX_LENGTH:,} characters, found one of {found:,}"
        if len(self.ids) != len(self.words):
            seen: set[str] = set()
            for token_id, word in enumerate(self.words):
                if word in seen:
                    return token_id, f"expected each token once, found {shown(word)} again"
                seen.add(word)
        if " ".join(self.words).split() != list(self.words):  # much faster than word by word
            for token_id, word in enumerate(self.words):
                if word.split() != [word]:
                    return token_id, f"expected a token without white space, found {shown(word)}"
        previous = self.counts[0]
        for token_id, count in enumerate(self.counts):
            if not 0 <= count <= previous:
                return token_id, f"expected a count between 0 and the previous one, {previous:,}, found {count:,}"
            previous = count
        return None

    @functools.cached_property
    def ids(self) -> dict[str, int]:
        """token -> id"""
        return {word: token_id for token_id, word in enumerate(self.words)}

    @property
    def unk_id(self) -> int | None:
        """The id of <unk>, which stands for all words outside the vocabulary; None if there is none."""
        return self.ids.get(UNK)

    @property
    def eos_id(self) -> int | None:
        """The id of <eos> if line ends are tokens; else None, even if the text contains the word <eos>."""
        return self.ids.get(EOS) if self.text.eos else None

    def __len__(self) -> int:
        return len(self.words)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Vocabulary):
            return NotImplemented
        return (list(self.words), list(self.counts), self.text) == (list(other.words), list(other.counts), other.text)

    @classmethod
    def build(
        cls,
        counts: Mapping[str, int],
        text: TextConfig,
        *,
        max_size: int | None = None,
        min_count: int = 1,
        keep_unk: bool = False,
        pruned: int = 0,
    ) -> Self:
        """Sort `counts` (word -> count, in order of first appearance) by count, and apply the limits.

        `max_size` includes <unk>. <unk> is a token only if a word was cut, it occurs in the text, or `keep_unk` is set.
        Its count is the total of all words it stands for, including `pruned`, those dropped during counting.
        """
        if not counts and not pruned:
            raise UsageError("expected a text with at least one word, found none")
        by_count = sorted(counts.items(), key=lambda item: -item[1])  # sorted() is stable: ties keep their order
        kept = [item for item in by_count if item[1] >= min_count and item[0] != UNK and len(item[0]) <= MAX_LENGTH]
        max_size = MAX_TOKENS if max_size is None else max_size
        needs_unk = keep_unk or pruned > 0 or UNK in counts or len(kept) < len(by_count)
        if len(kept) + needs_unk > max_size:
            needs_unk = True
            kept = kept[: max_size - 1]
        if needs_unk:
            unknown = sum(counts.values()) + pruned - sum(count for _, count in kept)
            unk_id = next((token_id for token_id, (_, count) in enumerate(kept) if count < unknown), len(kept))
            kept.insert(unk_id, (UNK, unknown))
        return cls([word for word, _ in kept], [count for _, count in kept], text)

    def with_spacing(self, spacing: Spacing) -> Self:
        """Return the same tokens with this spacing."""
        same = copy.copy(self)
        object.__setattr__(same, "spacing", spacing)
        return same

    def extended(self, words: Sequence[str]) -> Self:
        """Return the same tokens and, after them, other words, which the training text had not: their count is 0."""
        same = copy.copy(self)
        first = len(self)
        object.__setattr__(same, "words", [*self.words, *words])
        object.__setattr__(same, "counts", [*self.counts, *[0] * len(words)])
        object.__setattr__(same, "ids", self.ids | {word: first + place for place, word in enumerate(words)})
        return same

    def excluding(self, ids: frozenset[int]) -> Self:
        """Return the same tokens, of which these are never offered."""
        if ids == self.excluded:
            return self
        same = copy.copy(self)
        object.__setattr__(same, "excluded", ids)
        return same

    def tokenize(self, text: str) -> list[str]:
        """Return the tokens of `text`, by the text settings of this vocabulary."""
        return tokenize(text, self.text)

    def detokenize(self, ids: Iterable[int]) -> str:
        """Return the text of these ids, spaced as the training text."""
        return "".join(self.pieces(self.decode(ids)))

    def pieces(self, tokens: Iterable[str], before: str = "") -> Iterator[str]:
        """Yield each token with the space, if any, that precedes it after the text `before`: see `detokenizer`."""
        return pieces(tokens, self.text, self.spacing, before)

    def encode(self, words: Iterable[str]) -> list[int]:
        """Return the ids of the words; words outside the vocabulary become <unk>.

        Raises UnknownWordError for the first such word if the vocabulary has no <unk>.
        """
        unk = self.unk_id
        if unk is not None:
            return [self.ids.get(word, unk) for word in words]
        try:
            return [self.ids[word] for word in words]
        except KeyError as error:
            raise UnknownWordError(self.unknown_message(error.args[0])) from None

    def decode(self, ids: Iterable[int]) -> list[str]:
        """Return the tokens with these ids."""
        return [self.words[token_id] for token_id in ids]

    def unknown_message(self, word: str) -> str:
        """Return one line that names an unknown word and similar words of the vocabulary, if there are any."""
        similar = [one if len(one) <= 80 else shown(one) for one in self.similar_words(word)]
        hint = f"; similar words: {', '.join(similar)}" if similar else ""
        return f"{shown(word)} is not in the vocabulary of {len(self):,} tokens{hint}"

    def similar_words(self, word: str, count: int = 3) -> list[str]:
        """Return up to `count` words of the vocabulary spelled like `word`: other case first, then by similarity."""
        same = [other for other in (word.lower(), word.capitalize(), word.upper()) if other in self.ids]
        candidates = (other for other in self.words[:50_000] if abs(len(other) - len(word)) <= 2)
        close = difflib.get_close_matches(word[:100], candidates, n=count + len(self.excluded), cutoff=0.7)
        similar = dict.fromkeys([*same, *close])
        return [other for other in similar if self.ids[other] not in self.excluded][:count]

    def report(self) -> dict[str, Any]:
        """Return the numbers of words and tokens, the lowest count, and the coverage of the text.

        `coverage` is the share of the words that the most frequent 100, 1,000, ... tokens cover, without <unk>.
        """
        total = sum(self.counts)
        sizes = [size for size in (100, 1_000, 5_000, 10_000, 50_000) if size < len(self)] + [len(self)]
        known = [0 if word == UNK else count for word, count in zip(self.words, self.counts, strict=True)]
        counted = (count for count, word in zip(self.counts, self.words, strict=True) if word != UNK)
        return {
            "words": total, "symbols": len(self),
            "coverage": {size: sum(known[:size]) / max(1, total) for size in sizes},
            "rarest_count": min(counted, default=0),
        }  # fmt: skip

    def to_bytes(self) -> bytes:
        """Return the vocabulary file."""
        return vocabulary_file(self.words, self.counts, self.text)

    def save(self, path: Path, *, follow_links: bool = True) -> None:
        """Write the vocabulary file; `follow_links` as in `replace_file`. Raises SaveError."""
        replace_file(path, [self.to_bytes()], follow_links=follow_links)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a vocabulary file. Raises ModelError, which names the invalid line."""
        words, counts, text = read_vocabulary_file(path)
        try:
            return cls(words, counts, text)
        except TokenError as error:
            raise ModelError(f"{path}, line {error.token_id + 2}: {error.problem}") from error
        except ModelError as error:
            raise ModelError(f"{path}: {error}") from error


def vocabulary_notes(vocabulary: Vocabulary) -> tuple[str, ...]:
    """Return what a user should know about the tokens: how words of scripts without spaces are found."""
    if vocabulary.text.tokenizer != "words" or vocabulary.text.rules == 1:
        return ()
    found = script_note(vocabulary.words)
    return (found,) if found else ()


def check_has_words(vocabulary: Vocabulary, counts: Mapping[str, int]) -> None:
    """Raise UsageError if no word of a text with these counts is in its vocabulary.

    A network would only learn to predict <unk>, with an accuracy of 100 %.
    """
    if any(word not in (UNK, EOS) for word in vocabulary.words[:3]):
        return
    words = {word: count for word, count in counts.items() if word not in (UNK, EOS)}
    if not words:
        raise UsageError("expected a text with at least one word, found none")
    if all(len(word) > MAX_LENGTH for word in words):
        raise UsageError(f"expected words of at most {MAX_LENGTH:,} characters, found none; pass a text with spaces")
    most = max(words.values())
    times = {1: "once, so every word is distinct", 2: "twice"}.get(most, f"{most:,} times")
    raise UsageError(
        f"expected words in the vocabulary besides <unk>, found none: the most frequent word occurs {times}; set "
        f"`min_count` to {most:,} or less, and `max_size` to 2 or more"
    )
