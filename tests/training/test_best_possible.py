"""The best figures that any predictor with the same context can reach, by a dictionary of contexts."""

import math
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnwords.config import TextConfig
from rnnwords.text.tokens.tokenizer import tokenize
from rnnwords.text.vocabulary import Vocabulary
from rnnwords.training.batches import evaluated_streams
from rnnwords.training.best_possible import LEARNED, BestPossible, best_possible, best_possible_of_streams
from tests.texts import FABLE

IDS = st.lists(st.integers(0, 4), max_size=60) | st.lists(st.sampled_from([0, 1, 65_534]), max_size=60)


def fable() -> "np.ndarray":
    words = tokenize(FABLE.read_text(), TextConfig())
    return np.array(Vocabulary.build(Counter(words), TextConfig()).encode(words), np.uint16)


def by_contexts(pairs: Iterable[tuple[Hashable, int]]) -> BestPossible | None:
    """Return the best possible figures from pairs of a context and its next word."""
    followers: defaultdict[Hashable, Counter[int]] = defaultdict(Counter)
    for context, word in pairs:
        followers[context][word] += 1
    correct, words, loss, probability = 0, 0, 0.0, 0.0
    for found in followers.values():
        correct += max(found.values())
        words += found.total()
        loss -= sum(count * math.log(count / found.total()) for count in found.values())
        probability += sum(count * count / found.total() for count in found.values())
    return BestPossible(correct, words, loss / words, probability / words) if words else None


def windows_of(ids: list[int], window: int) -> Iterable[tuple[Hashable, int]]:
    return ((tuple(ids[at : at + window]), ids[at + window]) for at in range(len(ids) - window))


def assert_equal(found: BestPossible | None, expected: BestPossible | None) -> None:
    if found is None or expected is None:
        assert found is expected
        return
    assert (found.correct, found.words) == (expected.correct, expected.words)
    assert found.loss == pytest.approx(expected.loss, abs=1e-12)
    assert found.probability == pytest.approx(expected.probability)


def test_the_fable_has_two_contexts_with_two_next_words_each():
    best = best_possible(fable(), 3)
    assert best is not None
    assert (best.correct, best.words) == (199, 201)
    assert best.loss == pytest.approx(4 * math.log(2) / 201)
    assert best.probability == pytest.approx(199 / 201)


@given(IDS, st.integers(1, 5))
def test_best_possible_equals_that_of_a_dictionary_of_contexts(ids, window):
    assert_equal(best_possible(np.array(ids, np.uint16), window), by_contexts(windows_of(ids, window)))


def test_best_possible_of_large_ids_does_not_overflow():
    ids = np.random.default_rng(0).integers(999_000, 1_000_000, 5_000).astype(np.uint32)
    assert_equal(best_possible(ids, 10), by_contexts(windows_of(ids.tolist(), 10)))


@given(IDS, st.integers(1, 20))
def test_best_possible_of_streams_equals_that_of_a_dictionary_of_beginnings(ids, copies):
    text = np.array(ids * copies, np.uint16)
    if len(text) < 2:
        assert best_possible_of_streams(text) is None
        return
    rows = evaluated_streams(text).tolist()
    pairs = [(tuple(row[:at]), row[at]) for row in rows for at in range(1, len(row))]
    assert_equal(best_possible_of_streams(text), by_contexts(pairs))


def test_a_stream_of_a_short_text_can_be_learned_without_an_error():
    assert best_possible_of_streams(fable()) == BestPossible(203, 203, 0.0, 1.0)


def test_stages_are_maximum_accuracy_and_then_nearly_the_best_probability():
    best = BestPossible(9, 10, 0.1, 0.9)
    assert best.stage(8, 10, 1.0) == 0
    assert best.stage(9, 9, 1.0) == 0  # an evaluation of a part of the text
    assert best.stage(9, 10, None) == 1  # a run of an earlier version
    assert best.stage(9, 10, 0.9 * LEARNED - 1e-6) == 1
    assert best.stage(9, 10, 0.9 * LEARNED) == 2
    assert LEARNED >= 0.99
