"""What `train` is called with: the request, and the object that stops a run."""

import contextlib
import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rnnwords.config import ReadConfig, TextConfig
from rnnwords.errors import UsageError
from rnnwords.training.settings.config import TrainingConfig

# Network settings of a request with their defaults. None: chosen from the text, see `training.plan`.
NETWORK_DEFAULTS: dict[str, Any] = {
    "window": None, "stateful": False, "layers": None, "units": None, "cell": "lstm", "input": "embedding",
    "embedding": None, "tie": None, "softmax": "auto",
}  # fmt: skip
TRAINING_SETTINGS = tuple(item.name for item in dataclasses.fields(TrainingConfig) if item.name != "seed")
# Training settings that may differ when a run is resumed: they do not change the weights.
FREE_SETTINGS = frozenset({"seed", "histograms", "checkpoint_every", "checkpoint_seconds"})
STOPPED = ("SIGINT", "SIGTERM", "SIGHUP")  # reasons of a session that was stopped; the next one resumes the run


@dataclass
class StopRequest:
    """Stops a run: once `reason` is set, the run saves a checkpoint after its current step and ends with it.

    Steps end soon, but what precedes and follows them (counting words, post-training) can take long, and saves nothing
    before its end; there, close the iterator of events instead.
    """

    reason: str | None = None  # one of STOPPED
    in_training: bool = False  # set by the run: whether it makes steps, and so checks `reason`

    @contextlib.contextmanager
    def checked(self) -> Iterator[None]:
        """Set `in_training` meanwhile."""
        self.in_training = True
        try:
            yield
        finally:
            self.in_training = False


@dataclass(frozen=True)
class TrainRequest:
    """A training run: the text, where the run goes, and settings. None, or a missing setting: chosen by the library.

    `network` holds names of NETWORK_DEFAULTS, `training` fields of TrainingConfig. Raises UsageError for other names.
    """

    corpus: Sequence[Path]  # text files and directories of them, read in this order; - is standard input
    directory: Path  # of the run: model, checkpoints, history, logs
    text: TextConfig = field(default_factory=TextConfig)
    network: Mapping[str, Any] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)
    vocabulary: Path | None = None  # a vocabulary file, which also has the text settings
    base: Path | None = None  # a trained model that training continues from, with its text and network settings
    given_text: frozenset[str] = frozenset()  # names of text settings that were given, though with their defaults
    validation: Path | None = None  # a validation text
    validation_split: float | None = None  # share of the corpus, at its end, that is validation text
    max_size: int | None = None  # tokens of the vocabulary
    min_count: int | None = None  # occurrences of a word of the vocabulary
    read: ReadConfig = field(default_factory=ReadConfig)  # how the files become text
    seed: int | None = None  # None: a random one
    # What is added after training; None: what can be fitted and checked on validation text, or the model file has.
    ngram: int | None = None  # order of an n-gram model; 0: none
    cache: int | None = None  # words of the cache for which interpolation weights are fitted; 0: none
    calibrate: bool | None = None  # whether temperature scaling is applied
    recipe: str | None = None  # a name of training.settings.recipes.RECIPES
    teacher: Path | None = None  # a model whose predictions are learned: see training.distillation
    distribute: str | None = None  # mirrored or multiworker: see training.distributed.cluster
    restart: bool = False  # discard an earlier run in the directory instead of resuming it

    def __post_init__(self) -> None:
        check_names(self.network, NETWORK_DEFAULTS, self.training)

    @property
    def network_settings(self) -> dict[str, Any]:
        """The network settings, with the defaults of those that are missing."""
        return NETWORK_DEFAULTS | given(self.network)

    @property
    def training_settings(self) -> dict[str, Any]:
        """The training settings that were given."""
        return given(self.training)


def given(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that are not None."""
    return {name: value for name, value in settings.items() if value is not None}


def check_names(network: Iterable[str], known: Iterable[str], training: Iterable[str]) -> None:
    """Raise UsageError for a network setting that is not among the `known` ones, or an unknown training setting."""
    for kind, names, expected in (("network", network, list(known)), ("training", training, TRAINING_SETTINGS)):
        if unknown := sorted(set(names) - set(expected), key=str):
            raise UsageError(f"`{unknown[0]}`: expected a {kind} setting, one of {', '.join(expected)}")
