"""Evaluation metrics and baselines against their definitions, computed one word at a time."""

import dataclasses
import json
import math
import tracemalloc
from collections import Counter

import numpy as np
import pytest

from rnnwords.config import TextConfig
from rnnwords.errors import CorpusError
from rnnwords.evaluation.baselines import baselines, trained_part
from rnnwords.evaluation.metrics import Metrics, measure
from rnnwords.files import digest_of
from rnnwords.lm.loading import network_model
from rnnwords.lm.networks import StatefulNetwork, WindowedNetwork
from rnnwords.lm.ngram.kneser_ney import KneserNey
from rnnwords.lm.ngram.model import NgramModel
from rnnwords.lm.perplexity import perplexity
from rnnwords.lm.spelling import SpellingModel
from rnnwords.lm.unigram import UnigramModel
from rnnwords.prediction import scoring
from rnnwords.prediction.scoring import Scorer, count_higher
from rnnwords.text.encoding import has_literal_unk, ids_of
from tests.evaluation.texts import OTHER, WITHOUT_UNK, corpus
from tests.lm.interpolated import with_ngram
from tests.models import chain, log_probs_after, log_probs_along, plain_vocabulary, random_model, saved, vocabulary_of
from tests.processes import ask
from tests.texts import CATS


def slow_metrics(lm, text, spelling=None):
    """Return every metric by its definition, one word at a time, with lists and sorting."""
    vocabulary = lm.vocabulary
    words = vocabulary.tokenize(text)
    unk = vocabulary.unk_id
    literal = "<unk>" in words  # then it is a word like any other; else no list has it
    before: list[int] = []
    figures, keys = [], []
    for word in words:
        log_probs = log_probs_after(lm, before).tolist()
        token = vocabulary.ids.get(word)
        read = unk if token is None else token
        order = [one for one in sorted(range(len(log_probs)), key=lambda one: (-log_probs[one], one))
                 if literal or one != unk]  # fmt: skip
        shown = [one for one in order if vocabulary.words[one] not in ("<unk>", "<eos>")]
        all_keys, saved_keys = {"<unk>": 0, "<eos>": 1}.get(word, len(word) + 1), 0
        if token is not None:
            for typed in range(len(word)):
                offered = [one for one in shown if vocabulary.words[one].startswith(word[:typed])][:3]
                if token in offered:
                    saved_keys = len(word) + 1 - (typed + 1)
                    break
        loss = math.inf if read is None else -log_probs[read]
        keys.append((saved_keys, all_keys))
        figures.append((token, loss, 0 if token is None else order.index(token) + 1))
        if read is not None:
            before.append(read)
    # A word that is not read has the prediction of the next one; without <unk> only its loss counts, which is infinite.
    known = [(loss, rank) for token, loss, rank in figures if token is not None]
    total = len(figures)
    loss = sum(loss for _, loss, _ in figures) / total
    spelled = [word for word in words if word not in vocabulary.ids]
    nats = total * loss + (-sum(float(spelling.log_probs([word])[0]) for word in spelled) if spelling else math.nan)
    characters = len(text) + (not text.endswith("\n"))
    counts = vocabulary.counts
    return {
        "words": total,
        "oov_rate": 1 - len(known) / total,
        "loss": loss if math.isfinite(loss) else None,
        "perplexity": math.exp(loss) if math.isfinite(loss) else None,
        "perplexity_excluding_oov": math.exp(sum(loss for loss, _ in known) / len(known)),
        "bits_per_character": nats / math.log(2) / characters if math.isfinite(nats) else None,
        "characters": characters,
        **{f"top{k}": sum(rank <= k for _, rank in known) / total for k in (1, 3, 5)},
        "mrr": sum(1 / rank for _, rank in known) / total,
        "keystroke_savings": sum(saved for saved, _ in keys) / sum(total for _, total in keys),
        "by_count": {
            count: [(loss, rank == 1) for token, loss, rank in figures
                    if (0 if token is None else counts[token]) == count]
            for count in {0, *counts}
        },
    }  # fmt: skip


MODELS = {
    "windows": lambda: random_model(vocabulary_of(CATS)),
    "unk": lambda: random_model(vocabulary_of(CATS, max_size=9)),
    "stateful": lambda: random_model(vocabulary_of(CATS, max_size=9), mode="stateful", cell="gru"),
    "eos": lambda: random_model(vocabulary_of(CATS, TextConfig(eos=True), max_size=11), window=2),
    "stateful eos": lambda: random_model(vocabulary_of(CATS, TextConfig(eos=True)), mode="stateful"),
    "ties": lambda: chain(CATS, max_size=12),
}


@pytest.fixture(params=MODELS)
def lm(request):
    return network_model(MODELS[request.param]())


@pytest.mark.parametrize("batch", [1, 5, 256])
@pytest.mark.parametrize(("threads", "text"), [(1, OTHER), (3, OTHER), (1, WITHOUT_UNK)])
def test_metrics_equal_their_definitions(lm, tmp_path, monkeypatch, batch, threads, text):
    monkeypatch.setattr(scoring, "MAX_BATCH", batch)
    source = corpus(tmp_path, text)
    spelling = SpellingModel.train(Counter(lm.vocabulary.tokenize(CATS)), lm.vocabulary.words) if batch > 1 else None
    metrics = measure(Scorer(lm, threads, has_literal_unk(source, lm.vocabulary), spelling), source)
    report, expected = metrics.report(), slow_metrics(lm, text, spelling)
    assert (report["bits_per_character"] is None) == (spelling is None or lm.vocabulary.unk_id is None)
    assert report.pop("words_per_second") > 0
    by_count = expected.pop("by_count")
    assert report == {name: value if value is None else pytest.approx(value, rel=2e-5) for name, value in
                      expected.items()}  # fmt: skip
    for band in metrics.by_frequency():
        last = math.inf if band["to"] is None else band["to"]
        within = [one for count, ones in by_count.items() if band["from"] <= count <= last for one in ones]
        loss = sum(loss for loss, _ in within) / len(within)
        assert band["words"] == len(within)
        assert band["loss"] == (pytest.approx(loss, rel=2e-5) if math.isfinite(loss) else None)
        assert band["top1"] == pytest.approx(sum(hit for _, hit in within) / len(within))
    assert sum(band["words"] for band in metrics.by_frequency()) == expected["words"]


def test_ties_rank_by_token_id():
    log_probs = np.array([[1.0, 2, 2, 0, 2]] * 5, np.float32)
    ids = np.arange(5)
    assert count_higher(log_probs, log_probs[ids, ids], ids).tolist() == [3, 0, 1, 4, 2]


@pytest.mark.parametrize(("mode", "kind"), [("windows", WindowedNetwork), ("stateful", StatefulNetwork)])
def test_scorer_starts_a_new_text_after_reset_state(mode, kind):
    scorer = Scorer(network_model(random_model(plain_vocabulary(7), mode=mode)))
    assert type(scorer.lm) is kind

    def log_probs():
        [batch] = scorer.score(["w1", "w2", "w3"])
        return batch.ranking_log_probs

    first, again = log_probs(), log_probs()
    assert not np.allclose(first, again)
    scorer.reset_state()
    np.testing.assert_allclose(log_probs(), first, atol=1e-6)


@pytest.mark.parametrize("mode", ["windows", "stateful"])
def test_evaluation_memory_does_not_grow_with_the_text(tmp_path, mode):
    lm = network_model(random_model(plain_vocabulary(50, unk=True), mode=mode))
    peaks = []
    for words in (300, 6_000):
        text = corpus(tmp_path, "w1 w2 w3 w4 w5 zebra\n" * (words // 6))
        measure(Scorer(lm), text)
        tracemalloc.start()
        measure(Scorer(lm), text)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    # The words of a chunk are kept, never their (V,) log-probabilities of 200 bytes and more.
    assert peaks[1] < peaks[0] + 6_000 * 100


def test_batch_size_shrinks_with_vocabulary_size():
    vocabulary = plain_vocabulary(100_000)
    scorer = Scorer(UnigramModel(vocabulary, np.zeros(100_000, np.float32)))
    assert scorer.size * len(vocabulary) <= scoring.MAX_NUMBERS


@pytest.mark.parametrize("eos", [False, True])
@pytest.mark.parametrize(
    ("text", "message"),
    [("", "at least one word, found none"), (" \n\t", "at least one word, found none"),
     ("\n\n", "at least one word, found none"), ("zebra quagga", "found none among 2"),
     ("zebra <unk>\n\nquagga", "found none among 2")],
)  # fmt: skip
def test_unusable_evaluation_text_is_refused(tmp_path, text, message, eos):
    with pytest.raises(CorpusError, match=message):
        measure(Scorer(network_model(chain(CATS, TextConfig(eos=eos), max_size=9))), corpus(tmp_path, text))


def test_one_ranking_gives_a_hit_to_one_word_only(tmp_path):
    """With <unk> most probable everywhere, either <unk> or the most probable other word is a hit, never both."""
    vocabulary = vocabulary_of("<unk> " * 9 + "the cat", max_size=3)
    unk, the = (vocabulary.ids[word] for word in ("<unk>", "the"))

    log_probs = np.log([{unk: 0.6, the: 0.3}.get(token, 0.1) for token in range(3)]).astype(np.float32)
    for text, hits in (("<unk> the the the", 0.25), ("cat the the the", 0.75)):
        for word in text.split():
            assert word in vocabulary.ids
        source = corpus(tmp_path, text)
        scorer = Scorer(UnigramModel(vocabulary, log_probs), literal_unk=has_literal_unk(source, vocabulary))
        assert measure(scorer, source).report()["top1"] == hits


@pytest.mark.parametrize(
    ("text", "tokenizer", "literal"),
    [("the <unk> cat", "words", True), ("the<unk>cat", "words", True), ("the<unk>cat", "whitespace", False),
     ("the <UNK> cat", "words", False), ("the unk cat", "words", False), ("a " * 600_000 + "<unk>", "words", True)],
)  # fmt: skip
def test_literal_unk_is_detected(tmp_path, text, tokenizer, literal):
    config = TextConfig(tokenizer=tokenizer)
    assert has_literal_unk(corpus(tmp_path, text), vocabulary_of(CATS, config)) == literal


def test_perplexity_overflow_gives_none():
    assert perplexity(800.0) == perplexity(math.inf) == math.inf
    for loss in (800.0, math.inf):
        metrics = Metrics(chain().vocabulary, words=1, keys=1, loss=loss)
        assert metrics.report()["perplexity"] is None
    assert metrics.report()["loss"] is None


# --- baselines --------------------------------------------------------------------------------------------------


def test_baselines_equal_their_definitions(tmp_path):
    model = chain(CATS, max_size=12, words=30)
    vocabulary = model.vocabulary
    train = corpus(tmp_path, CATS)
    ids = trained_part(ids_of(train, vocabulary), model)
    text = corpus(tmp_path, OTHER, "other.txt")
    reports = {name: measure(Scorer(lm), text).report() for name, lm in baselines(model, train)}
    assert list(reports) == ["unigram", "bigram", "Kneser-Ney 4-gram"]
    longer = [name for name, _ in baselines(model, train, order=6)]
    assert longer == ["unigram", "bigram", "Kneser-Ney 6-gram"]

    words = vocabulary.tokenize(OTHER)
    other = vocabulary.encode(words)
    counts = [ids.tolist().count(token) + 1 for token in range(12)]  # in the words learned from, not in the whole text
    loss = -np.mean([math.log(counts[token] / sum(counts)) for token in other])
    assert reports["unigram"]["loss"] == pytest.approx(loss, rel=1e-5)
    best = max((token for token in range(12) if token != vocabulary.unk_id), key=lambda token: counts[token])
    assert reports["unigram"]["top1"] == pytest.approx(words.count(vocabulary.words[best]) / len(words))

    for name, order in (("bigram", 2), ("Kneser-Ney 4-gram", 4)):
        expected = -KneserNey.train(ids, 12, order).score(other).mean()
        assert reports[name]["loss"] == pytest.approx(expected, rel=1e-5)


def test_ngram_baseline_of_a_stateful_network_has_a_fixed_order(tmp_path):
    model = chain(CATS, TextConfig(eos=True), stateful=True)
    names = [name for name, _ in baselines(model, corpus(tmp_path, CATS))]
    assert names == ["unigram", "bigram", "Kneser-Ney 5-gram"]


def test_ngram_baseline_keeps_context_across_batches():
    ids = [0, 1, 2, 0, 1, 3, 0, 2, 1, 0, 1, 2]
    kneser_ney = KneserNey.train(ids, 4, 3, boundary=3)
    lm = NgramModel(kneser_ney, plain_vocabulary(4))
    whole = log_probs_along(lm, ids)
    state, parts = lm.initial_state(), []
    for part in (ids[:1], ids[1:2], ids[2:]):
        states = [state, *lm.advance_each(state, part)]
        state = states.pop()
        parts.append(lm.log_probs(states))
    np.testing.assert_allclose(np.concatenate(parts), whole)
    np.testing.assert_allclose(whole[np.arange(12), ids], kneser_ney.score(ids, [3]), rtol=1e-5)


def test_baselines_learn_only_from_the_training_part(tmp_path):
    model = chain("a b a c a b", words=4)
    ids = ids_of(corpus(tmp_path, "a b a zebra c a b"), model.vocabulary)
    assert ids.tolist() == [0, 1, 0, 3, 2, 0, 1]
    assert trained_part(ids, model).tolist() == [0, 1, 0]
    for text in ("zebra", "zebra\n<unk> <eos>"):
        with pytest.raises(CorpusError, match="expected words of the vocabulary, found none"):
            ids_of(corpus(tmp_path, text), model.vocabulary)


# --- command line -----------------------------------------------------------------------------------------------


@pytest.fixture
def eval_command(capsys, monkeypatch, tmp_path):
    path = saved(chain(CATS, max_size=12), tmp_path)
    (tmp_path / "train.txt").write_text(CATS)
    (tmp_path / "other.txt").write_text(OTHER)
    monkeypatch.chdir(tmp_path)
    return lambda *arguments, stdin=None: ask(
        capsys, monkeypatch, "eval", "--model", path, *arguments, stdin=stdin
    )  # fmt: skip


KEYS = ["words", "oov_rate", "loss", "perplexity", "perplexity_excluding_oov", "bits_per_character", "characters",
        "top1", "top3", "top5", "mrr", "keystroke_savings", "words_per_second"]  # fmt: skip


def test_eval_json_has_documented_keys(eval_command):
    status, out, err = eval_command("other.txt", "--json")
    report = json.loads(out)
    assert (status, err) == (0, "")
    assert list(report) == [*KEYS, "latency_p50_ms", "latency_p95_ms", "model", "text", "in_training",
                            "eval_settings"]  # fmt: skip
    assert report["text"] == "other.txt"
    assert json.loads(eval_command("other.txt", "train.txt", "--json")[1])["text"] == ["other.txt", "train.txt"]
    assert json.loads(eval_command("-", "--json", stdin=OTHER.encode())[1])["loss"] == report["loss"]


def test_eval_report_states_its_settings(eval_command):
    shown = " ".join(eval_command("other.txt")[1].split())
    for term in ("tokenizer words", "case kept", "line ends not counted", "<unk>", "logarithms are natural",
                 "the 3 words before it", "12 tokens", "less context at the start",
                 "the first word from unigram frequencies"):  # fmt: skip
        assert term in shown


def test_eval_report_shows_frequency_bands_and_baselines(eval_command):
    more = ["--by-frequency", "--baseline", "--train-text", "train.txt"]
    report = json.loads(eval_command("other.txt", "--json", *more)[1])
    assert list(report["by_frequency"][0]) == ["from", "to", "words", "loss", "top1"]
    assert [row["name"] for row in report["baselines"]] == ["unigram", "bigram", "Kneser-Ney 4-gram"]
    assert all(list(row) == ["name", *KEYS] for row in report["baselines"])
    _, out, _ = eval_command("other.txt", *more)
    for shown in ("2 to 9 times", "unseen", "this model", "Kneser-Ney 4-gram", "unigram"):
        assert shown in out


def test_limited_context_has_baselines_of_its_length(eval_command):
    more = ["--json", "--baseline", "--train-text", "train.txt"]
    short = json.loads(eval_command("other.txt", *more, "--max-context", "2")[1])
    assert short["eval_settings"]["window"] == 2
    assert [row["name"] for row in short["baselines"]] == ["unigram", "bigram", "Kneser-Ney 3-gram"]
    status, out, err = eval_command("other.txt", "--max-context", "4")
    assert (status, out) == (2, "")
    assert "expected 1 to 3, its window, found 4" in err
    status, _, err = eval_command("other.txt", "--max-context", "2", "--cache", "5")
    assert (status, "--max-context is for the network alone" in err) == (2, True)


def test_missing_baseline_states_its_reason(eval_command):
    status, out, err = eval_command("other.txt", "--baseline")
    assert (status, out) == (2, "")
    assert "--baseline: expected the training text" in err
    assert eval_command("other.txt", "--train-text", "train.txt")[0] == 2
    assert eval_command("other.txt", "--baseline", "--train-text", "none.txt")[0] == 2
    status, out, err = eval_command("other.txt", "--baseline", "--baseline-order", "3")
    assert (status, out) == (2, "")
    assert "--baseline-order: expected --baseline and --train-text" in err
    assert "--seed: expected --compare" in eval_command("other.txt", "--seed", "1")[2]


def test_baselines_of_any_order_are_shown(eval_command):
    more = ["--json", "--baseline", "--train-text", "train.txt", "--baseline-order"]
    for order, name in (("2", "bigram"), ("5", "Kneser-Ney 5-gram")):
        report = json.loads(eval_command("other.txt", *more, order)[1])
        assert report["baselines"][-1]["name"] == name


def test_ngram_section_of_the_model_is_a_baseline(capsys, monkeypatch, tmp_path):
    model = with_ngram(chain(CATS, max_size=12), order=4)
    path, text = saved(model, tmp_path), corpus(tmp_path, OTHER)
    arguments = ["eval", text.names[0], "--json", "--model", path, "--baseline"]
    report = json.loads(ask(capsys, monkeypatch, *arguments, "--interpolate", "off")[1])
    assert [row["name"] for row in report["baselines"]] == ["unigram", "Kneser-Ney 4-gram"]
    alone = json.loads(ask(capsys, monkeypatch, *arguments, "--interpolate", "0")[1])
    assert report["baselines"][1]["loss"] == pytest.approx(alone["loss"], rel=1e-4)
    assert "baselines_learned_alike" not in report


def test_eval_notes_the_role_of_the_text_in_training(eval_command, capsys, monkeypatch, tmp_path):
    """The model file identifies its training text and its validation text."""
    train, other = tmp_path / "train.txt", tmp_path / "other.txt"
    model = chain(CATS, max_size=12)
    digests = {"corpus": digest_of([train]), "validation": digest_of([other])}
    saved(dataclasses.replace(model, training={**model.training, **digests}), tmp_path)
    for name, part, warning in (("train.txt", "training", "the model was trained on this text"),
                                ("other.txt", "validation", "were selected on this text")):  # fmt: skip
        assert json.loads(eval_command(name, "--json")[1])["in_training"] == part
        assert warning in eval_command(name)[1]
    (tmp_path / "third.txt").write_text(OTHER + "the cat .")
    assert json.loads(eval_command("third.txt", "--json")[1])["in_training"] is None
    assert "too good" not in eval_command("third.txt")[1]
    for name, alike in (("train.txt", True), ("third.txt", False)):
        more = ["third.txt", "--baseline", "--train-text", name]
        assert json.loads(eval_command(*more, "--json")[1])["baselines_learned_alike"] == alike
        assert ("warning: the baselines learned from --train-text" in eval_command(*more)[1]) != alike


def test_eval_warns_about_mostly_unknown_words(eval_command, tmp_path):
    (tmp_path / "strange.txt").write_text("the zebra quagga sat")
    status, out, err = eval_command("strange.txt", "--json")
    assert (status, json.loads(out)["oov_rate"]) == (0, 0.5)
    assert err == (
        "Warning: 50% of the words are outside the vocabulary; the text may not fit the model, which has tokenizer "
        "words, case kept\n"
    )
    assert eval_command("strange.txt", "--quiet")[2] == ""
    assert eval_command("train.txt")[2] == ""


@pytest.mark.parametrize("text", ["zebra quagga", ""])
def test_eval_refuses_unusable_text(capsys, monkeypatch, tmp_path, text):
    path = saved(chain(), tmp_path)
    status, out, err = ask(capsys, monkeypatch, "eval", "--model", path, "-", stdin=text.encode())
    assert (status, out) == (2, "")
    assert err.startswith("Error: standard input: expected ")
