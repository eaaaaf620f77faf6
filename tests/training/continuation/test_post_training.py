"""Post-training of a run that continues: what it takes over from the model before."""

import dataclasses

import numpy as np
import pytest

from rnnwords.config import FittedInterpolation
from rnnwords.lm.ngram.kneser_ney import KneserNey
from rnnwords.lm.parts import ngram_model
from rnnwords.lm.spelling import SpellingModel
from rnnwords.model_file import Model
from rnnwords.text.vocabulary_growth import Growth, grown_vocabulary
from rnnwords.training.continuation.base import Base
from rnnwords.training.post_training.interpolation import add_interpolation, in_memory
from rnnwords.training.post_training.spelling import add_spelling
from rnnwords.training.post_training.texts import PostTrainingTexts
from tests.models import random_model, saved, vocabulary_of
from tests.processes import returned
from tests.texts import FABLE_TEXT

ORDER = 2
NEW = "the brave mouse said , who will bell the cat ? the cat had a bell . " * 5
OPENING = "long ago , the mice had a general council . who will bell the cat ? said a wise mouse . "


@pytest.fixture
def base(tmp_path):
    """Return a model with an n-gram and a spelling model, of more words than the new text has."""
    before = vocabulary_of(FABLE_TEXT * 9)
    ngram = KneserNey.train(before.encode(before.tokenize(FABLE_TEXT * 9)), len(before), ORDER, before.eos_id)
    spelling = SpellingModel.train(dict.fromkeys(before.words, 1), ())
    assert spelling is not None
    model = dataclasses.replace(
        random_model(before), interpolation=FittedInterpolation(ORDER, ngram.size), ngram=in_memory(ngram.to_tensors()),
        spelling=in_memory(spelling.to_tensors()),
    )  # fmt: skip
    path = saved(model, tmp_path)
    return Base(path, Model.load(path), "digest")


def continued(base):
    """Return a model for the words of the new text in addition, and the texts of its run."""
    words = base.model.vocabulary.tokenize(NEW)
    counts = {word: words.count(word) for word in words}
    vocabulary = grown_vocabulary(base.model.vocabulary, counts, Growth(1, 1, None), keep_unk=True)
    ids = np.array(vocabulary.encode(words), np.uint16)
    validation = np.array(vocabulary.encode(vocabulary.tokenize(OPENING)))
    texts = PostTrainingTexts(ids, lambda: counts, validation, validation, 3, None, base)
    return random_model(vocabulary), texts


@pytest.mark.parametrize("order", [None, ORDER])
def test_ngram_is_counted_on_both_texts(base, order):
    model, texts = continued(base)
    found = ngram_model(returned(add_interpolation(model, texts, order, None))).kneser_ney
    text = model.vocabulary.encode(model.vocabulary.tokenize(FABLE_TEXT * 9 + NEW))
    expected = KneserNey.train(text, len(model.vocabulary), ORDER)
    assert found.order == ORDER
    assert expected.size - 1 <= found.size <= expected.size + 1  # the border of the texts
    ids = np.array([[one] for one in model.vocabulary.encode(["the", "bell", "brave"])])
    assert np.allclose(found.probabilities(ids), expected.probabilities(ids), atol=0.01)


def test_ngram_of_another_order_is_that_of_the_new_text(base):
    model, texts = continued(base)
    found = ngram_model(returned(add_interpolation(model, texts, 3, None))).kneser_ney
    assert found.size == KneserNey.train(texts.train, len(model.vocabulary), 3).size


def test_the_spelling_model_of_the_longer_text_stays(base):
    model, texts = continued(base)
    found = returned(add_spelling(model, texts)).spelling
    assert {name: one.tobytes() for name, one in found.read().items()} == {
        name: one.tobytes() for name, one in base.model.spelling.read().items()
    }
    short = dataclasses.replace(base, model=dataclasses.replace(base.model, vocabulary=vocabulary_of(FABLE_TEXT)))
    own = returned(add_spelling(model, dataclasses.replace(texts, base=short))).spelling
    assert own.size != found.size
