"""Reliability, latency, evaluation settings and plots, each against its definition."""

import json
import math

import numpy as np
import pytest

from rnnwords.config import InterpolationConfig, TextConfig
from rnnwords.evaluation.eval_settings import eval_settings
from rnnwords.evaluation.latency import CONTEXTS, latencies, latency_report
from rnnwords.evaluation.metrics import measure
from rnnwords.evaluation.reliability import Reliability
from rnnwords.lm.loading import network_model
from rnnwords.prediction import scoring
from rnnwords.prediction.predictor import Predictor
from rnnwords.prediction.scoring import ScoredBatch, Scorer
from rnnwords.text.encoding import has_literal_unk
from tests.evaluation.texts import OTHER, WITHOUT_UNK, corpus
from tests.lm.interpolated import with_ngram
from tests.models import chain, log_probs_after, plain_vocabulary, random_model, saved, vocabulary_of
from tests.processes import ask
from tests.texts import CATS

MODELS = {
    "windows": lambda: random_model(vocabulary_of(CATS)),
    "unk": lambda: random_model(vocabulary_of(CATS, max_size=9)),
    "stateful": lambda: random_model(vocabulary_of(CATS, max_size=9), mode="stateful", cell="gru"),
    "eos": lambda: random_model(vocabulary_of(CATS, TextConfig(eos=True), max_size=11), window=2),
    "sure": lambda: chain(CATS),
}


def slow_reliability(lm, text):
    """Return (probability of the most probable word, whether it is right) for each word."""
    vocabulary = lm.vocabulary
    unk, figures = vocabulary.unk_id, []
    words, before = vocabulary.tokenize(text), list[int]()
    for word in words:
        log_probs = log_probs_after(lm, before).tolist()
        order = sorted(range(len(log_probs)), key=lambda token: (-log_probs[token], token))
        best = next(token for token in order if token != unk or "<unk>" in words)
        figures.append((math.exp(log_probs[best]), vocabulary.words[best] == word))
        token = vocabulary.ids.get(word, unk)
        if token is not None:
            before.append(token)
    return figures


@pytest.mark.parametrize("text", [OTHER, WITHOUT_UNK])
@pytest.mark.parametrize(
    ("name", "batch"), [*((name, 256) for name in MODELS), ("unk", 3), ("stateful", 3), ("eos", 3)]
)
def test_reliability_equals_its_definition(name, batch, text, tmp_path, monkeypatch):
    monkeypatch.setattr(scoring, "MAX_BATCH", batch)
    lm = network_model(MODELS[name]())
    reliability, source = Reliability(), corpus(tmp_path, text)
    scorer = Scorer(lm, literal_unk=has_literal_unk(source, lm.vocabulary))
    metrics = measure(scorer, source, observers=[reliability])
    report, figures = reliability.report(), slow_reliability(lm, text)
    error = 0.0
    for bin_ in report["bins"]:
        inside = [(p, hit) for p, hit in figures if bin_["from"] < p <= bin_["to"]]
        assert bin_["words"] == len(inside) > 0
        assert bin_["mean_probability"] == pytest.approx(np.mean([p for p, _ in inside]), rel=1e-4)
        assert bin_["share_right"] == pytest.approx(np.mean([hit for _, hit in inside]))
        error += len(inside) / len(figures) * abs(bin_["mean_probability"] - bin_["share_right"])
    assert report["expected_calibration_error"] == pytest.approx(error)
    assert sum(bin_["words"] for bin_ in report["bins"]) == metrics.words
    assert sum(one["words"] * one["share_right"] for one in report["bins"]) == pytest.approx(metrics.hits[1])


def batch_of(probs, right):
    """Return predictions over two words, the first of which is the more probable one with these probabilities."""
    log_probs = np.log(np.stack([probs, 1 - probs], axis=1)).astype(np.float32)
    ids = np.where(right, 0, 1)
    own = log_probs[np.arange(len(ids)), ids]
    known, ranks, spelling = np.ones(len(ids), bool), np.where(right, 1, 2), np.zeros(len(ids))
    return ScoredBatch(["w"] * len(ids), ids, known, own, ranks, log_probs, spelling)


def test_calibrated_model_has_zero_calibration_error():
    generator = np.random.default_rng(1)
    probs = generator.uniform(0.5, 1, 200_000)
    calibrated = Reliability()
    calibrated.add(batch_of(probs, generator.random(200_000) < probs))
    assert calibrated.report()["expected_calibration_error"] < 0.01
    overconfident = Reliability()
    overconfident.add(batch_of(np.full(1_000, 0.95), np.arange(1_000) < 600))
    assert overconfident.report()["expected_calibration_error"] == pytest.approx(0.35, abs=1e-5)


@pytest.mark.parametrize(("prob", "bin_"), [(1.0, 0.9), (0.8999, 0.8), (0.9001, 0.9), (0.5001, 0.5)])
def test_probabilities_fall_into_their_bins(prob, bin_):
    reliability = Reliability()
    with np.errstate(divide="ignore"):
        reliability.add(batch_of(np.array([prob]), np.array([True])))
    assert [one["from"] for one in reliability.report()["bins"]] == [bin_]


# --- latency and settings ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", MODELS)
def test_latency_times_single_predictions_over_contexts_of_the_text(name, tmp_path):
    lm = network_model(MODELS[name]())
    assert len(latencies(lm, corpus(tmp_path, OTHER * 20))) == CONTEXTS
    few = latencies(lm, corpus(tmp_path, "the cat sat"))
    assert 1 <= len(few) <= 3
    assert all(seconds > 0 for seconds in few)


def test_latency_percentiles_are_in_milliseconds():
    report = latency_report([number / 1_000 for number in range(1, 102)])
    assert report == {"latency_p50_ms": pytest.approx(51), "latency_p95_ms": pytest.approx(96)}
    assert latency_report([]) == {"latency_p50_ms": None, "latency_p95_ms": None}


def test_latency_reads_bounded_text_with_many_unknown_words(tmp_path):
    lm = network_model(chain(CATS))
    assert latencies(lm, corpus(tmp_path, "zebra " * 5_000 + "the cat sat"), contexts=3) == []


def test_eval_settings_describe_each_kind_of_model():
    settings = eval_settings(network_model(MODELS["windows"]()))
    assert list(settings) == ["tokenizer", "case", "line_ends", "unseen_words", "unk", "log_base", "context", "window",
                              "first_words", "keystrokes", "files", "symbols"]  # fmt: skip
    assert (settings["case"], settings["line_ends"], settings["log_base"]) == ("kept", "not counted", "e")
    assert (settings["window"], settings["context"]) == (3, "the 3 words before it")
    assert "without probability" in settings["unseen_words"]
    assert settings["first_words"].endswith("the first word from unigram frequencies of the training text")
    settings = eval_settings(network_model(MODELS["eos"]()))
    assert settings["line_ends"] == "counted as words"
    assert settings["first_words"].endswith("the first word from a line end")
    assert "scored as <unk>" in settings["unseen_words"]
    settings = eval_settings(network_model(MODELS["stateful"]()))
    assert (settings["window"], settings["context"].split(",")[0]) == (None, "all words before it")
    lower = plain_vocabulary(5, text=TextConfig(tokenizer="whitespace", lowercase=True))
    settings = eval_settings(network_model(random_model(lower, window=1)))
    assert (settings["tokenizer"], settings["case"]) == ("whitespace", "lowercased")
    assert settings["context"] == "the word before it"


def test_eval_settings_of_interpolations_state_each_context():
    def settings(model, interpolation):
        return eval_settings(Predictor(model, interpolation).lm)

    model = with_ngram(MODELS["windows"](), order=5)
    both = settings(model, InterpolationConfig("fixed", cache=500))
    assert both["context"] == "the 3 words before it (network), the last 4 (5-gram), the last 500 (cache)"
    assert both["window"] == 500
    assert settings(model, InterpolationConfig("fixed"))["window"] == 4
    cached = settings(MODELS["stateful"](), InterpolationConfig(cache=9))
    assert cached["window"] is None
    assert cached["context"].endswith("state carried through the text (network), the last 9 (cache)")


def test_eval_settings_state_the_role_of_unk():
    lm = network_model(MODELS["unk"]())
    assert eval_settings(lm)["unk"] == "left out where words are ranked"
    assert eval_settings(lm, literal_unk=True)["unk"] == "a word of the text like any other"


def test_limited_context_equals_short_prompts():
    model = MODELS["windows"]()
    whole, short = network_model(model), network_model(model, context_size=2)
    ids = model.vocabulary.encode(["the", "cat", "sat"])
    np.testing.assert_allclose(log_probs_after(short, ids), log_probs_after(whole, ids[1:]), rtol=1e-6)
    assert log_probs_after(short, ids) != pytest.approx(log_probs_after(whole, ids))
    assert eval_settings(short)["context"] == "the 2 words before it"
    assert (whole.context_size, short.context_size) == (3, 2)


# --- command line -----------------------------------------------------------------------------------------------


@pytest.fixture
def eval_command(capsys, monkeypatch, tmp_path):
    path = saved(MODELS["unk"](), tmp_path)
    (tmp_path / "other.txt").write_text(OTHER)
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: ask(capsys, monkeypatch, "eval", "other.txt", "--model", path, *arguments)


def test_reliability_is_shown_on_request(eval_command):
    report = json.loads(eval_command("--calibration", "--json")[1])
    assert list(report)[-1] == "calibration"
    assert list(report["calibration"]) == ["expected_calibration_error", "bins"]
    assert list(report["calibration"]["bins"][0]) == ["from", "to", "words", "mean_probability", "share_right"]
    assert sum(one["words"] for one in report["calibration"]["bins"]) == report["words"]
    out = eval_command("--calibration")[1]
    assert "expected calibration error" in out
    assert "\nprobability  " in out
    assert "calibration" not in eval_command()[1]
    assert 0 < report["latency_p50_ms"] <= report["latency_p95_ms"]
    assert "ms for a single prediction" in out


@pytest.mark.parametrize(("name", "begins"), [("a.png", b"\x89PNG"), ("a.SVG", b"<?xml"), ("a.pdf", b"%PDF")])
def test_plot_format_follows_the_file_ending(eval_command, tmp_path, name, begins):
    status, out, err = eval_command("--plot", name, "--quiet")
    assert (status, err) == (0, "")
    first = (tmp_path / name).read_bytes()
    assert first.startswith(begins)
    assert "\nprobability  " not in out  # the picture has it
    if name != "a.SVG":
        return
    eval_command("--plot", name)
    assert (tmp_path / name).read_bytes() == first


def test_plot_has_titles_and_axis_labels(eval_command, tmp_path):
    eval_command("--plot", "a.svg")
    drawn = (tmp_path / "a.svg").read_text()
    for label in ("Reliability: expected calibration error", "accuracy", "probability of the most probable word",
                  "Loss by occ", "unseen", "loss, nats per word"):  # fmt: skip
        assert label in drawn


def test_plot_of_words_without_probability_is_drawn(capsys, monkeypatch, tmp_path):
    path = saved(MODELS["windows"](), tmp_path)
    (tmp_path / "other.txt").write_text(OTHER)
    monkeypatch.chdir(tmp_path)
    assert ask(capsys, monkeypatch, "eval", "other.txt", "--model", path, "--plot", "a.svg")[0] == 0
    assert "no probability" in (tmp_path / "a.svg").read_text()


@pytest.mark.parametrize(
    ("name", "message"), [("a.jpg", "ends in .png, .svg, .pdf"), ("none/a.png", "an existing directory")]
)
def test_unsavable_plot_is_refused_before_evaluation(eval_command, name, message):
    status, out, err = eval_command("--plot", name)
    assert (status, out) == (2, "")
    assert message in err
    assert len(err.splitlines()) == 1
