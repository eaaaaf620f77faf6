"""A session that answers lines: each is appended to the text, and the model continues it at once."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from rnnwords.cli.repl.kept_drafts import DraftStore
from rnnwords.cli.repl.session import Reply, WritingModel, WritingSession, WritingSettings
from rnnwords.errors import UsageError
from rnnwords.personal.documents import WrittenText
from rnnwords.prediction.completions import MAX_CONTEXT, end_of_text

_QUOTE_LENGTH = 60  # characters of the text in a note


@dataclass
class Passage:
    """A part of the text that :undo removes at once: what was typed on a line, or the continuation of it."""

    text: str
    line: int


class LineSession(WritingSession):
    """The text as the passages that it consists of."""

    avoids_loops = False

    def __init__(self, model: WritingModel, settings: WritingSettings, store: DraftStore | None = None) -> None:
        super().__init__(model, settings, store)
        self.passages: list[Passage] = []
        self.earlier: list[list[Passage]] = []  # texts before :new
        self.lines = 0  # typed so far

    @property
    def document(self) -> str:
        """The whole text."""
        return "".join(passage.text for passage in self.passages)

    def set_document(self, text: str, *, undoable: bool) -> None:
        """Replace the whole text."""
        if not undoable:
            self.earlier.clear()
        elif self.passages:
            self.earlier.append(self.passages)
        self.passages = [Passage(text, self.lines)] if text else []

    def learn(self, *, whole: bool = False) -> None:
        """Do nothing: each line is learned when it is typed."""

    def go(self, words: int | None) -> Iterator[Reply]:
        """Let the model continue the text, as an empty line does."""
        return self.continue_line("", words)

    def continue_line(self, line: str, words: int | None = None) -> Iterator[Reply]:
        """Append a typed line to the text and continue it.

        Words that were yielded are in the text even if the caller stops early.
        """
        self.add(line)
        for word in self.unknown(line):
            yield Reply("note", self.model.vocabulary.unknown_message(word))
        self.adapt(line + "\n")
        if WrittenText().learn(self.model, line):  # only what was typed: the text has the continuations, too
            trouble = self.trouble
            self.keep()
            if self.trouble and self.trouble != trouble:
                yield Reply("error", self.trouble)
        yield from self.random_seed()
        passage = Passage("", self.lines)
        for word in self.continuation(self.context(), words):
            if not passage.text:
                self.passages.append(passage)
            passage.text += word
            yield Reply("word", word)

    def add(self, line: str) -> None:
        """Append a typed line to the text, if it has any words."""
        self.lines += 1
        text = line.strip(" \t")
        if text:
            self.passages.append(Passage(self.space_before(self.context(), text) + text, self.lines))

    def continue_alone(self, text: str) -> Iterator[Reply]:
        """Yield `text` and its continuation. The text of the session is neither read nor changed."""
        yield from self.random_seed()
        for word in chain([text], self.continuation(text)):
            yield Reply("word", word)

    def context(self, line: str = "") -> str:
        """Return what a prediction reads: the end of the text and the line that is being typed."""
        if len(line) > MAX_CONTEXT:
            return end_of_text([line])
        before = end_of(self.passages)
        return before + (self.space_before(before, line) if line else "") + line

    def last_text(self) -> tuple[str, str]:
        """Return the context of the last line that has a passage, and that line with its continuation."""
        first = len(self.passages)
        while first and self.passages[first - 1].line == self.passages[-1].line:
            first -= 1
        return end_of(self.passages[:first]), "".join(passage.text for passage in self.passages[first:])

    def undo(self) -> Iterator[Reply]:
        """Remove the last passage, or restore the text before :new."""
        if self.passages:
            yield Reply("note", f"removed: {quoted(self.passages.pop().text)}")
        elif self.earlier:
            self.passages = self.earlier.pop()
        else:
            raise UsageError("nothing to undo")
        end = end_of(self.passages)
        yield Reply("note", f"the text is: {quoted(end)}" if self.passages else "the text is empty")


def end_of(passages: Sequence[Passage]) -> str:
    """Return the end of a text that is read for each prediction: see `end_of_text`."""
    return end_of_text([passage.text for passage in passages])


def quoted(text: str) -> str:
    """Return the end of a text, on one line."""
    line = " ".join(text.split())
    return line if len(line) <= _QUOTE_LENGTH else "\u2026" + line[-_QUOTE_LENGTH:]
