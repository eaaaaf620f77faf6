"""The weights of a network whose vocabulary changes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnwords.config import TextConfig
from rnnwords.lm.loading import network_model
from rnnwords.model_file import Model
from rnnwords.network.config import RNN_CELLS, NetworkConfig
from rnnwords.text.tokens.tokenizer import UNK
from rnnwords.text.vocabulary import Vocabulary
from rnnwords.text.vocabulary_growth import Growth, grown_vocabulary
from rnnwords.training.continuation.grown_weights import grown_weights, source_ids
from tests.models import log_probs_after, random_model

BEFORE = Vocabulary(["the", "cat", UNK, "sly", "bell"], [9, 5, 4, 2, 1], TextConfig())
NEW = {"mouse": 6, "cat": 1, "council": 2}
NETWORKS = [
    {"tie": True, "embedding": 8}, {"tie": True, "embedding": 6}, {"input": "one-hot"},
    {"input": "one-hot", "layers": 1},
    *({"cell": cell, "mode": mode} for cell in RNN_CELLS for mode in ("windows", "stateful")),
]  # fmt: skip


def grown(model, counts=None, growth=None, seed=0):
    """Return a model for the words of a new text in addition."""
    counts = counts or NEW
    vocabulary = grown_vocabulary(model.vocabulary, counts, growth or Growth(1, 1, None))
    words = sum(counts.values())
    weights = grown_weights(model.network, model.weights, model.vocabulary, vocabulary, words, seed)
    network = NetworkConfig(**{**model.network.__dict__, "vocabulary_size": len(vocabulary)})
    return Model(network, vocabulary, weights, {})


def rows(model, name, word):
    """Return the row of a word in a weight."""
    axis = 1 if name == "output/kernel" else 0
    return np.moveaxis(model.weights[name], axis, 0)[model.vocabulary.ids[word]]


def by_token(model):
    """Return the names of weights with a row per token."""
    first = [f"{model.network.cell}_1/kernel"] if model.network.input == "one-hot" else ["embedding/embeddings"]
    return [*first, "output/bias", *(["output/kernel"] if not model.network.tie else [])]


@pytest.mark.parametrize("settings", NETWORKS)
def test_words_that_stay_keep_their_weights_bit_for_bit(settings):
    before = random_model(BEFORE, **settings)
    after = grown(before)
    assert set(after.weights) == set(after.network.shapes())
    for name, shape in after.network.shapes().items():
        assert after.weights[name].shape == shape
        assert after.weights[name].dtype == np.float32
        if name not in by_token(before):
            assert np.array_equal(after.weights[name], before.weights[name])
    for name in by_token(before):
        for word in BEFORE.words:
            assert np.array_equal(rows(after, name, word), rows(before, name, word))


@pytest.mark.parametrize("settings", NETWORKS)
def test_known_words_keep_the_ratios_of_their_probabilities_and_new_words_share_that_of_unk(settings):
    before = random_model(BEFORE, **settings)
    after = grown(before)
    context = ["the", "bell", "cat"]
    old = log_probs_after(network_model(before), before.vocabulary.encode(context))
    new = log_probs_after(network_model(after), after.vocabulary.encode(context))
    unk = before.vocabulary.unk_id
    of_known = [new[after.vocabulary.ids[word]] - old[number] for number, word in enumerate(BEFORE.words)]
    assert np.allclose(of_known, of_known[0], atol=1e-4)
    for word in ("mouse", "council"):
        expected = old[unk] + np.log(NEW[word] / sum(NEW.values()) / (4 / 21)) + of_known[0]
        assert new[after.vocabulary.ids[word]] == pytest.approx(expected, abs=0.5)  # the noise


def test_new_words_have_different_rows_which_the_seed_decides():
    before = random_model(BEFORE)
    one, same, other = grown(before), grown(before), grown(before, seed=1)
    for name in ("embedding/embeddings", "output/kernel"):
        assert not np.array_equal(rows(one, name, "mouse"), rows(one, name, "council"))
        assert np.array_equal(one.weights[name], same.weights[name])
        assert not np.array_equal(one.weights[name], other.weights[name])


def test_words_that_are_cut_lose_their_rows():
    after = grown(random_model(BEFORE), growth=Growth(1, 1, 4))
    assert set(after.vocabulary.words) == {"mouse", "cat", "council", UNK}
    assert after.weights["embedding/embeddings"].shape == (4, 6)


def test_new_words_of_a_model_without_unk_start_as_the_rarest_words():
    vocabulary = Vocabulary(["the", "cat", "bell", "sly"], [9, 5, 1, 1], TextConfig())
    before = random_model(vocabulary)
    assert source_ids(vocabulary).tolist() == [2, 3]
    after = grown(before)
    mean = before.weights["embedding/embeddings"][2:].mean(axis=0)
    assert np.abs(rows(after, "embedding/embeddings", "mouse") - mean).max() < 0.3


def test_unk_that_was_never_read_is_no_start():
    assert source_ids(Vocabulary(["the", "bell", UNK], [9, 1, 0], TextConfig())).tolist() == [1]


@pytest.mark.parametrize("words", [["the"], [UNK], ["the", UNK]])
def test_weights_stay_finite_for_vocabularies_without_counts(words):
    before = random_model(Vocabulary(words, [0] * len(words), TextConfig()))
    assert all(np.isfinite(weight).all() for weight in grown(before).weights.values())


@given(
    st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 9), min_size=1),
    st.dictionaries(st.sampled_from("defghij"), st.integers(1, 9), min_size=1),
    st.sampled_from([{}, {"tie": True}, {"input": "one-hot"}]), st.none() | st.integers(3, 9), st.integers(1, 3),
)  # fmt: skip
def test_any_vocabulary_can_grow(before, counts, settings, max_size, min_count):
    model = random_model(Vocabulary.build(before, TextConfig()), units=4, embedding=4, layers=1, **settings)
    after = grown(model, counts, Growth(min_count, min_count, max_size))
    assert {name: weight.shape for name, weight in after.weights.items()} == after.network.shapes()
    for name in by_token(model):
        for word in set(before) & set(after.vocabulary.words):
            assert np.array_equal(rows(after, name, word), rows(model, name, word))
