"""What the exporters of the network share: the ids that it reads for a context, and the description in each file."""

import json
from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from rnnwords.lm.interface import Floats
from rnnwords.network.config import NetworkConfig
from rnnwords.prediction.predictor import Predictor
from rnnwords.version import __version__

STATES = {"lstm": ("hidden", "cell"), "gru": ("hidden",), "simple": ("hidden",)}  # names of the parts of a state
Group = Callable[[NDArray[np.int64]], Floats]  # (B, T) ids -> (B, V) probabilities after the last


def first_ids(predictor: Predictor) -> list[int]:
    """Return the ids before the first word of a text: <eos> where line ends are tokens."""
    eos = predictor.vocabulary.eos_id
    return [] if eos is None else [eos]


def description(predictor: Predictor) -> tuple[str, str]:
    """Return what a reader of an exported file needs besides the network: the vocabulary, and settings as JSON.

    The vocabulary has a token per line, in the order of the ids. The settings are those of the text (how it becomes
    tokens) and of the network, the ids before the first word of a text, the id of <unk>, and the program's version.
    """
    settings = {
        "program": f"rnnwords {__version__}", "first_ids": first_ids(predictor), "unk_id": predictor.vocabulary.unk_id,
        "text": predictor.vocabulary.text.to_json(), "network": predictor.model.network.to_json(),
    }  # fmt: skip
    return "\n".join(predictor.vocabulary.words), json.dumps(settings)


def zero_state(config: NetworkConfig, batch: int) -> dict[str, Floats]:
    """Return the state before the first id: zeros (layers, B, H) for each of its parts."""
    return {name: np.zeros((config.layers, batch, config.units), np.float32) for name in STATES[config.cell]}


def by_length(contexts: Iterable[Sequence[int]], first: Sequence[int], read: Group) -> Floats:
    """Return (N, V) probabilities after each context; contexts of the same length are read together by `read`."""
    groups: dict[int, list[int]] = {}
    whole = [[*first, *context] for context in contexts]
    for row, context in enumerate(whole):
        groups.setdefault(len(context), []).append(row)
    parts = {length: read(np.array([whole[row] for row in rows], np.int64)) for length, rows in groups.items()}
    order = np.argsort(np.concatenate(list(groups.values())))
    return np.concatenate(list(parts.values()))[order]
