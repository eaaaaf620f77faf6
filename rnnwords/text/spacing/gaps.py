"""Gaps: the places between tokens, described by the tokens around them.

A gap is spaced or joined. The token on its left and the one on its right have two names each: a mark has itself and its
Unicode category, a word twice its script. The name of a mark on the left also shows whether a space precedes it ("(" or
" -"), that of a quotation mark whether it opens or closes (see `quotation`), and that of a dash whether one is open, as
in Spanish dialogue.
"""

import functools
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from rnnwords.config import TextConfig
from rnnwords.text.spacing.quotation import CLOSING, FAMILY, OPENING, Around, Role, SpacedTokens
from rnnwords.text.tokens.token_kinds import NUMBER, is_mark, kind, shape
from rnnwords.text.tokens.tokenizer import EOS, chunks, tokenize

HYPHEN = "-"
OPEN = " open"  # ends the name of an open dash
DASHES = {"\u2014", "\u2013", "-", "--"}  # they open and close only where a space is on one side
Name = tuple[str, str]  # a special name and a general one, which are equal for ordinary words


class Gap(NamedTuple):
    """A place between two tokens."""

    left: Name
    right: Name
    around: Around

    def features(self, frequencies: Mapping[str, int]) -> list[str]:
        """Return the features of a gap whose names do not decide.

        `frequencies` has the bits of the counts of frequent words. It separates hyphens from dashes that are written
        with the same character: compounds seldom have such words as "and" or "he".
        """
        earlier, last, token, following = self.around
        before, after = shape(last), shape(following)
        names = f"{self.left[0]}\t{self.right[0]}"
        parts = [
            "", f"1 {earlier}", f"2 {last}", f"3 {following}", f"4 {shape(earlier)}", f"5 {before}", f"6 {after}",
            f"7 {last} {following}", f"8 {before} {after}", f"9 {last[-3:]}", f"10 {following[:3]}",
            f"11 {following[-3:]}", f"12 {last[-2:]} {following[:2]}", f"13 {earlier} {before}",
            f"14 {following[:1]}", f"15 {following[:2]}",
        ]  # fmt: skip
        if HYPHEN in (last, token):
            words = (last, following) if token == HYPHEN else (earlier, token)
            near, far = (frequencies.get(word, 0) for word in words)
            parts += [f"20 {near}", f"21 {far}", f"22 {near} {far}"]
        if not is_mark(token):
            parts += [f"16 {token}", f"17 {token[:1]}", f"18 {token[:2]}", f"19 {earlier} {token}"]
        return [f"{names}\t{part}" for part in parts]


class Gaps:
    """The tokens of a text before a gap: the name of the last one, and which quotations and dashes are open."""

    def __init__(self) -> None:
        self.left: Name | None = None  # of the last token; None at the beginning of a line
        self.after_number = False  # whether the last token is a mark that is joined to a number before it
        self.last_kind = ""  # of the last token, at its end
        self.was_open: dict[str, float] = {}  # family of quotation marks -> probability that the last one has opened
        self.dash: tuple[str, bool] | None = None  # the last token, if it is a dash, and whether a space precedes it
        self.open_dashes: set[str] = set()
        self.line_ends = 0

    def names(self, token: str, role: str) -> tuple[Name, Name] | None:
        """Return the names on both sides of the gap before the next token; None if there is no gap."""
        if self.left is None:
            return None
        general = kind(token, False)
        if is_mark(token):
            return self.left, (self._special(token, role), general)
        left = self.left
        if general == NUMBER and self.after_number:  # 8:00 and 3/4, unlike: "at 3, 4 men"
            left = f"{NUMBER}{left[0]}", f"{NUMBER}{left[1]}"
        return left, (general, general)

    def add(self, token: str, spaced: bool, role: str, opening: float) -> None:
        """Go on to the next gap. A quotation mark has a role, and the probability `opening` that it opens."""
        self._settle(spaced)
        self.line_ends = 0
        general = kind(token, True)
        self.after_number, self.last_kind = self.last_kind == NUMBER and not spaced, general
        if not is_mark(token):
            self.left = general, general
            return
        special = self._special(token, role)
        self.left = (f" {special}" if spaced else special, f" {general}" if spaced else general)
        if token in FAMILY:
            self.was_open[FAMILY[token]] = opening
        elif token in DASHES:
            self.dash = token, spaced

    def line_end(self) -> None:
        """Go on to the next line; the second line end in a row ends a paragraph, and with it every quotation."""
        self._settle(True)
        self.line_ends += 1
        self.left = None
        if self.line_ends > 1:
            self.was_open.clear()
            self.open_dashes.clear()

    def phrase_end(self) -> None:
        """Go on to the next phrase: its first word has no gap before it."""
        self._settle(True)
        self.left = None

    def _special(self, mark: str, role: str) -> str:
        if mark in FAMILY:
            return f"{mark} {role}"
        return f"{mark}{OPEN}" if mark in self.open_dashes else mark

    def _settle(self, spaced: bool) -> None:
        """Note whether the last token, a dash, opens or closes, now that the space after it is known."""
        if self.dash and self.dash[1] != spaced:
            change = self.open_dashes.add if self.dash[1] else self.open_dashes.discard
            change(self.dash[0])
        self.dash = None


def with_roles(tokens: SpacedTokens, roles: Iterable[Role]) -> Iterator[tuple[int, tuple[str, bool], str]]:
    """Yield the place of each token, the token with its space, and the role of a quotation mark, else an empty text."""
    role_at = {place: role for place, role, _ in roles}
    for place, token in enumerate(tokens):
        yield place, token, role_at.get(place, "")


def spaced_tokens(texts: Iterable[str], config: TextConfig) -> Iterator[tuple[str, bool]]:
    """Yield each token of a text, and whether white space precedes it."""
    split = functools.lru_cache(maxsize=65_536)(functools.partial(_tokens_of_chunk, config=config))
    for text in texts:
        for chunk in chunks(text, config):
            spaced = True
            for token in split(chunk):
                yield token, spaced
                spaced = False


def _tokens_of_chunk(chunk: str, config: TextConfig) -> list[str]:
    return [EOS] if chunk == EOS else tokenize(chunk, config)


def role_of(opening: float) -> str:
    """Return the role of a quotation mark that opens by this probability."""
    return OPENING if opening > 0.5 else CLOSING
