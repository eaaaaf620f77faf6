"""Suggestions while a line is typed: next words, word completions, ghost text, and words similar to unknown ones.

All of them are functions of the line up to the cursor and of the text before the line, and are cached. `menu`, `ghost`
and `beginning` need the model, which may be slow, and belong in one background thread; `unknown` and `similar_cached`
are fast enough for every key.
"""

import functools
from bisect import bisect_left
from collections.abc import Callable
from typing import NamedTuple

from rnnwords.cli.output.terminal import is_safe
from rnnwords.cli.output.wrapping import is_joined
from rnnwords.cli.repl.commands import as_command, parse
from rnnwords.cli.repl.session import WritingModel
from rnnwords.errors import RnnwordsError
from rnnwords.prediction.completions import CACHE_SIZE, NO_REPEAT_NGRAM, Completions, MenuEntry, end_of_text
from rnnwords.text.vocabulary import Vocabulary

MENU_SIZE = 6  # words
GHOST_LENGTH = 8  # words
SEARCH_LENGTH = 2_000  # characters at the end of the line that are searched for unknown words
LINES = 512  # whose unknown words are cached: more than a screen shows


class UnknownSpan(NamedTuple):
    """A word of the line outside the vocabulary, with its position."""

    word: str
    start: int
    end: int


class Suggestions:
    """Suggestions at a place of a text. `trouble` is the last error of the model, empty after a success."""

    def __init__(self, model: WritingModel) -> None:
        self.model = model
        self.trouble = ""
        self.finished: str | None = None  # a line whose last word was accepted, and is not completed any further
        self.completions = Completions(model, MENU_SIZE)
        self.unknown = functools.lru_cache(maxsize=LINES)(self._unknown)
        self._similar: dict[str, list[str]] = {}
        self._ghosts: dict[tuple[str, bool, bool], str] = {}  # context, line empty?, line finished? -> ghost text

    @property
    def vocabulary(self) -> Vocabulary:
        """The vocabulary of the model, which may grow."""
        return self.model.vocabulary

    def refresh(self) -> None:
        """Compute all suggestions again, since the model has learned."""
        self.completions.refresh()
        self.unknown.cache_clear()
        self._ghosts.clear()
        self.__dict__.pop("alphabetical", None)

    def menu(self, line: str, before: str = "") -> list[MenuEntry]:
        """Return the completions of the word that `line` ends in or, if it is finished, the next words.

        `before` is the text before the line, with its line end.
        """
        if self.is_command(line):
            return []
        try:
            entries = self.completions.entries(line, context_after(before), finished=line == self.finished)
        except RnnwordsError as error:
            self.trouble = as_command(str(error))
            return []
        self.trouble = ""
        return entries

    def ghost(self, line: str, before: str = "", needed: Callable[[], bool] = lambda: True) -> str:
        """Return the most probable continuation of `line`, to insert at the cursor; empty if there is none.

        Stops and returns an empty text when `needed` returns False between two words.
        """
        key = (context_after(before)(line), not line, line == self.finished)
        if key not in self._ghosts:
            if self.is_command(line) or not needed():
                return ""
            try:
                ghost = self._ghost(line, before, needed)
            except RnnwordsError as error:
                self.trouble = as_command(str(error))
                return ""
            if ghost is None:
                return ""
            if len(self._ghosts) >= CACHE_SIZE:
                self._ghosts.clear()
            self._ghosts[key] = ghost
        return self._ghosts[key]

    def _ghost(self, line: str, before: str, needed: Callable[[], bool]) -> str | None:
        text = self.beginning(line, before)
        if text is None or not is_safe(text):
            return ""
        context = context_after(before)(line) + text
        for piece in self.model.generate(context, GHOST_LENGTH, no_repeat_ngram=NO_REPEAT_NGRAM):
            if not needed():
                return None
            if "\n" in piece or not is_safe(piece):
                break
            text += piece
        ghost = text.lstrip() if not line or line[-1].isspace() else text
        return "" if not line and ghost and is_joined(ghost[0]) else ghost  # no line begins with a closing mark

    def beginning(self, line: str, before: str = "") -> str | None:
        """Return the text with which a continuation of `line` begins: see `Completions.beginning`."""
        return self.completions.beginning(line, self.menu(line, before), finished=line == self.finished)

    def started(self, line: str) -> tuple[str, str]:
        """Return `line` up to the word that it ends in, and that word, which is empty after a space."""
        return (line, "") if line == self.finished else self.completions.started(line)

    def is_command(self, line: str) -> bool:
        """Return whether the line is a command, or the beginning of one."""
        return line == ":" or parse(line) is not None

    def _unknown(self, line: str) -> list[UnknownSpan]:
        """Return the unknown words of `line`, without a last word that may still become a known one."""
        if self.is_command(line):
            return []
        place = max(0, len(line) - SEARCH_LENGTH)
        place = place and line.find(" ", place) + 1  # not in the middle of a word
        text = self.completions.folded(line)
        if len(text) != len(line):
            return []  # a letter has another length in lower case, so positions in the text would be wrong
        spans = []
        for word in self.vocabulary.tokenize(line[place:]):
            start = text.find(word, place)
            if start < 0:
                continue  # a line end, which is the token <eos>
            place = start + len(word)
            if word not in self.vocabulary.ids:
                spans.append(UnknownSpan(word, start, place))
        if spans and spans[-1].end == len(line) and self._is_prefix(self.completions.folded(self.started(line)[1])):
            spans.pop()
        return spans

    def _is_prefix(self, text: str) -> bool:
        place = bisect_left(self.alphabetical, text)
        return place < len(self.alphabetical) and self.alphabetical[place].startswith(text)

    @functools.cached_property
    def alphabetical(self) -> list[str]:
        """The vocabulary in alphabetical order."""
        return sorted(self.vocabulary.words)

    def similar(self, word: str) -> list[str]:
        """Return known words with a similar spelling. Can take a tenth of a second: for a background thread."""
        if word not in self._similar:
            self._similar[word] = self.vocabulary.similar_words(word)
        return self._similar[word]

    def similar_cached(self, word: str) -> list[str] | None:
        """Return what `similar` has returned for the word; None before that."""
        return self._similar.get(word)


def context_after(before: str) -> Callable[[str], str]:
    """Return the function from a line after the text `before` to what a prediction reads."""
    return lambda line: end_of_text([before, line])
