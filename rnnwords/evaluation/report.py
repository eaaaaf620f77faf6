"""`evaluate`: the report of a model on a text, as JSON values. The command `rnnwords eval` prints it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rnnwords.config import InterpolationConfig, ReadConfig
from rnnwords.errors import UsageError
from rnnwords.evaluation.baselines import baselines
from rnnwords.evaluation.comparison import Comparison
from rnnwords.evaluation.eval_settings import eval_settings
from rnnwords.evaluation.latency import latencies, latency_report
from rnnwords.evaluation.metrics import Observer, measure
from rnnwords.evaluation.reliability import Reliability
from rnnwords.files import digest_of
from rnnwords.lm.describe import describe, fitted_on
from rnnwords.lm.loading import interpolated, network_model
from rnnwords.lm.spelling import spelling_model
from rnnwords.model_file import Model, model_path
from rnnwords.prediction.scoring import Scorer
from rnnwords.text.encoding import has_literal_unk
from rnnwords.text.reading.corpus import READ, Corpus, StartProgress, no_progress


def evaluate(
    model: str | Path,
    text: str | Path | Sequence[str | Path],
    *,
    interpolation: InterpolationConfig | None = None,
    max_context: int | None = None,
    by_frequency: bool = False,
    calibration: bool = False,
    baseline: bool = False,
    baseline_order: int | None = None,
    train_text: Sequence[str | Path] = (),
    compare: str | Path | None = None,
    seed: int = 0,
    read: ReadConfig = READ,
    threads: int = 1,
    progress: StartProgress = no_progress,
) -> dict[str, Any]:
    """Return the metrics of a model on a text, with the settings that they depend on.

    `model` and `compare`: a run directory or model file. `text`, `train_text`: files or directories, the latter those
    of the training text; `read`: how they are read. `max_context`: words of context that the network may use, fewer
    than its window. Parts of the report:

    - always: the figures of `metrics.Metrics.report`, latency, `in_training`, `eval_settings`; `notes` on what was left
      out of the text, if anything
    - `interpolation`: what is interpolated with the network, if anything; by default what predictions use
    - `by_frequency`: loss and top-1 by the frequency of the word in the training text
    - `calibration`: reliability by confidence bins
    - `baselines`: the same figures for unigram, bigram and Kneser-Ney n-gram, learned from `train_text`
    - `compare`: differences from another model, as it predicts by default, with confidence intervals drawn with `seed`

    With `max_context` both models are the networks alone.

    `progress(what, bytes)` is called when a pass over the text begins; it returns what is called with bytes read.

    Raises ModelNotFoundError, ModelError, CorpusError; UsageError for settings that do not fit the model or each other.
    """
    alone, default = InterpolationConfig("off"), InterpolationConfig()
    if max_context:
        if interpolation not in (None, default, alone):
            raise UsageError("`max_context` is for the network alone; leave `interpolate`, `cache` and `adapt` out")
        interpolation = default = alone
    path = model_path(Path(model))
    loaded = Model.load(path)
    lm = interpolated(network_model(loaded, max_context), loaded, interpolation)
    corpus = _corpus(text, read)
    literal_unk, digest, size = has_literal_unk(corpus, lm.vocabulary), digest_of(corpus.paths), corpus.text_size
    reliability = Reliability() if calibration else None
    comparison = other_path = None
    if compare is not None:
        other_path = model_path(Path(compare))
        other = Model.load(other_path)
        other_lm = interpolated(network_model(other), other, default)
        comparison = Comparison(lm, other_lm, threads, literal_unk, spelling_model(other))
    trained = _corpus(train_text, read) if train_text else None
    order = baseline_order or (max_context + 1 if max_context else None)
    rows = baselines(loaded, trained, order) if baseline else ()
    observers: list[Observer] = [observer for observer in (reliability, comparison) if observer]
    spelling = spelling_model(loaded)
    scorer = Scorer(lm, threads, literal_unk, spelling)
    metrics = measure(scorer, corpus, progress("evaluating", size), observers)
    report = {
        **metrics.report(), **latency_report(latencies(lm, corpus)), "model": str(path),
        "text": corpus.names if len(corpus.names) > 1 else corpus.names[0],
        "in_training": part_in_training(loaded, digest), "eval_settings": eval_settings(lm, literal_unk),
    }  # fmt: skip
    if parts := describe(lm):
        report["interpolation"] = {**parts, "fitted_on_this_text": fitted_on(parts, loaded.interpolation, digest)}
    if reliability:
        report["calibration"] = reliability.report()
    if by_frequency:
        report["by_frequency"] = metrics.by_frequency()
    if baseline:
        if trained:
            report["baselines_learned_alike"] = digest_of(trained.paths) == loaded.training.get("corpus")
        report["baselines"] = [
            {
                "name": name,
                **measure(Scorer(row, threads, literal_unk, spelling), corpus, progress(name, size)).report(),
            }
            for name, row in rows
        ]
    if comparison:
        report["compare"] = {"model": str(other_path), **comparison.report(seed)}
    if corpus.notes:
        report["notes"] = list(corpus.notes)
    return report


def part_in_training(model: Model, digest: str) -> str | None:
    """Return what the text of this SHA-256 was in training: `training` or `validation` text, None if neither.

    A file that was part of a training text is not recognised.
    """
    if digest == model.training.get("corpus"):
        return "training"
    validation = {model.training.get("validation"), model.training.get("valid")}  # `valid` up to format 1.2
    if model.interpolation:
        validation.add(model.interpolation.validation_digest)
    return "validation" if digest in validation else None


def _corpus(text: str | Path | Sequence[str | Path], read: ReadConfig) -> Corpus:
    files = [text] if isinstance(text, str | Path) else text
    return Corpus([Path(file) for file in files], read)
