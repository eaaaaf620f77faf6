"""What is offered while one types: the next words, the end of a started word, the likely continuation, near words.

All of it is a function of the text before the cursor, and is remembered: the probabilities after a context are asked
for once, and a started word only filters them. A lock lets the editor's background thread and its key strokes share
one predictor; it is held for one word at a time, so that a key stroke never waits for a whole continuation.
"""

import functools
import threading
from collections.abc import Callable, Iterator
from typing import NamedTuple

from rnnwords.cli.repl_commands import FAINT, parse
from rnnwords.cli.repl_session import Ranked, Session
from rnnwords.cli.terminal import is_safe
from rnnwords.errors import RnnwordsError
from rnnwords.text.tokenizer import EOS, UNK

MENU = 6  # words offered
GHOST = 8  # words of grey text
REMEMBERED = 1_024  # contexts with prefixes
LARGE = 20_000  # words; up to here one ranking of them all serves every prefix
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
        self.lock = threading.Lock()
        self._rank = functools.lru_cache(maxsize=8)(self._ask)  # each holds the whole vocabulary
        self._completions = functools.lru_cache(maxsize=REMEMBERED)(self._filter)
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
            found = self._completions(self.session.context(before), prefix)
            if found and [word for word, _ in found] != [prefix]:
                return [Choice(word, share, word, len(started)) for word, share in found]
            if not found and started[-1].isalnum():
                return []
        context = self.session.context(line)
        return [self._next(context, line, word, share) for word, share in self._completions(context, "")]

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
            if self.is_command(line):
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
        for piece in self._generated(context + text):
            if not wanted():
                return None
            if "\n" in piece or not is_safe(piece):
                break
            text += piece
        return text.lstrip() if not line or line[-1].isspace() else text

    def _generated(self, prompt: str) -> Iterator[str]:
        """The greedy continuation, the lock held for one word at a time."""
        with self.lock:
            words = self.predictor.generate(prompt, GHOST)
        while True:
            with self.lock:
                word = next(words, None)
            if word is None:
                return
            yield word

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

    def _filter(self, context: str, prefix: str) -> list[tuple[str, float]]:
        """The best words that begin with `prefix`, with their probabilities among all that do.

        Without one, words that hardly ever follow are left out, but for the best.
        """
        if len(self.vocabulary) > LARGE:
            found = self._rank(context, MENU + 2, prefix)[:MENU]
        else:
            ranked = self._rank(context, len(self.vocabulary), "")
            found = [(word, share) for word, share in ranked if word.startswith(prefix)]
            total = sum(share for _, share in found) if prefix else 1.0
            found = [(word, share / total if total > 0 else 0.0) for word, share in found[:MENU]]
        return found if prefix else [(word, share) for word, share in found if share >= FAINT] or found[:1]

    def _ask(self, context: str, k: int, prefix: str) -> list[tuple[str, float]]:
        """The predictor's ranking, without the symbols that nobody types."""
        with self.lock:
            ranked: Ranked = self.predictor.rank(context, k, prefix=prefix)
        return [(word, share) for word, share in ranked if word not in (UNK, EOS)]

    def _unknown(self, line: str) -> list[Unknown]:
        """The words of `line` that the vocabulary lacks, but for one that is still being typed and may become known."""
        if self.is_command(line):
            return []
        place = max(0, len(line) - LOOK_BACK)
        text = self._folded(line)
        if len(text) != len(line):
            return []  # a letter that changes its length in lower case: places in the text would be wrong
        lacking = set(self.predictor.unknown(line[place:]))
        found = []
        for word in self.vocabulary.tokenize(line[place:]) if lacking else ():
            start = text.find(word, place)
            if start < 0:
                continue
            place = start + len(word)
            if word in lacking:
                found.append(Unknown(word, start, place))
        if found and found[-1].end == len(line) and self.menu(line):
            found.pop()
        return found

    def near(self, word: str) -> list[str]:
        """Known words spelled like `word`. May take a tenth of a second at the first time: for a background thread."""
        if word not in self._near:
            self._near[word] = self.vocabulary.near(word)
        return self._near[word]

    def near_known(self, word: str) -> list[str] | None:
        """The same if it was looked up before."""
        return self._near.get(word)
