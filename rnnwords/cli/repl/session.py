"""A writing session without a screen: settings, file and kept draft, and what every way of writing has in common.

`LineSession` answers lines of a pipe, `PlainSession` those of a plain terminal; `editor` edits a whole draft. Answers
are yielded word by word, so that a pipe, a terminal and a test see the same.
"""

import dataclasses
import secrets
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

from rnnwords.cli.repl.draft_file import DraftFile
from rnnwords.cli.repl.kept_drafts import DraftStore, KeptDraft, Origin
from rnnwords.config import within
from rnnwords.errors import RnnwordsError, UsageError
from rnnwords.generation.sampling import Sampling
from rnnwords.personal.documents import LearningModel, WrittenText
from rnnwords.prediction.completions import NO_REPEAT_NGRAM, SPACING, Ranked, RankingModel, space_between
from rnnwords.prediction.prompts import unknown_words

if TYPE_CHECKING:
    from rnnwords.prediction.adaptation import LineAdaptation


class WritingModel(RankingModel, LearningModel, Protocol):
    """What a session needs of a model; `rnnwords.prediction.predictor.Predictor` has it."""

    @property
    def adaptation(self) -> "LineAdaptation | None":
        """What adapts the weights to finished lines; None: they stay as they are."""

    @property
    def context_size(self) -> int | None:
        """Words that are read before a prediction; None: all of them."""

    def generate(
        self, prompt: str, n: int = 32, *, temperature: float | None = None, top_k: int | None = None,
        top_p: float | None = None, repetition_penalty: float = 1.0, no_repeat_ngram: int | None = None,
        seed: int | None = None,
    ) -> Iterator[str]: ...  # fmt: skip

    def explain_steps(self, text: str, *, before: str = "") -> Iterable[tuple[str, float, Ranked]]: ...


@dataclass(frozen=True)
class WritingSettings(Sampling):
    """Settings of the continuations."""

    words: int = within(1, 100_000, default=32)
    seed: int | None = within(0, 2**32 - 1, default=None)


class Reply(NamedTuple):
    """Something to show: a `word` of generated text as it comes, or a whole line of another kind."""

    kind: Literal["word", "data", "note", "error", "end"]
    text: str


class WritingSession(ABC):
    """The settings, the file of the text, and the texts that are kept. How the text is written is up to subclasses."""

    avoids_loops = True  # whether no sequence of four words comes twice in greedy text

    def __init__(self, model: WritingModel, settings: WritingSettings, store: DraftStore | None = None) -> None:
        """Without a `store`, unsaved text is not kept."""
        self.model = model
        self.settings = settings
        self.store = store
        self.samples = 0  # sampled continuations since the seed was set: each has a seed of its own
        self.file: DraftFile | None = None  # that the text was read from or saved to
        self.saved = ""  # the text as it was read or saved
        self.drafts: list[KeptDraft] = store.earlier() if store else []  # as they were listed last
        self.restored: list[KeptDraft] = []  # drafts that the text began with; saving it removes them
        self.written = WrittenText()  # what of the text is learned, where there is a personal file
        self.run_steps: Callable[[Callable[[], bool]], None] = run_all
        self.with_model: Callable[[Callable[[], None]], Any] = lambda use: use()  # a thread, if it is used by one only

    @property
    @abstractmethod
    def document(self) -> str:
        """The whole text."""

    @abstractmethod
    def set_document(self, text: str, *, undoable: bool) -> None:
        """Replace the whole text."""

    @abstractmethod
    def last_text(self) -> tuple[str, str]:
        """Return the context of the line that `:why` explains, and that line."""

    @abstractmethod
    def undo(self) -> Iterator[Reply]:
        """Take back the last change. Raises UsageError if there is none."""

    @abstractmethod
    def go(self, words: int | None) -> Iterator[Reply]:
        """Let the model continue the text, by as many words as the settings have or by `words`."""

    def redo(self) -> Iterator[Reply]:
        """Repeat the change that was taken back last. Raises UsageError if there is none."""
        raise UsageError("nothing to redo")

    @property
    def unsaved(self) -> bool:
        """Whether there is text that is not saved."""
        document = self.document
        return document != self.saved and bool(document.strip() or self.file)

    @property
    def finished_lines(self) -> str:
        """The text without a line that is being written."""
        return self.document

    def learn(self, *, whole: bool = False) -> Any:
        """Learn what was written in finished lines, or in the whole text, since the last call.

        Return a future, if this goes on in another thread.
        """
        self.adapt(self.finished_lines)
        if self.model.personal is None:
            return None
        text = self.document if whole else self.finished_lines
        return self.with_model(lambda: self._learn(text))

    def _learn(self, text: str) -> None:
        if self.written.learn(self.model, text):
            self.learned()

    def adapt(self, text: str, *, generated: bool = False) -> None:
        """Let the weights adapt to the lines of a text that are new, or count these as read if they were generated."""
        if (adaptation := self.model.adaptation) is not None:
            use = adaptation.skip if generated else adaptation.add
            self.with_model(lambda: use(text.splitlines(keepends=True)))
            self.run_steps(adaptation.step)

    def learned(self) -> None:
        """Follow the model, which has learned."""
        return

    def see(self) -> None:
        """Count all of the text as learned: it was generated, or is that of a file."""
        if self.model.personal is not None:
            text = self.document
            self.with_model(lambda: self.written.see(text))

    def keep(self) -> None:
        """Keep what was learned, and the unsaved text; or remove the kept draft of a text that is saved."""
        if self.model.personal is not None:
            self.model.personal.save()
        if self.store is not None:
            if self.unsaved:
                file = self.file
                self.store.update(self.document, Origin(file.path, file.known) if file else None)
            else:
                self.store.remove()

    @property
    def trouble(self) -> str | None:
        """What to show if the text could not be kept the last time."""
        trouble = self.store and self.store.trouble
        return f"the text cannot be kept: {trouble}; :save FILE saves it" if trouble else self.personal_trouble

    @property
    def personal_trouble(self) -> str | None:
        """What to show if the personal file could not be written the last time."""
        trouble = self.model.personal and self.model.personal.trouble
        return f"new words are not in the personal file: {trouble}" if trouble else None

    def set_aside(self) -> Path | None:
        """Keep the unsaved text as a draft of its own, before another text takes its place; return its path."""
        self.learn()
        if self.store is None:
            return None
        self.keep()
        self.restored = []
        return self.store.set_aside()

    def open(self, path: Path) -> Path | None:
        """Write on in a file, which need not exist. Return where the unsaved text before is kept, if there was any.

        Raises UsageError if the file cannot be read.
        """
        text, file = DraftFile.open(path)
        kept = self.set_aside()
        self.set_document(text, undoable=False)
        self.see()
        self.file, self.saved = file, text
        return kept

    def restore(self, draft: KeptDraft) -> Path | None:
        """Write on in a draft of an earlier session. Return where the unsaved text before is kept, if there was any.

        The text belongs to the file that it belonged to; without one, to the file of the session while that is empty.
        """
        kept = self.set_aside()
        if draft.origin is not None:
            try:
                self.saved, self.file = DraftFile.open(draft.origin.path)
                self.file.known = draft.origin.known  # a file that was changed since is not overwritten
            except RnnwordsError:  # it cannot be read, or its directory is gone: saving needs another name
                self.file, self.saved = None, ""
        elif self.saved:
            self.file, self.saved = None, ""
        self.set_document(draft.text, undoable=False)
        self.see()
        self.restored = [draft]
        return kept

    def save(self, file: DraftFile, *, replace: bool) -> None:
        """Save the text. Raises UsageError and SaveError."""
        text = self.document
        file.save(text, replace=replace)
        self.file, self.saved = file, text
        self.learn(whole=True)
        self.keep()
        for draft in self.restored if self.store else ():
            DraftStore.discard(draft)
        self.restored = []

    def random_seed(self) -> Iterator[Reply]:
        """Set a random seed where sampling needs one and none is set, and note it."""
        if not self.settings.greedy and self.settings.seed is None:
            self.settings = dataclasses.replace(self.settings, seed=secrets.randbelow(2**32))
            yield Reply("note", f"seed {self.settings.seed}; :seed {self.settings.seed} repeats this text")

    def continuation(self, context: str, words: int | None = None) -> Iterator[str]:
        """Return the words after `context`. The seed increases by one per continuation since it was set."""
        settings, seed = self.settings, None
        if not settings.greedy and settings.seed is not None:
            seed = (settings.seed + self.samples) % 2**32
            self.samples += 1
        no_repeat = settings.no_repeat_ngram
        if no_repeat is None and settings.greedy and self.avoids_loops:
            no_repeat = NO_REPEAT_NGRAM
        return self.model.generate(
            context, words or settings.words, temperature=settings.temperature, top_k=settings.top_k,
            top_p=settings.top_p, repetition_penalty=settings.repetition_penalty, no_repeat_ngram=no_repeat, seed=seed,
        )  # fmt: skip

    def unknown(self, text: str) -> list[str]:
        """Return the words of `text` outside the vocabulary, each once."""
        vocabulary = self.model.vocabulary
        return list(dict.fromkeys(unknown_words(vocabulary.tokenize(text), vocabulary)))

    def space_before(self, before: str, text: str) -> str:
        """Return the space, if any, that belongs between the text `before` and the next one."""
        words = self.model.vocabulary.tokenize(text[:SPACING])
        if not words or not before or before[-1].isspace():
            return ""
        return space_between(self.model.vocabulary, before, words[0])


def number_of(what: str, argument: str, count: int) -> int:
    """Return the number that an argument is. Raises UsageError unless it is between 1 and `count`."""
    number = int(argument) if argument.isdecimal() and len(argument) <= 9 else 0
    if not 1 <= number <= count:
        numbers = "1" if count == 1 else f"1 to {count:,}"
        raise UsageError(f"expected {what}, {numbers}, found {argument[:40]!r}")
    return number


def run_all(step: Callable[[], bool]) -> None:
    """Do all steps, until there is nothing more to do."""
    while step():
        pass
