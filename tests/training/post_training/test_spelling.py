"""The spelling model that post-training adds."""

import dataclasses
from collections import Counter

import numpy as np
import pytest

from rnnwords.errors import CorpusError
from rnnwords.lm.spelling import SpellingModel, spelling_model
from rnnwords.model_file import Model
from rnnwords.training.post_training.run import PostTrainingConfig, add_post_training
from tests.models import chain, saved
from tests.texts import CATS
from tests.training.post_training.post_trained import post_train, texts_of

COUNTS = Counter([*CATS.split(), "zebra", "quagga"])


def texts(counts=lambda: COUNTS):
    return dataclasses.replace(texts_of(np.zeros(9, np.int64), None), word_counts=counts)


def test_words_outside_the_vocabulary_are_counted(tmp_path):
    model = chain(CATS, max_size=9)
    path = saved(model, tmp_path)
    before = path.read_bytes()
    with_spelling, notes = post_train(path, texts())
    expected = SpellingModel.train(COUNTS, model.vocabulary.words)
    found = spelling_model(with_spelling)
    assert expected is not None
    assert found is not None
    assert found.log_probs(["zebra", "gnu"]).tolist() == expected.log_probs(["zebra", "gnu"]).tolist()
    assert notes == []
    content = path.read_bytes()
    assert len(content) > len(before)
    post_train(path, texts(lambda: Counter()))
    assert path.read_bytes() == content  # the model has its result


def test_vocabulary_without_unk_needs_no_spelling(tmp_path):
    with_spelling, _ = post_train(saved(chain(CATS), tmp_path), texts())
    assert with_spelling.spelling is None


def test_changed_text_leaves_a_note_and_the_model(tmp_path):
    def counts():
        raise CorpusError("book.txt: expected the text as it was before training, found another")

    path = saved(chain(CATS, max_size=9), tmp_path)
    model, notes = post_train(path, texts(counts))
    assert model.spelling is None
    assert notes == [
        "no spelling model, so no bits per character: book.txt: expected the text as it was before training, found "
        "another"
    ]


@pytest.mark.parametrize("counts", [Counter(), Counter({"<unk>": 3}), Counter({"gnu": 0})])
def test_text_without_words_has_no_spelling(counts, tmp_path):
    model, _ = post_train(saved(chain(CATS, max_size=9), tmp_path), texts(lambda: counts))
    assert model.spelling is None


def test_equal_texts_give_equal_files(tmp_path):
    paths = [tmp_path / name for name in ("one", "two")]
    for path, counts in zip(paths, (COUNTS, Counter(dict(reversed(COUNTS.items())))), strict=True):
        chain(CATS, max_size=9).save(path)
        list(add_post_training(path, texts(lambda counts=counts: counts), PostTrainingConfig()))
    assert paths[0].read_bytes() == paths[1].read_bytes()
    assert Model.load(paths[0]).spelling is not None
