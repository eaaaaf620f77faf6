"""Reader of ARPA files, with which a written one is compared: probabilities by the back-off rule, from the text alone.

It passes once over the file and keeps only what the contexts need, so memory is bounded for a file of any size.
Shapes: N contexts, V words.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnnwords.errors import ExportError

BEGIN, END, UNKNOWN = "<s>", "</s>", "<unk>"  # marks of a sentence, and the word for all others


class Entry(NamedTuple):
    """An n-gram of an ARPA file."""

    order: int
    words: str  # separated by spaces
    log_prob: float  # log10 of the probability of the last word after the others
    log_weight: float  # log10 of the back-off weight after all words; 0 if there is none


def read_entries(path: Path) -> Iterator[Entry]:
    """Yield the n-grams of a file. Raises ExportError unless each order has as many as the file states."""
    counts: dict[int, int] = {}
    found: dict[int, int] = {}
    order = 0
    with open(path, encoding="utf-8", newline="\n") as stream:
        for line in stream:
            match line.rstrip("\n").split("\t"):
                case [log_prob, words] if order:
                    found[order] += 1
                    yield Entry(order, words, float(log_prob), 0.0)
                case [log_prob, words, log_weight] if order:
                    found[order] += 1
                    yield Entry(order, words, float(log_prob), float(log_weight))
                case [text] if text.startswith("ngram ") and not order:
                    number, _, count = text.removeprefix("ngram ").partition("=")
                    counts[int(number)] = int(count)
                case [text] if text.endswith("-grams:"):
                    order = int(text.removeprefix("\\").removesuffix("-grams:"))
                    found[order] = 0
    if not counts or found != counts:
        raise ExportError(f"expected n-grams of each order as {path} states, {counts}, found {found}")


class ArpaFile:
    """An ARPA file, and the order in which predictions list its words."""

    def __init__(self, path: Path, words: Sequence[str]) -> None:
        """`words` are V words of the file; with `</s>` among them, texts consist of sentences."""
        self.path, self.words = path, words
        self.columns = {word: column for column, word in enumerate(words)}

    def probabilities(self, contexts: Sequence[Sequence[int]]) -> NDArray[np.float64]:
        """Return (N, V) probabilities of the next word after contexts of column numbers, each from the beginning of a
        text. Raises ExportError for a file that is not complete."""
        texts = [self._sentence(context) for context in contexts]
        # Each end of a context -> log10 of its weight, columns and log10 probabilities of the words after it.
        ends = {" ".join(text[start:]): _Continuations([], []) for text in texts for start in range(len(text) + 1)}
        weights = dict.fromkeys(ends, 0.0)
        for entry in read_entries(self.path):
            context, _, word = entry.words.rpartition(" ")
            if (after := ends.get(context)) and (column := self.columns.get(word)) is not None:
                after.columns.append(column)
                after.log_probs.append(entry.log_prob)
            if entry.words in weights:
                weights[entry.words] = entry.log_weight
        rows = np.full((len(texts), len(self.words)), -np.inf)
        for row, text in zip(rows, texts, strict=True):
            for start in range(len(text), -1, -1):  # the shortest end first: longer n-grams replace shorter ones
                end = " ".join(text[start:])
                row += weights[end]
                row[ends[end].columns] = ends[end].log_probs
        probs: NDArray[np.float64] = np.power(10.0, rows)
        return probs

    def _sentence(self, context: Sequence[int]) -> list[str]:
        """Return the words that can count: those of the last sentence, after `<s>`."""
        words = [self.words[column] for column in context]
        if END not in self.columns:
            return words
        after = max((place + 1 for place, word in enumerate(words) if word == END), default=0)
        return [BEGIN, *words[after:]]


class _Continuations(NamedTuple):
    """Words seen after a context."""

    columns: list[int]
    log_probs: list[float]
