"""THE tokenize / detokenize pair: text to symbols and back, for any script.

`words`       letters, marks, digits and inner apostrophes stay together; a Han or Kana character stands alone;
              runs of - . * _ = stay together; every other mark is a symbol of its own.
`whitespace`  the text is split already; only white space separates.

A literal <unk> or <eos> in the text is that symbol, in both tokenizers: they have one meaning everywhere. What
`detokenize` writes, the tokenizer `words` reads back as the same symbols: a space is left out only where that holds.
"""

import functools
import re
import unicodedata
from collections.abc import Iterable, Iterator

from rnnwords.config import TextConfig

UNK = "<unk>"
EOS = "<eos>"

# Scripts written without spaces between words, whose characters are symbols of their own: Kana, Han, extensions.
_SINGLE = "\u3041-\u3096\u30a1-\u30fa\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_SINGLE_PATTERN = re.compile(f"[{_SINGLE}]")
_APOSTROPHES = "'\u2019"
_FIRST_MARK = "\u0300"  # below it no combining mark, joiner or Han character stands


def tokenize(text: str, config: TextConfig) -> list[str]:
    """The symbols of `text`, in order. With `config.eos` each line end (\\n only) is the symbol <eos>."""
    if config.lowercase:
        text = text.lower()
    if config.eos:
        text = text.replace("\n", f" {EOS} ")
    if config.tokenizer == "whitespace":
        return text.split()
    simple = text.isascii() or max(text) < _FIRST_MARK
    return _pattern(simple).findall(text)


def stretches(text: str, config: TextConfig) -> list[str]:
    """`text` cut at white space. Each stretch can be tokenized by itself: no symbol spans a space."""
    return (text.replace("\n", f" {EOS} ") if config.eos else text).split()


@functools.cache
def _pattern(simple: bool) -> re.Pattern[str]:
    """The regular expression of `words`; the `simple` one serves text without marks and Han, and is faster."""
    letters = r"[^\W_]+" if simple else rf"(?:(?![{_SINGLE}])[^\W_]|[{_marks()}])+"
    word = rf"{letters}(?:[{_APOSTROPHES}]{letters})*"
    return re.compile(rf"{word}|{UNK}|{EOS}|-{{2,}}|\.{{2,}}|\*{{2,}}|_{{2,}}|={{2,}}|\S")


@functools.cache
def _marks() -> str:
    """All combining marks (categories M*) and the two joiners, as the inside of a character class."""
    ranges: list[list[int]] = [[0x200C, 0x200D]]
    for code in [*range(0x300, 0x20000), *range(0xE0100, 0xE01F0)]:
        if unicodedata.category(chr(code))[0] == "M":
            if code == ranges[-1][1] + 1:
                ranges[-1][1] = code
            else:
                ranges.append([code, code])
    return "".join(f"{chr(first)}-{chr(last)}" for first, last in ranges)


def detokenize(symbols: Iterable[str], config: TextConfig) -> str:
    """The symbols as a person would write them: `the cat.`, never `the cat .`."""
    return "".join(pieces(symbols, config))


def pieces(symbols: Iterable[str], config: TextConfig, before: Iterable[str] = ()) -> Iterator[str]:
    """Each symbol with the space, if any, that belongs in front of it: what a stream of words prints.

    `before` are symbols written earlier; they set the state of quotation marks and the first space.
    """
    writer = _Writer(config)
    for symbol in before:
        writer.piece(symbol)
    for symbol in symbols:
        yield writer.piece(symbol)


_EAST = "\u3000"  # from here on, characters and punctuation are written without spaces
_CLOSING = set(".,;:!?%\u2026\u201d\u0964\u0965\u060c\u061b\u061f\u06d4\u3001\u3002\uff0c\uff01\uff1f\uff1b\uff1a")
_OPENING = set("$\u00a3\u20ac\u00a1\u00bf#@")  # beside all opening brackets and quotation marks
_JOINING = {"-", "--", "\u2014", "/"}
_ELIDED = {"tis", "twas", "twere", "twill", "em", "til"}  # an apostrophe in front of these opens nothing
_CONTRACTIONS = {"n't", "'s", "'re", "'ve", "'ll", "'d", "'m"}  # in text that is split already
# Mark -> the open mark that it closes; where that is not open, the mark opens.
_PAIRED = {
    '"': '"', "'": "'", "_": "_", "\u00ab": "\u00bb", "\u00bb": "\u00ab", "\u201c": "\u201e", "\u2018": "\u201a",
    "\u2019": "\u2018", "\u2039": "\u203a", "\u203a": "\u2039",
}  # fmt: skip
_NUMBER = re.compile(r"\d+[.:\u2013]\d+|\d{1,3},\d{3}")


class _Writer:
    """The state of a text being written: the symbols just before, and which quotation marks are open."""

    def __init__(self, config: TextConfig) -> None:
        self.config = config
        self.last: list[str] = []  # the last few symbols since a space
        self.glue = True  # nothing may stand between the last symbol and the next
        self.open: set[str] = set()  # quotation marks that wait for their partner

    def piece(self, symbol: str) -> str:
        if symbol == EOS and self.config.eos:
            self.last, self.glue, self.open = [], True, set()
            return "\n"
        if symbol.lower() in _ELIDED and self.last[-1:] == ["'"]:
            self.open.discard("'")
        left, right = self._habits(symbol)
        joined = not self.last or ((left or self.glue) and self._reads_back(symbol))
        space = "" if joined else " "
        self.last = [*self.last[-3:], symbol] if joined else [symbol]
        self.glue = right
        return space + symbol

    def _habits(self, symbol: str) -> tuple[bool, bool]:
        """Whether the symbol leans on what stands left of it, and on what comes right of it."""
        if symbol in _PAIRED:
            return self._quote(symbol)
        kind = unicodedata.category(symbol) if len(symbol) == 1 else ""
        if symbol in _CLOSING or symbol in _CONTRACTIONS or kind == "Pe" or (symbol[0] == "." and len(symbol) > 1):
            return True, symbol >= _EAST
        if symbol in _OPENING or kind in ("Ps", "Pi"):
            self.open.add(symbol)
            return self._in_east(), True
        if symbol in _JOINING:
            dash = symbol == "-" and not self._behind_word()
            return not dash, not dash
        if kind == "Pd" and symbol >= _EAST:
            return True, True
        if symbol == "\u2013":  # a dash between spaces, unless it stands between numbers
            return self._behind_word() and self.last[-1].isdecimal(), False
        if symbol.isdecimal():
            return bool(_NUMBER.fullmatch("".join([*self.last[-2:], symbol]))), False
        if kind and _SINGLE_PATTERN.match(symbol):
            return self._in_east(), True
        return False, False

    def _quote(self, symbol: str) -> tuple[bool, bool]:
        """The habits of a mark that opens or closes. A straight one behind a colon or another one always opens, so a
        text in which one is missing comes right again."""
        if symbol in _APOSTROPHES and self._behind_word():  # dogs' bones, or the end of 'some words'
            self.open.discard(_PAIRED[symbol])
            return True, False
        closes = _PAIRED[symbol]
        if closes in self.open and self.last[-1:] not in ([":"], [symbol]):
            self.open.discard(closes)
            return True, False
        self.open.discard(closes)
        self.open.add(symbol)
        return self._in_east(), True

    def _behind_word(self) -> bool:
        return bool(self.last) and (unicodedata.category(self.last[-1][-1])[0] in "LMN" or self.last[-1] == UNK)

    def _in_east(self) -> bool:
        return any(symbol[-1] >= _EAST for symbol in self.last[-3:])

    def _reads_back(self, symbol: str) -> bool:
        """Whether the symbols since the last space, with this one joined on, are read as themselves."""
        return _joins(tuple(self.last[-3:]), symbol, self.config)


@functools.lru_cache(maxsize=65_536)
def _joins(before: tuple[str, ...], symbol: str, config: TextConfig) -> bool:
    if config.tokenizer == "whitespace":
        return symbol in _CLOSING or symbol in _CONTRACTIONS
    together = (*before, symbol)
    return tuple(_pattern(False).findall("".join(together))) == together
