"""A written page, opened again: its network in numpy, with the weights that the page has."""

import base64
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rnnwords.config import TextConfig
from rnnwords.errors import ModelError
from rnnwords.export.html.weights import decode
from rnnwords.lm.interface import Floats, LanguageModel
from rnnwords.lm.loading import network_model
from rnnwords.model_file import Model
from rnnwords.network.config import NetworkConfig
from rnnwords.text.vocabulary import Vocabulary


class WrittenPage:
    """The model of a page. `tolerance` is the largest difference of a probability that its weights may cause."""

    def __init__(self, path: Path, tolerance: float, relative: bool = False) -> None:
        """If `relative`, the tolerance is a share of the best word's. Raises ModelError if the file has no model."""
        text = path.read_text("utf-8")
        values = json.loads(_element(text, "model"))
        network = NetworkConfig.from_json(values["network"])
        weights = decode(network, base64.b64decode(_element(text, "weights"), validate=True), values["precision"])
        words = values["words"]
        counts = values["counts"] or [0] * len(words)
        self.tolerance, self.relative = tolerance, relative
        self.advice = "use `weights` float16; nothing was saved" if relative else "nothing was saved"
        self.model = Model(network, Vocabulary(words, counts, TextConfig.from_json(values["text"])), weights)
        self.lm: LanguageModel[Any] = network_model(self.model, low_memory=True)

    def probabilities(self, contexts: Sequence[Sequence[int]]) -> Floats:
        """Return (N, V) probabilities after each of N contexts."""
        start = self.lm.initial_state()
        log_probs = [self.lm.log_probs([self.lm.advance(start, context)]) for context in contexts]
        probs: Floats = np.exp(np.concatenate(log_probs))
        return probs


def _element(text: str, name: str) -> str:
    """Return the content of the script element with this id."""
    found = re.search(rf'<script type="[^"]*" id="{name}">([^<]*)</script>', text)
    if found is None:
        raise ModelError(f"expected a page with a {name}, found none")
    return found[1]
