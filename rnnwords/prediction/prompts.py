"""Prompts as token ids: their last words, and the one policy for words outside the vocabulary."""

import re

from rnnwords.config import OOV_POLICIES, shown
from rnnwords.errors import UnknownWordError, UsageError
from rnnwords.text.vocabulary import Vocabulary

MAX_NAMED = 3  # unknown words that an error names


def last_words(prompt: str, vocabulary: Vocabulary, count: int) -> list[str]:
    """Return the last `count` words of a prompt, without tokenizing all of a long one."""
    size = 16 * count  # characters
    while True:
        end = prompt[-size:]
        if len(end) < len(prompt) and (space := re.search(r"\s", end[: size // 2])):
            end = end[space.start() :]  # the word before it may be cut
        words = vocabulary.tokenize(end.encode("utf-8", "replace").decode())  # no lone surrogates
        if len(words) >= count or len(prompt) <= size:
            return words[-count:]
        size *= 4


def unknown_words(words: list[str], vocabulary: Vocabulary) -> list[str]:
    """Return the words outside the vocabulary, in order."""
    return [word for word in words if word not in vocabulary.ids]


def resolve_oov(oov: str | None, vocabulary: Vocabulary, *, strict: bool = False) -> str:
    """Return the policy for out-of-vocabulary words: `oov` if given, else `unk`.

    A model without <unk> skips them by default or, where one prompt is typed by hand (`strict`), refuses them. Raises
    UsageError for an unknown policy, and for `unk` without <unk>.
    """
    if oov is None:
        return "unk" if vocabulary.unk_id is not None else "error" if strict else "skip"
    if oov not in OOV_POLICIES:
        raise UsageError(f"`oov`: expected one of {', '.join(OOV_POLICIES)}, found {shown(oov)}")
    if oov == "unk" and vocabulary.unk_id is None:
        raise UsageError("`oov`: expected skip or error, found unk; the vocabulary of this model has no <unk>")
    return oov


def encode(words: list[str], vocabulary: Vocabulary, oov: str | None = None) -> tuple[list[int], list[str]]:
    """Return words as token ids, and the unknown ones by the policy `oov` (see `resolve_oov`).

    Raises UnknownWordError, which names up to three words and similar ones, by the policy `error`; UsageError for `unk`
    without <unk>, if there is an unknown word.
    """
    unknown = unknown_words(words, vocabulary)
    policy = resolve_oov(oov, vocabulary) if unknown or oov not in OOV_POLICIES else "unk"
    if unknown and policy == "error":
        distinct = list(dict.fromkeys(unknown))
        more = f"; {len(distinct) - MAX_NAMED:,} more are unknown" if len(distinct) > MAX_NAMED else ""
        raise UnknownWordError("; ".join(vocabulary.unknown_message(word) for word in distinct[:MAX_NAMED]) + more)
    if policy == "skip":
        words = [word for word in words if word in vocabulary.ids]
    return vocabulary.encode(words), unknown
