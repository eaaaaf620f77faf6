"""Interpolation with personal counts: a distribution over the words of the model and those of the user."""

import numpy as np
import pytest

from rnnwords.config import TextConfig
from rnnwords.lm.loading import network_model
from rnnwords.lm.personal import PersonalModel, personal_counts
from tests.models import log_probs_after, log_probs_along, plain_vocabulary, random_model

ENTRIES = {("w1",): 3, ("w1", "zorb"): 2, ("w1", "zorb", "w2"): 2, ("w2", "glim"): 1}


@pytest.fixture(params=["windows", "stateful"])
def mode(request):
    return request.param


def personal(mode, entries=ENTRIES, unk=True, text=None):
    base = network_model(random_model(plain_vocabulary(12, unk=unk, text=text), mode=mode))
    vocabulary = base.vocabulary.extended(["zorb", "glim"])
    return base, PersonalModel(base, vocabulary, personal_counts(entries, vocabulary, len(base.vocabulary)))


def test_probabilities_sum_to_one(mode):
    _, lm = personal(mode)
    for ids in ([], [1], [1, 12], [3, 1, 12], [7, 8, 9, 13]):
        assert np.exp(log_probs_after(lm, ids)).sum() == pytest.approx(1, abs=1e-5)


def test_without_entries_the_probabilities_are_those_of_the_model(mode):
    base, lm = personal(mode, {})
    np.testing.assert_allclose(
        np.exp(log_probs_after(lm, [1, 2]))[:12], np.exp(log_probs_after(base, [1, 2])), atol=1e-6
    )


def test_a_written_continuation_becomes_more_probable(mode):
    base, lm = personal(mode)
    assert log_probs_after(lm, [1, 12])[2] > log_probs_after(base, [1, 11])[2]
    assert log_probs_after(lm, [1])[12] > log_probs_after(lm, [5])[12] > log_probs_after(lm, [5])[13]


def test_states_along_a_text_equal_those_of_its_beginnings(mode):
    for unk in (True, False):
        _, lm = personal(mode, unk=unk)
        ids = [1, 12, 2, 13, 12, 3]
        expected = [log_probs_after(lm, ids[:end]) for end in range(len(ids))]
        np.testing.assert_allclose(log_probs_along(lm, ids), expected, atol=1e-4)


def test_a_line_end_keeps_its_probability():
    vocabulary = plain_vocabulary(12, text=TextConfig(eos=True))
    vocabulary = type(vocabulary)([*vocabulary.words[:11], "<eos>"], vocabulary.counts, vocabulary.text)
    base = network_model(random_model(vocabulary))
    extended = vocabulary.extended(["zorb", "glim"])
    lm = PersonalModel(base, extended, personal_counts(ENTRIES, extended, 12))
    probs = np.exp(log_probs_after(lm, [1, 12]))
    assert probs[11] == pytest.approx(np.exp(log_probs_after(base, [1]))[11], abs=1e-5)
    assert probs.sum() == pytest.approx(1, abs=1e-5)


def test_counts_may_grow_while_a_text_is_generated(mode):
    _, lm = personal(mode)
    state = lm.advance(lm.initial_state(), [1])
    lm.vocabulary = lm.vocabulary.extended(["more"])
    lm.counts.add([1, 14], 5)
    [log_probs] = lm.log_probs([state])
    assert log_probs[14] > log_probs[13]
    assert np.exp(log_probs).sum() == pytest.approx(1, abs=1e-5)
