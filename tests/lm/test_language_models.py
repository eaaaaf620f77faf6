"""What every language model promises, whichever it is."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from rnnwords.config import TextConfig
from rnnwords.lm.cache import CacheModel
from rnnwords.lm.interface import LanguageModel
from rnnwords.lm.interpolation import ConstantWeights, InterpolatedModel
from rnnwords.lm.loading import network_model
from rnnwords.lm.ngram.kneser_ney import KneserNey
from rnnwords.lm.ngram.model import NgramModel
from rnnwords.lm.perplexity import perplexity
from rnnwords.lm.state_cache import StateCache
from rnnwords.lm.unigram import UnigramModel, unigram_log_probs
from rnnwords.text.tokens.tokenizer import EOS
from rnnwords.text.vocabulary import Vocabulary
from tests.models import log_probs_after, random_model

VOCABULARY = Vocabulary([f"w{number}" for number in range(9)], [20 - number for number in range(9)], TextConfig())
LINES = Vocabulary([*VOCABULARY.words[:8], EOS], VOCABULARY.counts, TextConfig(eos=True))
TEXT = [1, 2, 3, 1, 2, 4, 8, 1, 2, 3, 5, 8, 0, 6, 7, 1, 2, 3, 8, 4, 4]
IDS = [2, 3, 1, 2, 8, 5, 0, 1, 2, 3]


def ngram(vocabulary=VOCABULARY, order=3):
    return NgramModel(KneserNey.train(TEXT, len(vocabulary), order, vocabulary.eos_id), vocabulary)


def network(vocabulary=VOCABULARY, **settings):
    return network_model(random_model(vocabulary, **settings))


MODELS: dict[str, Callable[[], LanguageModel[Any]]] = {
    "unigram": lambda: UnigramModel(VOCABULARY, unigram_log_probs(VOCABULARY.counts)),
    "n-gram": ngram,
    "n-gram, eos": lambda: ngram(LINES),
    "n-gram of order 1": lambda: ngram(order=1),
    "windows": network,
    "windows, eos": lambda: network(LINES, window=2),
    "windows, less context": lambda: network_model(random_model(VOCABULARY, window=4), context_size=2),
    "stateful": lambda: network(mode="stateful"),
    "stateful, eos": lambda: network(LINES, mode="stateful", cell="gru"),
    "cache over windows": lambda: CacheModel(network(), 4, 0.3, 0.2),
    "cache over stateful": lambda: CacheModel(network(mode="stateful"), 4, 0.3, 0.2),
    "cache over n-gram": lambda: CacheModel(ngram(), 4, 0.3, 0.2),
    "three models": lambda: InterpolatedModel(
        [CacheModel(network(), 4, 0.3, 0.2), ngram(), MODELS["unigram"]()], ConstantWeights((0.5, 0.3, 0.2))
    ),
}


@pytest.fixture(params=MODELS)
def lm(request):
    return MODELS[request.param]()


def test_a_distribution_sums_to_one_after_every_word(lm):
    for end in range(len(IDS) + 1):
        assert np.exp(log_probs_after(lm, IDS[:end]).astype(np.float64)).sum() == pytest.approx(1, abs=1e-5)


def test_advance_each_gives_the_states_of_repeated_advance(lm):
    start = state = lm.initial_state()
    repeated = []
    for token in IDS:
        state = lm.advance(state, (token,))
        repeated.append(state)
    states = lm.advance_each(start, IDS)
    assert len(states) == len(IDS)
    np.testing.assert_allclose(lm.log_probs(states), lm.log_probs(repeated), atol=2e-6)
    np.testing.assert_allclose(
        lm.log_probs([lm.advance(one, (4, 1)) for one in states]),
        [log_probs_after(lm, [*IDS[: end + 1], 4, 1]) for end in range(len(IDS))],
        atol=3e-6,
    )


def test_states_in_a_batch_predict_as_each_alone(lm):
    texts = [IDS[:2], [], IDS[:7], [4], IDS[:7]]
    batch = lm.log_probs([lm.advance(lm.initial_state(), text) for text in texts])
    assert batch.shape == (5, len(lm.vocabulary))
    assert batch.dtype == np.float32
    np.testing.assert_allclose(batch, [log_probs_after(lm, text) for text in texts], atol=3e-6)


def test_only_the_words_of_the_context_count(lm):
    size = lm.context_size
    if size is None:
        assert not np.allclose(log_probs_after(lm, IDS), log_probs_after(lm, IDS[1:]), atol=1e-7)
        return
    last = IDS[len(IDS) - size :]
    np.testing.assert_allclose(log_probs_after(lm, IDS), log_probs_after(lm, [7, 7, *last]), atol=3e-6)
    if size:
        other = [(last[0] + 1) % 8, *last[1:]]
        assert not np.allclose(log_probs_after(lm, IDS), log_probs_after(lm, [7, 7, *other]), atol=1e-7)


def test_add_probs_adds_weighted_probabilities(lm):
    states = [lm.advance(lm.initial_state(), text) for text in (IDS[:3], IDS)]
    out = np.full((2, len(lm.vocabulary)), 0.25, np.float32)
    lm.add_probs(states, np.array([0.5, 2.0]), out)
    expected = 0.25 + np.array([[0.5], [2.0]]) * np.exp(lm.log_probs(states))
    np.testing.assert_allclose(out, expected, atol=1e-6)


def test_log_probs_leave_states_and_later_results_alone(lm):
    state = lm.advance(lm.initial_state(), IDS)
    first = lm.log_probs([state])
    expected = first.copy()
    first[:] = 7
    lm.log_probs([lm.advance(state, (3,))])
    np.testing.assert_array_equal(lm.log_probs([state]), expected)
    np.testing.assert_array_equal(lm.log_probs([lm.advance(state, ())]), expected)


def test_a_cached_state_equals_a_fresh_one(lm):
    cache = StateCache(lm)
    for text in (IDS[:4], IDS[:6], IDS[:6], IDS, [], [1], IDS[:5]):
        np.testing.assert_allclose(lm.log_probs([cache.state(text)])[0], log_probs_after(lm, text), atol=3e-6)


def test_perplexity_is_the_exponential_and_overflows_to_infinity():
    assert perplexity(math.log(50)) == pytest.approx(50)
    assert perplexity(709.0) < math.inf
    assert perplexity(710.0) == math.inf
    assert perplexity(math.inf) == math.inf
