"""Counting and encoding: equal results for any number of processes and any blocks, in bounded memory."""

import gzip
import re
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnwords.config import TextConfig
from rnnwords.errors import CorpusError, UnknownWordError
from rnnwords.text import counting, workers
from rnnwords.text.counting import WordCounts, count_words, encode_corpus, id_type, subtract_tail
from rnnwords.text.encoded import in_memory
from rnnwords.text.reading import corpus as corpus_module
from rnnwords.text.reading.corpus import Corpus
from rnnwords.text.tokens.tokenizer import UNK, tokenize
from rnnwords.text.vocabulary import Vocabulary
from tests.texts import FABLES, file_texts, write

PLAIN = TextConfig()
ENDS = TextConfig(eos=True)


def counted(monkeypatch: pytest.MonkeyPatch) -> list[workers._Worker]:
    """Return the list of the worker processes that are started from now on."""
    started = []
    start = workers._Worker

    def worker() -> workers._Worker:
        started.append(start())
        return started[-1]

    monkeypatch.setattr(workers, "_Worker", worker)
    return started


@given(file_texts, st.integers(4, 60), st.integers(1, 3))
def test_counts_and_ids_equal_those_of_the_undivided_text(tmp_path_factory, text, size, group):
    path = write(tmp_path_factory.mktemp("counting") / "text", text)
    corpus = Corpus([path])
    whole = "".join(corpus.texts())
    with pytest.MonkeyPatch.context() as patch:
        longest = max(map(len, re.split(rb"[ \t\n\r\f\v]", path.read_bytes())))
        patch.setattr(corpus_module, "BLOCK_SIZE", max(size, longest + 1))  # a longer word would be cut
        patch.setattr(counting, "MAX_CACHED", 2)
        patch.setattr(counting, "BLOCKS_PER_GROUP", group)
        for config in (PLAIN, ENDS, TextConfig(lowercase=True), TextConfig(tokenizer="whitespace", eos=True)):
            total = count_words(corpus, config)
            words = tokenize(whole, config)
            assert list(total.counts.items()) == list(Counter(words).items())  # in the same order
            assert total.total == len(words)
            assert total.pruned == 0
            if words:
                made = Vocabulary.build(total.counts, config)
                ids = in_memory(encode_corpus(corpus, made), id_type(len(made)))
                assert made.decode(ids.tolist()) == words


def test_several_processes_give_the_result_of_one(tmp_path, monkeypatch):
    monkeypatch.setattr(corpus_module, "BLOCK_SIZE", 4_000)
    monkeypatch.setattr(counting, "BLOCKS_PER_GROUP", 2)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1})
    corpus = Corpus([FABLES, write(tmp_path / "other", "a line of other words\n" * 300)])
    progress: list[int] = []
    one = count_words(corpus, ENDS, progress.append)
    vocabulary = Vocabulary.build(one.counts, ENDS, max_size=500)
    ids = in_memory(encode_corpus(corpus, vocabulary), id_type(len(vocabulary)))
    assert sum(progress) == corpus.size
    assert len(progress) > 5

    monkeypatch.setattr(counting, "PARALLEL_FROM", 0)
    started = counted(monkeypatch)
    several = count_words(corpus, ENDS, progress.append)
    assert list(several.counts.items()) == list(one.counts.items())
    assert several.groups == one.groups
    assert sum(progress) == 2 * corpus.size
    again = in_memory(encode_corpus(corpus, vocabulary), id_type(len(vocabulary)))
    assert again.tolist() == ids.tolist()
    assert len(started) == 4
    every = tokenize("".join(corpus.texts()), ENDS)
    head = len(every) // 3
    subtract_tail(several, corpus, ENDS, head)
    assert list(several.counts.items()) == list(Counter(every[:head]).items())
    assert len(started) == 6


def test_errors_in_workers_reach_the_caller(tmp_path, monkeypatch):
    monkeypatch.setattr(counting, "PARALLEL_FROM", 0)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1})
    corpus = Corpus([write(tmp_path / "text", b"one two\n" * 9 + b"three \xff")])
    with pytest.raises(CorpusError, match="line 10, byte 7: expected UTF-8, found 0xff"):
        count_words(corpus, PLAIN)
    vocabulary = Vocabulary(["one"], [9], PLAIN)
    with pytest.raises(UnknownWordError, match="'two' is not in"):
        list(encode_corpus(Corpus([write(tmp_path / "text", "one two")]), vocabulary))


def test_unknown_words_are_encoded_as_unk(tmp_path):
    corpus = Corpus([write(tmp_path / "text", "a b a\nc a b")])
    vocabulary = Vocabulary.build(count_words(corpus, ENDS).counts, ENDS, min_count=2)
    assert vocabulary.words == ["a", "b", "<eos>", UNK]
    ids = in_memory(encode_corpus(corpus, vocabulary), id_type(len(vocabulary)))
    assert ids.dtype == np.uint16
    assert ids.tolist() == [0, 1, 0, 2, 3, 0, 1, 2]


@pytest.mark.parametrize(("size", "expected"), [(1, "H"), (65_535, "H"), (65_537, "I"), (1_000_000, "I")])
def test_id_type_holds_the_largest_id(size, expected):
    assert id_type(size) == expected
    assert size - 1 <= np.iinfo(np.dtype(id_type(size))).max
    assert np.dtype("I").itemsize == 4


@given(file_texts, st.integers(0, 60), st.integers(4, 30))
def test_subtracting_the_tail_leaves_the_counts_of_the_head(tmp_path_factory, text, words, size):
    path = write(tmp_path_factory.mktemp("counting") / "text", text)
    corpus = Corpus([path])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(corpus_module, "BLOCK_SIZE", size)
        patch.setattr(counting, "BLOCKS_PER_GROUP", 2)
        every = [word for chunk in corpus.texts() for word in tokenize(chunk, ENDS)]
        total = count_words(corpus, ENDS)
        words = min(words, len(every))
        subtract_tail(total, corpus, ENDS, words)
    assert list(total.counts.items()) == list(Counter(every[:words]).items())
    assert total.total == words
    assert total.pruned == 0


@given(
    st.lists(st.lists(st.sampled_from("abcdefghijklmnop"), max_size=30), max_size=8),
    st.integers(1, 6),
)
def test_pruned_counts_keep_the_total_within_the_limit(blocks, most):
    total = WordCounts()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(counting, "MAX_DISTINCT", most)
        for block in blocks:
            total.add(Counter(block))
            assert len(total.counts) <= most
    every = Counter(word for block in blocks for word in block)
    assert total.counts.total() + total.pruned == total.total == every.total()
    assert all(0 < count <= every[word] for word, count in total.counts.items())
    if len(every) <= most:
        assert total.counts == every
        assert total.pruned == 0


def test_pruning_keeps_frequent_words_and_unk(monkeypatch):
    monkeypatch.setattr(counting, "MAX_DISTINCT", 4)
    total = WordCounts()
    total.add({UNK: 1})
    for number in range(100):
        total.add({"the": 10, "cat": 5, f"rare{number}": 1, f"once{number}": 1})
    assert {word: total.counts[word] for word in ("the", "cat", UNK)} == {"the": 1_000, "cat": 500, UNK: 1}
    assert total.pruned >= 196


def test_pruning_keeps_the_most_frequent_words(monkeypatch):
    monkeypatch.setattr(counting, "MAX_DISTINCT", 2)
    total = WordCounts()
    total.add({"a": 5, "b": 3, "c": 2, "d": 1})
    assert (dict(total.counts), total.pruned) == ({"a": 5, "b": 3}, 3)


def test_vocabulary_of_a_pruned_count_contains_unk(tmp_path, monkeypatch):
    monkeypatch.setattr(counting, "MAX_DISTINCT", 3)
    corpus = Corpus([write(tmp_path / "text", "a a a b b " + " ".join(f"w{k}" for k in range(20)))])
    total = count_words(corpus, PLAIN)
    made = Vocabulary.build(total.counts, PLAIN, pruned=total.pruned)
    assert list(zip(made.words, made.counts, strict=True))[:3] == [(UNK, 20), ("a", 3), ("b", 2)]


def test_a_compressed_text_is_counted_in_several_processes_by_its_uncompressed_size(tmp_path, monkeypatch):
    monkeypatch.setattr(counting, "PARALLEL_FROM", 1_000_000)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1})
    started = counted(monkeypatch)
    path = write(tmp_path / "text.gz", gzip.compress(b"the cat sat\n" * 100_000))
    assert path.stat().st_size < 10_000
    assert count_words(Corpus([path]), PLAIN).counts == {"the": 100_000, "cat": 100_000, "sat": 100_000}
    assert len(started) == 2
