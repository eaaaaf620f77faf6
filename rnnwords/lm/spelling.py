"""Spelling of unknown words: a small letter n-gram model, so that texts can be compared in bits per character.

With a small vocabulary, many words are `<unk>`, which is easy to predict: perplexities of different vocabularies cannot
be compared. Here an unknown word costs the probability of `<unk>` and that of its letters, so a text costs the same
units with each vocabulary. The letters have an interpolated Kneser-Ney model (`kneser_ney`), counted on the distinct
words of the training text, since an unknown word is more like a rare word than like a frequent one. Words outside the
vocabulary count as often as they occur, up to MAX_TIMES.

The probability is that of the letters given that they are an unknown word: what the letter model gives to words of the
vocabulary, and to no letters at all, is divided among the other words. Letters that are counted only once give the
probability of a letter outside the alphabet. It is one of those in a page of 256 characters of Unicode; the pages are
as probable as counted letters are in them.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnwords.errors import ModelError
from rnnwords.lm.interface import Ids
from rnnwords.lm.ngram.kneser_ney import KneserNey
from rnnwords.lm.ngram.tensors import PREFIX as NGRAM
from rnnwords.model_file import SPELLING_PREFIX as SPELLING
from rnnwords.model_file import Model
from rnnwords.text.tokens.tokenizer import EOS, UNK
from rnnwords.text.vocabulary_file import MAX_LENGTH

# Measured on unknown words of four languages: order 6 takes 0.1 to 1.0 bits per word less than 5, order 7 another 0.05
# to 0.4, with half as much again to store. Distinct words of all counts are better than rare ones alone, by 0.3 to 1.0.
ORDER = 6  # letters, with the predicted one
MAX_TIMES = 5  # that a word counts
MAX_LETTERS = 500_000  # counted; of more, every second word is left out, or two of three: 1.1 MB to store
PAGE, PAGES = 256, 0x110000 // 256
END, OTHER, FIRST = 0, 1, 2  # symbols: the end of a word, a letter outside the alphabet, the first of the alphabet
_LEAST = -60.0  # natural log-probability that a word is unknown: lower is rounding
_BEYOND = 0x110000  # no character


class SpellingModel:
    """The probability of the letters of a word, given that it is unknown."""

    def __init__(self, alphabet: str, singles: str, letters: KneserNey, unknown: float) -> None:
        """`alphabet` and `singles`, letters counted once, are sorted; `unknown`: log-probability of an unknown word."""
        self.alphabet, self.singles, self.letters, self.unknown = alphabet, singles, letters, unknown
        self._table = np.append(_points(alphabet), _BEYOND)
        counted = np.bincount(_points(alphabet + singles) // PAGE, minlength=PAGES)
        left = PAGE - np.bincount(_points(alphabet) // PAGE, minlength=PAGES)  # (PAGES,) letters outside the alphabet
        self._other = np.log((counted + 1 / PAGES) / (counted.sum() + 1)) - np.log(np.maximum(left, 1))

    @classmethod
    def train(cls, counts: Mapping[str, int], vocabulary: Collection[str]) -> "SpellingModel | None":
        """Count the letters of distinct words, in the order of `counts`; None if there are none.

        Words with a count of 0 are those of other text, and words of more than MAX_LENGTH characters encoded data.
        """
        known = frozenset(vocabulary)
        times = {
            word: 1 if word in known else min(count, MAX_TIMES)
            for word, count in counts.items()
            if count > 0 and word not in (UNK, EOS) and 0 < len(word) <= MAX_LENGTH
        }
        step = -(-sum(count * (len(word) + 1) for word, count in times.items()) // MAX_LETTERS)
        words = list(times)[:: max(1, step)]
        if not words:
            return None
        seen: Counter[str] = Counter()
        for word in words:
            seen.update(dict.fromkeys(word, times[word]))
        alphabet, singles = ("".join(sorted(one for one in seen if (seen[one] == 1) == once)) for once in (False, True))
        symbols, _ = _symbols(
            [word for word in words for _ in range(times[word])], np.append(_points(alphabet), _BEYOND)
        )
        model = cls(alphabet, singles, KneserNey.train(symbols, FIRST + len(alphabet), ORDER, END), 0.0)
        inside = np.exp(model.log_probs(["", *sorted(known - {UNK, EOS})])).sum()
        return cls(alphabet, singles, model.letters, max(_LEAST, float(np.log(max(1 - inside, np.exp(_LEAST))))))

    def log_probs(self, words: Sequence[str]) -> NDArray[np.float64]:
        """Return (N,) natural log-probabilities of N words outside the vocabulary, each given that it is unknown."""
        if not words:
            return np.zeros(0)
        symbols, points = _symbols(words, self._table)
        scores = self.letters.score(symbols, [END])
        other = symbols == OTHER
        scores[other] += self._other[points[other] // PAGE]
        return np.add.reduceat(scores, np.append(0, np.flatnonzero(symbols == END)[:-1] + 1)) - self.unknown

    def to_tensors(self) -> dict[str, NDArray[Any]]:
        """Return the model as arrays `spelling/...`, from which `from_tensors` makes the same model."""
        texts = {"alphabet": self.alphabet, "singles": self.singles}
        return {
            **{SPELLING + name: value for name, value in self.letters.to_tensors().items()},
            **{SPELLING + name: np.frombuffer(text.encode(), np.uint8) for name, text in texts.items()},
            SPELLING + "unknown": np.array([self.unknown]),
        }

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, NDArray[Any]]) -> "SpellingModel":
        """Return the model that `to_tensors` stored. Raises ModelError, which names the tensor."""
        alphabet, singles = (_letters(tensors, SPELLING + name) for name in ("alphabet", "singles"))
        unknown = tensors.get(SPELLING + "unknown", np.zeros(0))
        if unknown.shape != (1,) or unknown.dtype != np.float64 or not _LEAST <= unknown[0] <= 0:
            raise ModelError(f"tensor '{SPELLING}unknown': expected a number in {_LEAST:g}..0, found another value")
        own = {name.removeprefix(SPELLING): value for name, value in tensors.items()}
        try:
            letters = KneserNey.from_tensors(own, FIRST + len(alphabet))
        except ModelError as error:
            raise ModelError(str(error).replace(NGRAM, SPELLING + NGRAM)) from error
        if letters.boundary != END:
            raise ModelError(f"tensor '{SPELLING}{NGRAM}settings': expected {END} for the end of a word, found another")
        return cls(alphabet, singles, letters, float(unknown[0]))


def spelling_model(model: Model) -> SpellingModel | None:
    """Return the spelling model of a model file, None if it has none. Raises ModelError if it is damaged."""
    if model.spelling is None:
        return None
    tensors = model.spelling.read()
    try:
        return SpellingModel.from_tensors(tensors)
    except ModelError as error:
        raise ModelError(f"the spelling model of the model file is damaged: {error}") from error


def _points(text: str) -> Ids:
    """Return (N,) code points of a text."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32).astype(np.int64)


def _symbols(words: Sequence[str], table: Ids) -> tuple[Ids, Ids]:
    """Return (L,) symbols of the letters and ends of words, and their code points; `table`: alphabet and _BEYOND."""
    points = _points("\n".join(words) + "\n")
    at = np.searchsorted(table, points)
    symbols: Ids = np.where(table[at] == points, FIRST + at, OTHER)
    symbols[np.cumsum([len(word) + 1 for word in words]) - 1] = END
    return symbols, points


def _letters(tensors: Mapping[str, NDArray[Any]], name: str) -> str:
    tensor = tensors.get(name)
    if tensor is None or tensor.dtype != np.uint8 or tensor.ndim != 1:
        raise ModelError(f"tensor '{name}': expected letters, uint8, found none")
    try:
        letters = tensor.tobytes().decode()
    except UnicodeDecodeError as error:
        raise ModelError(f"tensor '{name}': expected UTF-8, found other bytes at {error.start:,}") from error
    if (np.diff(_points(letters)) <= 0).any():
        raise ModelError(f"tensor '{name}': expected rising letters, found others")
    return letters
