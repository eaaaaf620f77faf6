"""The plan of a run on text: all settings complete, the text encoded, the checkpoint found; without TensorFlow."""

import hashlib
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from rnnwords.config import TextConfig
from rnnwords.errors import CorpusError, UsageError
from rnnwords.files import digest_of
from rnnwords.model_file import Model, model_path
from rnnwords.network.config import NetworkConfig
from rnnwords.text.prepare import Prepared, PrepareRequest, VocabularyLimits, prepare
from rnnwords.text.reading.corpus import Corpus, StartProgress, no_progress
from rnnwords.text.vocabulary import Vocabulary, vocabulary_notes
from rnnwords.training.continuation.base import Base, load_base, network_of, with_base
from rnnwords.training.continuation.defaults import continued, limits_of
from rnnwords.training.distillation import load_teacher
from rnnwords.training.post_training.estimate import estimated_seconds
from rnnwords.training.runs.checkpoint import Checkpoint, RunDirectory
from rnnwords.training.runs.checkpoint_tensors import network_size
from rnnwords.training.runs.resume import resumed_config
from rnnwords.training.settings.config import TrainingConfig
from rnnwords.training.settings.defaults import complete, network_defaults, tier_of, validation_share
from rnnwords.training.settings.recipes import with_recipe
from rnnwords.training.settings.request import FREE_SETTINGS, TrainRequest
from rnnwords.training.settings.time_budget import may_choose_size, time_choice
from rnnwords.training.task import RunPlan, TextTask

WINDOW = 3  # words of context
STATEFUL_WINDOW = 35  # words per step of truncated back-propagation through time
ADAPTIVE_FROM = 30_000  # tokens: with more, a full softmax takes longer than the rest of the network


@dataclass(frozen=True)
class Plan(RunPlan):
    """A run on text whose settings are complete."""

    prepared: Prepared
    teacher: Model | None = None
    notes: tuple[str, ...] = ()  # on what was left out of the texts
    base: Base | None = None  # the model that the run continues from

    def task(self) -> TextTask:
        """Return the text as the training loop uses it."""
        return TextTask(self.prepared, self.network, self.training, self.base, self.teacher)


def make_plan(request: TrainRequest, warn: Callable[[str], None], progress: StartProgress = no_progress) -> Plan:
    """Read the text and complete the settings. `warn` is called with a line for each damaged checkpoint.

    Raises CorpusError, UsageError, ResumeError, ModelError (the vocabulary file, or all checkpoints damaged).
    """
    begun = time.monotonic()
    if request.training.get("schedule") == "one-cycle" and request.training.get("warmup") is not None:
        raise UsageError("`warmup`: expected none with `schedule` one-cycle, which has its own; leave `warmup` out")
    base = load_base(request)
    request = with_base(request, base) if base else with_recipe(request)
    TrainingConfig(seed=0, **request.training_settings)  # raise UsageError before the text is read
    teacher = load_teacher(request)
    vocabulary = _vocabulary(request) or (teacher.vocabulary if teacher else None)
    if request.validation and request.validation_split is not None:
        raise UsageError("expected `validation` or `validation_split`, found both; leave one out")
    if teacher and vocabulary != teacher.vocabulary:
        raise UsageError(f"{request.vocabulary}: expected the vocabulary of the teacher, found another; leave it out")
    corpus = Corpus(request.corpus, request.read)
    validation = Corpus([request.validation], request.read) if request.validation else None
    network = request.network_settings
    window = network["window"] = network["window"] or (STATEFUL_WINDOW if network["stateful"] else WINDOW)
    text = vocabulary.text if vocabulary else request.text
    limits = partial(limits_of if base else _limits, request)
    known = base.model.vocabulary if base else None
    prepared = prepare(PrepareRequest(corpus, text, limits, validation, vocabulary, window, progress, known))
    _check_length(prepared, corpus, validation, window)
    directory = RunDirectory(request.directory)
    settings = _settings(request, prepared, vocabulary)
    if base:
        settings["base"], config = base.digest, network_of(base, len(prepared.vocabulary))
    else:
        config = _network(request, network, prepared)

    def resumed(checkpoint: Checkpoint) -> NetworkConfig:
        """Return the configuration with the size of a checkpoint, where none was requested."""
        return config if base else _network(request, network, prepared, network_size(checkpoint.tensors, config.cell))

    words, size_note = prepared.words, ""
    halves = [len(half) for half in (prepared.validation, prepared.held_out) if half is not None]
    checkpoint = (
        None if request.restart else directory.resumable(settings, request.seed, resumed, len(prepared.train), warn)
    )
    if checkpoint:
        config = resumed(checkpoint)
        training = resumed_config(checkpoint.state.training, request.training_settings)
    else:
        seed = secrets.randbelow(2**32) if request.seed is None else request.seed
        training = TrainingConfig(seed=seed, **request.training_settings)
        defaults = continued if base else complete
        training = defaults(training, words, words - window, config.stateful)
        if training.seconds is not None and base is None and may_choose_size(network):
            spent = time.monotonic() - begun + estimated_seconds(words, sum(halves), config)
            choice = time_choice(training.seconds - spent, config, words, training)
            config, size_note = _network(request, network, prepared, choice.size), choice.note
    batch = training.batch_size or 1
    if config.stateful and (prepared.words - 1) // batch <= window:
        raise CorpusError(
            f"{', '.join(corpus.names)}: expected {(window + 1) * batch + 1:,} or more words for training, found "
            f"{prepared.words:,}; {batch:,} streams of {window} words per step need that many, a smaller `batch_size` "
            "or `window` fewer"
        )
    notes = corpus.notes + (validation.notes if validation else ()) + vocabulary_notes(prepared.vocabulary)
    own = [base.note(prepared)] if base else [size_note] if size_note else []
    after = 0.0 if training.seconds is None else estimated_seconds(words, sum(halves), config)
    return Plan(
        directory,
        config,
        training,
        settings,
        checkpoint,
        begun,
        prepared,
        teacher,
        (*own, *notes),
        base,
        seconds_after=after,
    )


def _vocabulary(request: TrainRequest) -> Vocabulary | None:
    """Return the vocabulary that the request names. Raises UsageError if it contradicts other settings."""
    if request.vocabulary is None:
        return None
    vocabulary = Vocabulary.load(request.vocabulary)
    if request.text not in (TextConfig(), vocabulary.text):
        raise UsageError(f"{request.vocabulary} has its own text settings; leave the text settings out")
    if request.max_size or request.min_count:
        raise UsageError(f"{request.vocabulary} has its own size; leave `max_size` and `min_count` out")
    return vocabulary


def _limits(request: TrainRequest, words: int) -> VocabularyLimits:
    """Return the limits of the vocabulary, and the validation split, for a corpus of this many words."""
    tier, split = tier_of(words), validation_share(request.validation_split, words)
    limited = request.max_size is not None or request.min_count is not None
    max_size = request.max_size if limited else tier.max_size
    min_count = request.min_count or (1 if limited else tier.min_count)
    return VocabularyLimits(max_size, min_count, 0.0 if request.validation else split)


def _check_length(prepared: Prepared, corpus: Corpus, validation: Corpus | None, window: int) -> None:
    """Raise CorpusError unless each text has a window and the word after it."""
    texts = [(corpus.names, "words for training", prepared.words)]
    if validation and prepared.validation is not None:
        texts.append((validation.names, "validation words", len(prepared.validation)))
    for names, what, words in texts:
        if words <= window:
            raise CorpusError(
                f"{', '.join(names)}: expected {window + 1:,} or more {what}, found {words:,}; add text, or choose a "
                f"smaller `window` than {window}"
            )


def _settings(request: TrainRequest, prepared: Prepared, vocabulary: Vocabulary | None) -> dict[str, Any]:
    """Return all that decides the result of a run, by setting, as JSON values; files by their SHA-256."""
    training = {name: value for name, value in request.training_settings.items() if name not in FREE_SETTINGS}
    return {
        "corpus": prepared.digest, "validation": prepared.validation_digest,
        "teacher": digest_of([model_path(request.teacher)]) if request.teacher else None,
        "vocabulary": hashlib.sha256(vocabulary.to_bytes()).hexdigest() if vocabulary else None,
        "validation_split": request.validation_split, "max_size": request.max_size, "min_count": request.min_count,
        **request.network_settings, "precision": "auto", **training, **request.text.to_json(),
        **request.read.changes(),
    }  # fmt: skip


def _network(
    request: TrainRequest, settings: Mapping[str, Any], prepared: Prepared, size: Mapping[str, int] | None = None
) -> NetworkConfig:
    """Return the configuration of the network, with the settings that depend on the text.

    `size` is what layers, units and embedding have, where none is requested, instead of the defaults.
    """
    tokens, tier = len(prepared.vocabulary), tier_of(prepared.words)
    network = {name: value for name, value in settings.items() if name != "stateful"}
    if network["softmax"] == "auto":
        large = tokens > ADAPTIVE_FROM and not network["tie"] and not request.teacher
        network["softmax"] = "adaptive" if large else "full"
    if network["softmax"] == "adaptive":
        if request.training_settings.get("label_smoothing"):
            raise UsageError(
                f"`label_smoothing`: expected `softmax` full, found an adaptive softmax for {tokens:,} tokens, which "
                "does not compute the probabilities of all of them; set `softmax` full"
            )
        if request.teacher:
            raise UsageError("`teacher`: expected `softmax` full, found adaptive; leave one out")
        if request.calibrate:
            raise UsageError("`calibrate`: expected `softmax` full, found an adaptive softmax; leave `calibrate` out")
    if network["tie"] is None:
        network["tie"] = tier.tie and network["input"] == "embedding" and network["softmax"] == "full"
    size = {**network_defaults(prepared.words, settings["stateful"]), **(size or {})}
    network |= {name: size[name] for name in ("layers", "units") if network[name] is None}
    if network["embedding"] is None:
        network["embedding"] = min(size.get("embedding", network["units"]), network["units"])
    mode = "stateful" if settings["stateful"] else "windows"
    return NetworkConfig(vocabulary_size=tokens, mode=mode, **network)
