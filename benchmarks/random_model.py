"""Models with random weights, which do not influence the time of predictions, and contexts for them."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from rnnwords.config import FittedInterpolation, InterpolationWeights, TextConfig
from rnnwords.lm.interpolation import bin_count
from rnnwords.lm.ngram.kneser_ney import KneserNey
from rnnwords.model_file import Model
from rnnwords.network.config import NetworkConfig
from rnnwords.tensor_file import DeferredTensors
from rnnwords.text.vocabulary import Vocabulary

PROMPT = "had a general"


def letters(number: int) -> str:
    """Return a word for a number."""
    digits = "etaoinshrdlu"
    return digits[number] if number < 12 else letters(number // 12 - 1) + digits[number % 12]


def save(path: Path, size: int, ngram: KneserNey | None = None, **settings: Any) -> Path:
    """Save a model with random weights over `size` tokens, the words of PROMPT among them, and an n-gram model."""
    network = NetworkConfig(vocabulary_size=size, **settings)
    generator = np.random.default_rng(0)
    weights = {
        name: generator.standard_normal(shape, dtype=np.float32) / np.float32(np.sqrt(shape[0]))
        for name, shape in network.shapes().items()
    }
    words = [*PROMPT.split(), "<unk>", ".", ","]
    words += [word for word in map(letters, range(size)) if word not in words][: size - len(words)]
    counts = [1_000_000 // (rank + 1) for rank in range(size)]
    parts: dict[str, Any] = {}
    if ngram:
        tensors = ngram.to_tensors()
        parts["ngram"] = DeferredTensors(sum(one.nbytes for one in tensors.values()), lambda: tensors)
        by_count = InterpolationWeights(network=0.6, by_count=(0.6,) * bin_count(ngram.order))
        parts["interpolation"] = FittedInterpolation(
            ngram_order=ngram.order, ngram_count=ngram.size, validation_words=1_000, with_ngram=by_count
        )
    Model(network, Vocabulary(words, counts, TextConfig()), weights, {}, **parts).save(path)
    return path


def running_ids(size: int, count: int, text: Path | None) -> list[int]:
    """Return the ids of the first words of a text, by frequency rank; all rarer words have the last id."""
    if text is None:
        weights = 1 / np.arange(1, size + 1)
        drawn: list[int] = np.random.default_rng(1).choice(size, count, p=weights / weights.sum()).tolist()
        return drawn
    running = text.read_text(encoding="utf-8", errors="replace").split()
    ranks = {word: rank for rank, (word, _) in enumerate(Counter(running).most_common(size - 1))}
    return [ranks.get(word, size - 1) for word in running[:count]]


def contexts(words: list[str], count: int, text: Path | None) -> list[str]:
    """Return windows of three words of a text, in which our word of the same frequency rank replaces each word."""
    ids = running_ids(len(words), count + 3, text)
    return [" ".join(words[rank] for rank in ids[at : at + 3]) for at in range(min(count, len(ids) - 3))]
