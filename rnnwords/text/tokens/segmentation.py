"""Words of scripts that are written without spaces, by the dictionaries of ICU: Thai, Lao, Khmer and Burmese.

In these scripts a space ends a phrase, as a comma does elsewhere, and no rule tells where. So a space after them is a
token of its own, PHRASE_END.

ICU (International Components for Unicode) implements UAX #29, which leaves these scripts to dictionaries. A run is
segmented as a whole, so the words of a part of it can be others than in the run.
"""

import functools
import re
from collections.abc import Iterable, Iterator
from typing import Any

from rnnwords.errors import MissingDependencyError
from rnnwords.requirements import install_command
from rnnwords.text.tokens.word_patterns import CLUSTER_SCRIPTS, DICTIONARY_SCRIPTS

PHRASE_END = "\u2423"  # open box: a visible space
_ANY = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\uaa60-\uaa7f]")  # a first look, which is fast
_RUN = "[" + "".join(rf"\p{{{script}}}" for script in DICTIONARY_SCRIPTS) + "]"


@functools.cache
def _letters() -> Any:
    import regex

    return regex.compile(rf"{_RUN}[{_RUN}\p{{M}}\u200c\u200d]*+", regex.VERSION1)


@functools.cache
def _phrase_ends(eos: bool) -> Any:
    import regex

    return regex.compile(rf"(?<={_RUN})(?=[^\S\n])" if eos else rf"(?<={_RUN})(?=\s)")


def has_dictionary_script(text: str) -> bool:
    """Return whether a text has a character of a script that is segmented by dictionary."""
    return not text.isascii() and _ANY.search(text) is not None


def mark_phrase_ends(text: str, eos: bool) -> str:
    """Return a text with PHRASE_END before each space after these scripts; before a line end unless that is a token."""
    if not has_dictionary_script(text):
        return text
    return _phrase_ends(eos).sub(PHRASE_END, text)  # type: ignore[no-any-return]


def segmented(tokens: Iterable[str]) -> Iterator[str]:
    """Yield the tokens, with the words of each run of a dictionary script in place of the run."""
    is_run = _letters().fullmatch
    for token in tokens:
        if is_run(token):  # and not a short form with points
            yield from _words(token)
        else:
            yield token


def script_note(words: Iterable[str]) -> str | None:
    """Return a sentence on how words of scripts without spaces are segmented; None if there are none."""
    import regex

    text = " ".join(words)
    if text.isascii():
        return None
    dictionary = [script for script in DICTIONARY_SCRIPTS if regex.search(rf"\p{{{script}}}", text)]
    clusters = [script.replace("_", " ") for script in CLUSTER_SCRIPTS if regex.search(rf"\p{{{script}}}", text)]
    parts = []
    if dictionary:
        parts.append(f"{_listed(dictionary)}: words by the dictionary of ICU, and {PHRASE_END} for a space")
    if clusters:
        parts.append(f"{_listed(clusters)}: one token per character")
    return f"scripts without spaces between words; {'; '.join(parts)}" if parts else None


def _listed(scripts: list[str]) -> str:
    return " and ".join(", ".join(scripts).rsplit(", ", 1))


@functools.lru_cache(maxsize=65_536)
def _words(run: str) -> tuple[str, ...]:
    try:
        from icu4py.breakers import WordBreaker
    except ModuleNotFoundError as error:  # an installation for prediction alone leaves it out
        raise MissingDependencyError(
            "words of Thai, Lao, Khmer and Burmese need icu4py, which is not installed; install it with: "
            f"{install_command('icu4py')}"
        ) from error
    return tuple(WordBreaker(run, "und"))
