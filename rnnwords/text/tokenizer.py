"""Tokenizer and detokenizer: text to tokens and back, for any script.

`words`       Letters, combining marks, digits and inner apostrophes form one token. Each Han or Kana character is a
              token. Runs of - . * _ = are one token; every other mark is a token.
`whitespace`  The text is tokenized already; white space separates tokens.

A literal <unk> or <eos> in the text is that token, in both tokenizers. The tokenizer `words` turns the output of
`detokenize` into the same tokens again: a space is left out only where that holds.
"""

import functools
import re
import unicodedata
from collections.abc import Iterable, Iterator

from rnnwords.config import TextConfig

UNK = "<unk>"
EOS = "<eos>"

# Characters of scripts without spaces between words, one token each: Kana, Han and their extensions.
_SINGLE = "\u3041-\u3096\u30a1-\u30fa\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_SINGLE_PATTERN = re.compile(f"[{_SINGLE}]")
_APOSTROPHES = "'\u2019"
_FIRST_MARK = "\u0300"  # all combining marks, joiners and Han characters are at or above it


def tokenize(text: str, config: TextConfig) -> list[str]:
    """Return the tokens of `text`, in order. With `config.eos` each line end (\\n only) is the token <eos>."""
    if config.lowercase:
        text = text.lower()
    if config.eos:
        text = text.replace("\n", f" {EOS} ")
    if config.tokenizer == "whitespace":
        return text.split()
    simple = text.isascii() or max(text) < _FIRST_MARK
    return _pattern(simple).findall(text)


def chunks(text: str, config: TextConfig) -> list[str]:
    """Return `text` split at white space. Chunks can be tokenized one by one: no token spans white space."""
    return (text.replace("\n", f" {EOS} ") if config.eos else text).split()


@functools.cache
def _pattern(simple: bool) -> re.Pattern[str]:
    """Return the regular expression of `words`; the `simple` one is faster, for text without marks and Han."""
    letters = r"[^\W_]+" if simple else rf"(?:(?![{_SINGLE}])[^\W_]|[{_marks()}])+"
    word = rf"{letters}(?:[{_APOSTROPHES}]{letters})*"
    return re.compile(rf"{word}|{UNK}|{EOS}|-{{2,}}|\.{{2,}}|\*{{2,}}|_{{2,}}|={{2,}}|\S")


@functools.cache
def _marks() -> str:
    """Return all combining marks (categories M*) and the two joiners, as the inside of a character class."""
    ranges: list[list[int]] = [[0x200C, 0x200D]]
    for code in [*range(0x300, 0x20000), *range(0xE0100, 0xE01F0)]:
        if unicodedata.category(chr(code))[0] == "M":
            if code == ranges[-1][1] + 1:
                ranges[-1][1] = code
            else:
                ranges.append([code, code])
    return "".join(f"{chr(first)}-{chr(last)}" for first, last in ranges)


def detokenize(tokens: Iterable[str], config: TextConfig) -> str:
    """Return the tokens as people write them: `the cat.`, not `the cat .`."""
    return "".join(pieces(tokens, config))


def pieces(tokens: Iterable[str], config: TextConfig, before: Iterable[str] = ()) -> Iterator[str]:
    """Yield each token with the space, if any, that precedes it: detokenization of a stream.

    `before` are tokens already written; they set the state of quotation marks and the first space.
    """
    detokenizer = _Detokenizer(config)
    for token in before:
        detokenizer.piece(token)
    for token in tokens:
        yield detokenizer.piece(token)


_CJK = "\u3000"  # from here on, characters and punctuation are written without spaces
_CLOSING = set(".,;:!?%\u2026\u201d\u0964\u0965\u060c\u061b\u061f\u06d4\u3001\u3002\uff0c\uff01\uff1f\uff1b\uff1a")
_OPENING = set("$\u00a3\u20ac\u00a1\u00bf#@")  # besides all opening brackets and quotation marks
_JOINING = {"-", "--", "\u2014", "/"}
_ELIDED = {"tis", "twas", "twere", "twill", "em", "til"}  # an apostrophe before these is not an opening quotation mark
_CONTRACTIONS = {"n't", "'s", "'re", "'ve", "'ll", "'d", "'m"}  # in text that is tokenized already
# Mark -> the opening mark that it closes; if that one is not open, the mark opens a quotation.
_PAIRED = {
    '"': '"', "'": "'", "_": "_", "\u00ab": "\u00bb", "\u00bb": "\u00ab", "\u201c": "\u201e", "\u2018": "\u201a",
    "\u2019": "\u2018", "\u2039": "\u203a", "\u203a": "\u2039",
}  # fmt: skip
_NUMBER = re.compile(r"\d+[.:\u2013]\d+|\d{1,3},\d{3}")


class _Detokenizer:
    """The state of a text being written: the last tokens, and which quotation marks are open."""

    def __init__(self, config: TextConfig) -> None:
        self.config = config
        self.last: list[str] = []  # the last few tokens since a space
        self.no_space = True  # none may follow the last token
        self.open: set[str] = set()  # opening quotation marks without their closing marks

    def piece(self, token: str) -> str:
        if token == EOS and self.config.eos:
            self.last, self.no_space, self.open = [], True, set()
            return "\n"
        if token.lower() in _ELIDED and self.last[-1:] == ["'"]:
            self.open.discard("'")
        left, right = self._attachment(token)
        before = tuple(self.last[-3:])
        joined = not before or ((left or self.no_space) and _is_reversible(before, token, self.config))
        space = "" if joined else " "
        self.last = [*before, token] if joined else [token]
        self.no_space = right
        return space + token

    def _attachment(self, token: str) -> tuple[bool, bool]:
        """Return whether the token is written without a space on its left and on its right."""
        if token in _PAIRED:
            return self._quotation_mark(token)
        category = unicodedata.category(token) if len(token) == 1 else ""
        if token in _CLOSING or token in _CONTRACTIONS or category == "Pe" or (token[0] == "." and len(token) > 1):
            return True, token >= _CJK
        if token in _OPENING or category in ("Ps", "Pi"):
            self.open.add(token)
            return self._after_cjk(), True
        if token in _JOINING:
            dash = token == "-" and not self._after_word()
            return not dash, not dash
        if category == "Pd" and token >= _CJK:
            return True, True
        if token == "\u2013":  # a dash has spaces around it, except between numbers
            return self._after_word() and self.last[-1].isdecimal(), False
        if token.isdecimal():
            return bool(_NUMBER.fullmatch("".join([*self.last[-2:], token]))), False
        if category and _SINGLE_PATTERN.match(token):
            return self._after_cjk(), True
        return False, False

    def _quotation_mark(self, token: str) -> tuple[bool, bool]:
        """Return the attachment of a mark that opens or closes.

        A straight mark after a colon or after another one always opens, so text recovers from a missing mark.
        """
        if token in _APOSTROPHES and self._after_word():  # dogs' bones, or the end of 'some words'
            self.open.discard(_PAIRED[token])
            return True, False
        closes = _PAIRED[token]
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


@functools.lru_cache(maxsize=65_536)
def _is_reversible(before: tuple[str, ...], token: str, config: TextConfig) -> bool:
    """Return whether the last tokens, with this one joined to them, are tokenized as themselves."""
    if config.tokenizer == "whitespace":
        return token in _CLOSING or token in _CONTRACTIONS
    together = (*before, token)
    return tuple(_pattern(False).findall("".join(together))) == together
