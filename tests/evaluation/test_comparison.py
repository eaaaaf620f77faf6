"""Two models on one text: figures against a slow twin, intervals against data whose truth is known."""

import json
import math
from types import SimpleNamespace

import numpy as np
import pytest

from rnnwords.config import TextConfig
from rnnwords.errors import CorpusError, UsageError
from rnnwords.evaluation import bootstrap
from rnnwords.evaluation.bootstrap import KEPT, SHORTEST, BlockSums, interval
from rnnwords.evaluation.comparison import Comparison, verdict
from rnnwords.evaluation.metrics import evaluate
from rnnwords.prediction import scoring
from rnnwords.prediction.predictor import Predictor
from rnnwords.text.encoding import has_literal_unk
from tests.asking import ask, chain, random_model, saved, vocabulary_of
from tests.evaluation.test_metrics import OTHER, TEXT, WITHOUT_UNK, corpus

EOS = TextConfig(eos=True)


def few(seed=0, **settings):
    return random_model(vocabulary_of(TEXT, max_size=9), seed=seed, **settings)


PAIRS = {
    "same symbols": lambda: (few(), few(1)),
    "same symbols in another order, no unk": lambda: (
        random_model(vocabulary_of(TEXT)), random_model(vocabulary_of("hen cart saw " * 9 + TEXT), seed=1)
    ),
    "other symbols": lambda: (few(), random_model(vocabulary_of(TEXT, max_size=12), seed=2)),
    "one has no unk": lambda: (random_model(vocabulary_of(TEXT)), few(3)),
    "windows and stateful": lambda: (few(), few(4, reading="stateful", cell="gru")),
    "stateful and windows": lambda: (random_model(vocabulary_of(TEXT), reading="stateful"), few(5, window=2)),
    "line ends": lambda: (
        random_model(vocabulary_of(TEXT, EOS, max_size=10)), random_model(vocabulary_of(TEXT, EOS), seed=6)
    ),
}  # fmt: skip


def compared(first, second, text, **settings):
    literal_unk = has_literal_unk(text, first.vocabulary)
    comparison = Comparison(Predictor(first), Predictor(second), literal_unk=literal_unk, **settings)
    evaluate(Predictor(first), text, observers=[comparison])
    return comparison


def slow_figures(predictor, text):
    """(loss, hit) of each word, infinite without probability."""
    vocabulary = predictor.vocabulary
    unk, found = vocabulary.unk, []
    words, before = vocabulary.tokenize(text), list[int]()
    for word in words:
        rank = vocabulary.ranks.get(word)
        read = unk if rank is None else rank
        scores = predictor.context(before).log_probabilities()
        if read is None:
            found.append((math.inf, False))
            continue
        order = sorted((r for r in range(len(scores)) if "<unk>" in words or r != unk), key=lambda r: (-scores[r], r))
        found.append((-float(scores[read]), rank is not None and order[0] == rank))
        before.append(read)
    return found


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("batch", [4, 256])
@pytest.mark.parametrize("text", [OTHER, WITHOUT_UNK])
def test_the_figures_are_those_of_a_slow_twin(name, batch, text, tmp_path, monkeypatch):
    monkeypatch.setattr(scoring, "BATCH", batch)
    first, second = PAIRS[name]()
    report = compared(first, second, corpus(tmp_path, text)).report(seed=1)
    words = first.vocabulary.tokenize(text)
    ours, others = (slow_figures(Predictor(model), text) for model in (first, second))
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


def test_a_short_text_has_no_interval(tmp_path):
    report = compared(few(), few(1), corpus(tmp_path, TEXT)).report(seed=1)
    assert report["verdict"] == "too short"
    assert report["blocks"] < bootstrap.FEWEST
    assert report["loss_difference"]["low"] is report["perplexity_ratio"]["high"] is None
    assert report["resamples"] == 0


def test_the_better_model_is_named_and_equal_ones_are_not(tmp_path):
    long = corpus(tmp_path, TEXT * 30)
    knows, guesses = chain(TEXT, max_size=12), random_model(vocabulary_of(TEXT, max_size=12))
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


def test_a_seed_brings_the_same_interval_again(tmp_path):
    comparison = compared(few(), few(1), corpus(tmp_path, OTHER * 20))
    assert comparison.report(seed=7) == comparison.report(seed=7)
    assert comparison.report(seed=7)["loss_difference"] != comparison.report(seed=8)["loss_difference"]


def test_models_that_split_a_text_differently_are_not_compared():
    lower = random_model(vocabulary_of(TEXT, TextConfig(lowercase=True, eos=True)))
    with pytest.raises(UsageError, match="lowercase off and on, eos off and on; train both with the same text options"):
        Comparison(Predictor(few()), Predictor(lower))


def test_models_without_a_common_word_are_not_compared(tmp_path):
    comparison = compared(random_model(vocabulary_of("the cat")), random_model(vocabulary_of("one dog")),
                          corpus(tmp_path, TEXT))  # fmt: skip
    with pytest.raises(CorpusError, match="no word of the text is known to both"):
        comparison.report(seed=1)


def test_the_time_of_the_other_model_is_not_counted(tmp_path, monkeypatch):
    slow = Comparison(Predictor(few()), Predictor(few(1)))
    clock = SimpleNamespace(perf_counter=iter([0.0, 1.0, 11.0, 12.0]).__next__)
    monkeypatch.setattr("rnnwords.evaluation.metrics.time", clock)
    metrics = evaluate(Predictor(few()), corpus(tmp_path, OTHER), observers=[slow])
    assert metrics.seconds == 2.0


@pytest.mark.parametrize(("low", "high", "said"), [(-2, -1, "this"), (-1, 1, "chance"), (0, 1, "chance"),
                                                   (1, 2, "other"), (None, None, "too short")])  # fmt: skip
def test_what_an_interval_says(low, high, said):
    assert verdict({"value": 0.0, "low": low, "high": high}) == said


# --- the bootstrap ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", [1, SHORTEST, SHORTEST + 1, 2 * KEPT * SHORTEST - 1, 2 * KEPT * SHORTEST, 200_001])
@pytest.mark.parametrize("piece", [997, 10**6])
def test_blocks_are_sums_of_running_words(words, piece):
    values = np.random.default_rng(1).standard_normal((words, 2))
    sums = BlockSums(2)
    for start in range(0, words, piece):
        sums.add(values[start : start + piece])
    assert sums.length == (SHORTEST if words < 2 * KEPT * SHORTEST else 2 * SHORTEST * (1 + (words > 131_072)))
    expected = [values[start : start + sums.length].sum(axis=0) for start in range(0, words, sums.length)]
    np.testing.assert_allclose(sums.sums, expected, atol=1e-9)


def test_memory_does_not_grow_with_the_text():
    sums = BlockSums(1)
    for _ in range(400):
        sums.add(np.ones((5_000, 1)))
    assert KEPT <= len(sums.sums) <= 2 * KEPT
    assert sums.sums.sum() == 2_000_000
    assert sums.length == 1_024


def test_draws_have_the_mean_and_the_spread_of_theory():
    values = np.random.default_rng(2).standard_normal((32_000, 1)) + 3
    sums = BlockSums(1)
    sums.add(values)
    draws = sums.draws(seed=5, resamples=4_000)[:, 0]
    assert draws.mean() == pytest.approx(values.sum(), abs=0.1 * math.sqrt(32_000))
    assert draws.std() == pytest.approx(math.sqrt(32_000), rel=0.1)
    low, high = interval(draws / 32_000)
    assert (high - low) / 2 == pytest.approx(1.96 / math.sqrt(32_000), rel=0.15)


def test_draws_are_the_same_however_many_are_made_at_a_time(monkeypatch):
    sums = BlockSums(1)
    sums.add(np.random.default_rng(3).standard_normal((2_000, 1)))
    whole = sums.draws(seed=1, resamples=50)
    monkeypatch.setattr(bootstrap, "CELLS", 7 * len(sums.sums))
    np.testing.assert_array_equal(sums.draws(seed=1, resamples=50), whole)


def coverage(length, dependence, monkeypatch):
    """How often the interval of a mean holds the truth, 0, where neighbours are alike."""
    monkeypatch.setattr(bootstrap, "SHORTEST", length)
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


def test_intervals_hold_the_truth_as_often_as_they_say(monkeypatch):
    assert 0.88 <= coverage(SHORTEST, 0.8, monkeypatch) <= 0.99


def test_without_blocks_they_would_not(monkeypatch):
    monkeypatch.setattr(bootstrap, "KEPT", 2_000)
    assert coverage(1, 0.8, monkeypatch) < 0.65


# --- command line -----------------------------------------------------------------------------------------------


@pytest.fixture
def eval_command(capsys, monkeypatch, tmp_path):
    for name, model in {"this": few(), "other": few(1), "more": random_model(vocabulary_of(TEXT)),
                        "eos": random_model(vocabulary_of(TEXT, EOS))}.items():  # fmt: skip
        (tmp_path / name).mkdir()
        saved(model, tmp_path / name)
    (tmp_path / "other.txt").write_text(OTHER * 20)
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: ask(capsys, monkeypatch, "eval", "other.txt", "--model", "this", *arguments)


def test_the_keys_of_json(eval_command):
    status, out, err = eval_command("--vs", "other", "--json", "--seed", "3")
    report = json.loads(out)
    found = report["vs"]
    assert (status, "of the words are unseen" in err) == (0, True)
    assert list(found) == [
        "model", "words", "words_left_out", "same_symbols", "loss", "other_loss", "loss_difference", "perplexity",
        "other_perplexity", "perplexity_ratio", "top1", "other_top1", "top1_difference", "verdict", "confidence",
        "block_words", "blocks", "resamples", "seed",
    ]  # fmt: skip
    assert (found["model"], found["seed"], found["block_words"]) == ("other/model.safetensors", 3, SHORTEST)
    assert list(found["loss_difference"]) == ["value", "low", "high"]
    assert found["loss"] == pytest.approx(report["loss"])
    alone = json.loads(eval_command("--json")[1])
    assert {name: report[name] for name in alone if "second" not in name and "latency" not in name} == {
        name: value for name, value in alone.items() if "second" not in name and "latency" not in name
    }


def test_the_report_says_plainly_which_is_better(eval_command):
    status, out, err = eval_command("--vs", "other")
    assert status == 0
    assert err.startswith("seed ")
    shown = " ".join(out.split())
    assert "against other/model.safetensors, over all" in shown
    assert f"blocks of {SHORTEST} words" in shown
    assert "model is better on this text" in shown or "could be chance" in shown
    assert "The two predict this text alike." in eval_command("--vs", "this", "--seed", "1")[1]
    assert "known to both, whose symbols differ" in eval_command("--vs", "more", "--seed", "1")[1]


def test_a_short_text_is_told(eval_command, tmp_path):
    (tmp_path / "other.txt").write_text("the cat sat on the mat")
    out = eval_command("--vs", "other", "--seed", "1")[1]
    assert "Too short to tell: 1 block of 32 words, and 20 are needed." in out
    assert "95 % interval" not in out


@pytest.mark.parametrize(("name", "told"), [("eos", "the same words; these two have eos off and on"),
                                            ("none", "there is no model at none")])  # fmt: skip
def test_a_model_that_cannot_be_compared_is_refused(eval_command, name, told):
    status, out, err = eval_command("--vs", name)
    assert (status, out) == (2, "")
    assert told in err
    assert len(err.splitlines()) == 1
