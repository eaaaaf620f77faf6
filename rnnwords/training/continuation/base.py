"""The model that a run continues from: read, checked against the request, and recorded as an ancestor."""

import dataclasses
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rnnwords.config import TextConfig, shown
from rnnwords.errors import ModelError, UsageError
from rnnwords.files import digest_of
from rnnwords.lm.ngram.kneser_ney import KneserNey
from rnnwords.lm.ngram.union import united
from rnnwords.lm.parts import ngram_model
from rnnwords.model_file import FILE_NAME, Model, model_path
from rnnwords.network.config import NetworkConfig
from rnnwords.network.recurrent import Floats
from rnnwords.text.prepare import Prepared
from rnnwords.text.vocabulary import Vocabulary
from rnnwords.training.continuation.grown_weights import grown_weights
from rnnwords.training.settings.request import NETWORK_DEFAULTS, TrainRequest, given

ANCESTORS = "ancestors"  # key of the training record: the models before, oldest first
MAX_ANCESTORS = 1_000


@dataclass(frozen=True)
class Base:
    """A trained model that a run continues from."""

    path: Path  # of the model file
    model: Model
    digest: str  # SHA-256 of the model file

    def initial_weights(self, vocabulary: Vocabulary, words: int, seed: int) -> dict[str, Floats]:
        """Return the weights of a network for the grown vocabulary; `words` are those of the new text."""
        model = self.model
        return grown_weights(model.network, model.weights, model.vocabulary, vocabulary, words, seed)

    @property
    def words(self) -> int:
        """The number of words of all texts that the model was trained on."""
        return sum(self.model.vocabulary.counts)

    @property
    def ngram_order(self) -> int | None:
        """The order of the n-gram of the model; None if it has none."""
        return self.model.interpolation.ngram_order if self.model.interpolation else None

    def with_ngram(self, ngram: KneserNey, vocabulary: Vocabulary) -> KneserNey:
        """Return the n-gram of both texts from that of the new text, of the order that the model has."""
        unk = vocabulary.unk_id or 0  # if there is none, all tokens stay
        ids = np.array([vocabulary.ids.get(word, unk) for word in self.model.vocabulary.words])
        return united(ngram_model(self.model).kneser_ney, ngram, ids)

    def ancestors(self) -> list[dict[str, Any]]:
        """Return the record of this model and of those that it continued from, oldest first."""
        record, metrics = self.model.training, self.model.training.get("metrics", {})
        own = {name: record.get(name) for name in ("run", "corpus", "words", "step", "epoch")}
        own |= {"tokens": len(self.model.vocabulary), "perplexity": metrics.get("perplexity"), "of": metrics.get("of")}
        return [*(record.get(ANCESTORS) or []), own]

    def note(self, prepared: Prepared) -> str:
        """Return a line about the model, and the tokens that stay, are new, and go."""
        before, now = set(self.model.vocabulary.words), set(prepared.vocabulary.words)
        gone = f", {len(before - now):,} are gone" if before - now else ""
        return f"continuing from {self.path}: {len(before & now):,} tokens stay, {len(now - before):,} are new{gone}"


def load_base(request: TrainRequest) -> Base | None:
    """Return the model that the request names. Raises UsageError if no run can continue from it, ModelError."""
    if request.base is None:
        return None
    for name in ("vocabulary", "recipe", "teacher"):  # a teacher has its vocabulary and text settings, too
        if getattr(request, name) is not None:
            raise UsageError(f"`{name}`: expected none with `base`, which has its own settings; leave `{name}` out")
    path = model_path(request.base)
    if os.path.realpath(path) == os.path.realpath(request.directory / FILE_NAME):
        raise UsageError(
            f"`base`: expected another directory than that of the new run, found {request.directory} for both; name "
            "another `directory`"
        )
    try:
        model, digest = Model.load(path), digest_of([path])
    except OSError as error:
        raise ModelError(f"cannot read model file {path}: {error.strerror}") from error
    network = model.network
    if network.numeric:
        raise UsageError(f"`base`: expected a model of words, found one of numbers: {path}; name another model")
    if network.input == "scalar":
        raise UsageError(
            f"`base`: expected a model with `input` embedding or one-hot, found {network.input}: {path}; the ids that "
            "it reads as numbers change with the vocabulary, so train a new model"
        )
    if network.clusters:
        raise UsageError(
            f"`base`: expected a model with `softmax` full, found adaptive: {path}; the words of its clusters change "
            "with the vocabulary, so train a new model, or one with `softmax` full to continue from"
        )
    if len(model.training.get(ANCESTORS) or []) >= MAX_ANCESTORS:
        raise UsageError(
            f"`base`: expected fewer than {MAX_ANCESTORS:,} ancestors, found more: {path}; train a new model"
        )
    return Base(path, model, digest)


def with_base(request: TrainRequest, base: Base) -> TrainRequest:
    """Return the request with network and text settings of the model. Raises UsageError for a different one."""
    network = base.model.network
    own = {name: getattr(network, name) for name in NETWORK_DEFAULTS}
    requested = {name: value for name, value in given(request.network).items() if value != "auto"}
    if network.input != "embedding":
        requested.pop("embedding", None)  # it has no meaning there
    _check_same(requested, own, base.path)
    text, defaults = base.model.vocabulary.text, TextConfig().to_json()
    settings = request.text.to_json().items()
    chosen = {name: value for name, value in settings if value != defaults[name] or name in request.given_text}
    _check_same(chosen, text.to_json(), base.path)
    return dataclasses.replace(request, network=own, text=text)


def _check_same(requested: Mapping[str, Any], own: Mapping[str, Any], path: Path) -> None:
    for name, value in requested.items():
        if value != own[name]:
            raise UsageError(
                f"`{name}`: expected {_shown(own[name])}, as in the model that training continues from, found "
                f"{_shown(value)}; leave `{name}` out, or train a new model without `base` ({path})"
            )


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return value if isinstance(value, str) else shown(value)


def network_of(base: Base, tokens: int) -> NetworkConfig:
    """Return the network of the model for a vocabulary of another size."""
    return dataclasses.replace(base.model.network, vocabulary_size=tokens)
