"""Suggestions while a line is typed: next words, word completions, ghost text, and words similar to unknown ones.

All of them are functions of the text before the cursor, and are cached. `menu` and `ghost` need the model, which may
be slow, and belong in one background thread; `unknown` and `similar_cached` are fast enough for every key.
"""

import functools
from bisect import bisect_left
from collections.abc import Callable
from typing import NamedTuple

from rnnwords.cli.output.terminal import is_safe
from rnnwords.cli.repl.commands import MIN_PROBABILITY, as_command, parse
from rnnwords.cli.repl.session import WritingSession
from rnnwords.errors import RnnwordsError
from rnnwords.prediction.prefixes import fold, offered
from rnnwords.text.tokens.tokenizer import EOS, UNK

MENU_SIZE = 6  # words
GHOST_LENGTH = 8  # words
CACHE_SIZE = 1_024  # contexts
SEARCH_LENGTH = 2_000  # characters at the end of the line that are searched for unknown words


class MenuEntry(NamedTuple):
    """A word of the menu; `text` replaces the last `replaced` characters before the cursor."""

    word: str
    probability: float
    text: str
    replaced: int


class UnknownSpan(NamedTuple):
    """A word of the line outside the vocabulary, with its position."""

    word: str
    start: int
    end: int


class Suggestions:
    """Suggestions for a line of a session. `trouble` is the last error of the model, empty after a success."""

    def __init__(self, session: WritingSession) -> None:
        self.session = session
        self.model = session.model
        self.vocabulary = session.model.vocabulary
        self.trouble = ""
        self.finished: str | None = None  # a line whose last word was accepted, and is not completed any further
        self._rank = functools.lru_cache(maxsize=CACHE_SIZE)(self._ranked)
        self.unknown = functools.lru_cache(maxsize=8)(self._unknown)
        self._similar: dict[str, list[str]] = {}
        self._ghosts: dict[tuple[str, bool, bool], str] = {}  # context, line empty?, line finished? -> ghost text

    def menu(self, line: str) -> list[MenuEntry]:
        """Return the completions of the word that `line` ends in or, if it is finished, the next words."""
        if self.is_command(line):
            return []
        try:
            entries = self._menu(line)
        except RnnwordsError as error:
            self.trouble = as_command(str(error))
            return []
        self.trouble = ""
        return entries

    def _menu(self, line: str) -> list[MenuEntry]:
        before, started = self.started(line)
        if started:
            completions = self._rank(self.session.context(before), started)
            known = self._folded(started) in self.vocabulary.ids
            if known and not any(self._is_longer(word, started) for word, _ in completions):
                completions = []  # the word is whole: neither its other forms nor words like it are meant
            if completions:
                return [
                    MenuEntry(text, share, text, len(started))
                    for text, share in ((offered(word, started), share) for word, share in completions)
                ]
            if started[-1].isalnum() and not known:
                return []
        context = self.session.context(line)
        return [self._next(context, line, word, share) for word, share in self._rank(context, "")]

    def _is_longer(self, word: str, started: str) -> bool:
        """Return whether the word continues the started one."""
        typed, folded = fold(started), fold(word)
        return folded.startswith(typed) and folded != typed

    def _next(self, context: str, line: str, word: str, probability: float) -> MenuEntry:
        """Return a next word with the space before it; where none belongs (`general,`), it replaces a typed one."""
        before = context.rstrip(" ")
        space = self.session.space(before, word) if before and line and before[-1] != "\n" else ""
        return MenuEntry(word, probability, space + word, len(line) - len(line.rstrip(" ")))

    def ghost(self, line: str, needed: Callable[[], bool] = lambda: True) -> str:
        """Return the most probable continuation of `line`, to insert at the cursor; empty if there is none.

        Stops and returns an empty text when `needed` returns False between two words.
        """
        key = (self.session.context(line), not line, line == self.finished)
        if key not in self._ghosts:
            if self.is_command(line) or not needed():
                return ""
            try:
                ghost = self._ghost(line, needed)
            except RnnwordsError as error:
                self.trouble = as_command(str(error))
                return ""
            if ghost is None:
                return ""
            if len(self._ghosts) >= CACHE_SIZE:
                self._ghosts.clear()
            self._ghosts[key] = ghost
        return self._ghosts[key]

    def _ghost(self, line: str, needed: Callable[[], bool]) -> str | None:
        context = self.session.context(line)
        entries = self.menu(line)
        started = self.started(line)[1]
        text = ""
        if started and not entries:
            return ""  # an unknown word, which is not finished
        if started and entries[0].replaced:
            if not entries[0].text.startswith(started):
                return ""  # the word is spelled in another way, so the typed letters cannot be continued
            text = entries[0].text[len(started) :]
        elif line.endswith(" "):  # the typed space calls for a word that has one before it
            spaced = [entry for entry in entries if entry.text.startswith(" ")]
            text = spaced[0].text.lstrip() if spaced else ""
        if not is_safe(text):
            return ""
        for piece in self.model.generate(context + text, GHOST_LENGTH):
            if not needed():
                return None
            if "\n" in piece or not is_safe(piece):
                break
            text += piece
        return text.lstrip() if not line or line[-1].isspace() else text

    def started(self, line: str) -> tuple[str, str]:
        """Return `line` up to the word that it ends in, and that word, which is empty after a space."""
        if line == self.finished:
            return line, ""
        end = line[-100:]
        words = self.vocabulary.tokenize(end)
        if not words or end[-1].isspace():
            return line, ""
        word = words[-1]
        if word in "'\u2019" and len(words) > 1 and self._folded(end).endswith(words[-2] + word):
            word = words[-2] + word  # don' may become don't
        return (line[: -len(word)], line[-len(word) :]) if self._folded(end).endswith(word) else (line, "")

    def is_command(self, line: str) -> bool:
        """Return whether the line is a command, or the beginning of one."""
        return line == ":" or parse(line) is not None

    def _folded(self, text: str) -> str:
        return text.lower() if self.vocabulary.text.lowercase else text

    def _ranked(self, context: str, prefix: str) -> list[tuple[str, float]]:
        """Return the best words after `context` without special tokens: with a prefix, those that match it.

        Without a prefix, improbable words are left out, except the best one.
        """
        ranked = self.model.rank(context, MENU_SIZE + 2, prefix=prefix)
        best = [(word, share) for word, share in ranked if word not in (UNK, EOS)][:MENU_SIZE]
        return best if prefix else [(word, share) for word, share in best if share >= MIN_PROBABILITY] or best[:1]

    def _unknown(self, line: str) -> list[UnknownSpan]:
        """Return the unknown words of `line`, without a last word that may still become a known one."""
        if self.is_command(line):
            return []
        place = max(0, len(line) - SEARCH_LENGTH)
        text = self._folded(line)
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
        if spans and spans[-1].end == len(line) and self._is_prefix(self._folded(self.started(line)[1])):
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
