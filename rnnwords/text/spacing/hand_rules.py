"""Spacing of common marks in many languages, for tokens that a training text did not show."""

import re
import unicodedata

from rnnwords.config import TextConfig
from rnnwords.text.tokens.word_patterns import APOSTROPHES, EOS, UNK

_CJK = "\u3000"  # from here on, characters and punctuation are written without spaces
CLOSING = set(".,;:!?%\u2026\u201d\u0964\u0965\u060c\u061b\u061f\u06d4\u3001\u3002\uff0c\uff01\uff1f\uff1b\uff1a")
OPENING = set("$\u00a3\u20ac\u00a1\u00bf#@")  # besides all opening brackets and quotation marks
JOINING = {"-", "--", "\u2014", "/"}
ELIDED = {"tis", "twas", "twere", "twill", "em", "til"}  # an apostrophe before these is not an opening quotation mark
CONTRACTIONS = {"n't", "'s", "'re", "'ve", "'ll", "'d", "'m"}  # in text that is tokenized already
# Mark -> the opening mark that it closes; if that one is not open, the mark opens a quotation.
PAIRED = {
    '"': '"', "'": "'", "_": "_", "\u00ab": "\u00bb", "\u00bb": "\u00ab", "\u201c": "\u201e", "\u2018": "\u201a",
    "\u2019": "\u2018", "\u2039": "\u203a", "\u203a": "\u2039",
}  # fmt: skip
_NUMBER = re.compile(r"\d+[.:\u2013]\d+|\d{1,3},\d{3}")


class HandRules:
    """Spacing of common marks in many languages: the last tokens, and which quotation marks are open."""

    def __init__(self, config: TextConfig) -> None:
        self.config = config
        self.last: list[str] = []  # the last few tokens of the line
        self.no_space = True  # none may follow the last token
        self.open: set[str] = set()  # opening quotation marks without their closing marks
        self.line_ends = 0  # since the last other token

    def joins(self, token: str) -> bool:
        """Return whether no space precedes the next token."""
        if token == EOS and self.config.eos:
            self.last, self.no_space = [], True
            self.line_ends += 1
            if self.line_ends > 1:  # a blank line ends a paragraph, and with it every quotation
                self.open = set()
            return True
        self.line_ends = 0
        if token.lower() in ELIDED and self.last[-1:] == ["'"]:
            self.open.discard("'")
        left, right = self._attachment(token)
        joined = left or self.no_space
        self.last = [*self.last[-3:], token]
        self.no_space = right
        return joined

    def _attachment(self, token: str) -> tuple[bool, bool]:
        """Return whether the token is written without a space on its left and on its right."""
        if token in PAIRED:
            return self._quotation_mark(token)
        category = unicodedata.category(token) if len(token) == 1 else ""
        if token in CLOSING or token in CONTRACTIONS or category == "Pe" or (token[0] == "." and len(token) > 1):
            return True, token >= _CJK
        if token in OPENING or category in ("Ps", "Pi"):
            self.open.add(token)
            return self._after_cjk(), True
        if token in JOINING:
            dash = token == "-" and not self._after_word()
            return not dash, not dash
        if category == "Pd" and token >= _CJK:
            return True, True
        if token == "\u2013":  # a dash has spaces around it, except between numbers
            return self._after_word() and self.last[-1].isdecimal(), False
        if token.isdecimal():
            return bool(_NUMBER.fullmatch("".join([*self.last[-2:], token]))), False
        if category and _is_ideograph(token):
            return self._after_cjk(), True
        return False, False

    def _quotation_mark(self, token: str) -> tuple[bool, bool]:
        """Return the attachment of a mark that opens or closes.

        A straight mark after a colon or after another one always opens, so text recovers from a missing mark.
        """
        if token in APOSTROPHES and self._after_word():  # dogs' bones, or the end of 'some words'
            self.open.discard(PAIRED[token])
            return True, False
        closes = PAIRED[token]
        if closes in self.open and self.last[-1:] not in ([":"], [token]):
            self.open.discard(closes)
            return True, False
        self.open.discard(closes)
        self.open.add(token)
        return self._after_cjk(), True

    def _after_word(self) -> bool:
        return bool(self.last) and (unicodedata.category(self.last[-1][-1])[0] in "LMN" or self.last[-1] == UNK)

    def _after_cjk(self) -> bool:
        return any(token[-1] >= _CJK for token in self.last[-3:])


def _is_ideograph(character: str) -> bool:
    return unicodedata.name(character, "").startswith(("CJK", "HIRAGANA", "KATAKANA"))
