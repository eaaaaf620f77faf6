"""One session of writing, without a screen: the document so far, the settings, and an answer to each line.

A line is text or, if it begins with a colon and a letter, a command. Text is joined to the document, which the
predictor then writes on; both are the context of the next line. What is to be shown is yielded, word by word, so that
a pipe, a terminal and a test see the same.
"""

import dataclasses
import re
import secrets
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple, Protocol

from rnnwords.config import within
from rnnwords.generation.sampling import Sampling
from rnnwords.text.tokenizer import pieces
from rnnwords.text.vocabulary import Vocabulary

Ranked = Sequence[tuple[str, float]]  # words with their probabilities, best first
CONTEXT = 3_000  # characters of the document that are read again for each prediction, at most
SPACING = 300  # characters that decide whether a space belongs in front of a word


class Predictor(Protocol):
    """What a session asks of a model; `rnnwords.prediction.predictor.Predictor` is one."""

    @property
    def vocabulary(self) -> Vocabulary: ...

    @property
    def window(self) -> int | None:
        """How many words it looks at; None for a network that remembers all it has read."""

    def rank(self, prompt: str, k: int = 5, *, prefix: str = "") -> Ranked: ...

    def generate(
        self,
        prompt: str,
        n: int = 32,
        *,
        temperature: float | None = None,
        top_k: int | None = None,
        top_p: float | None = None,
        repetition_penalty: float = 1.0,
        seed: int | None = None,
    ) -> Iterator[str]: ...

    def explain_steps(self, text: str, *, before: str = "") -> Iterable[tuple[str, float, Ranked]]: ...


@dataclass(frozen=True)
class Settings(Sampling):
    """How the text goes on: what `generate` takes. Values outside their range are refused with that range."""

    words: int = within(1, 100_000, default=32)
    seed: int | None = within(0, 2**32 - 1, default=None)


class Reply(NamedTuple):
    """Something to show: a `word` of generated text as it comes, or a whole line of another kind."""

    kind: Literal["word", "data", "note", "error", "end"]
    text: str


@dataclass
class Step:
    """A piece of the document that can be taken back: what was typed on a line, or what was generated after it."""

    text: str
    line: int


class Session:
    """What a writer has before them: the document, as the steps that made it, and the settings."""

    def __init__(self, predictor: Predictor, settings: Settings) -> None:
        self.predictor = predictor
        self.settings = settings
        self.steps: list[Step] = []
        self.earlier: list[list[Step]] = []  # documents put away by :new
        self.lines = 0  # lines added so far
        self.drawn = 0  # texts drawn since the seed was set: each has a seed of its own
        self.file: Path | None = None  # where it was saved
        self.saved = ""  # the document as it was saved
        self.tell_unknown = True  # as a note; not needed where an editor underlines them

    @property
    def document(self) -> str:
        """The whole text."""
        return "".join(step.text for step in self.steps)

    def write_on(self, line: str) -> Iterator[Reply]:
        """Join a typed line to the document and let the predictor go on.

        Whoever stops listening keeps the words that came so far.
        """
        self.add(line)
        for word in self.unknown(line) if self.tell_unknown else ():
            yield Reply("note", self.predictor.vocabulary.unknown_message(word))
        yield from self._draw_seed()
        written = Step("", self.lines)
        for word in self._continuation(self.context()):
            if not written.text:
                self.steps.append(written)
            written.text += word
            yield Reply("word", word)

    def add(self, line: str) -> None:
        """Join a typed line to the document, if it has any words."""
        self.lines += 1
        text = line.strip(" \t")
        if text:
            self.steps.append(Step(self.joint(text) + text, self.lines))

    def continue_alone(self, text: str) -> Iterator[Reply]:
        """`text` and the words that follow it, without regard to the document, which stays as it is."""
        yield from self._draw_seed()
        yield Reply("word", text)
        for word in self._continuation(text):
            yield Reply("word", word)

    def _draw_seed(self) -> Iterator[Reply]:
        """Where chance is needed and no seed is set, draw one and tell it, so that all can be had again."""
        if not self.settings.greedy and self.settings.seed is None:
            self.settings = dataclasses.replace(self.settings, seed=secrets.randbelow(2**32))
            yield Reply("note", f"seed {self.settings.seed}, drawn; it brings the same words again")

    def _continuation(self, context: str) -> Iterator[str]:
        """Words after `context`, by the settings. The n-th time since the seed was set, the seed is n more."""
        chosen, seed = self.settings, None
        if not chosen.greedy and chosen.seed is not None:
            seed = (chosen.seed + self.drawn) % 2**32
            self.drawn += 1
        return self.predictor.generate(
            context,
            chosen.words,
            temperature=chosen.temperature,
            top_k=chosen.top_k,
            top_p=chosen.top_p,
            repetition_penalty=chosen.repetition_penalty,
            seed=seed,
        )

    def context(self, line: str = "") -> str:
        """What a prediction reads: the end of the document, and the line being typed."""
        if len(line) > CONTEXT:
            return end_of([Step(line, 0)])
        return end_of(self.steps) + (self.joint(line) if line else "") + line

    def joint(self, text: str) -> str:
        """The space, if any, that belongs between the document and `text`."""
        symbols = self.predictor.vocabulary.tokenize(text[:SPACING])
        before = end_of(self.steps)
        return self.space(before, symbols[0]) if symbols and before and not before[-1].isspace() else ""

    def space(self, before: str, word: str) -> str:
        """The space, if any, that belongs in front of `word` after the text `before`."""
        vocabulary = self.predictor.vocabulary
        piece = next(pieces([word], vocabulary.text, before=vocabulary.tokenize(before[-SPACING:])))
        return piece.removesuffix(word)

    def unknown(self, text: str) -> list[str]:
        """The words of `text` that the vocabulary lacks, each once."""
        vocabulary = self.predictor.vocabulary
        return list(dict.fromkeys(word for word in vocabulary.tokenize(text) if word not in vocabulary.ranks))

    def last_text(self) -> tuple[str, str]:
        """What was read before the last line that wrote something, and what that line and the predictor wrote."""
        first = len(self.steps)
        while first and self.steps[first - 1].line == self.steps[-1].line:
            first -= 1
        return end_of(self.steps[:first]), "".join(step.text for step in self.steps[first:])


def end_of(steps: Sequence[Step], limit: int = CONTEXT) -> str:
    """The end of the document, at most `limit` characters, from the start of a word.

    Where it begins moves by a thousand characters now and then, not with each word: a predictor that remembers the
    contexts it has read can go on from one of them.
    """
    length = sum(len(step.text) for step in steps)
    start = max(0, -(-(length - limit) // 1_000) * 1_000)
    kept: list[str] = []
    for step in reversed(steps):
        if length <= start:
            break
        length -= len(step.text)
        kept.append(step.text[max(0, start - length) :])
    text = "".join(reversed(kept))
    blank = re.search(r"\s", text[:200]) if start else None
    return text[blank.start() :] if blank else text
