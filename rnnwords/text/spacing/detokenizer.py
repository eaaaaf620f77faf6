"""Detokenizer: tokens to text, spaced as the training text is (see `learned`).

For tokens that the training text did not show, and for models without learned spacing, `HandRules` decide.

A space is left out only where the tokenizer still gives the same tokens, so that generated text can be read again.
Words of scripts that are segmented by dictionary are joined all the same: their writers use no spaces.
"""

import functools
from collections.abc import Iterable, Iterator

from rnnwords.config import TextConfig
from rnnwords.text.spacing.gaps import Gap, Gaps, role_of, spaced_tokens, with_roles
from rnnwords.text.spacing.hand_rules import CLOSING, CONTRACTIONS, HandRules
from rnnwords.text.spacing.learned import Spacing
from rnnwords.text.spacing.quotation import FAMILY, OPENING, true_roles
from rnnwords.text.tokens.segmentation import PHRASE_END, has_dictionary_script
from rnnwords.text.tokens.tokenizer import EOS, tokenize

_READ = 2_000  # characters of a text before the first token
_CONTEXT = 12  # tokens of a chunk that can change how the next one is split; links are longer, but have a sign
_LINK_SIGNS = set("@#/:")


def detokenize(tokens: Iterable[str], config: TextConfig, spacing: Spacing | None = None) -> str:
    """Return the tokens as people write them: `the cat.`, not `the cat .`."""
    return "".join(pieces(tokens, config, spacing))


def pieces(
    tokens: Iterable[str], config: TextConfig, spacing: Spacing | None = None, before: str = ""
) -> Iterator[str]:
    """Yield each token with the space, if any, that precedes it: detokenization of a stream.

    `before` is the text already written: it decides the first space, and which quotation marks are open. White space at
    its end counts only where it ends a line and line ends are tokens.
    """
    detokenizer = _Detokenizer(config, spacing)
    detokenizer.read(before[-_READ:])
    pending: str | None = None
    for token in tokens:
        if pending is not None:
            yield detokenizer.piece(pending, token)
        if detokenizer.needs_next(token):
            pending = token
        else:
            pending = None
            yield detokenizer.piece(token)
    if pending is not None:
        yield detokenizer.piece(pending)


class _Detokenizer:
    """The state of a text being written."""

    def __init__(self, config: TextConfig, spacing: Spacing | None) -> None:
        self.config, self.spacing = config, spacing
        self.hand, self.gaps = HandRules(config), Gaps()
        self.chunk: list[str] = []  # the tokens since a space
        self.recent = ("", "")  # the last two tokens of the line

    def read(self, text: str) -> None:
        """Go on after a text."""
        tokens = list(spaced_tokens([text], self.config))
        for _, (token, spaced), role in with_roles(tokens, true_roles(tokens)):
            self.hand.joins(token)
            if token == EOS and self.config.eos:
                self._end_line()
            elif self._ends_phrase(token):
                self._end_phrase()
            else:
                self._add(token, spaced, role, float(role == OPENING))

    def needs_next(self, token: str) -> bool:
        """Return whether the space before this token depends on the token after it."""
        return self.spacing is not None and token not in (EOS, PHRASE_END) and self.spacing.needs_next(self.gaps, token)

    def piece(self, token: str, following: str = "") -> str:
        """Return the next token with the space, if any, that precedes it; `following` is the token after it."""
        joined = self.hand.joins(token)
        if token == EOS and self.config.eos:
            self._end_line()
            return "\n"
        if self._ends_phrase(token):
            self._end_phrase()
            return " "
        if token == PHRASE_END and not self.chunk and self.spacing and self.spacing.has_phrases:
            return ""  # the phrase has no words
        role, opening = "", 0.0
        if self.spacing:
            around = (*self.recent, token, "" if following == EOS else following)
            if family := FAMILY.get(token):
                was_open = self.gaps.was_open.get(family, 0.0)
                opening = self.spacing.quotation.probability(token, around, was_open)
                role = role_of(opening)
            if names := self.gaps.names(token, role):
                joined = self.spacing.joins(Gap(*names, around), joined)
        joined = bool(self.chunk) and joined and _is_reversible(_end(self.chunk), token, self.config)
        space = " " if self.chunk and not joined else ""
        self._add(token, not joined, role, opening)
        return space + token

    def _add(self, token: str, spaced: bool, role: str, opening: float) -> None:
        self.gaps.add(token, spaced, role, opening)
        self.recent = (self.recent[1], token)
        self.chunk = [token] if spaced else [*self.chunk[-_CONTEXT:], token]

    def _ends_phrase(self, token: str) -> bool:
        """Return whether a token is the space after a phrase, not a mark of the text."""
        return token == PHRASE_END and bool(self.chunk) and has_dictionary_script(self.chunk[-1])

    def _end_phrase(self) -> None:
        self.gaps.phrase_end()
        self.chunk = []

    def _end_line(self) -> None:
        self.gaps.line_end()
        self.recent = ("", "")
        self.chunk = []


def _end(chunk: list[str]) -> tuple[str, ...]:
    """Return the tokens at the end of a chunk with which the next one can be joined to another token."""
    return tuple(chunk[-_CONTEXT:] if not _LINK_SIGNS.isdisjoint(chunk) else chunk[-3:])


@functools.lru_cache(maxsize=65_536)
def _is_reversible(before: tuple[str, ...], token: str, config: TextConfig) -> bool:
    """Return whether the last tokens, with this one joined to them, are tokenized as themselves."""
    if config.tokenizer == "whitespace":
        return token in CLOSING or token in CONTRACTIONS
    together = (*before, token)
    if has_dictionary_script(token) and has_dictionary_script(before[-1]):
        return True
    return tuple(tokenize("".join(together), config)) == together
