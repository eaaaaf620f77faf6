"""Counting and encoding a corpus on all cores, with the same result for any number of cores.

The main process cuts the text into blocks, worker processes decode, split and count (or encode) each block, and the
results are combined in the order of the text. So the order of first appearance, and with it the order of ties among
token ids, does not depend on timing.
"""

import array
import bisect
import contextlib
import dataclasses
import functools
import itertools
import os
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from rnnwords.config import TextConfig
from rnnwords.text.reading.corpus import Block, Corpus, ProgressCallback
from rnnwords.text.tokens.tokenizer import UNK, chunks, tokenize
from rnnwords.text.vocabulary import Vocabulary
from rnnwords.text.vocabulary_file import MAX_TOKENS
from rnnwords.text.workers import map_in_workers

PARALLEL_FROM = 8 << 20  # bytes of text; below, starting workers takes longer than it saves
MAX_DISTINCT = 2 * MAX_TOKENS  # distinct words counted at a time; beyond, the rarest are dropped
MAX_CACHED = 500_000  # chunks whose result a process caches
BLOCKS_PER_GROUP = 8  # a larger group repeats more chunks, so a worker's cache saves more
Group = tuple[Block, ...]
R = TypeVar("R")


class WordCounts:
    """Counts of words, in order of first appearance.

    Counts are exact up to MAX_DISTINCT distinct words. Beyond, words counted once so far are dropped, then those
    counted twice, and so on; the first of them stay where less than half would be left. `pruned` is the total of the
    dropped counts, which becomes part of the count of <unk>.
    """

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.pruned = 0
        self.groups: list[int] = []  # words per group of blocks

    @property
    def total(self) -> int:
        """Words in the text."""
        return sum(self.groups)

    def add(self, counts: dict[str, int]) -> None:
        """Add the counts of the next group of blocks."""
        self.groups.append(sum(counts.values()))
        self.counts.update(counts)
        rarest = 1
        while len(self.counts) > MAX_DISTINCT:
            room = MAX_DISTINCT // 2 - sum(count > rarest for count in self.counts.values())
            rare = itertools.islice((word for word, count in self.counts.items() if count <= rarest), max(0, room))
            stays = {UNK, *rare}
            kept = {word: count for word, count in self.counts.items() if count > rarest or word in stays}
            self.pruned += self.counts.total() - sum(kept.values())
            self.counts = Counter(kept)
            rarest += 1

    def subtract(self, counts: dict[str, int]) -> None:
        """Subtract counts that were added; those of dropped words are subtracted from `pruned`."""
        for word, count in counts.items():
            known = min(count, self.counts[word])
            self.counts[word] -= known
            self.pruned = max(0, self.pruned - (count - known))


def count_words(corpus: Corpus, text: TextConfig, progress: ProgressCallback | None = None) -> WordCounts:
    """Count the words of a corpus. Raises CorpusError for a file that cannot be read or decoded."""
    total = WordCounts()
    arguments = (text, corpus.encoding_errors, None)
    for counts in _map_groups(_BlockTokenizer.count, _groups(corpus), arguments, progress):
        total.add(counts)
    return total


def subtract_tail(total: WordCounts, corpus: Corpus, text: TextConfig, words: int) -> None:
    """Subtract the counts of all but the first `words` words of the corpus: the validation split is not counted.

    Only the groups of blocks after that point are tokenized again.
    """
    stops = list(itertools.accumulate(total.groups))
    cut = bisect.bisect_right(stops, words)  # the group of blocks in which the tail begins
    groups = itertools.islice(_groups(corpus), cut, None)
    for group in itertools.islice(groups, 1):
        group_words = (tokenize(block.decode(corpus.encoding_errors), text) for block in group)
        kept = words - (stops[cut] - total.groups[cut])
        total.subtract(Counter(itertools.islice(itertools.chain.from_iterable(group_words), kept, None)))
    for counts in _map_groups(_BlockTokenizer.count, groups, (text, corpus.encoding_errors, None), None):
        total.subtract(counts)
    total.counts = Counter({word: count for word, count in total.counts.items() if count})
    total.groups = [words]


def count_first_words(corpus: Corpus, text: TextConfig, words: int) -> Counter[str]:
    """Return the counts of all distinct words among the first `words` words of a corpus, as `WordCounts` limits them.

    Raises CorpusError for a file that cannot be read or decoded.
    """
    counts = count_words(corpus, text)
    if words < counts.total:
        subtract_tail(counts, corpus, text, words)
    return counts.counts


def encode_corpus(corpus: Corpus, vocabulary: Vocabulary, progress: ProgressCallback | None = None) -> Iterator[bytes]:
    """Yield the token ids of a corpus in pieces of native `id_type` integers, to be written one after the other.

    Raises UnknownWordError for a word outside a vocabulary without <unk>.
    """
    arguments = (vocabulary.text, corpus.encoding_errors, vocabulary)
    yield from _map_groups(_BlockTokenizer.encode, _groups(corpus), arguments, progress)


def id_type(vocabulary_size: int) -> str:
    """Return the array type code for ids: `H` (uint16) up to 65,535 tokens, else `I` (uint32)."""
    return "H" if vocabulary_size <= 65_535 else "I"


class _BlockTokenizer:
    """Counts or encodes blocks, in one process.

    Most chunks between white space repeat ("the", "said,"), so the result for each is cached. Chunks can be tokenized
    one by one, since no token spans white space.
    """

    def __init__(self, text: TextConfig, encoding_errors: str, vocabulary: Vocabulary | None) -> None:
        self.encoding_errors, self.text = encoding_errors, text
        inner = dataclasses.replace(text, eos=False)
        self.words: _Cache[list[str]] = _Cache(lambda chunk: tokenize(chunk, inner))
        if vocabulary is not None:
            typecode = id_type(len(vocabulary))
            self.ids: _Cache[bytes] = _Cache(
                lambda chunk: array.array(typecode, vocabulary.encode(tokenize(chunk, inner))).tobytes()
            )

    def run(self, task: "Task[R]", group: Group) -> tuple[int, R]:
        """Return the bytes of a group of blocks, and `task` of it."""
        return _size(group), task(self, group)

    def count(self, group: Group) -> dict[str, int]:
        """Return word -> count, in order of first appearance."""
        chunk_counts: Counter[str] = Counter()
        for block in group:
            chunk_counts.update(chunks(block.decode(self.encoding_errors), self.text))
        counts: dict[str, int] = {}
        for chunk, count in chunk_counts.items():
            for word in self.words[chunk]:
                counts[word] = counts.get(word, 0) + count
        return counts

    def encode(self, group: Group) -> bytes:
        """Return the ids of the group's words as native integers."""
        block_chunks = (chunks(block.decode(self.encoding_errors), self.text) for block in group)
        return b"".join(b"".join(map(self.ids.__getitem__, one)) for one in block_chunks)


Task = Callable[[_BlockTokenizer, Group], R]


class _Cache(dict[str, R]):
    """Chunk -> result of `function`, cached for short chunks; emptied when it holds MAX_CACHED of them."""

    def __init__(self, function: Callable[[str], R]) -> None:
        self.function = function

    def __missing__(self, chunk: str) -> R:
        result = self.function(chunk)
        if len(chunk) <= 40:
            if len(self) >= MAX_CACHED:
                self.clear()
            self[chunk] = result
        return result


def _groups(corpus: Corpus) -> Iterator[Group]:
    """Yield the blocks of the corpus in order, in groups."""
    blocks = corpus.blocks()
    while group := tuple(itertools.islice(blocks, BLOCKS_PER_GROUP)):
        yield group


def _map_groups(
    task: Task[R], groups: Iterator[Group], arguments: tuple[Any, ...], progress: ProgressCallback | None
) -> Iterator[R]:
    """Yield `task` of each group, in order: in this process or, from PARALLEL_FROM bytes, in several.

    `arguments` are those of _BlockTokenizer. Raises WorkerError if a worker process is killed.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    parallel, groups = (False, groups) if cores == 1 else _is_long(groups)
    make = functools.partial(_function_of_groups, task)
    with contextlib.closing(map_in_workers(make, arguments, groups, cores if parallel else 0)) as results:
        for done, result in results:
            yield result
            if progress:
                progress(done)


def _is_long(groups: Iterator[Group]) -> tuple[bool, Iterator[Group]]:
    """Return whether a text has PARALLEL_FROM bytes or more, also if its files are compressed, and its groups."""
    first: list[Group] = []
    while sum(map(_size, first)) < PARALLEL_FROM:
        if (group := next(groups, None)) is None:
            return False, iter(first)
        first.append(group)
    return True, itertools.chain(first, groups)


def _size(group: Group) -> int:
    return sum(len(block.data) for block in group)


def _function_of_groups(task: Task[R], *arguments: Any) -> Callable[[Group], tuple[int, R]]:
    """Return a function from a group of blocks to its bytes and `task` of it."""
    return functools.partial(_BlockTokenizer(*arguments).run, task)
