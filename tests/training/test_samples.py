"""Samples in the reports of a training run show no <unk>, as `generate` writes none."""

import numpy as np
import pytest

from rnnwords.network.config import NetworkConfig
from rnnwords.training.settings.config import TrainingConfig
from rnnwords.training.task import TextTask, frequency_biases
from tests.models import small_weights, vocabulary_of

TEXT = "rare1 the cat sat on the mat rare2 rare3 rare4 rare5 rare6 the cat on the mat sat " + " ".join(
    f"rare{number}" for number in range(7, 90)
)


@pytest.mark.parametrize("style", ["word", "tutorial", "text"])
@pytest.mark.parametrize("mode", ["windows", "stateful"])
def test_samples_show_no_unk_although_it_is_the_most_probable_word(style, mode):
    vocabulary = vocabulary_of(TEXT, min_count=2)
    ids = np.array(vocabulary.encode(vocabulary.tokenize(TEXT)))
    network = NetworkConfig(len(vocabulary), mode, 3, "simple", 1, 6, embedding=5)
    weights = small_weights(network) | frequency_biases(network, vocabulary.counts)
    task = TextTask.__new__(TextTask)
    task.vocabulary, task.network, task.train = vocabulary, network, ids
    task.training = TrainingConfig(seed=1, sample=style)
    assert vocabulary.words[0] == "<unk>"
    for seed in range(20):
        sample = task.sample(weights, np.random.default_rng(seed))
        assert "<unk>" not in sample
        assert sample


def test_a_text_of_rare_words_has_samples_all_the_same():
    text = " ".join(f"rare{number} x" for number in range(50))
    vocabulary = vocabulary_of(text, min_count=2)
    network = NetworkConfig(len(vocabulary), "windows", 3, "simple", 1, 6, embedding=5)
    task = TextTask.__new__(TextTask)
    task.vocabulary, task.network = vocabulary, network
    task.train = np.array(vocabulary.encode(vocabulary.tokenize(text)))
    task.training = TrainingConfig(seed=1)
    assert " -> x (" in task.sample(small_weights(network), np.random.default_rng(0))
