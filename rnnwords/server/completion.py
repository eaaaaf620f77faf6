"""Answers to `textDocument/completion` and `textDocument/inlineCompletion`."""

import operator
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Protocol

from rnnwords.personal.documents import LearningModel
from rnnwords.prediction.completions import (
    NO_REPEAT_NGRAM,
    Completions,
    MenuEntry,
    RankingModel,
    end_of_text,
    percent,
    step,
)
from rnnwords.server.documents import Document, range_of
from rnnwords.server.messages import Params, field
from rnnwords.server.positions import Position, span, units_of
from rnnwords.server.settings import ServerSettings
from rnnwords.text.vocabulary import Vocabulary

if TYPE_CHECKING:
    from rnnwords.prediction.adaptation import LineAdaptation

TEXT_KIND = 1  # CompletionItemKind.Text
WORDS = 600  # of a context, unless the cache has more
ADAPT_LINES = 200  # above the cursor, to which weights adapt
READ_AHEAD = 4  # words that are read before the next check for a message; a network of 2 x 512 reads them in 1 ms


class ServedModel(RankingModel, LearningModel, Protocol):
    """What the server needs of a model; `rnnwords.prediction.predictor.Predictor` has it."""

    @property
    def adaptation(self) -> "LineAdaptation | None":
        """What adapts the weights to finished lines; None: they stay as they are."""

    def read_ahead(self, prompt: str, words: int) -> bool: ...

    def generate(
        self, prompt: str, n: int = 32, *, no_repeat_ngram: int | None = None, until_sentence: bool = False
    ) -> Iterator[str]: ...


class DocumentCompletions:
    """Completions in documents. The words before the cursor are the context, and fill the cache of the model.

    The start of the context moves in steps. A model that carries its state must then read all of the context, which
    would make a pause. So between two messages it reads, a few words at a time, from where the context will start.
    """

    def __init__(self, model: ServedModel, settings: ServerSettings, encoding: str) -> None:
        self.model, self.settings, self.encoding = model, settings, encoding
        self.completions = Completions(model, settings.words)
        self.limit = int(max(WORDS, settings.cache or 0) * characters_per_word(model.vocabulary))
        self._adapted: tuple[Document | None, int] = None, 0  # the last document and line up to which weights adapt
        self.upcoming = ""  # the context of the last list as it will start after the next step; empty: it is read

    def warm_up(self) -> None:
        """Predict once, so that the first answer takes no longer than the others."""
        self.model.rank("a", self.settings.words, prefix="a")
        for _ in self.model.generate("a", 1):
            pass

    def opened(self, document: Document) -> None:
        """Prepare for a document whose text goes on at its end, as most drafts do."""
        line = len(document.lines) - 1
        self.upcoming = self.context(document, line, self.completions.started(document.lines[line])[0])

    def complete(self, document: Document, params: Params) -> Params:
        """Return the list of the words that may continue the text before the cursor, best first.

        Each letter changes the context, and so the list: it is never complete.
        """
        line, index = document.place(Position.of(params), self.encoding)
        before = document.lines[line][:index]
        self.upcoming = self._upcoming(document, line, before)
        self._adapt(document, line)
        entries = self.completions.entries(before, lambda typed: self.context(document, line, typed))
        cursor = Position(line, units_of(before, self.encoding))
        return {
            "isIncomplete": True,
            "items": [self._item(entry, rank, before, cursor) for rank, entry in enumerate(entries)],
        }

    def _item(self, entry: MenuEntry, rank: int, before: str, cursor: Position) -> Params:
        replaced, text = before[len(before) - entry.replaced :], entry.text
        typed, spaces = (replaced, "") if replaced.strip() else ("", replaced)
        while spaces[:1] == text[:1] == " ":  # a typed space stays
            spaces, text = spaces[1:], text[1:]
        item: Params = {
            "label": entry.text.strip(),
            "kind": TEXT_KIND,
            "detail": percent(entry.probability),
            "sortText": f"{rank:04}",
            "textEdit": {"range": span(cursor.back(units_of(typed, self.encoding)), cursor), "newText": text},
        }
        if typed:  # so that no editor drops a word that is spelled in another way
            item["filterText"] = typed
        if spaces:  # before a comma; an edit of its own, since some editors begin all words at the same place
            item["additionalTextEdits"] = [{"range": span(cursor.back(len(spaces)), cursor), "newText": ""}]
        return item

    def continue_text(self, document: Document, params: Params, needed: Callable[[], None]) -> Params:
        """Return the most probable continuation at the cursor, up to the end of a sentence or of the line.

        A word that is selected in the list comes first. `needed` is called before each word, and raises to stop.
        """
        line, index = document.place(Position.of(params), self.encoding)
        content = document.lines[line]
        before, after = content[:index], content[index:]
        item: Params = {}
        selected = ""
        if chosen := field({"context": {}, **params}, "context", dict).get("selectedCompletionInfo"):
            info = field({"selectedCompletionInfo": chosen}, "selectedCompletionInfo", dict)
            selected = field(info, "text", str)
            item["range"] = field(info, "range", dict)
            start = document.place(range_of(info)[0], self.encoding)
            before = before[: start[1]] + selected if start[0] == line else before + selected
        text = "" if after[:1].isalnum() else self._continuation(document, line, before, bool(selected), needed)
        return {"items": [{"insertText": selected + text, **item}] if text else []}

    def _continuation(
        self, document: Document, line: int, before: str, finished: bool, needed: Callable[[], None]
    ) -> str:
        def context(typed: str) -> str:
            return self.context(document, line, typed)

        needed()
        entries = self.completions.entries(before, context, finished=finished)
        text = self.completions.beginning(before, entries, finished=finished)
        if text is None:
            return ""
        pieces = self.model.generate(
            context(before) + text, self.settings.inline_words, no_repeat_ngram=NO_REPEAT_NGRAM, until_sentence=True
        )
        for piece in pieces:
            needed()
            if "\n" in piece:
                break
            text += piece
        return text.lstrip() if not before or before[-1].isspace() else text

    def context(self, document: Document, line: int, typed: str, ahead: int = 0) -> str:
        """Return what a prediction reads at the end of `typed` in a line: the end of the text up to there."""
        parts, preceding = document.before(line, self.limit)
        return end_of_text([*parts, typed], self.limit, preceding=preceding, ahead=ahead)

    def _upcoming(self, document: Document, line: int, before: str) -> str:
        typed = self.completions.started(before)[0]
        context = self.context(document, line, typed, ahead=step(self.limit))
        return "" if context == self.context(document, line, typed) else context

    def read_ahead(self) -> bool:
        """Read a few words for the lists to come, or adapt to finished lines; return whether there is more to do."""
        if self.upcoming:
            if self.model.read_ahead(self.upcoming, READ_AHEAD):
                self.upcoming = ""
        elif self.model.adaptation is not None and not self.model.adaptation.step():
            return False
        return bool(self.upcoming) or self.model.adaptation is not None

    def _adapt(self, document: Document, line: int) -> None:
        """Let the weights adapt to the lines above the cursor, in `read_ahead`."""
        if self.model.adaptation is not None and self._adapted != (document, line):
            self._adapted = document, line
            self.model.adaptation.add(document.lines[max(0, line - ADAPT_LINES) : line])


def characters_per_word(vocabulary: Vocabulary) -> float:
    """Return the mean number of characters of a token in the training text, with its space where a script has spaces.

    Many more characters than `WORDS` such tokens have would be more words than a prediction reads.
    """
    counts = [max(1, count) for count in vocabulary.counts]
    letters: float = sum(map(operator.mul, map(len, vocabulary.words), counts)) / sum(counts)
    return letters + 1 if letters > 2 else letters
