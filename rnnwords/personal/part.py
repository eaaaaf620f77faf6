"""The personal part of a prediction in a session: the entries of a file, what was written since, and their model."""

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from rnnwords.errors import RnnwordsError
from rnnwords.lm.interface import LanguageModel
from rnnwords.lm.personal import PersonalModel, personal_counts
from rnnwords.personal.entries import Entries, Entry, add, normalized
from rnnwords.personal.file import PersonalFile
from rnnwords.text.vocabulary import Vocabulary


class PersonalPart:
    """Personal entries as a part of a language model. The vocabulary of `model` grows; it is replaced where words go.

    One thread may learn and predict while another saves.
    """

    def __init__(
        self, path: Path, base: LanguageModel[Any], vocabulary: Vocabulary, is_excluded: Callable[[str], bool]
    ) -> None:
        """`vocabulary` is that of the base model, with its excluded words; those are not learned.

        Raises UsageError and SaveError as `PersonalFile.read` does.
        """
        self.base, self.known, self.is_excluded = base, vocabulary, is_excluded
        self.file = PersonalFile(path, vocabulary.text.tokenizer)
        self.trouble: str | None = None  # why the last entries could not be saved
        self._entries = self.file.read()  # as they are in the file
        self._pending: Entries = {}  # that are not in the file yet
        self._changed = False  # whether others have changed the file since the model was made
        self._lock = threading.Lock()
        self._saving = threading.Lock()
        self.model = self._new_model()

    def learn(self, written: Mapping[Entry, int]) -> None:
        """Count new entries, and predict with them from now on."""
        with self._lock:
            add(self._pending, written)
            changed, self._changed = self._changed, False
        if changed:
            self.model = self._new_model()
            return
        new = normalized(written, self.known.text)
        vocabulary = self.model.vocabulary = self._extended(self.model.vocabulary, new)
        for words, count in new.items():
            self.model.counts.add([vocabulary.ids[word] for word in words], count)

    def save(self) -> None:
        """Save new entries and read those of others. An error is in `trouble`; the next call tries again."""
        with self._saving:
            self._save()

    def _save(self) -> None:
        with self._lock:
            pending = dict(self._pending)
        try:
            before = self.file.read()
            entries = self.file.add(pending) if pending else before
        except RnnwordsError as error:
            self.trouble = str(error)
            return
        with self._lock:
            self.trouble = None
            self._changed = self._changed or before != self._entries
            self._entries = entries
            for entry, count in pending.items():
                self._pending[entry] -= count
                if not self._pending[entry]:
                    del self._pending[entry]

    def _new_model(self) -> PersonalModel:
        with self._lock:
            entries = dict(self._entries)
            add(entries, self._pending)
        entries = normalized(entries, self.known.text)
        vocabulary = self._extended(self.known, entries)
        return PersonalModel(self.base, vocabulary, personal_counts(entries, vocabulary, len(self.known)))

    def _extended(self, vocabulary: Vocabulary, entries: Mapping[Entry, int]) -> Vocabulary:
        """Return a vocabulary with all words of the entries; the same one if it has them."""
        new = [
            word for word in dict.fromkeys(word for entry in entries for word in entry) if word not in vocabulary.ids
        ]
        if not new:
            return vocabulary
        first = len(vocabulary)
        excluded = {first + place for place, word in enumerate(new) if self.is_excluded(word)}
        return vocabulary.extended(new).excluding(vocabulary.excluded | excluded)
