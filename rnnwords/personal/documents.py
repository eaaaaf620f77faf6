"""What was written in a document during a session: lines that it had when it was opened are not learned again."""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Protocol

from rnnwords.config import TextConfig
from rnnwords.personal.entries import Entry, entries_of
from rnnwords.personal.part import PersonalPart
from rnnwords.text.vocabulary import Vocabulary


class LearningModel(Protocol):
    """What learning needs of a model; `rnnwords.prediction.predictor.Predictor` has it."""

    personal: PersonalPart | None  # None: nothing is learned

    @property
    def vocabulary(self) -> Vocabulary: ...

    def learn(self, written: Mapping[Entry, int]) -> None: ...


class WrittenText:
    """The lines of a document that are learned already, or were in it from the start."""

    def __init__(self, text: str = "") -> None:
        """`text` is in the document when it is opened."""
        self._seen = _lines(text)

    def see(self, text: str) -> None:
        """Count the lines of the document as learned, such as those of a file that was opened or generated words."""
        self._seen |= _lines(text)

    def learn(self, model: LearningModel, text: str) -> bool:
        """Let a model learn what was written in the document since the last call; return whether that is anything."""
        if model.personal is None:
            return False
        new = self.new_entries(text, model.vocabulary.text, model.personal.is_excluded)
        if new:
            model.learn(new)
        return bool(new)

    def new_entries(self, text: str, config: TextConfig, is_excluded: Callable[[str], bool]) -> Counter[Entry]:
        """Return the entries of the document that were written since the last call.

        In a line that was changed, they are those that no earlier version of a changed line had. What was removed and
        is written again is not new.
        """
        lines = _lines(text)
        new = lines - self._seen
        if not new:
            return Counter()
        changed = self._seen - lines
        self._seen |= lines
        return entries_of(new, config, is_excluded) - entries_of(changed, config)


def _lines(text: str) -> Counter[str]:
    return Counter(line for line in text.replace("\r", "\n").split("\n") if line and not line.isspace())
