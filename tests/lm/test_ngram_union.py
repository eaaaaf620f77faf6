"""The n-gram model of two texts from those of each."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnwords.errors import UsageError
from rnnwords.lm.ngram.kneser_ney import KneserNey
from rnnwords.lm.ngram.union import united

BOUNDARY = 2
TEXTS = st.lists(st.integers(0, 5), min_size=1, max_size=40)


def tensors(model):
    return {name: tensor.tolist() for name, tensor in model.to_tensors().items()}


@given(TEXTS, TEXTS, st.integers(1, 4))
def test_union_is_the_model_of_both_texts(one, other, order):
    one = [*one, BOUNDARY]
    models = [KneserNey.train(ids, 6, order, BOUNDARY) for ids in (one, other, [*one, *other])]
    assert tensors(united(models[0], models[1], np.arange(6))) == tensors(models[2])


@given(TEXTS, TEXTS, st.permutations(range(6)), st.integers(1, 4))
def test_ids_of_the_first_model_are_mapped(one, other, ids, order):
    one = [*one, BOUNDARY]
    ids = np.array([*(number for number in ids if number != BOUNDARY)][:5])
    ids = np.insert(ids, BOUNDARY, BOUNDARY)  # the sentence end keeps its id here
    mapped = ids[one].tolist()
    models = [KneserNey.train(text, 6, order, BOUNDARY) for text in (one, other, [*mapped, *other])]
    assert tensors(united(models[0], models[1], ids)) == tensors(models[2])


def test_several_words_can_become_one():
    first, second = (KneserNey.train(ids, size, 2, 0) for ids, size in (([1, 2, 1, 3, 0], 4), ([1, 2, 0], 3)))
    expected = KneserNey.train([1, 2, 1, 2, 0, 1, 2, 0], 3, 2, 0)
    assert tensors(united(first, second, np.array([0, 1, 2, 2]))) == tensors(expected)


def test_texts_without_sentence_ends_miss_the_ngrams_across_the_border():
    model = united(KneserNey.train([0, 1], 3, 2), KneserNey.train([2, 1], 3, 2), np.arange(3))
    assert np.allclose(np.exp(model.log_probability([[0], [1], [2]], [1, 2, 1])).round(3)[[0, 2]], 0.889, atol=0.2)
    assert model.size == 3 + 4


def test_models_of_different_orders_are_refused():
    with pytest.raises(UsageError, match="orders 2 and 3"):
        united(KneserNey.train([0, 1], 2, 2), KneserNey.train([0, 1], 2, 3), np.arange(2))
