"""`--exclude FILE`: words that predict, generate, repl and lsp never offer."""

import json
from pathlib import Path

import numpy as np
import pytest

from rnnwords.generation.writer import GenerationRequest
from rnnwords.prediction.predictor import Predictor
from tests.models import chain, plain_vocabulary, random_model, saved
from tests.processes import ask
from tests.server.client import at, changed, editor, initialize

WORDS = 12


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return saved(chain(), tmp_path_factory.mktemp("model"))


@pytest.fixture
def listed(tmp_path: Path) -> Path:
    (tmp_path / "words.txt").write_text("# not these\nGENERAL\nCouncil\nzebra\n", encoding="utf-8")
    return tmp_path / "words.txt"


@pytest.fixture(params=["windows", "stateful"])
def predictors(request: pytest.FixtureRequest) -> tuple[Predictor, Predictor]:
    """Return a predictor, and one of the same model without w1, w3 and w5."""
    model = random_model(plain_vocabulary(WORDS, unk=True), mode=request.param)
    return Predictor(model), Predictor(model, exclude=["W1", "w3", "w5"])


NOTE = "--exclude: not in the vocabulary, 1 of 3 words: 'zebra'\n"


def test_predict_leaves_the_words_out_and_keeps_the_probabilities(capsys, monkeypatch, model, listed):
    arguments = ("predict", "had a", "--model", model, "--json", "-k", "99")
    every = json.loads(ask(capsys, monkeypatch, *arguments)[1])
    status, out, err = ask(capsys, monkeypatch, *arguments, "--exclude", listed)
    some = json.loads(out)
    assert (status, err) == (0, NOTE)
    kept = [one for one in every["predictions"] if one["word"] not in ("general", "council")]
    assert some == every | {"predictions": kept}
    assert len(kept) == len(every["predictions"]) - 2


def test_predict_with_a_prefix_renormalizes_over_the_words_that_are_offered(capsys, monkeypatch, model, listed):
    arguments = ("predict", "had a", "--model", model, "--prefix", "co", "--json")
    assert [one["word"] for one in json.loads(ask(capsys, monkeypatch, *arguments)[1])["predictions"]][:1] == [
        "council"
    ]
    out = ask(capsys, monkeypatch, *arguments, "--exclude", listed)[1]
    predictions = json.loads(out)["predictions"]
    assert {one["word"] for one in predictions} == {"consider", "could"}
    assert sum(one["probability"] for one in predictions) == pytest.approx(1)


@pytest.mark.parametrize("options", [[], ["--temperature", "5", "--seed", "1", "-n", "300"], ["--beam", "4"]])
def test_generate_never_writes_the_words(capsys, monkeypatch, model, listed, options):
    arguments = ("generate", "had a", "--model", model, "--quiet", *options)
    assert "general" in ask(capsys, monkeypatch, *arguments)[1]
    status, out, _ = ask(capsys, monkeypatch, *arguments, "--exclude", listed)
    assert status == 0
    assert len(out.split()) > 10
    assert not {"general", "council"} & set(out.lower().split())


def test_the_repl_neither_continues_with_the_words_nor_suggests_them(capsys, monkeypatch, model, listed):
    arguments = ("repl", "--model", model, "-n", "3", "--exclude", listed)
    status, out, err = ask(capsys, monkeypatch, *arguments, stdin=b"they had a\ngenral\n")
    assert status == 0
    assert "general" not in out + err
    assert err.startswith(NOTE)


def test_the_language_server_lists_and_continues_without_the_words(model, listed, tmp_path):
    options = {"model": str(model), "exclude": str(listed), "cache": 0}
    with editor(cwd=tmp_path) as client:
        client.begin("had a ge", initializationOptions=options)
        assert client.ask(at("completion", 1, 0, 8))["items"] == []
        labels = [item["label"] for item in client.ask(at("completion", 2, 0, 6))["items"]]
        assert len(labels) == 10
        assert not {"general", "council"} & set(labels)
        client.send(changed({"text": "had a "}))
        [item] = client.ask(at("inlineCompletion", 3, 0, 6))["items"]
        assert not {"general", "council"} & set(item["insertText"].split())
        assert client.end() == (0, NOTE.encode())


def test_a_missing_list_is_the_answer_to_initialize(model, tmp_path):
    with editor("--model", model, cwd=tmp_path) as client:
        client.send(initialize(initializationOptions={"exclude": "missing"}))
        error = client.receive()["error"]
        assert (error["code"], error["data"]) == (-32803, {"retry": False})
        assert "expected a file with a word per line" in error["message"]


def test_lists_of_one_and_of_many_prompts_leave_the_words_out(predictors):
    every, some = predictors
    prompts = ["", "w1", "w1 w2", "w3 w3 w4"] * 5
    for answer, whole in zip(some.answer_each(prompts, 5), every.answer_each(prompts, WORDS), strict=True):
        kept = [one for one in whole.predictions if one.word not in ("w1", "w3", "w5")]
        assert [one.word for one in answer.predictions] == [one.word for one in kept[:5]]
        assert [one.probability for one in answer.predictions] == pytest.approx([one.probability for one in kept[:5]])
        assert answer.entropy == pytest.approx(whole.entropy)
        assert some.rank(answer.prompt, 5) == answer.predictions


def test_sampled_words_are_renormalized_over_the_others(predictors):
    every, some = predictors
    expected = np.zeros(WORDS)
    for word, probability in every.rank("w2", WORDS):
        expected[every.vocabulary.ids[word]] = 0 if word in ("w1", "w3", "w5") else probability
    expected /= expected.sum()
    drawn = [next(iter(some.generate("w2", 1, temperature=1, seed=seed))).strip() for seed in range(1_000)]
    shares = np.bincount([some.vocabulary.ids[word] for word in drawn], minlength=WORDS) / len(drawn)
    assert shares == pytest.approx(expected, abs=0.06)
    assert not shares[[1, 3, 5]].any()


def test_beams_and_random_first_words_leave_the_words_out(predictors):
    _, some = predictors
    texts = some.beams("w2", GenerationRequest(words=4), 8)
    assert len(texts) == 8
    assert not {1, 3, 5} & {one for text in texts for one in text.ids}
    assert not {"w1", "w3", "w5"} & {some.draw_word(seed) for seed in range(100)}


def test_when_every_word_is_excluded_lists_are_empty_and_texts_an_error(capsys, monkeypatch, tmp_path):
    path = saved(random_model(plain_vocabulary(4)), tmp_path)
    (tmp_path / "all.txt").write_text("w0\nw1\nw2\nw3\n", encoding="utf-8")
    arguments = ("w1", "--model", path, "--exclude", tmp_path / "all.txt")
    assert ask(capsys, monkeypatch, "predict", *arguments) == (0, "", "")
    for options in ((), ("--temperature", "1"), ("--beam", "2")):
        status, out, err = ask(capsys, monkeypatch, "generate", *arguments, "--quiet", *options)
        assert (status, out) == (2, "")
        assert err == "Error: expected a word to choose from, found all 4 excluded\n"
