"""How long post-training takes, for a time budget that includes it."""

from rnnwords.network.config import NetworkConfig
from rnnwords.training.post_training import adaptation
from rnnwords.training.post_training.interpolation import MAX_COUNTED, default_order
from rnnwords.training.post_training.texts import MAX_WORDS
from rnnwords.training.settings.machine_speed import seconds_per_operation

# Measured on two cores: counting n-grams, per word and order, and the predictions of both halves.
SECONDS_PER_WORD = 2.5e-6
PASSES = 6  # over the half that chooses: temperature and interpolation weights; over the other: one
OVERHEAD = 4.0  # times the matrix products: softmax, n-gram and fitting


def estimated_seconds(words: int, validation_words: int, network: NetworkConfig) -> float:
    """Return about how long post-training takes on this machine.

    `words` are those of the training text, `validation_words` those of the whole validation text, both halves; 0: there
    is none, and nothing is fitted.
    """
    if not validation_words:
        return 0.0
    half = min(MAX_WORDS, validation_words // 2)
    products = 2 * network.weight_count * half * (PASSES + 1) + adaptation.operations(half, network)
    counting = min(words, MAX_COUNTED) * default_order(words) * SECONDS_PER_WORD
    return counting + OVERHEAD * products * seconds_per_operation()
