"""The vocabulary of a model that continues on new text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnwords.config import TextConfig
from rnnwords.text.tokens.tokenizer import UNK
from rnnwords.text.vocabulary import Vocabulary
from rnnwords.text.vocabulary_growth import Growth, grown_vocabulary

LETTERS = [*"abcdefgh", UNK]
COUNTS = st.dictionaries(st.sampled_from(LETTERS), st.integers(1, 9), min_size=1)
GROWTHS = st.builds(Growth, st.integers(1, 4), st.integers(1, 4), st.none() | st.integers(2, 9))
ALL = Growth(1, 1, None)


def vocabulary(counts, **limits):
    return Vocabulary.build(counts, TextConfig(lowercase=True), **limits)


def as_counts(one):
    return dict(zip(one.words, one.counts, strict=True))


def test_counts_of_both_texts_are_added_and_order_the_ids():
    grown = grown_vocabulary(vocabulary({"the": 5, "cat": 3, "bell": 1}), {"bell": 4, "mouse": 3, "ran": 1}, ALL)
    assert list(zip(grown.words, grown.counts, strict=True)) == [
        ("the", 5), ("bell", 5), ("cat", 3), ("mouse", 3), ("ran", 1),
    ]  # fmt: skip
    assert grown.text.lowercase


def test_without_limits_every_known_word_stays_and_rare_new_words_become_unknown():
    grown = grown_vocabulary(vocabulary({"the": 5, "bell": 1}), {"mouse": 2, "ran": 1}, Growth(2, 1, None))
    assert as_counts(grown) == {"the": 5, "mouse": 2, "bell": 1, UNK: 1}


def test_minimum_count_is_that_of_both_texts_together():
    grown = grown_vocabulary(vocabulary({"the": 5, "bell": 1, "cat": 1}), {"bell": 1}, Growth(2, 2, None))
    assert as_counts(grown) == {"the": 5, "bell": 2, UNK: 1}


def test_words_that_the_new_text_lacks_go_first():
    known = vocabulary({"the": 9, "council": 7, "cat": 3})
    grown = grown_vocabulary(known, {"the": 1, "mouse": 1}, Growth(1, 1, 3))
    assert as_counts(grown) == {"the": 10, UNK: 10, "mouse": 1}


def test_unknown_words_of_both_texts_are_counted():
    known = vocabulary({"the": 9, "cat": 3, "sly": 1}, min_count=2)
    grown = grown_vocabulary(known, {"the": 1, UNK: 2}, ALL, pruned=4)
    assert as_counts(grown) == {"the": 10, UNK: 7, "cat": 3}


@pytest.mark.parametrize("keep_unk", [False, True])
def test_unk_is_only_added_where_it_is_needed(keep_unk):
    grown = grown_vocabulary(vocabulary({"the": 1}), {"cat": 1}, ALL, keep_unk=keep_unk)
    assert (grown.unk_id is not None) == keep_unk


@given(COUNTS, COUNTS, GROWTHS, st.booleans(), st.integers(0, 3))
def test_growth_loses_no_count_and_keeps_limits(before, counts, growth, keep_unk, pruned):
    known = vocabulary(before)
    grown = grown_vocabulary(known, counts, growth, keep_unk=keep_unk, pruned=pruned)
    assert sum(grown.counts) == sum(known.counts) + sum(counts.values()) + pruned
    assert len(grown) <= (growth.max_size or 100)
    assert list(grown.counts) == sorted(grown.counts, reverse=True)
    assert UNK in grown.ids or not (UNK in known.ids or keep_unk or pruned)
    for word, count in as_counts(grown).items():
        if word != UNK:
            assert count == before.get(word, 0) + counts.get(word, 0)
            assert count >= (growth.known_min_count if word in known.ids else growth.min_count)


@given(COUNTS, COUNTS)
def test_growth_without_limits_is_the_vocabulary_of_both_texts(before, counts):
    """The ids of a model that continued are those of one trained on both texts, but for the order of equal counts."""
    together = {word: before.get(word, 0) + counts.get(word, 0) for word in [*before, *counts]}
    assert as_counts(grown_vocabulary(vocabulary(before), counts, ALL)) == as_counts(vocabulary(together))
