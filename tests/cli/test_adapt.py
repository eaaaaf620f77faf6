"""Tests of `--adapt`: in eval and score on running text, in repl and the language server on finished lines."""

import json
from typing import Any

import numpy as np
import pytest

from rnnwords.config import InterpolationConfig, TextConfig
from rnnwords.errors import UsageError
from rnnwords.prediction.predictor import Predictor
from rnnwords.server.settings import ServerSettings
from tests.lm.adapted import with_adaptation
from tests.models import random_model, saved, vocabulary_of
from tests.processes import ask
from tests.server.client import at, initialize, notification, opened, transcript
from tests.texts import CATS

TEXT = "the cat sat on the mat and the hens sat on the cat\n" * 6
ADAPT = InterpolationConfig("off", adapt=True)


@pytest.fixture(params=["windows", "stateful"])
def path(request, tmp_path):
    (tmp_path / "text.txt").write_text(TEXT)
    model = random_model(vocabulary_of(CATS, TextConfig(eos=True), max_size=11), mode=request.param)
    return saved(with_adaptation(model, rate=0.1), tmp_path)


@pytest.fixture
def run(capsys, monkeypatch, path):
    return lambda *arguments, stdin=None: ask(
        capsys, monkeypatch, arguments[0], "--model", path, *arguments[1:], stdin=stdin
    )


def adaptation_of(predictor) -> Any:
    """Return what adapts the weights of a predictor that has it."""
    return predictor.adaptation


def test_eval_and_score_adapt_to_the_text_alike(run, path):
    text = path.parent / "text.txt"
    words = Predictor.load(path, ADAPT).score(TEXT)
    trained = Predictor.load(path, InterpolationConfig("off")).score(TEXT)
    assert sum(word.log_prob for word in words) > sum(word.log_prob for word in trained) + 1
    status, out, notes = run("eval", text, "--adapt", "--json")
    report = json.loads(out)
    assert status == 0
    assert report["loss"] == pytest.approx(-sum(word.log_prob for word in words) / len(words), rel=1e-3)
    assert report["interpolation"]["adaptation"] == {
        "rate": 0.1, "decay": 0.01, "segment": 4, "source": "fitted on 900 words of validation text",
    }  # fmt: skip
    assert "weights that adapt, rate 0.1, decay 0.01, every 4 words (fitted on 900 words of validation text)" in notes
    rows = [json.loads(line) for line in run("score", text, "--adapt", "--json")[1].splitlines()]
    assert [row["logprob"] for row in rows] == pytest.approx([word.log_prob for word in words], abs=1e-4)


def test_independent_lines_begin_with_the_trained_weights(run, path):
    out = run("score", path.parent / "text.txt", "--adapt", "--independent-lines", "--json")[1]
    rows = [json.loads(line) for line in out.splitlines()]
    by_line = [[row["logprob"] for row in rows if row["line"] == number] for number in range(1, 7)]
    for line in by_line[1:]:
        assert line == pytest.approx(by_line[0], abs=1e-6)


def test_several_files_are_one_text(run, path):
    for number, part in enumerate(TEXT.splitlines(keepends=True)):
        (path.parent / f"part{number}.txt").write_text(part)
    parts = [path.parent / f"part{number}.txt" for number in range(6)]
    found = [json.loads(line)["logprob"] for line in run("score", *parts, "--adapt", "--json")[1].splitlines()]
    assert found == pytest.approx([word.log_prob for word in Predictor.load(path, ADAPT).score(TEXT)], abs=1e-4)


@pytest.mark.parametrize("command", [("eval", "text.txt"), ("score", "text.txt"), ("repl",)])
def test_model_without_adaptation_is_one_error_with_what_to_do(command, capsys, monkeypatch, tmp_path):
    (tmp_path / "text.txt").write_text(TEXT)
    model = saved(random_model(vocabulary_of(CATS)), tmp_path)
    arguments = [tmp_path / one if one.endswith(".txt") else one for one in command]
    status, out, error = ask(capsys, monkeypatch, *arguments, "--model", model, "--adapt", stdin=b"the cat\n")
    assert (status, out) == (2, "")
    assert error.splitlines()[-1].startswith("Error: --adapt needs settings that training fits on validation text")


def test_max_context_and_adapt_are_refused_together(run, path):
    status, _, error = run("eval", path.parent / "text.txt", "--adapt", "--max-context", "1")
    assert status == 2
    assert "--max-context" in error


def test_predictions_follow_the_lines_that_were_given_to_adapt(path):
    predictor, trained = Predictor.load(path, ADAPT), Predictor.load(path)
    prompt = "the hens sat on the"
    assert predictor.rank(prompt)[0].probability == pytest.approx(trained.rank(prompt)[0].probability, abs=1e-6)
    before = predictor.lm.log_probs([predictor.state(predictor.encode(prompt)[0])])[0]
    for number in range(30):
        predictor.adapt(f"{number} {TEXT}")
    after = predictor.lm.log_probs([predictor.state(predictor.encode(prompt)[0])])[0]
    assert after[predictor.vocabulary.ids["cat"]] > before[predictor.vocabulary.ids["cat"]]
    assert np.isfinite(after).all()
    with pytest.raises(UsageError, match="`adapt`"):
        trained.adapt(TEXT)


def test_a_line_is_read_once_and_reset_returns_to_the_trained_weights(path):
    predictor = Predictor.load(path, ADAPT)
    weights = {name: weight.copy() for name, weight in predictor.network.network.weights.items()}
    predictor.adapt(TEXT)
    once = {name: weight.copy() for name, weight in predictor.network.network.weights.items()}
    assert any((once[name] != weight).any() for name, weight in weights.items())
    predictor.adapt(TEXT + TEXT)
    for name, weight in once.items():
        np.testing.assert_array_equal(predictor.network.network.weights[name], weight)
    adaptation_of(predictor).reset()
    for name, weight in weights.items():
        np.testing.assert_array_equal(predictor.network.network.weights[name], weight)


def test_generated_lines_are_skipped(path):
    predictor = Predictor.load(path, ADAPT)
    adaptation_of(predictor).skip(TEXT.splitlines(keepends=True))
    adaptation_of(predictor).add(TEXT.splitlines(keepends=True))
    assert not adaptation_of(predictor).step()


def test_of_a_long_text_the_end_is_read(path):
    predictor = Predictor.load(path, ADAPT)
    lines = [f"{number} cat\n" for number in range(5_000)]
    adaptation_of(predictor).add(lines)
    assert list(adaptation_of(predictor)._lines) == lines[-1_000:]


def test_repl_adapts_to_typed_lines(run, path):
    lines = b"".join(f"{number} {line}\n".encode() for number, line in enumerate(TEXT.splitlines() * 5))
    trained = run("repl", "-n", "1", "--interpolate", "off", stdin=lines)
    adapted = run("repl", "-n", "1", "--interpolate", "off", "--adapt", stdin=lines)
    assert trained[0] == adapted[0] == 0
    assert len(trained[1].splitlines()) == len(adapted[1].splitlines()) == 30
    assert trained[1].splitlines()[0] == adapted[1].splitlines()[0]


def test_language_server_adapts_to_finished_lines_between_messages(path):
    predictor = Predictor.load(path, ADAPT)
    weights = {name: weight.copy() for name, weight in predictor.network.network.weights.items()}
    settings = ServerSettings(adapt=True, cache=0)
    opening = (initialize(), notification("initialized"), opened(TEXT))

    def changed():
        now = predictor.network.network.weights
        return any((now[name] != weight).any() for name, weight in weights.items())

    transcript(predictor, *opening, at("completion", 1, 0, 20), settings=settings)
    assert not changed()  # the first line is not finished
    responses, _ = transcript(predictor, *opening, at("completion", 1, 6, 0), settings=settings)
    while adaptation_of(predictor).step():
        pass
    assert changed()
    assert responses[-1]["result"]["items"]
