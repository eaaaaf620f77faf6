"""The report of `rnnwords generate`: what a text copies from the training text, and what it repeats of itself."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rnnwords.cli.options import note
from rnnwords.generation.originality import GRAM, originality
from rnnwords.text.tokenizer import detokenize

if TYPE_CHECKING:
    from rnnwords.generation.suffix_array import Suffixes
    from rnnwords.text.vocabulary import Vocabulary

SHOWN = 12  # words of a copied run that a note shows


class Reporter:
    """Reports text after text, by the same training text or none."""

    def __init__(self, vocabulary: "Vocabulary", trained: "Suffixes | None", quiet: bool) -> None:
        self.vocabulary, self.trained = vocabulary, trained
        self.texts = 0
        if trained is None:
            note("what is copied cannot be told without the training text; name it with --train-text FILE", quiet)

    def figures(self, ids: Sequence[int]) -> dict[str, Any]:
        """The figures of a text by the names of the JSON report."""
        found = originality(ids, self.trained)
        at, words = found.longest_copy_at, found.longest_copy or 0
        copied = None if self.trained is None else "" if at is None else self._text(ids[at : at + words])
        return {
            "words": found.words,
            "longest_copy": found.longest_copy,
            "longest_copy_text": copied,
            "copied_4grams": found.copied_4grams,
            "repeated_4grams": found.repeated_4grams,
        }

    def tell(self, ids: Sequence[int]) -> None:
        """The figures of a text as a note."""
        self.texts += 1
        found = originality(ids, self.trained)
        told = []
        if found.longest_copy is not None:
            at = found.longest_copy_at or 0
            shown = self._text(ids[at : at + min(found.longest_copy, SHOWN)]).replace("\n", " ").strip()
            dots = " ..." if found.longest_copy > SHOWN else ""
            told.append(f"longest run copied {_words(found.longest_copy)}" + f' ("{shown}{dots}")' * bool(shown))
        if found.repeated_4grams is None:
            told.append(f"too short for {GRAM}-grams")
        if found.copied_4grams is not None:
            told.append(f"{found.copied_4grams:.1%} of its {GRAM}-grams stand in the training text")
        if found.repeated_4grams is not None:
            told.append(f"{found.repeated_4grams:.1%} of its {GRAM}-grams repeat an earlier one")
        note(f"text {self.texts:,}, {_words(found.words)}: {'; '.join(told)}")

    def _text(self, ids: Sequence[int]) -> str:
        return detokenize(self.vocabulary.decode(ids), self.vocabulary.text)


def _words(count: int) -> str:
    return f"{count:,} {'word' if count == 1 else 'words'}"
