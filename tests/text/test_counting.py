"""Counting and encoding: the same result for any number of processes and any chunks, in bounded memory."""

import concurrent.futures
import multiprocessing
import os
import re
import signal
import subprocess
import sys
from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnwords.config import TextConfig
from rnnwords.errors import CorpusError, UnknownWordError, WorkerError
from rnnwords.text import counting, reading
from rnnwords.text.corpus import in_memory
from rnnwords.text.counting import WordCounts, count_words, encode_corpus, id_type, without_tail
from rnnwords.text.reading import Corpus
from rnnwords.text.tokenizer import UNK, tokenize
from rnnwords.text.vocabulary import Vocabulary
from tests.helpers import FABLES, ROOT, texts, write
from tests.processes import killed_at_end

PLAIN = TextConfig()
ENDS = TextConfig(eos=True)


@given(texts, st.integers(4, 60), st.integers(1, 3))
def test_counts_and_ids_are_those_of_the_whole_text(tmp_path_factory, text, size, group):
    path = write(tmp_path_factory.mktemp("counting") / "text", text)
    corpus = Corpus([path])
    whole = "".join(corpus.chunks())
    with pytest.MonkeyPatch.context() as patch:
        longest = max(map(len, re.split(rb"[ \t\n\r\f\v]", path.read_bytes())))
        patch.setattr(reading, "CHUNK", max(size, longest + 1))  # a longer word is cut
        patch.setattr(counting, "REMEMBERED", 2)
        patch.setattr(counting, "GROUP", group)
        for config in (PLAIN, ENDS, TextConfig(lowercase=True), TextConfig(tokenizer="whitespace", eos=True)):
            found = count_words(corpus, config)
            words = tokenize(whole, config)
            assert list(found.counts.items()) == list(Counter(words).items())  # in the same order
            assert found.total == len(words)
            assert found.pruned == 0
            if words:
                made = Vocabulary.build(found.counts, config)
                ids = in_memory(encode_corpus(corpus, made), id_type(len(made)))
                assert made.decode(ids.tolist()) == words


def test_processes_make_no_difference(tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "CHUNK", 4_000)
    monkeypatch.setattr(counting, "GROUP", 2)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1})
    corpus = Corpus([FABLES, write(tmp_path / "other", "a line of other words\n" * 300)])
    told: list[int] = []
    one = count_words(corpus, ENDS, told.append)
    vocabulary = Vocabulary.build(one.counts, ENDS, max_size=500)
    ids = in_memory(encode_corpus(corpus, vocabulary), id_type(len(vocabulary)))
    assert sum(told) == corpus.size
    assert len(told) > 5

    monkeypatch.setattr(counting, "PARALLEL_FROM", 0)
    started = []
    pool = concurrent.futures.ProcessPoolExecutor

    def start(*arguments: Any, **options: Any) -> concurrent.futures.ProcessPoolExecutor:
        started.append(arguments)
        return pool(*arguments, **options)

    monkeypatch.setattr(counting, "ProcessPoolExecutor", start)
    several = count_words(corpus, ENDS, told.append)
    assert list(several.counts.items()) == list(one.counts.items())
    assert several.groups == one.groups
    assert sum(told) == 2 * corpus.size
    again = in_memory(encode_corpus(corpus, vocabulary), id_type(len(vocabulary)))
    assert again.tolist() == ids.tolist()
    assert len(started) == 2
    every = tokenize("".join(corpus.chunks()), ENDS)
    head = len(every) // 3
    without_tail(several, corpus, ENDS, head)
    assert list(several.counts.items()) == list(Counter(every[:head]).items())
    assert len(started) == 3


def test_errors_come_out_of_other_processes(tmp_path, monkeypatch):
    monkeypatch.setattr(counting, "PARALLEL_FROM", 0)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1})
    corpus = Corpus([write(tmp_path / "text", b"one two\n" * 9 + b"three \xff")])
    with pytest.raises(CorpusError, match="line 10, byte 7: 0xff"):
        count_words(corpus, PLAIN)
    vocabulary = Vocabulary(["one"], [9], PLAIN)
    with pytest.raises(UnknownWordError, match="'two' is not among"):
        list(encode_corpus(Corpus([write(tmp_path / "text", "one two")]), vocabulary))


def test_ids_are_ranks_and_unknown_words_are_unk(tmp_path):
    corpus = Corpus([write(tmp_path / "text", "a b a\nc a b")])
    vocabulary = Vocabulary.build(count_words(corpus, ENDS).counts, ENDS, min_count=2)
    assert vocabulary.words == ["a", "b", "<eos>", UNK]
    ids = in_memory(encode_corpus(corpus, vocabulary), id_type(len(vocabulary)))
    assert ids.dtype == np.uint16
    assert ids.tolist() == [0, 1, 0, 2, 3, 0, 1, 2]


@pytest.mark.parametrize(("size", "expected"), [(1, "H"), (65_535, "H"), (65_537, "I"), (1_000_000, "I")])
def test_ids_fit_their_type(size, expected):
    assert id_type(size) == expected
    assert size - 1 <= np.iinfo(np.dtype(id_type(size))).max
    assert np.dtype("I").itemsize == 4


@given(texts, st.integers(0, 60), st.integers(4, 30))
def test_without_a_tail_the_head_alone_is_counted(tmp_path_factory, text, words, size):
    path = write(tmp_path_factory.mktemp("counting") / "text", text)
    corpus = Corpus([path])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reading, "CHUNK", size)
        patch.setattr(counting, "GROUP", 2)
        every = [word for chunk in corpus.chunks() for word in tokenize(chunk, ENDS)]
        found = count_words(corpus, ENDS)
        words = min(words, len(every))
        without_tail(found, corpus, ENDS, words)
    assert list(found.counts.items()) == list(Counter(every[:words]).items())
    assert found.total == words
    assert found.pruned == 0


@given(
    st.lists(st.lists(st.sampled_from("abcdefghijklmnop"), max_size=30), max_size=8),
    st.integers(1, 6),
)
def test_few_words_are_held_and_none_goes_uncounted(blocks, most):
    found = WordCounts()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(counting, "MAX_DISTINCT", most)
        for block in blocks:
            found.add(Counter(block))
            assert len(found.counts) <= most
    every = Counter(word for block in blocks for word in block)
    assert found.counts.total() + found.pruned == found.total == every.total()
    assert all(0 < count <= every[word] for word, count in found.counts.items())
    if len(every) <= most:
        assert found.counts == every
        assert found.pruned == 0


def test_pruning_keeps_frequent_words_and_unk(monkeypatch):
    monkeypatch.setattr(counting, "MAX_DISTINCT", 4)
    found = WordCounts()
    found.add({UNK: 1})
    for number in range(100):
        found.add({"the": 10, "cat": 5, f"rare{number}": 1, f"once{number}": 1})
    assert {word: found.counts[word] for word in ("the", "cat", UNK)} == {"the": 1_000, "cat": 500, UNK: 1}
    assert found.pruned >= 196


def test_pruning_lets_no_more_go_than_it_must(monkeypatch):
    monkeypatch.setattr(counting, "MAX_DISTINCT", 2)
    found = WordCounts()
    found.add({"a": 5, "b": 3, "c": 2, "d": 1})
    assert (dict(found.counts), found.pruned) == ({"a": 5, "b": 3}, 3)


def test_a_pruned_text_has_unk_in_its_vocabulary(tmp_path, monkeypatch):
    monkeypatch.setattr(counting, "MAX_DISTINCT", 3)
    corpus = Corpus([write(tmp_path / "text", "a a a b b " + " ".join(f"w{k}" for k in range(20)))])
    found = count_words(corpus, PLAIN)
    made = Vocabulary.build(found.counts, PLAIN, pruned=found.pruned)
    assert list(zip(made.words, made.counts, strict=True))[:3] == [(UNK, 20), ("a", 3), ("b", 2)]


def test_a_stopped_count_leaves_no_process_behind(monkeypatch, tmp_path):
    monkeypatch.setattr(counting, "PARALLEL_FROM", 0)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1})
    monkeypatch.setattr(reading, "CHUNK", 1_000)

    def stop(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        count_words(Corpus([FABLES]), PLAIN, stop)
    assert multiprocessing.active_children() == []


def test_a_worker_that_is_killed_alone_ends_the_count_with_one_line(monkeypatch, tmp_path):
    monkeypatch.setattr(counting, "PARALLEL_FROM", 0)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1})
    monkeypatch.setattr(reading, "CHUNK", 1_000)
    path = write(tmp_path / "text", "the mice had a general council " * 10_000)

    def kill(_: int) -> None:
        os.kill(multiprocessing.active_children()[0].pid or 0, signal.SIGKILL)

    with pytest.raises(WorkerError, match="ended from outside"):
        count_words(Corpus([path]), PLAIN, kill)
    assert multiprocessing.active_children() == []


WAITING = """
import multiprocessing, os, sys, time
from pathlib import Path
from rnnwords.config import TextConfig
from rnnwords.text import counting, reading

os.sched_getaffinity = lambda _: {0, 1}
counting.PARALLEL_FROM, reading.CHUNK = 0, 1_000

def wait(_):
    print(*(child.pid for child in multiprocessing.active_children()), flush=True)
    time.sleep(600)

counting.count_words(reading.Corpus([Path(sys.argv[1])]), TextConfig(), wait)
"""


def test_a_killed_count_leaves_no_process_behind():
    process = subprocess.Popen(
        [sys.executable, "-c", WAITING, FABLES], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    with killed_at_end(process):
        workers = [int(word) for word in process.stdout.readline().split()]  # type: ignore[union-attr]
        assert workers
        process.kill()
        try:
            process.communicate(timeout=60)  # until nobody has its standard output open, and they would
        except subprocess.TimeoutExpired:
            for worker in workers:
                os.kill(worker, signal.SIGKILL)
            pytest.fail("workers outlived the process that started them")
