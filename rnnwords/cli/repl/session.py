"""A writing session without a screen: the document, the settings, and the answers to lines of text.

Each line is appended to the document, and the model continues it; both are the context of the next line. Answers are
yielded word by word, so that a pipe, a terminal and a test see the same.
"""

import dataclasses
import secrets
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Literal, NamedTuple, Protocol

from rnnwords.config import within
from rnnwords.generation.sampling import Sampling
from rnnwords.prediction.completions import MAX_CONTEXT, SPACING, Ranked, RankingModel, end_of_text, space_between
from rnnwords.prediction.prompts import unknown_words


class WritingModel(RankingModel, Protocol):
    """What a session needs of a model; `rnnwords.prediction.predictor.Predictor` has it."""

    @property
    def context_size(self) -> int | None:
        """Words that are read before a prediction; None: all of them."""

    def generate(
        self, prompt: str, n: int = 32, *, temperature: float | None = None, top_k: int | None = None,
        top_p: float | None = None, repetition_penalty: float = 1.0, seed: int | None = None,
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


@dataclass
class Passage:
    """A part of the document that :undo removes at once: what was typed on a line, or the continuation of it."""

    text: str
    line: int


class WritingSession:
    """The document, as the passages that it consists of, and the settings."""

    def __init__(self, model: WritingModel, settings: WritingSettings) -> None:
        self.model = model
        self.settings = settings
        self.passages: list[Passage] = []
        self.earlier: list[list[Passage]] = []  # documents before :new
        self.lines = 0  # typed so far
        self.samples = 0  # sampled continuations since the seed was set: each has a seed of its own
        self.file: Path | None = None  # that the document was saved to
        self.saved = ""  # the document as it was saved
        self.notes_unknown = True  # whether unknown words are noted; an editor underlines them instead

    @property
    def document(self) -> str:
        """The whole text."""
        return "".join(passage.text for passage in self.passages)

    def continue_line(self, line: str) -> Iterator[Reply]:
        """Append a typed line to the document and continue it.

        Words that were yielded are in the document even if the caller stops early.
        """
        self.add(line)
        for word in self.unknown(line) if self.notes_unknown else ():
            yield Reply("note", self.model.vocabulary.unknown_message(word))
        yield from self._random_seed()
        passage = Passage("", self.lines)
        for word in self._continuation(self.context()):
            if not passage.text:
                self.passages.append(passage)
            passage.text += word
            yield Reply("word", word)

    def add(self, line: str) -> None:
        """Append a typed line to the document, if it has any words."""
        self.lines += 1
        text = line.strip(" \t")
        if text:
            self.passages.append(Passage(self.joint(text) + text, self.lines))

    def continue_alone(self, text: str) -> Iterator[Reply]:
        """Yield `text` and its continuation. The document is neither read nor changed."""
        yield from self._random_seed()
        for word in chain([text], self._continuation(text)):
            yield Reply("word", word)

    def _random_seed(self) -> Iterator[Reply]:
        """Set a random seed where sampling needs one and none is set, and note it."""
        if not self.settings.greedy and self.settings.seed is None:
            self.settings = dataclasses.replace(self.settings, seed=secrets.randbelow(2**32))
            yield Reply("note", f"seed {self.settings.seed}; :seed {self.settings.seed} repeats this text")

    def _continuation(self, context: str) -> Iterator[str]:
        """Return the words after `context`. The seed increases by one per continuation since it was set."""
        settings, seed = self.settings, None
        if not settings.greedy and settings.seed is not None:
            seed = (settings.seed + self.samples) % 2**32
            self.samples += 1
        return self.model.generate(
            context, settings.words, temperature=settings.temperature, top_k=settings.top_k, top_p=settings.top_p,
            repetition_penalty=settings.repetition_penalty, seed=seed,
        )  # fmt: skip

    def context(self, line: str = "") -> str:
        """Return what a prediction reads: the end of the document and the line that is being typed."""
        if len(line) > MAX_CONTEXT:
            return end_of([Passage(line, 0)])
        return end_of(self.passages) + (self.joint(line) if line else "") + line

    def joint(self, text: str) -> str:
        """Return the space, if any, that belongs between the document and `text`."""
        words = self.model.vocabulary.tokenize(text[:SPACING])
        before = end_of(self.passages)
        if not words or not before or before[-1].isspace():
            return ""
        return space_between(self.model.vocabulary, before, words[0])

    def unknown(self, text: str) -> list[str]:
        """Return the words of `text` outside the vocabulary, each once."""
        vocabulary = self.model.vocabulary
        return list(dict.fromkeys(unknown_words(vocabulary.tokenize(text), vocabulary)))

    def last_text(self) -> tuple[str, str]:
        """Return the context of the last line that has a passage, and that line with its continuation."""
        first = len(self.passages)
        while first and self.passages[first - 1].line == self.passages[-1].line:
            first -= 1
        return end_of(self.passages[:first]), "".join(passage.text for passage in self.passages[first:])


def end_of(passages: Sequence[Passage]) -> str:
    """Return the end of a document that is read for each prediction: see `end_of_text`."""
    return end_of_text([passage.text for passage in passages])
