"""Words that are never offered: the list in a file, and the tokens of a vocabulary that it excludes."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from rnnwords.config import ReadConfig, shown
from rnnwords.errors import CorpusError
from rnnwords.files import reason
from rnnwords.text.tokens.normalization import normalize
from rnnwords.text.vocabulary import Vocabulary

MAX_BYTES = 1 << 26
MAX_NAMED = 3  # unknown words that a note names


class Exclusion(NamedTuple):
    """What a list of words excludes from a vocabulary."""

    ids: frozenset[int]
    unknown: tuple[str, ...]  # words of the list that the vocabulary has in no case, each once
    words: int  # different words of the list
    forms: frozenset[str] = frozenset()  # the words of the list as they are compared

    def has(self, word: str) -> bool:
        """Return whether a word is in the list."""
        return bool(self.forms) and compared(word) in self.forms

    def note(self) -> str | None:
        """Return one line about the unknown words, None if there are none."""
        if not self.unknown:
            return None
        named = ", ".join(map(shown, self.unknown[:MAX_NAMED]))
        more = f" and {len(self.unknown) - MAX_NAMED:,} more" if len(self.unknown) > MAX_NAMED else ""
        return f"`exclude`: not in the vocabulary, {len(self.unknown):,} of {self.words:,} words: {named}{more}"


def read_words(path: Path) -> list[str]:
    """Return the words of a list in UTF-8, one per line. Raises CorpusError.

    Empty lines, and those that begin with #, are ignored; \\# begins a word with #. Pipes and .gz files are read too.
    """
    from rnnwords.text.reading.corpus import Corpus

    try:
        os.lstat(path)
    except (OSError, ValueError) as error:  # ValueError: not a name, such as one with NUL
        raise CorpusError(
            f"`exclude`: expected a file with a word per line, found none at {shown(str(path))}: {reason(error)}"
        ) from error
    corpus = Corpus([path.absolute() if str(path) == "-" else path], ReadConfig("replace", as_is=True))
    if corpus.reaches(MAX_BYTES):
        raise CorpusError(f"`exclude`: expected a list of less than {MAX_BYTES:,} bytes, found more: {path}")
    words = []
    for number, line in enumerate("".join(corpus.texts()).split("\n"), start=1):
        line = line.strip()
        if "\ufffd" in line:
            raise CorpusError(f"{path}, line {number}: expected UTF-8, found {shown(line)}; convert the file to UTF-8")
        if line and not line.startswith("#"):
            words.append(line[1:] if line.startswith("\\#") else line)
    return words


def exclusion(words: Iterable[str], vocabulary: Vocabulary) -> Exclusion:
    """Return what these words exclude: the tokens that equal one of them regardless of case and form of apostrophes."""
    listed: dict[str, str] = {}  # as compared -> as written
    for word in words:
        listed.setdefault(compared(normalize(word, vocabulary.text)), word)
    tokens = compared("\n".join(vocabulary.words)).split("\n") if listed else []  # much faster than word by word
    ids = frozenset(token_id for token_id, token in enumerate(tokens) if token in listed)
    known = {tokens[token_id] for token_id in ids}
    unknown = tuple(word for form, word in listed.items() if form not in known)
    return Exclusion(ids, unknown, len(listed), frozenset(listed))


def compared(text: str) -> str:
    """Return a text as words are compared: regardless of case and form of apostrophes."""
    return text.casefold().replace("\u2019", "'")
