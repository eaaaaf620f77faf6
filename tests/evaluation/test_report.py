"""Judging a model: calibration, latency, terms, plots; each figure against a slow twin by its definition."""

import json
import math

import numpy as np
import pytest

from rnnwords.config import TextConfig
from rnnwords.evaluation.eval_settings import protocol, with_context
from rnnwords.evaluation.latency import CONTEXTS, latencies, latency_report
from rnnwords.evaluation.metrics import evaluate
from rnnwords.evaluation.reliability import Calibration
from rnnwords.lm.loading import Mixing, mixed
from rnnwords.prediction import scoring
from rnnwords.prediction.predictor import Predictor
from rnnwords.prediction.scoring import Scored
from tests.asking import ask, chain, plain_vocabulary, random_model, saved, vocabulary_of
from tests.evaluation.test_metrics import OTHER, TEXT, WITHOUT_UNK, corpus
from tests.lm.test_interpolation import with_ngram

MODELS = {
    "windows": lambda: random_model(vocabulary_of(TEXT)),
    "unk": lambda: random_model(vocabulary_of(TEXT, max_size=9)),
    "stateful": lambda: random_model(vocabulary_of(TEXT, max_size=9), reading="stateful", cell="gru"),
    "eos": lambda: random_model(vocabulary_of(TEXT, TextConfig(eos=True), max_size=11), window=2),
    "sure": lambda: chain(TEXT),
}


def slow_calibration(predictor, text):
    """(probability of the likeliest word that is shown, whether it is right), a word at a time."""
    vocabulary = predictor.vocabulary
    unk, found = vocabulary.unk, []
    words, before = vocabulary.tokenize(text), list[int]()
    for word in words:
        scores = predictor.context(before).log_probabilities().tolist()
        order = sorted(range(len(scores)), key=lambda rank: (-scores[rank], rank))
        best = next(rank for rank in order if rank != unk or "<unk>" in words)
        found.append((math.exp(scores[best]), vocabulary.words[best] == word))
        rank = vocabulary.ranks.get(word, unk)
        if rank is not None:
            before.append(rank)
    return found


@pytest.mark.parametrize("text", [OTHER, WITHOUT_UNK])
@pytest.mark.parametrize(
    ("name", "batch"), [*((name, 256) for name in MODELS), ("unk", 3), ("stateful", 3), ("eos", 3)]
)
def test_calibration_is_that_of_a_slow_twin(name, batch, text, tmp_path, monkeypatch):
    monkeypatch.setattr(scoring, "BATCH", batch)
    predictor = Predictor(MODELS[name]())
    watched = Calibration()
    metrics = evaluate(predictor, corpus(tmp_path, text), observers=[watched])
    report, found = watched.report(), slow_calibration(predictor, text)
    error = 0.0
    for bin_ in report["bins"]:
        inside = [(p, hit) for p, hit in found if bin_["from"] < p <= bin_["to"]]
        assert bin_["words"] == len(inside) > 0
        assert bin_["mean_probability"] == pytest.approx(np.mean([p for p, _ in inside]), rel=1e-4)
        assert bin_["share_right"] == pytest.approx(np.mean([hit for _, hit in inside]))
        error += len(inside) / len(found) * abs(bin_["mean_probability"] - bin_["share_right"])
    assert report["expected_calibration_error"] == pytest.approx(error)
    assert sum(bin_["words"] for bin_ in report["bins"]) == metrics.words
    assert sum(one["words"] * one["share_right"] for one in report["bins"]) == pytest.approx(metrics.hits[1])


def scored(chances, right):
    """Predictions over two words, the first of which is the likelier one with these probabilities."""
    rows = np.log(np.stack([chances, 1 - chances], axis=1)).astype(np.float32)
    ids = np.where(right, 0, 1)
    own = rows[np.arange(len(ids)), ids]
    return Scored(["w"] * len(ids), ids, np.ones(len(ids), bool), own, np.where(right, 1, 2), rows)


def test_a_model_that_is_right_as_often_as_it_says_has_no_error():
    generator = np.random.default_rng(1)
    chances = generator.uniform(0.5, 1, 200_000)
    watched = Calibration()
    watched.add(scored(chances, generator.random(200_000) < chances))
    assert watched.report()["expected_calibration_error"] < 0.01
    boastful = Calibration()
    boastful.add(scored(np.full(1_000, 0.95), np.arange(1_000) < 600))
    assert boastful.report()["expected_calibration_error"] == pytest.approx(0.35, abs=1e-5)


@pytest.mark.parametrize(("chance", "bin_"), [(1.0, 0.9), (0.8999, 0.8), (0.9001, 0.9), (0.5001, 0.5)])
def test_a_probability_falls_into_its_bin(chance, bin_):
    watched = Calibration()
    with np.errstate(divide="ignore"):
        watched.add(scored(np.array([chance]), np.array([True])))
    assert [one["from"] for one in watched.report()["bins"]] == [bin_]


# --- latency and terms ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", MODELS)
def test_a_prediction_alone_is_timed_over_contexts_of_the_text(name, tmp_path):
    predictor = Predictor(MODELS[name]())
    assert len(latencies(predictor, corpus(tmp_path, OTHER * 20))) == CONTEXTS
    few = latencies(predictor, corpus(tmp_path, "the cat sat"))
    assert 1 <= len(few) <= 3
    assert all(seconds > 0 for seconds in few)


def test_the_percentiles_are_in_milliseconds():
    report = latency_report([number / 1_000 for number in range(1, 102)])
    assert report == {"latency_p50_ms": pytest.approx(51), "latency_p95_ms": pytest.approx(96)}
    assert latency_report([]) == {"latency_p50_ms": None, "latency_p95_ms": None}


def test_a_text_that_begins_with_many_unknown_words_is_not_read_for_ever(tmp_path):
    predictor = Predictor(chain(TEXT))
    assert latencies(predictor, corpus(tmp_path, "zebra " * 5_000 + "the cat sat"), contexts=3) == []


def test_the_terms_of_each_kind_of_model():
    terms = protocol(Predictor(MODELS["windows"]()))
    assert list(terms) == ["tokenizer", "case", "line_ends", "unseen_words", "unk", "log_base", "context", "window",
                           "first_words", "keystrokes", "files", "symbols"]  # fmt: skip
    assert (terms["case"], terms["line_ends"], terms["log_base"]) == ("kept", "not counted", "e")
    assert (terms["window"], terms["context"]) == (3, "the 3 words before it")
    assert "without probability" in terms["unseen_words"]
    assert terms["first_words"].endswith("the very first by frequency in the training text")
    terms = protocol(Predictor(MODELS["eos"]()))
    assert terms["line_ends"] == "counted as words"
    assert terms["first_words"].endswith("the very first as behind a line end")
    assert "scored as <unk>" in terms["unseen_words"]
    terms = protocol(Predictor(MODELS["stateful"]()))
    assert (terms["window"], terms["context"].split(",")[0]) == (None, "all words before it")
    lower = plain_vocabulary(5, text=TextConfig(tokenizer="whitespace", lowercase=True))
    terms = protocol(Predictor(random_model(lower, window=1)))
    assert (terms["tokenizer"], terms["case"], terms["context"]) == ("whitespace", "lowercased", "the word before it")


def test_the_terms_of_a_mixture_say_what_each_part_sees():
    model = with_ngram(MODELS["windows"](), order=5)
    terms = protocol(mixed(Predictor(model), Mixing("fixed", cache=500)))
    assert terms["context"] == "the 3 words before it (network), the last 4 (5-gram), the last 500 (cache)"
    assert terms["window"] == 500
    assert protocol(mixed(Predictor(model), Mixing("fixed")))["window"] == 4
    terms = protocol(mixed(Predictor(MODELS["stateful"]()), Mixing(cache=9)))
    assert terms["window"] is None
    assert terms["context"].endswith("state carried on through the text (network), the last 9 (cache)")


def test_the_terms_say_what_unk_is():
    predictor = Predictor(MODELS["unk"]())
    assert protocol(predictor)["unk"] == "passed over where words are ranked"
    assert protocol(predictor, literal_unk=True)["unk"] == "a word of the text like any other"


def test_a_network_that_sees_fewer_words_is_asked_as_after_short_prompts():
    whole = Predictor(MODELS["windows"]())
    short = with_context(whole, 2)
    ids = whole.encode("the cat sat")[0]
    assert len(ids) == 3
    assert short.context(ids).log_probabilities() == pytest.approx(whole.context(ids[1:]).log_probabilities())
    assert short.context(ids).log_probabilities() != pytest.approx(whole.context(ids).log_probabilities())
    assert protocol(short)["context"] == "the 2 words before it"
    assert whole.window == 3


# --- command line -----------------------------------------------------------------------------------------------


@pytest.fixture
def eval_command(capsys, monkeypatch, tmp_path):
    path = saved(MODELS["unk"](), tmp_path)
    (tmp_path / "other.txt").write_text(OTHER)
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: ask(capsys, monkeypatch, "eval", "other.txt", "--model", path, *arguments)


def test_calibration_is_shown_where_it_is_asked_for(eval_command):
    report = json.loads(eval_command("--calibration", "--json")[1])
    assert list(report)[-1] == "calibration"
    assert list(report["calibration"]) == ["expected_calibration_error", "bins"]
    assert list(report["calibration"]["bins"][0]) == ["from", "to", "words", "mean_probability", "share_right"]
    assert sum(one["words"] for one in report["calibration"]["bins"]) == report["words"]
    out = eval_command("--calibration")[1]
    assert "expected calibration error" in out
    assert "likeliest word has" in out
    assert "calibration" not in eval_command()[1]
    assert 0 < report["latency_p50_ms"] <= report["latency_p95_ms"]
    assert "ms for one prediction alone" in out


@pytest.mark.parametrize(("name", "begins"), [("a.png", b"\x89PNG"), ("a.SVG", b"<?xml"), ("a.pdf", b"%PDF")])
def test_a_plot_is_drawn_by_its_ending(eval_command, tmp_path, name, begins):
    status, out, err = eval_command("--plot", name, "--quiet")
    assert (status, err) == (0, "")
    first = (tmp_path / name).read_bytes()
    assert first.startswith(begins)
    assert "likeliest word has" not in out  # the picture has it
    if name != "a.SVG":
        return
    eval_command("--plot", name)
    assert (tmp_path / name).read_bytes() == first


def test_a_plot_says_what_it_shows(eval_command, tmp_path):
    eval_command("--plot", "a.svg")
    drawn = (tmp_path / "a.svg").read_text()
    for label in ("Calibration: expected error", "share right", "probability of the likeliest word", "Loss by occ",
                  "unseen", "loss, nats a word"):  # fmt: skip
        assert label in drawn


def test_a_plot_of_unseen_words_without_probability(capsys, monkeypatch, tmp_path):
    path = saved(MODELS["windows"](), tmp_path)
    (tmp_path / "other.txt").write_text(OTHER)
    monkeypatch.chdir(tmp_path)
    assert ask(capsys, monkeypatch, "eval", "other.txt", "--model", path, "--plot", "a.svg")[0] == 0
    assert "no probability" in (tmp_path / "a.svg").read_text()


@pytest.mark.parametrize(("name", "told"), [("a.jpg", "ends in .png, .svg, .pdf"), ("none/a.png", "a directory that")])
def test_a_plot_that_cannot_be_saved_is_refused_before_the_work(eval_command, name, told):
    status, out, err = eval_command("--plot", name)
    assert (status, out) == (2, "")
    assert told in err
    assert len(err.splitlines()) == 1
