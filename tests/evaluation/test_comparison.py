"""Comparison of two models: figures against their definitions, intervals against data with a known mean."""

import json
import math
from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest

from rnnwords.config import TextConfig
from rnnwords.errors import CorpusError, UsageError
from rnnwords.evaluation import bootstrap
from rnnwords.evaluation.bootstrap import FIRST_LENGTH, MIN_KEPT, BlockSums, interval
from rnnwords.evaluation.comparison import Comparison, check_same_words, verdict
from rnnwords.evaluation.metrics import measure
from rnnwords.lm.loading import network_model
from rnnwords.lm.spelling import SpellingModel
from rnnwords.prediction import scoring
from rnnwords.prediction.scoring import Scorer
from rnnwords.text.encoding import has_literal_unk
from tests.evaluation.texts import OTHER, WITHOUT_UNK, corpus
from tests.models import chain, log_probs_after, random_model, saved, vocabulary_of
from tests.processes import ask
from tests.texts import CATS

EOS = TextConfig(eos=True)


def few(seed=0, **settings):
    return random_model(vocabulary_of(CATS, max_size=9), seed=seed, **settings)


PAIRS = {
    "same symbols": lambda: (few(), few(1)),
    "same symbols in another order, no unk": lambda: (
        random_model(vocabulary_of(CATS)), random_model(vocabulary_of("hen cart saw " * 9 + CATS), seed=1)
    ),
    "other symbols": lambda: (few(), random_model(vocabulary_of(CATS, max_size=12), seed=2)),
    "one has no unk": lambda: (random_model(vocabulary_of(CATS)), few(3)),
    "windows and stateful": lambda: (few(), few(4, mode="stateful", cell="gru")),
    "stateful and windows": lambda: (random_model(vocabulary_of(CATS), mode="stateful"), few(5, window=2)),
    "line ends": lambda: (
        random_model(vocabulary_of(CATS, EOS, max_size=10)), random_model(vocabulary_of(CATS, EOS), seed=6)
    ),
}  # fmt: skip


def spelling_of(model):
    return SpellingModel.train(Counter(model.vocabulary.tokenize(CATS)), model.vocabulary.words)


def compared(first, second, text, spelling=(None, None)):
    lm, other = network_model(first), network_model(second)
    literal_unk = has_literal_unk(text, first.vocabulary)
    comparison = Comparison(lm, other, 1, literal_unk, spelling[1])
    measure(Scorer(lm, 1, literal_unk, spelling[0]), text, observers=[comparison])
    return comparison


def slow_figures(lm, text):
    """Return (loss, hit) of each word; the loss is infinite without probability."""
    vocabulary = lm.vocabulary
    unk, figures = vocabulary.unk_id, []
    words, before = vocabulary.tokenize(text), list[int]()
    for word in words:
        token = vocabulary.ids.get(word)
        read = unk if token is None else token
        log_probs = log_probs_after(lm, before)
        if read is None:
            figures.append((math.inf, False))
            continue
        candidates = (one for one in range(len(log_probs)) if "<unk>" in words or one != unk)
        best = min(candidates, key=lambda one: (-log_probs[one], one))
        figures.append((-float(log_probs[read]), best == token))
        before.append(read)
    return figures


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("batch", [4, 256])
@pytest.mark.parametrize("text", [OTHER, WITHOUT_UNK])
def test_comparison_figures_equal_their_definitions(name, batch, text, tmp_path, monkeypatch):
    monkeypatch.setattr(scoring, "MAX_BATCH", batch)
    first, second = PAIRS[name]()
    report = compared(first, second, corpus(tmp_path, text)).report(seed=1)
    words = first.vocabulary.tokenize(text)
    ours, others = (slow_figures(network_model(model), text) for model in (first, second))
    same = set(first.vocabulary.words) == set(second.vocabulary.words)
    if same:
        counted = [n for n in range(len(words)) if math.isfinite(ours[n][0])]
    else:
        both = (set(first.vocabulary.words) & set(second.vocabulary.words)) - {"<unk>"}
        counted = [n for n, word in enumerate(words) if word in both]
    assert report["same_symbols"] == same
    assert (report["words"], report["words_left_out"]) == (len(counted), len(words) - len(counted))
    assert report["loss"] == pytest.approx(np.mean([ours[n][0] for n in counted]), rel=1e-5)
    assert report["other_loss"] == pytest.approx(np.mean([others[n][0] for n in counted]), rel=1e-5)
    difference = np.mean([ours[n][0] - others[n][0] for n in counted])
    assert report["loss_difference"]["value"] == pytest.approx(difference, abs=1e-5)
    assert report["perplexity_ratio"]["value"] == pytest.approx(math.exp(difference), rel=1e-4)
    assert report["top1"] == pytest.approx(np.mean([ours[n][1] for n in counted]))
    assert report["other_top1"] == pytest.approx(np.mean([others[n][1] for n in counted]))
    assert report["top1_difference"]["value"] == pytest.approx(report["top1"] - report["other_top1"])


@pytest.mark.parametrize("name", PAIRS)
def test_bits_per_character_of_a_comparison_are_those_of_each_model(name, tmp_path):
    models, text = PAIRS[name](), corpus(tmp_path, OTHER * 20)
    spelling = [spelling_of(model) for model in models]
    report = compared(*models, text, spelling).report(seed=1)
    literal_unk = has_literal_unk(text, models[0].vocabulary)
    ours, others = (
        measure(Scorer(network_model(model), 1, literal_unk, one), text).report()["bits_per_character"]
        for model, one in zip(models, spelling, strict=True)
    )
    assert report["bits_per_character"] == pytest.approx(ours)
    assert report["other_bits_per_character"] == pytest.approx(others)
    difference = report["bits_per_character_difference"]
    if ours is None or others is None:
        assert difference == {"value": None, "low": None, "high": None}
        assert report["verdict_by"] == "loss"
    else:
        assert difference["value"] == pytest.approx(ours - others)
        assert difference["low"] < difference["value"] < difference["high"]
        assert report["verdict_by"] == ("loss" if report["same_symbols"] else "bits_per_character")


def test_models_without_spelling_have_no_bits_for_unknown_words(tmp_path):
    report = compared(few(), few(1), corpus(tmp_path, OTHER * 20)).report(seed=1)
    assert report["bits_per_character"] is report["bits_per_character_difference"]["low"] is None
    known = compared(few(), few(1), corpus(tmp_path, "the cat sat\n" * 400)).report(seed=1)
    assert known["bits_per_character"] == pytest.approx(known["loss"] * 3 / 12 / math.log(2))


def test_bits_per_character_decide_between_different_vocabularies(tmp_path):
    """The small vocabulary is better at the words that both know, and worse where words must be spelled."""
    text = corpus(tmp_path, CATS * 30)
    small, large = chain(CATS, max_size=5), chain(CATS, max_size=13)
    report = compared(small, large, text, (spelling_of(small), spelling_of(large))).report(seed=1)
    assert report["verdict_by"] == "bits_per_character"
    assert report["bits_per_character"] > report["other_bits_per_character"]
    assert (report["verdict"], report["bits_per_character_difference"]["low"] > 0) == ("other", True)


def test_a_short_text_has_no_interval(tmp_path):
    report = compared(few(), few(1), corpus(tmp_path, CATS)).report(seed=1)
    assert report["verdict"] == "too short"
    assert report["blocks"] < bootstrap.MIN_BLOCKS
    assert report["loss_difference"]["low"] is report["perplexity_ratio"]["high"] is None
    assert report["resamples"] == 0


def test_comparison_names_the_better_model_unless_they_are_equal(tmp_path):
    long = corpus(tmp_path, CATS * 30)
    knows, guesses = chain(CATS, max_size=12), random_model(vocabulary_of(CATS, max_size=12))
    report = compared(knows, guesses, long).report(seed=1)
    loss, ratio, top1 = (report[name] for name in ("loss_difference", "perplexity_ratio", "top1_difference"))
    assert report["verdict"] == "this"
    assert loss["low"] < loss["value"] < loss["high"] < 0
    assert top1["high"] > top1["value"] > top1["low"] > 0
    assert ratio == {name: pytest.approx(math.exp(nats)) for name, nats in loss.items()}
    back = compared(guesses, knows, long).report(seed=1)
    assert back["verdict"] == "other"
    assert back["loss_difference"]["value"] == pytest.approx(-loss["value"])
    itself = compared(knows, knows, long).report(seed=1)
    assert itself["verdict"] == "chance"
    assert itself["loss_difference"] == {"value": 0, "low": 0, "high": 0}


def test_equal_seeds_give_equal_intervals(tmp_path):
    comparison = compared(few(), few(1), corpus(tmp_path, OTHER * 20))
    assert comparison.report(seed=7) == comparison.report(seed=7)
    assert comparison.report(seed=7)["loss_difference"] != comparison.report(seed=8)["loss_difference"]


def test_models_with_different_tokenizers_are_refused():
    lower = random_model(vocabulary_of(CATS, TextConfig(lowercase=True, eos=True)))
    with pytest.raises(UsageError, match="`lowercase` off and on, `eos` off and on; train both with the same text"):
        Comparison(network_model(few()), network_model(lower))


def test_models_without_a_common_word_are_refused(tmp_path):
    comparison = compared(random_model(vocabulary_of("the cat")), random_model(vocabulary_of("one dog")),
                          corpus(tmp_path, CATS))  # fmt: skip
    with pytest.raises(CorpusError, match="expected words that both models know, found none"):
        comparison.report(seed=1)


def test_metrics_exclude_the_time_of_the_other_model(tmp_path, monkeypatch):
    slow = Comparison(network_model(few()), network_model(few(1)))
    clock = SimpleNamespace(perf_counter=iter([0.0, 1.0, 11.0, 12.0]).__next__)
    monkeypatch.setattr("rnnwords.evaluation.metrics.time", clock)
    metrics = measure(Scorer(network_model(few())), corpus(tmp_path, OTHER), observers=[slow])
    assert metrics.seconds == 2.0


@pytest.mark.parametrize(("low", "high", "expected"), [(-2, -1, "this"), (-1, 1, "chance"), (0, 1, "chance"),
                                                   (1, 2, "other"), (None, None, "too short")])  # fmt: skip
def test_verdict_follows_from_the_interval(low, high, expected):
    assert verdict({"value": 0.0, "low": low, "high": high}) == expected


# --- the bootstrap ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words", [1, FIRST_LENGTH, FIRST_LENGTH + 1, 2 * MIN_KEPT * FIRST_LENGTH - 1, 2 * MIN_KEPT * FIRST_LENGTH, 200_001]
)
@pytest.mark.parametrize("piece", [997, 10**6])
def test_block_sums_cover_consecutive_words(words, piece):
    values = np.random.default_rng(1).standard_normal((words, 2))
    sums = BlockSums(2)
    for start in range(0, words, piece):
        sums.add(values[start : start + piece])
    assert sums.length == (
        FIRST_LENGTH if words < 2 * MIN_KEPT * FIRST_LENGTH else 2 * FIRST_LENGTH * (1 + (words > 131_072))
    )
    expected = [values[start : start + sums.length].sum(axis=0) for start in range(0, words, sums.length)]
    np.testing.assert_allclose(sums.sums, expected, atol=1e-9)


def test_comparison_memory_does_not_grow_with_the_text():
    sums = BlockSums(1)
    for _ in range(400):
        sums.add(np.ones((5_000, 1)))
    assert MIN_KEPT <= len(sums.sums) <= 2 * MIN_KEPT
    assert sums.sums.sum() == 2_000_000
    assert sums.length == 1_024


def test_bootstrap_draws_have_the_theoretical_mean_and_deviation():
    values = np.random.default_rng(2).standard_normal((32_000, 1)) + 3
    sums = BlockSums(1)
    sums.add(values)
    draws = sums.draws(seed=5, resamples=4_000)[:, 0]
    assert draws.mean() == pytest.approx(values.sum(), abs=0.1 * math.sqrt(32_000))
    assert draws.std() == pytest.approx(math.sqrt(32_000), rel=0.1)
    low, high = interval(draws / 32_000)
    assert (high - low) / 2 == pytest.approx(1.96 / math.sqrt(32_000), rel=0.15)


def test_bootstrap_draws_do_not_depend_on_batch_size(monkeypatch):
    sums = BlockSums(1)
    sums.add(np.random.default_rng(3).standard_normal((2_000, 1)))
    whole = sums.draws(seed=1, resamples=50)
    monkeypatch.setattr(bootstrap, "MAX_NUMBERS", 7 * len(sums.sums))
    np.testing.assert_array_equal(sums.draws(seed=1, resamples=50), whole)


def coverage(length, dependence, monkeypatch):
    """Return how often the interval of a mean contains the true 0 for autocorrelated data."""
    monkeypatch.setattr(bootstrap, "FIRST_LENGTH", length)
    values = np.random.default_rng(4).standard_normal((1_280, 120, 1))  # words, trials
    for place in range(1, len(values)):
        values[place] += dependence * values[place - 1]
    held = 0
    for trial in range(120):
        sums = BlockSums(1)
        sums.add(values[:, trial])
        low, high = interval(sums.draws(trial, resamples=200)[:, 0])
        held += low <= 0 <= high
    return held / 120


def test_block_bootstrap_intervals_have_their_nominal_coverage(monkeypatch):
    assert 0.88 <= coverage(FIRST_LENGTH, 0.8, monkeypatch) <= 0.99


def test_bootstrap_without_blocks_covers_too_rarely(monkeypatch):
    monkeypatch.setattr(bootstrap, "MIN_KEPT", 2_000)
    assert coverage(1, 0.8, monkeypatch) < 0.65


# --- command line -----------------------------------------------------------------------------------------------


@pytest.fixture
def eval_command(capsys, monkeypatch, tmp_path):
    for name, model in {"this": few(), "other": few(1), "more": random_model(vocabulary_of(CATS)),
                        "eos": random_model(vocabulary_of(CATS, EOS))}.items():  # fmt: skip
        (tmp_path / name).mkdir()
        saved(model, tmp_path / name)
    (tmp_path / "other.txt").write_text(OTHER * 20)
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: ask(capsys, monkeypatch, "eval", "other.txt", "--model", "this", *arguments)


def test_comparison_json_has_documented_keys(eval_command):
    status, out, err = eval_command("--compare", "other", "--json", "--seed", "3")
    report = json.loads(out)
    comparison = report["compare"]
    assert (status, "of the words are outside the vocabulary" in err) == (0, True)
    assert list(comparison) == [
        "model", "words", "words_left_out", "same_symbols", "loss", "other_loss", "loss_difference", "perplexity",
        "other_perplexity", "perplexity_ratio", "top1", "other_top1", "top1_difference", "bits_per_character",
        "other_bits_per_character", "bits_per_character_difference", "verdict", "verdict_by", "confidence",
        "block_words", "blocks", "resamples", "seed",
    ]  # fmt: skip
    assert (comparison["model"], comparison["seed"], comparison["block_words"]) == (
        "other/model.safetensors",
        3,
        FIRST_LENGTH,
    )
    assert list(comparison["loss_difference"]) == ["value", "low", "high"]
    assert comparison["loss"] == pytest.approx(report["loss"])
    alone = json.loads(eval_command("--json")[1])
    assert {name: report[name] for name in alone if "second" not in name and "latency" not in name} == {
        name: value for name, value in alone.items() if "second" not in name and "latency" not in name
    }


def test_comparison_report_states_which_model_is_better(eval_command):
    status, out, err = eval_command("--compare", "other")
    assert status == 0
    assert err.startswith("seed ")
    shown = " ".join(out.split())
    assert "against other/model.safetensors, over all" in shown
    assert f"blocks of {FIRST_LENGTH} words" in shown
    assert "model is significantly better on this text" in shown or "is not significant" in shown
    assert "The two models are equal on this text." in eval_command("--compare", "this", "--seed", "1")[1]
    assert "known to both, whose vocabularies differ" in eval_command("--compare", "more", "--seed", "1")[1]


def test_comparison_report_notes_a_text_too_short_for_an_interval(eval_command, tmp_path):
    (tmp_path / "other.txt").write_text("the cat sat on the mat")
    out = eval_command("--compare", "other", "--seed", "1")[1]
    assert "Too short to decide: 1 block of 32 words, and 20 are needed." in out
    assert "95 % interval" not in out


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("eos", "found --eos off and on; train both with the same text settings"),
        ("none", "expected a model, found nothing at none"),
    ],
)
def test_incomparable_model_is_refused(eval_command, name, message):
    status, out, err = eval_command("--compare", name)
    assert (status, out) == (2, "")
    assert message in err
    assert len(err.splitlines()) == 1


def test_refusal_shows_the_versions_of_the_rules_as_numbers():
    ours, theirs = (vocabulary_of(CATS, TextConfig(rules=rules)) for rules in (2, 1))
    with pytest.raises(UsageError, match="found `rules` 2 and 1;"):
        check_same_words(ours, theirs)
