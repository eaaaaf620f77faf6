"""What a run will do, settled before TensorFlow is loaded: the text, the network, the settings, what is resumed."""

import dataclasses
import hashlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rnnwords.config import NetworkConfig, TextConfig, TrainingConfig
from rnnwords.errors import CorpusError, ModelError, ResumeError, UsageError
from rnnwords.text.counting import Progress
from rnnwords.text.prepare import Cuts, Prepared, Request, prepare
from rnnwords.text.reading import Corpus
from rnnwords.text.vocabulary import Vocabulary
from rnnwords.training.checkpoint import Checkpoint, RunDirectory
from rnnwords.training.defaults import HOLD_OUT, HOLD_OUT_FROM, complete, size_of
from rnnwords.training.task import Words

WINDOW = 3  # words that a prediction sees
ADAPTIVE_FROM = 30_000  # symbols: beyond, a full softmax costs more than all the rest
STATEFUL_WINDOW = 35  # words a step of truncated back-propagation
# Settings that may differ when a run is resumed: they change nothing in the result.
FREE = {"seed", "histograms", "checkpoint_every", "checkpoint_seconds"}
BESIDE = {"ngram", "cache", "calibrate"}  # what is made when training is done, which can be asked for at any time


@dataclass(frozen=True)
class Plan:
    """All that a run needs, complete."""

    directory: RunDirectory
    prepared: Prepared
    network: NetworkConfig
    training: TrainingConfig
    asked: dict[str, Any]  # what the user asked for; the same again resumes
    found: Checkpoint | None
    beside: dict[str, int]  # by the names of BESIDE
    begun: float  # time.monotonic() when the text had not been read yet: a time budget counts from here

    def subject(self) -> Words:
        """The text as the training loop needs it."""
        return Words(self.prepared, self.network, self.training)


@dataclass(frozen=True)
class Asked:
    """The wishes of a user: None means "choose for me"."""

    corpus: Sequence[Path]
    text: TextConfig
    network: Mapping[str, Any]
    training: Mapping[str, Any]
    vocabulary: Path | None = None
    valid: Path | None = None
    hold_out: float | None = None
    max_size: int | None = None
    min_count: int | None = None
    encoding_errors: str = "strict"
    seed: int | None = None
    ngram: int | None = None  # order of the n-gram that is to stand beside the network
    cache: int | None = None  # words of the cache that weights are to be tuned for
    calibrate: bool = False  # whether the held-out text is to say how sure the network may be

    @property
    def given(self) -> dict[str, Any]:
        """The training settings that the user gave."""
        return {name: value for name, value in self.training.items() if value is not None}

    def settings(self, prepared: Prepared, vocabulary: Vocabulary | None) -> dict[str, Any]:
        """All that decides the result of a training, by name, as JSON values."""
        training = {name: value for name, value in self.training.items() if name not in FREE}
        return {
            "corpus": prepared.digest, "valid": prepared.valid_digest,
            "vocabulary": hashlib.sha256(vocabulary.to_bytes()).hexdigest() if vocabulary else None,
            "holdout": self.hold_out, "max-size": self.max_size, "min-count": self.min_count,
            **{name.replace("_", "-"): value for name, value in {**self.network, **training}.items()},
            **self.text.to_json(),
        }  # fmt: skip


def make_plan(
    directory: RunDirectory,
    asked: Asked,
    seed: Callable[[], int],
    warn: Callable[[str], None],
    progress: Callable[[str, int | None], Progress | None] = lambda what, size: None,
    *,
    restart: bool = False,
) -> Plan:
    """Read the text and settle everything. `seed` is called if a new run needs one; with `restart` it always does.

    Raises CorpusError, UsageError, ResumeError, ModelError (the vocabulary file, or all checkpoints damaged).
    """
    begun = time.monotonic()
    TrainingConfig(seed=0, **asked.given)  # refuse bad settings before the text is read
    vocabulary = Vocabulary.load(asked.vocabulary) if asked.vocabulary else None
    if vocabulary and asked.text != TextConfig() and asked.text != vocabulary.text:
        raise UsageError(f"{asked.vocabulary} brings its own text settings; leave the text options out")
    if vocabulary and (asked.max_size or asked.min_count):
        raise UsageError(f"{asked.vocabulary} is cut already; leave --max-size and --min-count out")
    if asked.valid and asked.hold_out is not None:
        raise UsageError("held-out text comes from --valid or from --holdout, not from both")
    text = vocabulary.text if vocabulary else asked.text
    corpus = Corpus(asked.corpus, asked.encoding_errors)
    valid = Corpus([asked.valid], asked.encoding_errors) if asked.valid else None
    stateful = asked.network["stateful"]
    window = asked.network["window"] or (STATEFUL_WINDOW if stateful else WINDOW)

    def choose(words: int) -> Cuts:
        size = size_of(words)
        hold_out = asked.hold_out
        if hold_out is None:
            hold_out = HOLD_OUT if words >= HOLD_OUT_FROM else 0.0
        named = asked.max_size is not None or asked.min_count is not None
        return Cuts(
            asked.max_size if named else size.max_size,
            asked.min_count or (1 if named else size.min_count),
            0.0 if valid else hold_out,
        )

    prepared = prepare(Request(corpus, text, choose, valid, vocabulary, window, progress))
    found = None if restart else directory.newest(warn)
    wishes = asked.settings(prepared, vocabulary)
    if prepared.words <= window:
        raise CorpusError(
            f"{', '.join(corpus.names)}: {prepared.words:,} words for training; windows of {window} words need "
            f"{window + 1:,} or more"
        )
    if valid and prepared.held_out is not None and len(prepared.held_out) <= window:
        raise CorpusError(
            f"{valid.names[0]}: {len(prepared.held_out):,} held-out words; windows of {window} words need "
            f"{window + 1:,} or more"
        )
    if found:
        seeds = {} if asked.seed is None else {"seed": (found.state["training"].get("seed"), asked.seed)}
        if "column" in found.state.get("asked", {}):
            raise UsageError(f"{directory.path} holds a model of numbers; name another directory with --model")
        check_same(directory, found, wishes, seeds)
    size = size_of(prepared.words)
    network = {**asked.network, "window": window, "reading": "stateful" if stateful else "windows"}
    del network["stateful"]
    large = len(prepared.vocabulary) > ADAPTIVE_FROM and not network["tie"]
    if network["softmax"] == "auto":
        network["softmax"] = "adaptive" if large else "full"
    if network["softmax"] == "adaptive" and asked.given.get("label_smoothing"):
        raise UsageError(
            "label smoothing is for all words, which an adaptive softmax never looks at together; with "
            f"{len(prepared.vocabulary):,} symbols it needs --softmax full"
        )
    if network["softmax"] == "adaptive" and asked.calibrate:
        raise UsageError("an adaptive softmax is one of many parts, and is not calibrated; leave --calibrate out")
    if network["tie"] is None:
        network["tie"] = size.tie and network["input"] == "embedding" and network["softmax"] == "full"
    if network["embedding"] is None:
        network["embedding"] = min(size.embedding or network["units"], network["units"])
    try:
        if found:
            training = resumed(found, asked.given)
        else:
            training = TrainingConfig(seed=seed(), **asked.given)
            training = complete(training, prepared.words, prepared.words - window, stateful)
    except KeyError as error:
        raise ModelError(f"the checkpoint of {directory.path} has no {error}; start anew with --restart") from error
    batch = training.batch_size or 1
    if stateful and (prepared.words - 1) // batch <= window:
        raise CorpusError(
            f"{', '.join(corpus.names)}: {prepared.words:,} words for training; {batch:,} streams of steps of {window} "
            f"words need {(window + 1) * batch + 1:,} or more; a smaller --batch-size or --window needs fewer"
        )
    config = NetworkConfig(vocabulary_size=len(prepared.vocabulary), **network)
    beside = {name: wish for name in sorted(BESIDE) if (wish := getattr(asked, name))}
    return Plan(directory, prepared, config, training, wishes, found, beside, begun)


def check_same(
    directory: RunDirectory, found: Checkpoint, now: Mapping[str, Any], also: Mapping[str, tuple[Any, Any]]
) -> None:
    """The same corpus, vocabulary and settings as before, or ResumeError naming what changed, with both values.

    `also` holds more such pairs: name -> (before, now).
    """
    before = {name: value for name, value in found.state.get("asked", {}).items() if name not in BESIDE}
    pairs = {name: (before.get(name), now.get(name)) for name in [*now, *sorted(set(before) - set(now))]}
    for name, (old, new) in {**pairs, **also}.items():
        if old != new:
            raise ResumeError(
                f"{directory.path} holds a run with {name} {_shown(old)}; this command has {name} {_shown(new)}. "
                "Name another --model, or start anew with --restart"
            )


def resumed(found: Checkpoint, given: Mapping[str, Any]) -> TrainingConfig:
    """The settings of a run that goes on; those that may change freely are as they are `given` now, if they are."""
    free = {name: given[name] for name in FREE & set(given)}
    if "checkpoint_seconds" in free:
        free = {"checkpoint_every": None, **free}  # which would win over the time
    return dataclasses.replace(TrainingConfig.from_json(found.state["training"]), **free)


def identity(asked: Mapping[str, Any], training: TrainingConfig, precision: str) -> str:
    """SHA-256 of all that decides the result of a run, as a hexadecimal string. What may change freely has no part."""
    settings = {name: value for name, value in training.to_json().items() if name not in FREE or name == "seed"}
    known = {name: value for name, value in asked.items() if value is not None}
    return hashlib.sha256(json.dumps([known, settings, precision], sort_keys=True).encode()).hexdigest()


def _shown(value: Any) -> str:
    if value is None:
        return "not set"
    return f"{value[:12]}..." if isinstance(value, str) and len(value) == 64 else str(value)
