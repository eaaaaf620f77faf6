"""The vocabulary of a model that continues on new text: its tokens with the words of that text."""

from collections.abc import Mapping
from dataclasses import dataclass

from rnnwords.text.tokens.tokenizer import UNK
from rnnwords.text.vocabulary import Vocabulary
from rnnwords.text.vocabulary_file import MAX_LENGTH, MAX_TOKENS


@dataclass(frozen=True)
class Growth:
    """Limits of a vocabulary that grows."""

    min_count: int  # occurrences of a new word in the new text
    known_min_count: int  # of a token of the vocabulary before, in both texts together
    max_size: int | None  # tokens, with <unk>


def grown_vocabulary(
    before: Vocabulary, counts: Mapping[str, int], growth: Growth, *, keep_unk: bool = False, pruned: int = 0
) -> Vocabulary:
    """Return the tokens of a vocabulary with the words of a new text, by their counts in both texts together.

    `counts` are those of the new text, in order of first appearance; of equal counts, tokens of the vocabulary come
    first. If there are more than `max_size`, tokens that the new text does not have go first, the rarest of them first,
    then the rarest others. `keep_unk` and `pruned` are those of `Vocabulary.build`; <unk> always stays.
    """
    known = dict(zip(before.words, before.counts, strict=True))
    together = {word: count + counts.get(word, 0) for word, count in known.items()}
    together |= {word: count for word, count in counts.items() if word not in known}
    kept = {word: count for word, count in together.items() if _stays(word, count, word in known, growth)}
    needs_unk = keep_unk or pruned > 0 or len(kept) < len(together)  # <unk> itself is not among the kept
    size = MAX_TOKENS if growth.max_size is None else growth.max_size
    if len(kept) + needs_unk > size:
        order = sorted(kept, key=lambda word: (word not in counts, -kept[word]))
        chosen, needs_unk = set(order[: size - 1]), True
        kept = {word: count for word, count in kept.items() if word in chosen}
    cut = sum(together.values()) - sum(kept.values())
    return Vocabulary.build(kept, before.text, keep_unk=needs_unk, pruned=pruned + cut)


def _stays(word: str, count: int, known: bool, growth: Growth) -> bool:
    least = growth.known_min_count if known else growth.min_count
    return word != UNK and count >= least and len(word) <= MAX_LENGTH
