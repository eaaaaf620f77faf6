"""What is offered while one types: the next words, the end of a started word, the likely continuation, near words.

All of it is a function of the text before the cursor, and is remembered. `menu` and `ghost` ask the predictor, which
may take its time, and belong in one background thread; `unknown` and `near_known` are for every stroke of a key.
"""

import functools
from bisect import bisect_left
from collections.abc import Callable
from typing import NamedTuple

from rnnwords.cli.output.terminal import is_safe
from rnnwords.cli.repl.commands import FAINT, parse
from rnnwords.cli.repl.session import Session
from rnnwords.errors import RnnwordsError
from rnnwords.text.tokenizer import EOS, UNK

MENU = 6  # words offered
GHOST = 8  # words of grey text
REMEMBERED = 1_024  # contexts
LOOK_BACK = 2_000  # characters of the line that are searched for unknown words


class Choice(NamedTuple):
    """A word to choose, and how: `text` replaces the last `replaced` characters before the cursor."""

    word: str
    probability: float
    text: str
    replaced: int


class Unknown(NamedTuple):
    """A word of the line that the vocabulary lacks, and where it stands."""

    word: str
    start: int
    end: int


class Suggestions:
    """What to offer for a line, given the session's document. `trouble` is the predictor's last complaint, if any."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.predictor = session.predictor
        self.vocabulary = session.predictor.vocabulary
        self.trouble = ""
        self.finished: str | None = None  # a line whose last word was chosen: it is not on its way to a longer one
        self._rank = functools.lru_cache(maxsize=REMEMBERED)(self._ask)
        self.unknown = functools.lru_cache(maxsize=8)(self._unknown)
        self._near: dict[str, list[str]] = {}
        self._ghosts: dict[tuple[str, bool, bool], str] = {}  # context, line empty?, line finished? -> grey text

    def menu(self, line: str) -> list[Choice]:
        """The words to offer after `line`: ends of the word it ends in or, if that is finished, the next words."""
        if self.is_command(line):
            return []
        try:
            found = self._menu(line)
        except RnnwordsError as error:
            self.trouble = str(error)
            return []
        self.trouble = ""
        return found

    def _menu(self, line: str) -> list[Choice]:
        before, started = self.started(line)
        if started:
            prefix = self._folded(started)
            found = self._rank(self.session.context(before), prefix)
            if found and [word for word, _ in found] != [prefix]:
                return [Choice(word, share, word, len(started)) for word, share in found]
            if not found and started[-1].isalnum() and prefix not in self.vocabulary.ranks:
                return []
        context = self.session.context(line)
        return [self._next(context, line, word, share) for word, share in self._rank(context, "")]

    def _next(self, context: str, line: str, word: str, share: float) -> Choice:
        """A next word with its space or, where none belongs, in place of the one that was typed: `general,`."""
        before = context.rstrip(" ")
        space = self.session.space(before, word) if before and line and before[-1] != "\n" else ""
        return Choice(word, share, space + word, len(line) - len(line.rstrip(" ")))

    def ghost(self, line: str, wanted: Callable[[], bool] = lambda: True) -> str:
        """The likely continuation of `line`, greedily: what to add behind the cursor, perhaps nothing.

        Gives up, with nothing, when `wanted` says no between two words.
        """
        key = (self.session.context(line), not line, line == self.finished)
        if key not in self._ghosts:
            if self.is_command(line) or not wanted():
                return ""
            try:
                ghost = self._ghost(line, wanted)
            except RnnwordsError as error:
                self.trouble = str(error)
                return ""
            if ghost is None:
                return ""
            if len(self._ghosts) >= REMEMBERED:
                self._ghosts.clear()
            self._ghosts[key] = ghost
        return self._ghosts[key]

    def _ghost(self, line: str, wanted: Callable[[], bool]) -> str | None:
        context = self.session.context(line)
        choices = self.menu(line)
        started = self.started(line)[1]
        text = ""
        if started and not choices:
            return ""  # an unknown word: nothing is likely before it is finished
        if started and choices[0].replaced:
            text = choices[0].word[len(started) :]
        elif line.endswith(" "):  # whoever types a space wants a word that has one in front
            spaced = [choice for choice in choices if choice.text.startswith(" ")]
            text = spaced[0].text.lstrip() if spaced else ""
        if not is_safe(text):
            return ""
        for piece in self.predictor.generate(context + text, GHOST):
            if not wanted():
                return None
            if "\n" in piece or not is_safe(piece):
                break
            text += piece
        return text.lstrip() if not line or line[-1].isspace() else text

    def started(self, line: str) -> tuple[str, str]:
        """`line` as what stands before the word it ends in, and that word; nothing of it after a space."""
        if line == self.finished:
            return line, ""
        end = line[-100:]
        symbols = self.vocabulary.tokenize(end)
        if not symbols or end[-1].isspace():
            return line, ""
        word = symbols[-1]
        if word in "'\u2019" and len(symbols) > 1 and self._folded(end).endswith(symbols[-2] + word):
            word = symbols[-2] + word  # don' on its way to don't
        return (line[: -len(word)], line[-len(word) :]) if self._folded(end).endswith(word) else (line, "")

    def is_command(self, line: str) -> bool:
        """Whether the line is, or is becoming, a command."""
        return line == ":" or parse(line) is not None

    def _folded(self, text: str) -> str:
        return text.lower() if self.vocabulary.text.lowercase else text

    def _ask(self, context: str, prefix: str) -> list[tuple[str, float]]:
        """The best words after `context`, without the symbols that nobody types.

        With a prefix, those that begin so. Without one, words that hardly ever follow are left out, but for the best.
        """
        ranked = self.predictor.rank(context, MENU + 2, prefix=prefix)
        found = [(word, share) for word, share in ranked if word not in (UNK, EOS)][:MENU]
        return found if prefix else [(word, share) for word, share in found if share >= FAINT] or found[:1]

    def _unknown(self, line: str) -> list[Unknown]:
        """The words of `line` that the vocabulary lacks, but for one that is still being typed and may become known."""
        if self.is_command(line):
            return []
        place = max(0, len(line) - LOOK_BACK)
        text = self._folded(line)
        if len(text) != len(line):
            return []  # a letter that changes its length in lower case: places in the text would be wrong
        found = []
        for word in self.vocabulary.tokenize(line[place:]):
            start = text.find(word, place)
            if start < 0:
                continue  # a line end, which is the symbol <eos>
            place = start + len(word)
            if word not in self.vocabulary.ranks:
                found.append(Unknown(word, start, place))
        if found and found[-1].end == len(line) and self._begins_a_word(self._folded(self.started(line)[1])):
            found.pop()
        return found

    def _begins_a_word(self, prefix: str) -> bool:
        place = bisect_left(self.alphabet, prefix)
        return place < len(self.alphabet) and self.alphabet[place].startswith(prefix)

    @functools.cached_property
    def alphabet(self) -> list[str]:
        """The vocabulary in the order of its letters."""
        return sorted(self.vocabulary.words)

    def near(self, word: str) -> list[str]:
        """Known words spelled like `word`. May take a tenth of a second at the first time: for a background thread."""
        if word not in self._near:
            self._near[word] = self.vocabulary.near(word)
        return self._near[word]

    def near_known(self, word: str) -> list[str] | None:
        """The same if it was looked up before."""
        return self._near.get(word)
