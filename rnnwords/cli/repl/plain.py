"""Writing without drawing, for screen readers and plain terminals: text is typed line by line, suggestions are lines.

Enter ends a line; the next words follow as numbered lines, `1 general 62 %`. `:1` adds the first of them to the line,
`:add` other words, `:go` a continuation. `:line 3 WORDS` replaces a line.
"""

import re
from collections.abc import Iterator

from rnnwords.cli.repl.commands import answer, parse
from rnnwords.cli.repl.kept_drafts import DraftStore
from rnnwords.cli.repl.line_session import quoted
from rnnwords.cli.repl.session import Reply, WritingModel, WritingSession, WritingSettings, number_of
from rnnwords.cli.repl.suggestions import Suggestions, context_after
from rnnwords.cli.repl.undo import UndoHistory
from rnnwords.errors import RnnwordsError, UsageError
from rnnwords.prediction.completions import end_of_text, percent

HELP = "Enter: end the line   :1: take suggestion 1   :go: continue   :add WORDS: add to the line   :help   Ctrl-D: end"
_NUMBER = re.compile(r":([0-9]+)[ \t]*")
_ADD = re.compile(r":add(?:[ \t]+(.*))?")
_LINE = re.compile(r":line(?:[ \t]+(.*))?")
_COMMANDS = """\
:1                         take suggestion 1
:add WORDS                 add words to the last line
:line [N [WORDS]]          list the lines, or show or replace line N
"""


class PlainSession(WritingSession):
    """A text whose last line can be continued; `:line` changes earlier ones."""

    def __init__(self, model: WritingModel, settings: WritingSettings, store: DraftStore | None = None) -> None:
        super().__init__(model, settings, store)
        self.text = ""
        self.at_line_start = True  # whether the next typed line needs no line end before it
        self.versions = UndoHistory()
        self.suggestions = Suggestions(model)

    @property
    def document(self) -> str:
        """The whole text."""
        return self.text

    def set_document(self, text: str, *, undoable: bool) -> None:
        """Replace the whole text."""
        if undoable:
            self.change(text)
        else:
            self.text = text
            self.versions.clear(text)
        self.at_line_start = not text or text.endswith("\n")

    def change(self, text: str) -> None:
        """Replace the text by its next version."""
        self.text, self.at_line_start = text, False
        self.versions.record(text, 0)

    @property
    def place(self) -> tuple[str, str]:
        """The text before the last line, and that line."""
        start = self.text.rfind("\n") + 1
        return self.text[:start], self.text[start:]

    def last_text(self) -> tuple[str, str]:
        """Return the context of the last line with words, and that line."""
        start = self.text.rstrip().rfind("\n") + 1
        return end_of_text([self.text[:start]]), self.text[start:]

    def answer(self, line: str) -> Iterator[Reply]:
        """Yield the replies to a typed line. An error is one of them, not an exception."""
        try:
            if number := _NUMBER.fullmatch(line):
                yield from self._choose(number[1])
            elif added := _ADD.fullmatch(line):
                yield from self._add(added[1] or "")
            elif numbered := _LINE.fullmatch(line):
                yield from self._line(numbered[1] or "")
            elif command := parse(line):
                if command == ("help", ""):
                    yield Reply("data", _COMMANDS.rstrip())
                yield from answer(self, *command)
            else:
                yield from self._new_line(line)
        except RnnwordsError as error:
            yield Reply("error", str(error))

    def learned(self) -> None:
        """Follow the model, which has learned."""
        self.suggestions.refresh()

    def _new_line(self, line: str) -> Iterator[Reply]:
        self.change(self.text + ("" if self.at_line_start else "\n") + line)
        if not line.strip():
            return
        for word in self.unknown(line):
            yield Reply("note", self.model.vocabulary.unknown_message(word))
        self.learn()
        yield from self._suggested()

    def _add(self, words: str) -> Iterator[Reply]:
        if not words:
            raise UsageError("expected words, found none; type :add and some words")
        before, line = self.place
        self.change(self.text + self.space_before(end_of_text([before, line]), words) + words)
        yield Reply("data", self.place[1])
        yield from self._suggested()

    def _choose(self, number: str) -> Iterator[Reply]:
        before, line = self.place
        entries = self.suggestions.menu(line, before)
        if not entries:
            raise UsageError("expected words, found none; type some, and suggestions follow")
        entry = entries[number_of("the number of a suggestion", number, len(entries)) - 1]
        self.change(self.text[: len(self.text) - entry.replaced] + entry.text)
        yield Reply("data", self.place[1])
        yield from self._suggested()

    def _line(self, argument: str) -> Iterator[Reply]:
        lines = self.text.split("\n")
        number, _, words = argument.partition(" ")
        if not argument:
            yield from (Reply("data", f"{place} {line}") for place, line in enumerate(lines, start=1))
            return
        place = number_of("the number of a line", number, len(lines)) - 1
        if words:
            lines[place] = words
            self.change("\n".join(lines))
        yield Reply("data", lines[place])

    def _suggested(self) -> Iterator[Reply]:
        before, line = self.place
        self.suggestions.finished = line  # Enter ends the last word
        for number, entry in enumerate(self.suggestions.menu(line, before), start=1):
            yield Reply("data", f"{number} {entry.word} {percent(entry.probability)}")
        if self.suggestions.trouble:
            yield Reply("error", self.suggestions.trouble)

    def go(self, words: int | None) -> Iterator[Reply]:
        """Continue the last line."""
        yield from self.random_seed()
        self.learn()
        start = self.text
        try:
            for word in self.continuation(context_after(self.place[0])(self.place[1]), words):
                piece = word.lstrip(" ") if not self.text or self.text[-1].isspace() else word
                self.text += piece
                yield Reply("word", piece)
        finally:
            if self.text != start:
                self.change(self.text)
                self.see()
                self.adapt(self.text, generated=True)

    def undo(self) -> Iterator[Reply]:
        """Take back the last change."""
        yield from self._version(self.versions.undo(self.text, 0), "undo")

    def redo(self) -> Iterator[Reply]:
        """Repeat the change that was taken back last."""
        yield from self._version(self.versions.redo(self.text, 0), "redo")

    def _version(self, found: tuple[str, int] | None, what: str) -> Iterator[Reply]:
        if found is None:
            raise UsageError(f"nothing to {what}")
        self.text = found[0]
        yield Reply("note", f"the text is: {quoted(end_of_text([self.text]))}" if self.text else "the text is empty")
