"""Counting and encoding a corpus: one stream each, on all cores, the same result for any number of them.

The main process cuts the text into blocks; workers decode, split and count (or look up) each block; the results are
taken in the order of the text. So first appearances, and with them ties and ranks, don't depend on who was faster.
"""

import array
import bisect
import contextlib
import dataclasses
import functools
import itertools
import multiprocessing
import os
import signal
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any, TypeVar

from rnnwords.config import TextConfig
from rnnwords.errors import WorkerError
from rnnwords.text.reading import Block, Corpus
from rnnwords.text.tokenizer import UNK, stretches, tokenize
from rnnwords.text.vocabulary import MAX_SYMBOLS, Vocabulary

PARALLEL_FROM = 8 << 20  # bytes of text; below, starting workers costs more than they save
MAX_DISTINCT = 2 * MAX_SYMBOLS  # words counted at a time; beyond, the rarest are let go
REMEMBERED = 500_000  # stretches that a process remembers
_Result = TypeVar("_Result")
GROUP = 8  # blocks that a worker takes at a time
Group = tuple[Block, ...]
Progress = Callable[[int], None]  # told the bytes done since the last call


class WordCounts:
    """Words with their occurrences, in order of first appearance.

    At most MAX_DISTINCT distinct words are held. When more come, words seen once so far are let go (then twice, ...);
    `pruned` counts their occurrences, which <unk> will stand for. Up to that many distinct words counts are exact.
    """

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.pruned = 0
        self.groups: list[int] = []  # words of each group of blocks of the text

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
            kept = {word: count for word, count in self.counts.items() if count > rarest or word == UNK}
            self.pruned += self.counts.total() - sum(kept.values())
            self.counts = Counter(kept)
            rarest += 1

    def take_back(self, counts: dict[str, int]) -> None:
        """Take back counts that were added: what is not among the words held comes off the pruned ones."""
        for word, count in counts.items():
            known = min(count, self.counts[word])
            self.counts[word] -= known
            self.pruned = max(0, self.pruned - (count - known))


def count_words(corpus: Corpus, text: TextConfig, progress: Progress | None = None) -> WordCounts:
    """Count the words of a corpus. Raises CorpusError for what cannot be read."""
    found = WordCounts()
    for counts in _each(_Worker.count, _groups(corpus), corpus.size, (text, corpus.encoding_errors, None), progress):
        found.add(counts)
    return found


def without_tail(found: WordCounts, corpus: Corpus, text: TextConfig, words: int) -> None:
    """Take back the counts of all but the first `words` words of the corpus: held-out text is not counted.

    Only the groups of blocks behind that point are split into words again.
    """
    stops = list(itertools.accumulate(found.groups))
    cut = bisect.bisect_right(stops, words)  # the group of blocks in which the tail begins
    groups = itertools.islice(_groups(corpus), cut, None)
    for group in itertools.islice(groups, 1):
        own = (tokenize(block.decode(corpus.encoding_errors), text) for block in group)
        kept = words - (stops[cut] - found.groups[cut])
        found.take_back(Counter(itertools.islice(itertools.chain.from_iterable(own), kept, None)))
    size = corpus.size * (found.total - words) // max(1, found.total)
    for counts in _each(_Worker.count, groups, size, (text, corpus.encoding_errors, None), None):
        found.take_back(counts)
    found.counts = Counter({word: count for word, count in found.counts.items() if count})
    found.groups = [words]


def encode_corpus(corpus: Corpus, vocabulary: Vocabulary, progress: Progress | None = None) -> Iterator[bytes]:
    """The ids of a corpus as pieces of native `id_type` integers, to be written one after the other.

    Raises UnknownWordError if the corpus has a word that a vocabulary without <unk> lacks.
    """
    arguments = (vocabulary.text, corpus.encoding_errors, vocabulary)
    yield from _each(_Worker.encode, _groups(corpus), corpus.size, arguments, progress)


def id_type(vocabulary_size: int) -> str:
    """`H` (uint16) up to 65,535 symbols, else `I` (uint32)."""
    return "H" if vocabulary_size <= 65_535 else "I"


class _Worker:
    """What one process does with blocks. Most stretches between spaces come again and again ("the", "said,"), so what
    one becomes is worked out once and remembered; the stretches are independent, since no symbol spans a space."""

    def __init__(self, text: TextConfig, errors: str, vocabulary: Vocabulary | None) -> None:
        self.errors, self.text = errors, text
        within = dataclasses.replace(text, eos=False)
        self.words: _Lookup[list[str]] = _Lookup(lambda stretch: tokenize(stretch, within))
        if vocabulary is not None:
            kind = id_type(len(vocabulary))
            self.ids: _Lookup[bytes] = _Lookup(
                lambda stretch: array.array(kind, vocabulary.encode(tokenize(stretch, within))).tobytes()
            )

    def count(self, group: Group) -> dict[str, int]:
        """word -> occurrences, in order of first appearance."""
        met: Counter[str] = Counter()
        for block in group:
            met.update(stretches(block.decode(self.errors), self.text))
        counts: dict[str, int] = {}
        for stretch, times in met.items():
            for word in self.words[stretch]:
                counts[word] = counts.get(word, 0) + times
        return counts

    def encode(self, group: Group) -> bytes:
        """The ids of the group's words, as native integers."""
        texts = (stretches(block.decode(self.errors), self.text) for block in group)
        return b"".join(b"".join(map(self.ids.__getitem__, text)) for text in texts)


class _Lookup(dict[str, _Result]):
    """stretch -> what `function` makes of it; remembers short ones, and forgets all when they become too many."""

    def __init__(self, function: Callable[[str], _Result]) -> None:
        self.function = function

    def __missing__(self, stretch: str) -> _Result:
        result = self.function(stretch)
        if len(stretch) <= 40:
            if len(self) >= REMEMBERED:
                self.clear()
            self[stretch] = result
        return result


_worker: _Worker | None = None  # of a worker process: set once by _set_up


def _set_up(*arguments: Any) -> None:
    global _worker
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the main process ends its workers
    _end_with_parent()
    _worker = _Worker(*arguments)


def _end_with_parent() -> None:
    """End this process as soon as the one that started it is gone: killed, that one can end nobody."""
    parent = multiprocessing.parent_process()

    def watch() -> None:
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=watch, daemon=True, name="rnnwords parent").start()


def _call(task: Callable[[_Worker, Group], _Result], group: Group) -> _Result:
    if _worker is None:
        raise RuntimeError("this process was not set up")
    return task(_worker, group)


def _groups(corpus: Corpus) -> Iterator[Group]:
    """The blocks of the corpus, in order, GROUP at a time: the more text a worker has, the more of it is repetition."""
    blocks = corpus.blocks()
    while group := tuple(itertools.islice(blocks, GROUP)):
        yield group


def _each(
    task: Callable[[_Worker, Group], _Result],
    groups: Iterator[Group],
    size: int,
    arguments: tuple[Any, ...],
    progress: Progress | None,
) -> Iterator[_Result]:
    """`task` of every group of blocks, in order, in this process or, from a `size` of PARALLEL_FROM bytes up, in
    several; `arguments` make the worker that does it. Raises WorkerError if one of those is ended from outside."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with contextlib.ExitStack() as stack:
        if cores == 1 or size < PARALLEL_FROM:
            worker = _Worker(*arguments)
            results: Iterator[tuple[int, _Result]] = ((_size(group), task(worker, group)) for group in groups)
        else:
            context = multiprocessing.get_context("spawn")
            pool = ProcessPoolExecutor(cores, context, initializer=_set_up, initargs=arguments)
            stack.callback(pool.shutdown, wait=True, cancel_futures=True)
            results = _ordered(pool, functools.partial(_call, task), groups, cores + 1)
        try:
            for done, result in results:
                yield result
                if progress:
                    progress(done)
        except BrokenProcessPool:
            raise WorkerError(
                "a process that was reading the text with this one was ended from outside, often for want of memory; "
                "nothing was changed. Close what needs much memory, and run the command again"
            ) from None


def _size(group: Group) -> int:
    return sum(len(block.data) for block in group)


def _ordered(
    pool: ProcessPoolExecutor, function: Callable[[Group], _Result], groups: Iterable[Group], ahead: int
) -> Iterator[tuple[int, _Result]]:
    """Results in the order of the groups, with at most `ahead` of them under way, so that memory stays bounded."""
    waiting: deque[tuple[int, Future[_Result]]] = deque()
    for group in groups:
        waiting.append((_size(group), pool.submit(function, group)))
        if len(waiting) > ahead:
            size, future = waiting.popleft()
            yield size, future.result()
    while waiting:
        size, future = waiting.popleft()
        yield size, future.result()
