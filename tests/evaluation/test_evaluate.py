"""`evaluate`: the parts of its report, equality with `rnnwords eval --json`, and what it accepts and refuses."""

import dataclasses
import json
from typing import Any

import pytest

from rnnwords.config import InterpolationConfig
from rnnwords.errors import CorpusError, ModelNotFoundError, UsageError
from rnnwords.evaluation.report import evaluate, part_in_training
from rnnwords.files import digest_of
from tests.evaluation.texts import OTHER
from tests.lm.interpolated import with_ngram
from tests.models import chain, random_model, saved, vocabulary_of
from tests.processes import ask
from tests.texts import CATS

BASE = ["words", "oov_rate", "loss", "perplexity", "perplexity_excluding_oov", "bits_per_character", "characters",
        "top1", "top3", "top5", "mrr", "keystroke_savings", "words_per_second", "latency_p50_ms", "latency_p95_ms",
        "model", "text", "in_training", "eval_settings"]  # fmt: skip
TIMES = ("words_per_second", "latency_p50_ms", "latency_p95_ms")


@pytest.fixture
def paths(tmp_path, monkeypatch):
    """Two run directories, a text, and the training text, in the working directory."""
    for name, model in {
        "this": with_ngram(random_model(vocabulary_of(CATS, max_size=9))),
        "other": random_model(vocabulary_of(CATS, max_size=9), seed=1),
    }.items():
        (tmp_path / name).mkdir()
        saved(model, tmp_path / name)
    (tmp_path / "text.txt").write_text(OTHER * 20)
    (tmp_path / "train.txt").write_text(CATS)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def without_times(report):
    """Return a report without its measured times, which differ from run to run."""
    if isinstance(report, list):
        return [without_times(row) for row in report]
    if isinstance(report, dict):
        return {name: without_times(value) for name, value in report.items() if name not in TIMES}
    return report


def test_report_has_only_the_requested_parts(paths):
    assert list(evaluate("this", "text.txt")) == [*BASE, "interpolation"]
    off = InterpolationConfig("off")
    assert list(evaluate("this", "text.txt", interpolation=off)) == BASE
    parts: dict[str, dict[str, Any]] = {
        "by_frequency": {"by_frequency": True},
        "calibration": {"calibration": True},
        "baselines": {"baseline": True},
        "compare": {"compare": "other"},
    }
    for part, settings in parts.items():
        assert list(evaluate("this", "text.txt", interpolation=off, **settings)) == [*BASE, part]


def test_report_of_all_parts_equals_that_of_the_command(paths, capsys, monkeypatch):
    report = evaluate(
        "this", "text.txt", interpolation=InterpolationConfig("count", cache=5), by_frequency=True, calibration=True,
        baseline=True, baseline_order=3, train_text=["train.txt"], compare="other", seed=3,
    )  # fmt: skip
    assert list(report) == [
        *BASE, "interpolation", "calibration", "by_frequency", "baselines_learned_alike", "baselines", "compare"
    ]  # fmt: skip
    assert list(report["interpolation"]) == ["ngram", "cache", "fitted_on_this_text"]
    assert [row["name"] for row in report["baselines"]] == ["unigram", "bigram", "Kneser-Ney 3-gram"]
    assert report["compare"]["model"] == "other/model.safetensors"
    assert report["compare"]["loss"] == pytest.approx(report["loss"])
    options = ("--interpolate", "count", "--cache", "5", "--by-frequency", "--calibration", "--baseline",
               "--baseline-order", "3", "--train-text", "train.txt", "--compare", "other", "--seed", "3")  # fmt: skip
    status, out, _ = ask(capsys, monkeypatch, "eval", "text.txt", "--model", "this", "--json", *options)
    assert status == 0
    assert without_times(json.loads(out)) == without_times(report)


def test_models_are_loaded_by_directory_or_file(paths):
    report = without_times(evaluate("this", "text.txt"))
    assert report["model"] == "this/model.safetensors"
    path = paths / "this" / "model.safetensors"
    for model in (path, path.parent):
        assert without_times(evaluate(model, "text.txt")) == {**report, "model": str(path)}
    with pytest.raises(ModelNotFoundError, match="none"):
        evaluate("none", "text.txt")
    with pytest.raises(ModelNotFoundError, match="none"):
        evaluate("this", "text.txt", compare="none")


def test_one_text_or_several_are_evaluated(paths):
    report = evaluate("this", paths / "text.txt")
    assert without_times(evaluate("this", [paths / "text.txt"])) == without_times(report)
    both = evaluate("this", ["text.txt", "train.txt"])
    assert both["text"] == ["text.txt", "train.txt"]
    assert both["words"] == report["words"] + evaluate("this", "train.txt")["words"]
    with pytest.raises(CorpusError):
        evaluate("this", "none.txt")


def test_report_does_not_depend_on_threads(paths):
    assert without_times(evaluate("this", "text.txt", threads=3)) == without_times(evaluate("this", "text.txt"))


def test_every_pass_over_the_text_reports_progress(paths):
    size = (paths / "text.txt").stat().st_size
    passes: list[tuple[str, int | None]] = []
    read = {"evaluating": 0, "unigram": 0, "Kneser-Ney 3-gram": 0}

    def progress(name, total):
        passes.append((name, total))

        def advance(count):
            read[name] += count

        return advance

    evaluate("this", "text.txt", baseline=True, progress=progress)
    assert passes == [(name, size) for name in read]
    assert set(read.values()) == {size}


def test_limited_context_changes_the_settings_and_the_figures(paths):
    report, short = evaluate("this", "text.txt"), evaluate("this", "text.txt", max_context=1)
    assert (report["eval_settings"]["window"], short["eval_settings"]["window"]) == (3, 1)
    assert report["loss"] != short["loss"]
    with pytest.raises(UsageError, match="`max_context`: expected 1 to 3, its window, found 4"):
        evaluate("this", "text.txt", max_context=4)


def test_weights_fitted_on_the_text_are_marked(paths):
    model = with_ngram(random_model(vocabulary_of(CATS)), validation_digest=digest_of([paths / "text.txt"]))
    saved(model, paths / "this")
    for text, expected in (("text.txt", True), ("train.txt", False)):
        report = evaluate("this", text, interpolation=InterpolationConfig("count"))
        assert report["interpolation"]["fitted_on_this_text"] == expected
    given = evaluate("this", "text.txt", interpolation=InterpolationConfig(0.5))
    assert not given["interpolation"]["fitted_on_this_text"]
    assert given["in_training"] == "validation"


@pytest.mark.parametrize(
    ("key", "part"), [("corpus", "training"), ("validation", "validation"), ("valid", "validation"), ("seed", None)]
)
def test_role_of_a_text_in_training_follows_from_its_digest(key, part):
    model = dataclasses.replace(chain(), training={key: "d" * 64})
    assert part_in_training(model, "d" * 64) == part
    assert part_in_training(model, "e" * 64) is None
