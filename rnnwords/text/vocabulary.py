"""The vocabulary: symbols ranked by frequency, ties by first appearance; rank 0 is the commonest.

Beside the symbols it keeps their counts and the text settings that made them, so that whoever encodes text with it
cannot disagree about what a word is.
"""

import difflib
import functools
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from rnnwords.config import TextConfig
from rnnwords.errors import ModelError, UnknownWordError, UsageError
from rnnwords.files import parse_json, read_bounded, replace_file
from rnnwords.text.tokenizer import EOS, UNK, tokenize

MAX_SYMBOLS = 1_000_000
MAX_BYTES = 1 << 28
_HEADER = "# rnnwords-vocabulary "


class RankError(ModelError):
    """One rank of a vocabulary cannot be as it is."""

    def __init__(self, rank: int, what: str) -> None:
        super().__init__(f"vocabulary, rank {rank}: {what}")
        self.rank, self.what = rank, what


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """Symbols in rank order with their counts. Raises ModelError if one is none or stands twice, or counts rise."""

    words: Sequence[str]  # rank -> word
    counts: Sequence[int]  # rank -> occurrences in the training text
    text: TextConfig

    def __post_init__(self) -> None:
        if not 1 <= len(self.words) <= MAX_SYMBOLS:
            raise ModelError(f"a vocabulary has 1 to {MAX_SYMBOLS:,} symbols; got {len(self.words):,}")
        if len(self.words) != len(self.counts):
            raise ModelError(f"vocabulary: {len(self.words):,} words but {len(self.counts):,} counts")
        if fault := self._first_fault():
            raise RankError(*fault)

    def _first_fault(self) -> tuple[int, str] | None:
        """The first rank that cannot be as it is, and what is wrong with it."""
        if len(self.ranks) != len(self.words):
            seen: set[str] = set()
            for rank, word in enumerate(self.words):
                if word in seen:
                    return rank, f"{word[:80]!r} stands twice"
                seen.add(word)
        if " ".join(self.words).split() != list(self.words):
            for rank, word in enumerate(self.words):
                if word.split() != [word]:
                    return rank, f"{word[:80]!r} is no symbol: one has no white space in it, and is not empty"
        before = self.counts[0]
        for rank, count in enumerate(self.counts):
            if not 0 <= count <= before:
                return rank, f"count {count:,} after {before:,}; counts fall from rank to rank"
            before = count
        return None

    @functools.cached_property
    def ranks(self) -> dict[str, int]:
        """word -> rank"""
        return {word: rank for rank, word in enumerate(self.words)}

    @property
    def unk(self) -> int | None:
        """The rank of <unk>, which stands for every word that was cut; None if nothing was."""
        return self.ranks.get(UNK)

    @property
    def line_end(self) -> int | None:
        """The rank of <eos>, if line ends are symbols; else None, even where the text itself has that word."""
        return self.ranks.get(EOS) if self.text.eos else None

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
        """Rank `counts` (word -> occurrences, in order of first appearance) and cut.

        `max_size` counts <unk>, which is a symbol only if something was cut, stands in the text, or `keep_unk` asks for
        it; its count is that of all words it stands for, `pruned` ones (cut while counting) among them.
        """
        if not counts:
            raise UsageError("the text has no words; at least one is needed")
        ranked = sorted(counts.items(), key=lambda item: -item[1])  # sorted() is stable: ties keep their order
        kept = [item for item in ranked if item[1] >= min_count and item[0] != UNK]
        needs_unk = keep_unk or pruned > 0 or UNK in counts or len(kept) < len(ranked)
        if max_size is not None and len(kept) + needs_unk > max_size:
            needs_unk = True
            kept = kept[: max_size - 1]
        if needs_unk:
            unseen = sum(counts.values()) + pruned - sum(count for _, count in kept)
            place = next((rank for rank, (_, count) in enumerate(kept) if count < unseen), len(kept))
            kept.insert(place, (UNK, unseen))
        return cls([word for word, _ in kept], [count for _, count in kept], text)

    def tokenize(self, text: str) -> list[str]:
        """`text` as symbols, by this vocabulary's own text settings."""
        return tokenize(text, self.text)

    def encode(self, words: Iterable[str]) -> list[int]:
        """Ranks of the words; those not in the vocabulary become <unk>.

        Raises UnknownWordError for the first such word if the vocabulary has no <unk>.
        """
        unk = self.unk
        if unk is not None:
            return [self.ranks.get(word, unk) for word in words]
        try:
            return [self.ranks[word] for word in words]
        except KeyError as error:
            raise UnknownWordError(self.unknown_message(error.args[0])) from None

    def decode(self, ids: Iterable[int]) -> list[str]:
        """The words at these ranks."""
        return [self.words[rank] for rank in ids]

    def unknown_message(self, word: str) -> str:
        """One line that names an unknown word and, if there are any, near ones of the vocabulary."""
        near = self.near(word)
        hint = f"; near words: {', '.join(near)}" if near else ""
        word = word if len(word) <= 80 else f"{word[:77]}..."
        return f"{word!r} is not among the {len(self):,} symbols of the vocabulary{hint}"

    def near(self, word: str, count: int = 3) -> list[str]:
        """Up to `count` words of the vocabulary spelled like `word`, other capitals first, then by likeness."""
        same = [other for other in (word.lower(), word.capitalize(), word.upper()) if other in self.ranks]
        alike = (other for other in self.words[:50_000] if abs(len(other) - len(word)) <= 2)
        found = difflib.get_close_matches(word[:100], alike, n=count, cutoff=0.7)
        return list(dict.fromkeys([*same, *found]))[:count]

    def report(self) -> dict[str, Any]:
        """Words, symbols, the share of the words that the commonest 100, 1,000, ... symbols cover, the rarest count."""
        total = sum(self.counts)
        sizes = [size for size in (100, 1_000, 5_000, 10_000, 50_000) if size < len(self)] + [len(self)]
        known = [0 if word == UNK else count for word, count in zip(self.words, self.counts, strict=True)]
        return {
            "words": total,
            "symbols": len(self),
            "coverage": {size: sum(known[:size]) / max(1, total) for size in sizes},
            "rarest_count": min(count for count, word in zip(self.counts, self.words, strict=True) if word != UNK)
            if len(self) > 1 or self.unk is None
            else 0,
        }

    def to_bytes(self) -> bytes:
        """The vocabulary file: the text settings as a comment, then `word<TAB>count`, one line a rank."""
        lines = [_HEADER + json.dumps(self.text.to_json())]
        lines += [f"{word}\t{count}" for word, count in zip(self.words, self.counts, strict=True)]
        return ("\n".join(lines) + "\n").encode()

    def save(self, path: Path) -> None:
        """Write the vocabulary file. Raises SaveError."""
        replace_file(path, [self.to_bytes()])

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a vocabulary file. Raises ModelError with the line that is wrong."""
        what = "vocabulary file"
        try:
            lines = read_bounded(path, MAX_BYTES, what).decode().split("\n")
        except UnicodeDecodeError as error:
            raise ModelError(f"{what} {path} is not UTF-8 at byte {error.start}") from error
        if not lines[0].startswith(_HEADER) or lines.pop() != "":
            raise ModelError(f"{path} is no whole vocabulary file; make one with: rnnwords build-vocab TEXT -o FILE")
        try:
            text = TextConfig.from_json(parse_json(lines[0].removeprefix(_HEADER), f"{path}, line 1"))
        except UsageError as error:
            raise ModelError(f"{path}, line 1: {error}") from error
        words, counts = [], []
        for number, line in enumerate(lines[1:], start=2):
            word, tab, count = line.rpartition("\t")
            if not (word and tab and count.isascii() and count.isdigit() and len(count) < 19):
                raise ModelError(f"{path}, line {number}: expected word<TAB>count, got {line[:80]!r}")
            words.append(word)
            counts.append(int(count))
        try:
            return cls(words, counts, text)
        except RankError as error:
            raise ModelError(f"{path}, line {error.rank + 2}: {error.what}") from error
        except ModelError as error:
            raise ModelError(f"{path}: {error}") from error
