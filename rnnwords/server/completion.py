"""Answers to `textDocument/completion` and `textDocument/inlineCompletion`."""

from collections.abc import Callable, Iterator
from typing import Protocol

from rnnwords.prediction.completions import MAX_CONTEXT, Completions, MenuEntry, RankingModel, end_of_text, percent
from rnnwords.server.documents import Document, range_of
from rnnwords.server.messages import Params, field
from rnnwords.server.positions import Position, units_of
from rnnwords.server.settings import ServerSettings

TEXT_KIND = 1  # CompletionItemKind.Text
CHARACTERS_PER_WORD = 6  # with the space, of English prose
NO_REPEAT_NGRAM = 4  # words; a greedy continuation may repeat itself otherwise


class ServedModel(RankingModel, Protocol):
    """What the server needs of a model; `rnnwords.prediction.predictor.Predictor` has it."""

    def generate(
        self, prompt: str, n: int = 32, *, no_repeat_ngram: int | None = None, until_sentence: bool = False
    ) -> Iterator[str]: ...


class DocumentCompletions:
    """Completions in documents. The words before the cursor are the context, and fill the cache of the model."""

    def __init__(self, model: ServedModel, settings: ServerSettings, encoding: str) -> None:
        self.model, self.settings, self.encoding = model, settings, encoding
        self.completions = Completions(model, settings.words)
        self.limit = max(MAX_CONTEXT, CHARACTERS_PER_WORD * (settings.cache or 0))  # characters of a context

    def warm_up(self) -> None:
        """Predict once, so that the first answer takes no longer than the others."""
        self.model.rank("a", self.settings.words, prefix="a")
        for _ in self.model.generate("a", 1):
            pass

    def complete(self, document: Document, params: Params) -> Params:
        """Return the list of the words that may continue the text before the cursor, best first.

        Each letter changes the context, and so the list: it is never complete.
        """
        line, index = document.place(Position.of(params), self.encoding)
        before = document.lines[line][:index]
        entries = self.completions.entries(before, lambda typed: self.context(document, line, typed))
        cursor = Position(line, units_of(before, self.encoding))
        return {
            "isIncomplete": True,
            "items": [self._item(entry, rank, before, cursor) for rank, entry in enumerate(entries)],
        }

    def _item(self, entry: MenuEntry, rank: int, before: str, cursor: Position) -> Params:
        replaced, text = before[len(before) - entry.replaced :], entry.text
        while replaced[:1] == text[:1] == " ":  # a typed space stays; many editors insert at the cursor only
            replaced, text = replaced[1:], text[1:]
        start = Position(cursor.line, cursor.character - units_of(replaced, self.encoding))
        item: Params = {
            "label": entry.text.strip(),
            "kind": TEXT_KIND,
            "detail": percent(entry.probability),
            "sortText": f"{rank:04}",
            "textEdit": {"range": {"start": start.to_json(), "end": cursor.to_json()}, "newText": text},
        }
        if replaced:  # what was typed, so that no editor drops a word that is spelled in another way
            item["filterText"] = replaced
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

    def context(self, document: Document, line: int, typed: str) -> str:
        """Return what a prediction reads at the end of `typed` in a line: the end of the text up to there."""
        return end_of_text([*document.lines[:line], typed], self.limit)
