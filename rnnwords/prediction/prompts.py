"""Prompts as the words that a model can read."""

import re

from rnnwords.errors import UnknownWordError, UsageError
from rnnwords.prediction.choices import OOV_POLICIES
from rnnwords.text.vocabulary import Vocabulary

NAMED = 3  # unknown words that an error names


def last_words(prompt: str, vocabulary: Vocabulary, count: int) -> list[str]:
    """The last `count` words of a prompt, without splitting all of a long one."""
    size = 16 * count  # characters
    while True:
        end = prompt[-size:]
        if len(end) < len(prompt) and (space := re.search(r"\s", end[: size // 2])):
            end = end[space.start() :]  # the word before it may be cut
        words = vocabulary.tokenize(end.encode("utf-8", "replace").decode())  # no lone surrogates
        if len(words) >= count or len(prompt) <= size:
            return words[-count:]
        size *= 4


def encode(words: list[str], vocabulary: Vocabulary, oov: str | None) -> tuple[list[int], list[str]]:
    """Words as ranks, and those that the vocabulary lacks. Follows and raises what `Predictor.encode` says."""
    unk = vocabulary.unk
    if oov is None:
        oov = "skip" if unk is None else "unk"
    if oov not in OOV_POLICIES:
        raise UsageError(f"oov must be one of {', '.join(OOV_POLICIES)}; got {oov!r}")
    unknown = [word for word in words if word not in vocabulary.ranks]
    if not unknown:
        return vocabulary.encode(words), unknown
    if oov == "error":
        named = list(dict.fromkeys(unknown))
        more = f"; {len(named) - NAMED:,} more are unknown" if len(named) > NAMED else ""
        raise UnknownWordError("; ".join(vocabulary.unknown_message(word) for word in named[:NAMED]) + more)
    if oov == "skip":
        words = [word for word in words if word in vocabulary.ranks]
    elif unk is None:
        raise UsageError("this model has no <unk>, since nothing was cut from its vocabulary; use --oov skip or error")
    return vocabulary.encode(words), unknown
