"""Evaluation against a slow twin that looks at one word at a time, and the baselines beside it."""

import dataclasses
import json
import math
import tracemalloc

import numpy as np
import pytest

from rnnwords.config import TextConfig
from rnnwords.errors import CorpusError
from rnnwords.evaluation.baselines import FrequencyReader, NgramReader, baselines
from rnnwords.evaluation.metrics import Metrics, evaluate, perplexity
from rnnwords.files import digest_of
from rnnwords.lm.kneser_ney import KneserNey
from rnnwords.prediction import scoring
from rnnwords.prediction.predictor import Predictor
from rnnwords.prediction.scoring import Scorer, StreamReader, WindowReader, ahead
from rnnwords.text.encoding import has_literal_unk, ids_of, trained_part
from rnnwords.text.reading import Corpus
from tests.asking import ask, chain, plain_vocabulary, random_model, saved, vocabulary_of
from tests.lm.test_interpolation import with_ngram

TEXT = "the cat sat on the mat , the cats sat . a dog saw the cat and the cat saw a hen .\n\n the mat sat on a cart . "
OTHER = "the dog sat , the zebra saw a cat .\nzebra quagga\nthe <unk> mat and hens sat .\n" * 3
WITHOUT_UNK = OTHER.replace("<unk>", "hen")


def slow_twin(predictor, text):
    """Every figure by its definition, a word at a time, with lists and sorting."""
    vocabulary = predictor.vocabulary
    words = vocabulary.tokenize(text)
    unk = vocabulary.unk
    literal = "<unk>" in words  # then it is a word like any other; else no list has it
    before: list[int] = []
    found, keys = [], []
    for word in words:
        scores = predictor.context(before).log_probabilities().tolist()
        rank = vocabulary.ranks.get(word)
        read = unk if rank is None else rank
        order = [r for r in sorted(range(len(scores)), key=lambda r: (-scores[r], r)) if literal or r != unk]
        shown = [r for r in order if vocabulary.words[r] not in ("<unk>", "<eos>")]
        all_keys, saved_keys = {"<unk>": 0, "<eos>": 1}.get(word, len(word) + 1), 0
        if rank is not None:
            for typed in range(len(word)):
                offered = [r for r in shown if vocabulary.words[r].startswith(word[:typed])][:3]
                if rank in offered:
                    saved_keys = len(word) + 1 - (typed + 1)
                    break
        loss = math.inf if read is None else -scores[read]
        keys.append((saved_keys, all_keys))
        found.append((rank, loss, 0 if rank is None else order.index(rank) + 1))
        if read is not None:
            before.append(read)
    # A word that is not read has the scores of the next one; without <unk> only its loss counts, which is infinite.
    known = [(loss, place) for rank, loss, place in found if rank is not None]
    total = len(found)
    loss = sum(loss for _, loss, _ in found) / total
    counts = vocabulary.counts
    return {
        "words": total,
        "oov_rate": 1 - len(known) / total,
        "loss": loss if math.isfinite(loss) else None,
        "perplexity": math.exp(loss) if math.isfinite(loss) else None,
        "perplexity_excluding_oov": math.exp(sum(loss for loss, _ in known) / len(known)),
        **{f"top{k}": sum(place <= k for _, place in known) / total for k in (1, 3, 5)},
        "mrr": sum(1 / place for _, place in known) / total,
        "keystroke_savings": sum(saved for saved, _ in keys) / sum(total for _, total in keys),
        "by_count": {
            count: [(loss, place == 1) for rank, loss, place in found
                    if (0 if rank is None else counts[rank]) == count]
            for count in {0, *counts}
        },
    }  # fmt: skip


MODELS = {
    "windows": lambda: random_model(vocabulary_of(TEXT)),
    "unk": lambda: random_model(vocabulary_of(TEXT, max_size=9)),
    "stateful": lambda: random_model(vocabulary_of(TEXT, max_size=9), reading="stateful", cell="gru"),
    "eos": lambda: random_model(vocabulary_of(TEXT, TextConfig(eos=True), max_size=11), window=2),
    "stateful eos": lambda: random_model(vocabulary_of(TEXT, TextConfig(eos=True)), reading="stateful"),
    "ties": lambda: chain(TEXT, max_size=12),
}


@pytest.fixture(params=MODELS)
def predictor(request):
    return Predictor(MODELS[request.param]())


def corpus(tmp_path, text, name="text.txt"):
    path = tmp_path / name
    path.write_text(text)
    return Corpus([path])


@pytest.mark.parametrize("batch", [1, 5, 256])
@pytest.mark.parametrize(("threads", "text"), [(1, OTHER), (3, OTHER), (1, WITHOUT_UNK)])
def test_the_figures_are_those_of_a_slow_twin(predictor, tmp_path, monkeypatch, batch, threads, text):
    monkeypatch.setattr(scoring, "BATCH", batch)
    metrics = evaluate(predictor, corpus(tmp_path, text), threads=threads)
    report, expected = metrics.report(), slow_twin(predictor, text)
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


def test_words_of_equal_score_stand_in_the_order_of_their_ranks():
    scores = np.array([[1.0, 2, 2, 0, 2]] * 5, np.float32)
    ids = np.arange(5)
    assert ahead(scores, scores[ids, ids], ids).tolist() == [3, 0, 1, 4, 2]


@pytest.mark.parametrize(("reading", "reader"), [("windows", WindowReader), ("stateful", StreamReader)])
def test_a_reader_that_restarts_has_forgotten(reading, reader):
    predictor = Predictor(random_model(plain_vocabulary(7), reading=reading))
    reads = reader(predictor)
    first = reads.predict(np.array([1, 2, 3]))()
    again = reads.predict(np.array([1, 2, 3]))()
    assert not np.allclose(first, again)
    reads.restart()
    np.testing.assert_allclose(reads.predict(np.array([1, 2, 3]))(), first, atol=1e-6)


@pytest.mark.parametrize("reading", ["windows", "stateful"])
def test_memory_does_not_grow_with_the_text(tmp_path, reading):
    predictor = Predictor(random_model(plain_vocabulary(50, unk=True), reading=reading))
    peaks = []
    for words in (300, 6_000):
        text = corpus(tmp_path, "w1 w2 w3 w4 w5 zebra\n" * (words // 6))
        evaluate(predictor, text)
        tracemalloc.start()
        evaluate(predictor, text)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 6_000 * 100  # a chunk's words are held, never their (V,) scores of 200 bytes and more


def test_a_batch_is_small_where_the_vocabulary_is_large():
    vocabulary = plain_vocabulary(100_000)
    assert Scorer(vocabulary, FrequencyReader(np.zeros(100_000, np.float32))).size * len(vocabulary) <= scoring.CELLS


@pytest.mark.parametrize("eos", [False, True])
@pytest.mark.parametrize(
    ("text", "message"),
    [("", "no words found"), (" \n\t", "no words found"), ("\n\n", "no words found"),
     ("zebra quagga", "none of its 2 words"), ("zebra <unk>\n\nquagga", "none of its 2 words")],
)  # fmt: skip
def test_a_text_that_cannot_be_judged(tmp_path, text, message, eos):
    with pytest.raises(CorpusError, match=message):
        evaluate(Predictor(chain(TEXT, TextConfig(eos=eos), max_size=9)), corpus(tmp_path, text))


def test_one_list_of_words_makes_a_hit_of_one_word_only(tmp_path):
    """With <unk> the likeliest everywhere, either <unk> is right or the likeliest other word, never both."""
    predictor = Predictor(chain("<unk> " * 9 + "the cat", max_size=3))
    unk, the = (predictor.vocabulary.ranks[word] for word in ("<unk>", "the"))

    sure = FrequencyReader(np.log([{unk: 0.6, the: 0.3}.get(rank, 0.1) for rank in range(3)]).astype(np.float32))
    for text, hits in (("<unk> the the the", 0.25), ("cat the the the", 0.75)):
        for word in text.split():
            assert word in predictor.vocabulary.ranks
        source = corpus(tmp_path, text)
        judge = Scorer(predictor.vocabulary, sure, literal_unk=has_literal_unk(source, predictor.vocabulary))
        assert evaluate(predictor, source, by=judge).report()["top1"] == hits


@pytest.mark.parametrize(
    ("text", "tokenizer", "found"),
    [("the <unk> cat", "words", True), ("the<unk>cat", "words", True), ("the<unk>cat", "whitespace", False),
     ("the <UNK> cat", "words", False), ("the unk cat", "words", False), ("a " * 600_000 + "<unk>", "words", True)],
)  # fmt: skip
def test_whether_a_text_has_unk_itself(tmp_path, text, tokenizer, found):
    config = TextConfig(tokenizer=tokenizer)
    assert has_literal_unk(corpus(tmp_path, text), vocabulary_of(TEXT, config)) == found


def test_a_loss_too_large_for_a_perplexity_has_none():
    assert perplexity(800.0) is None
    assert perplexity(math.inf) is None
    metrics = Metrics(chain().vocabulary, words=1, keys=1, loss=math.inf)
    assert metrics.report()["loss"] is None


# --- baselines --------------------------------------------------------------------------------------------------


def test_baselines_are_what_their_names_say(tmp_path):
    predictor = Predictor(chain(TEXT, max_size=12, words=30))
    train = corpus(tmp_path, TEXT)
    ids = trained_part(ids_of(train, predictor.vocabulary), predictor.model)
    text = corpus(tmp_path, OTHER, "other.txt")
    found = {name: evaluate(predictor, text, by=by).report() for name, by in baselines(predictor, train)}
    assert list(found) == ["commonest word", "bigram", "Kneser-Ney 4-gram"]
    longer = [name for name, _ in baselines(predictor, train, order=6)]
    assert longer == ["commonest word", "bigram", "Kneser-Ney 6-gram"]

    other = predictor.vocabulary.encode(predictor.vocabulary.tokenize(OTHER))
    counts = [ids.tolist().count(rank) + 1 for rank in range(12)]  # of the words learned from, not of the whole text
    common = -np.mean([math.log(counts[rank] / sum(counts)) for rank in other])
    assert found["commonest word"]["loss"] == pytest.approx(common, rel=1e-5)
    best = max((rank for rank in range(12) if rank != predictor.vocabulary.unk), key=lambda rank: counts[rank])
    words = predictor.vocabulary.tokenize(OTHER)
    assert found["commonest word"]["top1"] == pytest.approx(words.count(predictor.vocabulary.words[best]) / len(words))

    for name, order in (("bigram", 2), ("Kneser-Ney 4-gram", 4)):
        expected = -KneserNey.train(ids, 12, order).score(other).mean()
        assert found[name]["loss"] == pytest.approx(expected, rel=1e-5)


def test_a_baseline_beside_a_network_without_a_window_has_a_set_order(tmp_path):
    predictor = Predictor(chain(TEXT, TextConfig(eos=True), stateful=True))
    names = [name for name, _ in baselines(predictor, corpus(tmp_path, TEXT))]
    assert names == ["commonest word", "bigram", "Kneser-Ney 5-gram"]


def test_an_ngram_reads_on_over_batches():
    ids = np.array([0, 1, 2, 0, 1, 3, 0, 2, 1, 0, 1, 2])
    model = KneserNey.train(ids, 4, 3, boundary=3)
    whole = NgramReader(model).predict(ids)()
    reader = NgramReader(model)
    parts = np.concatenate([reader.predict(ids[:1])(), reader.predict(ids[1:2])(), reader.predict(ids[2:])()])
    np.testing.assert_allclose(parts, whole)
    np.testing.assert_allclose(whole[np.arange(12), ids], model.score(ids, [3]), rtol=1e-5)


def test_only_what_was_trained_on_is_learned_from(tmp_path):
    model = chain("a b a c a b", words=4)
    ids = ids_of(corpus(tmp_path, "a b a zebra c a b"), model.vocabulary)
    assert ids.tolist() == [0, 1, 0, 3, 2, 0, 1]
    assert trained_part(ids, model).tolist() == [0, 1, 0]
    for text in ("zebra", "zebra\n<unk> <eos>"):
        with pytest.raises(CorpusError, match="no word that the model knows"):
            ids_of(corpus(tmp_path, text), model.vocabulary)


# --- command line -----------------------------------------------------------------------------------------------


@pytest.fixture
def eval_command(capsys, monkeypatch, tmp_path):
    path = saved(chain(TEXT, max_size=12), tmp_path)
    (tmp_path / "train.txt").write_text(TEXT)
    (tmp_path / "other.txt").write_text(OTHER)
    monkeypatch.chdir(tmp_path)
    return lambda *arguments, stdin=None: ask(
        capsys, monkeypatch, "eval", "--model", path, *arguments, stdin=stdin
    )  # fmt: skip


KEYS = ["words", "oov_rate", "loss", "perplexity", "perplexity_excluding_oov", "top1", "top3", "top5", "mrr",
        "keystroke_savings", "words_per_second"]  # fmt: skip


def test_the_keys_of_json(eval_command):
    status, out, err = eval_command("other.txt", "--json")
    report = json.loads(out)
    assert (status, err) == (0, "")
    assert list(report) == [*KEYS, "latency_p50_ms", "latency_p95_ms", "model", "text", "in_training",
                            "protocol"]  # fmt: skip
    assert report["text"] == "other.txt"
    assert json.loads(eval_command("other.txt", "train.txt", "--json")[1])["text"] == ["other.txt", "train.txt"]
    assert json.loads(eval_command("-", "--json", stdin=OTHER.encode())[1])["loss"] == report["loss"]


def test_the_report_states_its_terms(eval_command):
    shown = " ".join(eval_command("other.txt")[1].split())
    for term in ("tokenizer words", "case kept", "line ends not counted", "<unk>", "logarithms are natural",
                 "the 3 words before it", "12 symbols", "at the start from the fewer words there are"):  # fmt: skip
        assert term in shown


def test_bands_and_baselines_are_shown(eval_command):
    more = ["--by-frequency", "--baseline", "--train-text", "train.txt"]
    report = json.loads(eval_command("other.txt", "--json", *more)[1])
    assert list(report["by_frequency"][0]) == ["from", "to", "words", "loss", "top1"]
    assert [row["name"] for row in report["baselines"]] == ["commonest word", "bigram", "Kneser-Ney 4-gram"]
    assert all(list(row) == ["name", *KEYS] for row in report["baselines"])
    _, out, _ = eval_command("other.txt", *more)
    for shown in ("2 to 9 times", "unseen", "this model", "Kneser-Ney 4-gram", "commonest word"):
        assert shown in out


def test_a_shorter_context_has_the_baselines_of_its_length(eval_command):
    more = ["--json", "--baseline", "--train-text", "train.txt"]
    short = json.loads(eval_command("other.txt", *more, "--context", "2")[1])
    assert short["protocol"]["window"] == 2
    assert [row["name"] for row in short["baselines"]] == ["commonest word", "bigram", "Kneser-Ney 3-gram"]
    status, out, err = eval_command("other.txt", "--context", "4")
    assert (status, out) == (2, "")
    assert "sees 3 words" in err
    status, _, err = eval_command("other.txt", "--context", "2", "--cache", "5")
    assert (status, "--context is for the network alone" in err) == (2, True)


def test_a_baseline_says_what_it_lacks(eval_command):
    status, out, err = eval_command("other.txt", "--baseline")
    assert (status, out) == (2, "")
    assert "name it with --train-text FILE" in err
    assert eval_command("other.txt", "--train-text", "train.txt")[0] == 2
    assert eval_command("other.txt", "--baseline", "--train-text", "none.txt")[0] == 2
    status, out, err = eval_command("other.txt", "--baseline", "--baseline-order", "3")
    assert (status, out) == (2, "")
    assert "add --baseline --train-text FILE" in err
    assert "--seed is for the intervals of --vs" in eval_command("other.txt", "--seed", "1")[2]


def test_baselines_of_any_order(eval_command):
    more = ["--json", "--baseline", "--train-text", "train.txt", "--baseline-order"]
    for order, name in (("2", "bigram"), ("5", "Kneser-Ney 5-gram")):
        report = json.loads(eval_command("other.txt", *more, order)[1])
        assert report["baselines"][-1]["name"] == name


def test_the_ngram_of_the_model_file_is_a_baseline(capsys, monkeypatch, tmp_path):
    model = with_ngram(chain(TEXT, max_size=12), order=4)
    path, text = saved(model, tmp_path), corpus(tmp_path, OTHER)
    arguments = ["eval", text.names[0], "--json", "--model", path, "--baseline"]
    report = json.loads(ask(capsys, monkeypatch, *arguments)[1])
    assert [row["name"] for row in report["baselines"]] == ["commonest word", "Kneser-Ney 4-gram"]
    alone = json.loads(ask(capsys, monkeypatch, *arguments, "--blend", "0")[1])
    assert report["baselines"][1]["loss"] == pytest.approx(alone["loss"], rel=1e-4)
    assert "baselines_learned_alike" not in report


def test_what_a_text_was_in_training_is_told(eval_command, capsys, monkeypatch, tmp_path):
    """Where the file tells: a text that was learned from, that chose the weights, or that baselines should have had."""
    train, other = tmp_path / "train.txt", tmp_path / "other.txt"
    model = chain(TEXT, max_size=12)
    digests = {"corpus": digest_of([train]), "valid": digest_of([other])}
    saved(dataclasses.replace(model, training={**model.training, **digests}), tmp_path)
    for name, part, told in (("train.txt", "learned", "learned from this very text"),
                             ("other.txt", "held out", "weights were chosen on this very text")):  # fmt: skip
        assert json.loads(eval_command(name, "--json")[1])["in_training"] == part
        assert told in eval_command(name)[1]
    (tmp_path / "third.txt").write_text(OTHER + "the cat .")
    assert json.loads(eval_command("third.txt", "--json")[1])["in_training"] is None
    assert "beware" not in eval_command("third.txt")[1]
    for name, alike in (("train.txt", True), ("third.txt", False)):
        more = ["third.txt", "--baseline", "--train-text", name]
        assert json.loads(eval_command(*more, "--json")[1])["baselines_learned_alike"] == alike
        assert ("beware: --train-text is not" in eval_command(*more)[1]) != alike


def test_a_text_of_mostly_unseen_words_is_warned_of(eval_command, tmp_path):
    (tmp_path / "strange.txt").write_text("the zebra quagga sat")
    status, out, err = eval_command("strange.txt", "--json")
    assert (status, json.loads(out)["oov_rate"]) == (0, 0.5)
    assert err == (
        "Warning: 50% of the words are unseen; is it a text for this model? Its words come from the tokenizer words, "
        "case kept\n"
    )
    assert eval_command("strange.txt", "--quiet")[2] == ""
    assert eval_command("train.txt")[2] == ""


@pytest.mark.parametrize("text", ["zebra quagga", ""])
def test_a_text_of_no_use_is_refused(capsys, monkeypatch, tmp_path, text):
    path = saved(chain(), tmp_path)
    status, out, err = ask(capsys, monkeypatch, "eval", "--model", path, "-", stdin=text.encode())
    assert (status, out) == (2, "")
    assert err.startswith("Error: standard input: no")
