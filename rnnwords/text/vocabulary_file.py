"""The vocabulary file: the text settings as a comment, then `word<TAB>count`, one line per token, in order of the ids.

Its limits are those of every vocabulary, also of one in a model file.
"""

import io
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from rnnwords.config import TextConfig, shown
from rnnwords.errors import ModelError, UsageError
from rnnwords.files import open_bounded, parse_json

MAX_TOKENS = 1_000_000
MAX_BYTES = 1 << 28
MAX_LENGTH = 1_000  # characters of a token; longer ones of a text are encoded data, and count as unknown words
MAX_LINE = 4 * MAX_LENGTH + 100  # bytes: a token, a tab and its count
_HEADER = "# rnnwords-vocabulary "


def vocabulary_file(words: Sequence[str], counts: Sequence[int], text: TextConfig) -> bytes:
    """Return the content of the file."""
    lines = [_HEADER + json.dumps(text.to_json())]
    lines += [f"{word}\t{count}" for word, count in zip(words, counts, strict=True)]
    return ("\n".join(lines) + "\n").encode()


def read_vocabulary_file(path: Path) -> tuple[list[str], list[int], TextConfig]:
    """Return the words, their counts and the text settings. Raises ModelError, which names the invalid line."""
    words, counts = [], []
    with open_bounded(path, MAX_BYTES, "vocabulary file") as (file, _), io.BufferedReader(file) as stream:
        lines = _lines(stream, path)
        text = _text_config(next(lines, ""), path)
        for number, line in enumerate(lines, start=2):
            word, tab, count = line.rpartition("\t")
            if not (word and tab and count.isascii() and count.isdigit() and len(count) < 19):
                raise ModelError(f"{path}, line {number}: expected word<TAB>count, found {shown(line)}")
            if number - 1 > MAX_TOKENS:
                raise ModelError(f"{path}, line {number}: expected at most {MAX_TOKENS:,} tokens, found more")
            words.append(word)
            counts.append(int(count))
    return words, counts, text


def _lines(stream: BinaryIO, path: Path) -> Iterator[str]:
    """Yield the lines of a vocabulary file without their ends; its size is not what is in memory at a time."""
    start, whole = 0, True
    while line := stream.readline(MAX_LINE):
        whole = line.endswith(b"\n")
        try:
            yield line.removesuffix(b"\n").decode()
        except UnicodeDecodeError as error:
            raise ModelError(
                f"vocabulary file {path}: expected UTF-8, found other bytes at {start + error.start:,}"
            ) from error
        start += len(line)
    if not whole:
        raise _other_file(path)


def _text_config(line: str, path: Path) -> TextConfig:
    """Return the text settings in the first line of a vocabulary file."""
    if not line.startswith(_HEADER):
        raise _other_file(path)
    try:
        return TextConfig.from_json(parse_json(line.removeprefix(_HEADER), f"{path}, line 1"))
    except UsageError as error:
        raise ModelError(f"{path}, line 1: {error}") from error


def _other_file(path: Path) -> ModelError:
    return ModelError(
        f"expected a whole vocabulary file, found something else: {path}; make one with: rnnwords build-vocab TEXT -o "
        "FILE"
    )
