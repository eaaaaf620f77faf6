"""THE tokenize / detokenize pair: text to symbols and back, for any script.

`words`       letters, marks, digits and inner apostrophes stay together; a Han or Kana character stands alone;
              runs of - . * _ = stay together; every other mark is a symbol of its own.
`whitespace`  the text is split already; only white space separates.

A literal <unk> or <eos> in the text is that symbol, in both tokenizers: they have one meaning everywhere. What
`detokenize` writes, `tokenize` reads back as the same symbols: it leaves a space out only where that holds.
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


_CLOSING = set(
    ".,;:!?)]}%\u2026\u201d\u3001\u3002\uff0c\uff01\uff1f\uff1b\uff1a\uff09\u300b\u300d\u300f\u3011\u0964\u0965"
)
_OPENING = set("([{$\u00a3\u20ac\u00a1\u00bf\u201e\u201a\u2018\uff08\u300a\u300c\u300e\u3010#@")
_JOINING = {"-", "\u2013", "\u2014", "/", "\u2019", "--", "_"}
_PAIRED = {'"': '"', "'": "'", "\u00ab": "\u00bb", "\u00bb": "\u00ab", "\u201c": "\u201d"}


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
        if symbol in _CLOSING or (symbol[0] == "." and len(symbol) > 1):
            return True, symbol >= "\u3000"  # Chinese and Japanese punctuation holds its own space
        if symbol in _OPENING:
            return False, True
        if symbol in _JOINING:
            return True, True
        if len(symbol) == 1 and re.match(f"[{_SINGLE}]", symbol):
            return bool(self.last) and self.last[-1][-1] >= "\u3000", True
        return False, False

    def _quote(self, symbol: str) -> tuple[bool, bool]:
        closes = {"\u201c": "\u201e"}.get(symbol, _PAIRED[symbol])
        if closes in self.open:
            self.open.discard(closes)
            return True, False
        self.open.add(symbol)
        return False, True

    def _reads_back(self, symbol: str) -> bool:
        """Whether the symbols since the last space, with this one joined on, are read as themselves."""
        return _joins(tuple(self.last[-3:]), symbol, self.config)


@functools.lru_cache(maxsize=65_536)
def _joins(before: tuple[str, ...], symbol: str, config: TextConfig) -> bool:
    if config.tokenizer == "whitespace":
        return len(symbol) == 1 and symbol in _CLOSING
    together = (*before, symbol)
    return tuple(_pattern(False).findall("".join(together))) == together
