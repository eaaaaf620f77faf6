"""Counting and encoding a corpus: one stream each, on all cores, the same result for any number of them.

The main process cuts the text into blocks; workers decode, split and count (or look up) each block; the results are
taken in the order of the text. So first appearances, and with them ties and ranks, don't depend on who was faster.
"""

import array
import contextlib
import functools
import multiprocessing
import os
import signal
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from typing import TypeVar

from rnnwords.config import TextConfig
from rnnwords.text.reading import Block, Corpus
from rnnwords.text.tokenizer import UNK, tokenize
from rnnwords.text.vocabulary import MAX_SYMBOLS, Vocabulary

PARALLEL_FROM = 8 << 20  # bytes of text; below, starting workers costs more than they save
MAX_DISTINCT = 2 * MAX_SYMBOLS  # words counted at a time; beyond, the rarest are let go
_Result = TypeVar("_Result")
Progress = Callable[[int], None]  # told the bytes done since the last call


class WordCounts:
    """Words with their occurrences, in order of first appearance.

    At most MAX_DISTINCT distinct words are held. When more come, words seen once so far are let go (then twice, ...);
    `pruned` counts their occurrences, which <unk> will stand for. Up to that many distinct words counts are exact.
    """

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.pruned = 0
        self.blocks: list[int] = []  # words of each block of the text

    @property
    def total(self) -> int:
        """Words in the text."""
        return sum(self.blocks)

    def add(self, counts: dict[str, int]) -> None:
        """Add the counts of the next block of text."""
        self.blocks.append(sum(counts.values()))
        self.counts.update(counts)
        rarest = 1
        while len(self.counts) > MAX_DISTINCT:
            kept = {word: count for word, count in self.counts.items() if count > rarest or word == UNK}
            self.pruned += self.counts.total() - sum(kept.values())
            self.counts = Counter(kept)
            rarest += 1


def count_words(corpus: Corpus, text: TextConfig, progress: Progress | None = None) -> WordCounts:
    """Count the words of a corpus. Raises CorpusError for what cannot be read."""
    found = WordCounts()
    for counts in _each(functools.partial(_count_block, text, corpus.encoding_errors), corpus, None, progress):
        found.add(counts)
    return found


def without_tail(found: WordCounts, corpus: Corpus, text: TextConfig, words: int) -> None:
    """Take back the counts of all but the first `words` words of the corpus: held-out text is not counted.

    Only the blocks behind that point are split into words again.
    """
    stop = 0
    for block, size in zip(corpus.blocks(), found.blocks, strict=True):
        stop += size
        if stop > words:
            tail = tokenize(block.decode(corpus.encoding_errors), text)[max(0, words - (stop - size)) :]
            for word, count in Counter(tail).items():
                known = min(count, found.counts[word])
                found.counts[word] -= known
                found.pruned = max(0, found.pruned - (count - known))
    found.counts = Counter({word: count for word, count in found.counts.items() if count})
    found.blocks = [words]


def encode_corpus(corpus: Corpus, vocabulary: Vocabulary, progress: Progress | None = None) -> Iterator[bytes]:
    """The ids of a corpus as pieces of native `id_type` integers, to be written one after the other.

    Raises UnknownWordError if the corpus has a word that a vocabulary without <unk> lacks.
    """
    yield from _each(functools.partial(_encode_block, corpus.encoding_errors), corpus, vocabulary, progress)


def id_type(vocabulary_size: int) -> str:
    """`H` (uint16) up to 65,535 symbols, else `I` (uint32)."""
    return "H" if vocabulary_size <= 65_535 else "I"


def _count_block(text: TextConfig, errors: str, block: Block) -> dict[str, int]:
    return dict(Counter(tokenize(block.decode(errors), text)))


_vocabulary: Vocabulary | None = None  # of this process: set once by _set_up, read by _encode_block


def _encode_block(errors: str, block: Block) -> bytes:
    if _vocabulary is None:
        raise RuntimeError("no vocabulary was set up in this process")
    words = _vocabulary.tokenize(block.decode(errors))
    return array.array(id_type(len(_vocabulary)), _vocabulary.encode(words)).tobytes()


def _set_up(vocabulary: Vocabulary | None, worker: bool) -> None:
    global _vocabulary
    _vocabulary = vocabulary
    if worker:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the main process ends its workers


def _each(
    function: Callable[[Block], _Result], corpus: Corpus, vocabulary: Vocabulary | None, progress: Progress | None
) -> Iterator[_Result]:
    """`function` of every block of the corpus, in order, in this process or, for large texts, in several."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with contextlib.ExitStack() as stack:
        if cores == 1 or corpus.size < PARALLEL_FROM:
            _set_up(vocabulary, worker=False)
            results: Iterator[tuple[int, _Result]] = ((len(block.data), function(block)) for block in corpus.blocks())
        else:
            pool = ProcessPoolExecutor(
                cores, multiprocessing.get_context("spawn"), initializer=_set_up, initargs=(vocabulary, True)
            )
            stack.callback(pool.shutdown, wait=True, cancel_futures=True)
            results = _ordered(pool, function, corpus.blocks(), 2 * cores)
        for size, result in results:
            yield result
            if progress:
                progress(size)


def _ordered(
    pool: ProcessPoolExecutor, function: Callable[[Block], _Result], items: Iterable[Block], ahead: int
) -> Iterator[tuple[int, _Result]]:
    """Results in the order of the items, with at most `ahead` of them under way, so that memory stays bounded."""
    waiting: deque[tuple[int, Future[_Result]]] = deque()
    for item in items:
        waiting.append((len(item.data), pool.submit(function, item)))
        if len(waiting) > ahead:
            size, future = waiting.popleft()
            yield size, future.result()
    while waiting:
        size, future = waiting.popleft()
        yield size, future.result()
