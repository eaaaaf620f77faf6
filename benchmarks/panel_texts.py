"""Texts of the panel: eight texts of different size, kind and language, each cut into a training part and a test part.

Reads a directory with the folders novels, shakespeare, german, hindi and ptb (see `SOURCES`) and the standard library
of this Python. The last tenth of each text is the test part, which no training and no choice of settings uses. Equal
sources give equal texts.
"""

import gzip
import itertools
import re
import sysconfig
from collections.abc import Callable, Iterator
from pathlib import Path

TEST_SHARE = 0.1
# Settings of a text whose words are already split; a line is a sentence.
TEXT_SETTINGS = {"ptb": {"tokenizer": "whitespace", "eos": True}}
SPOKEN = re.compile(r'"([^"\n]{2,160})"')


def make_texts(corpora: Path, directory: Path) -> None:
    """Write NAME.train.txt and NAME.test.txt of each text into the directory, unless they exist."""
    directory.mkdir(parents=True, exist_ok=True)
    for name, source in SOURCES.items():
        training, test = directory / f"{name}.train.txt", directory / f"{name}.test.txt"
        if not (training.exists() and test.exists()):
            lines = [line.rstrip() for line in source(corpora)]
            cut = _cut(lines)
            training.write_text("\n".join(lines[:cut]) + "\n", encoding="utf-8")
            test.write_text("\n".join(lines[cut:]) + "\n", encoding="utf-8")


def _cut(lines: list[str]) -> int:
    """Return the number of lines that have nine tenths of the characters."""
    left = (1 - TEST_SHARE) * sum(map(len, lines))
    for number, line in enumerate(lines):
        left -= len(line)
        if left < 0:
            return number
    return len(lines)


def _words(lines: Iterator[str], limit: int) -> Iterator[str]:
    """Yield lines until they have `limit` words, separated by whitespace."""
    for line in lines:
        if limit <= 0:
            return
        limit -= len(line.split())
        yield line


def _novels(corpora: Path) -> Iterator[str]:
    with gzip.open(corpora / "novels" / "novels.txt.gz", "rt", encoding="utf-8") as stream:
        yield from stream


def _novel(corpora: Path, first: str, words: int) -> Iterator[str]:
    """Yield the first words of the novel with a line that starts with `first`."""
    lines = itertools.dropwhile(lambda line: not line.startswith(first), _novels(corpora))
    yield from _words(lines, words)


def _file(path: Path, words: int) -> Iterator[str]:
    with path.open(encoding="utf-8") as stream:
        yield from _words(stream, words)


def _ptb(corpora: Path) -> Iterator[str]:
    with (corpora / "ptb" / "train.txt").open(encoding="utf-8") as stream:
        for _, line in zip(range(10_500), stream, strict=False):
            yield line.strip()


def _code(_: Path) -> Iterator[str]:
    """Yield modules of the standard library of this Python, in alphabetical order."""
    modules = sorted(Path(sysconfig.get_path("stdlib")).glob("[a-z]*.py"))
    yield from _words((line for module in modules for line in module.open(encoding="utf-8") if line.strip()), 30_000)


def _chat(corpora: Path) -> Iterator[str]:
    """Yield the direct speech of other novels, one utterance per line."""
    lines = itertools.islice(_novels(corpora), 100_000, None)  # without the two novels of the panel
    yield from _words((spoken for line in lines for spoken in SPOKEN.findall(line)), 60_000)


# name -> function that yields the lines of a text
SOURCES: dict[str, Callable[[Path], Iterator[str]]] = {
    "hindi": lambda corpora: _file(corpora / "hindi" / "hi_pud.txt", 25_000),
    "novel": lambda corpora: _novel(corpora, "Helen with the high hand", 50_000),
    "chat": _chat,
    "code": _code,
    "german": lambda corpora: _file(corpora / "german" / "novels.txt", 85_000),
    "plays": lambda corpora: _file(corpora / "shakespeare" / "input.txt", 85_000),
    "long-novel": lambda corpora: _novel(corpora, "There was no possibility of taking a walk", 110_000),
    "ptb": _ptb,
}
