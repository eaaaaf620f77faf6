"""Report of `rnnwords generate`: what a text copies from the training text, and what it repeats of itself."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rnnwords.cli.output.notes import note
from rnnwords.generation.originality import GRAM, originality

if TYPE_CHECKING:
    from rnnwords.generation.suffix_array import SuffixArray
    from rnnwords.text.vocabulary import Vocabulary

SHOWN_WORDS = 12  # of a copy in a note


class OriginalityReporter:
    """Reports the originality of one text after another, compared with the training text if there is one."""

    def __init__(
        self, vocabulary: "Vocabulary", trained: "SuffixArray | None", is_training_text: bool | None, quiet: bool
    ) -> None:
        """`is_training_text`: whether `trained` is the text that the model was trained on; None without a text."""
        self.vocabulary, self.trained, self.is_training_text = vocabulary, trained, is_training_text
        self.texts = 0
        if trained is None:
            note("no training text to compare with; add --train-text FILE to find copies", quiet)

    def figures(self, ids: Sequence[int]) -> dict[str, Any]:
        """Return the figures of a text by the keys of the JSON report."""
        text = originality(ids, self.trained)
        at, words = text.longest_copy_at, text.longest_copy or 0
        copied = None if self.trained is None else "" if at is None else self._text(ids[at : at + words])
        return {
            "words": text.words, "longest_copy": text.longest_copy, "longest_copy_text": copied,
            "copied_4grams": text.copied_4grams, "repeated_4grams": text.repeated_4grams,
            "is_training_text": self.is_training_text,
        }  # fmt: skip

    def note(self, ids: Sequence[int]) -> None:
        """Print the figures of a text as a note."""
        self.texts += 1
        text = originality(ids, self.trained)
        parts = []
        if text.longest_copy is not None:
            at = text.longest_copy_at or 0
            shown = self._text(ids[at : at + min(text.longest_copy, SHOWN_WORDS)]).replace("\n", " ").strip()
            dots = " ..." if text.longest_copy > SHOWN_WORDS else ""
            parts.append(f"longest copy {_words(text.longest_copy)}" + f' ("{shown}{dots}")' * bool(shown))
        if text.repeated_4grams is None:
            parts.append(f"too short for {GRAM}-grams")
        if text.copied_4grams is not None:
            parts.append(f"{text.copied_4grams:.1%} of its {GRAM}-grams occur in the training text")
        if text.repeated_4grams is not None:
            parts.append(f"{text.repeated_4grams:.1%} of its {GRAM}-grams repeat an earlier one")
        note(f"text {self.texts:,}, {_words(text.words)}: {'; '.join(parts)}")

    def _text(self, ids: Sequence[int]) -> str:
        return self.vocabulary.detokenize(ids)


def _words(count: int) -> str:
    return f"{count:,} {'word' if count == 1 else 'words'}"
