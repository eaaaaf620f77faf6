"""Explanations: gates and states against formulas written out by hand, and predictions against prediction itself."""

import itertools
import math
from typing import Any

import numpy as np
import pytest

from rnnwords.config import CELLS, INPUTS, READINGS, TextConfig
from rnnwords.errors import UnknownWordError, UsageError
from rnnwords.network.recurrent import Network
from rnnwords.prediction.explanation import SHOWN, divergence, trace
from rnnwords.prediction.predictor import MEMORY
from tests.asking import Predictor, chain, plain_vocabulary, random_model
from tests.network.test_recurrent import logistic, output_by_the_book

SIZE = 24
KINDS: list[dict[str, Any]] = [{"input": input} for input in INPUTS]
KINDS += [{"tie": True, "embedding": 16}, {"tie": True, "embedding": 5}, {"softmax": "adaptive"}]
SHAPES: list[dict[str, Any]] = [
    {"units": 16, "cell": cell, "reading": reading, **kind}
    for cell, reading, kind in itertools.product(CELLS, READINGS, KINDS)
]


@pytest.fixture(scope="module", params=SHAPES, ids=lambda shape: "-".join(map(str, shape.values())))
def asked(request):
    return Predictor(random_model(plain_vocabulary(SIZE, unk=True), **request.param))


def by_hand(predictor: Predictor, words: list[int]) -> tuple[list[list[dict[str, Any]]], list[Any]]:
    """Gates and states of each layer at each word, and (T) probabilities (V,), in double precision."""
    config = predictor.network.config
    weights = {name: np.asarray(weight, np.float64) for name, weight in predictor.network.weights.items()}
    H = config.units
    h, c = np.zeros((2, config.layers, H))
    found: list[list[dict[str, Any]]] = [[] for _ in range(config.layers)]
    probabilities = []
    for word in words:
        if config.input == "embedding":
            x = weights["embedding/embeddings"][word]
        else:
            x = np.eye(SIZE)[word] if config.input == "one-hot" else np.array([float(word)])
        for layer in range(config.layers):
            W, U, b = (weights[f"{config.cell}_{layer + 1}/{part}"] for part in ("kernel", "recurrent_kernel", "bias"))
            now: dict[str, Any] = {}
            if config.cell == "lstm":
                a = x @ W + h[layer] @ U + b
                now["input"], now["forget"] = logistic(a[:H]), logistic(a[H : 2 * H])
                now["candidate"], now["output"] = np.tanh(a[2 * H : 3 * H]), logistic(a[3 * H :])
                c[layer] = now["forget"] * c[layer] + now["input"] * now["candidate"]
                h[layer] = now["output"] * np.tanh(c[layer])
                now["cell"] = c[layer].copy()
            elif config.cell == "gru":
                a, r = x @ W + b[0], h[layer] @ U + b[1]
                now["update"], now["reset"] = logistic(a[:H] + r[:H]), logistic(a[H : 2 * H] + r[H : 2 * H])
                now["candidate"] = np.tanh(a[2 * H :] + now["reset"] * r[2 * H :])
                h[layer] = now["update"] * h[layer] + (1 - now["update"]) * now["candidate"]
            else:
                h[layer] = np.tanh(x @ W + h[layer] @ U + b)
            x = now["hidden"] = h[layer].copy()
            found[layer].append(now)
        probabilities.append(output_by_the_book(config, weights, x))
    return found, probabilities


def test_gates_and_states_are_those_of_the_formulas(asked):
    explanation = asked.explain("w1 w7 w2")
    expected, _ = by_hand(asked, [1, 7, 2])
    assert [layer.name for layer in explanation.layers] == [f"{asked.network.config.cell}_{n}" for n in (1, 2)]
    for layer, steps in zip(explanation.layers, expected, strict=True):
        found = {**layer.gates, **layer.states}
        for t, step in enumerate(steps):
            assert set(found) == set(step)
            for name, values in step.items():
                np.testing.assert_allclose(found[name][t], values, atol=2e-5)
                summary = layer.summaries(t)[name]
                assert summary.mean == pytest.approx(values.mean(), abs=1e-5)
                assert summary.spread == pytest.approx(math.sqrt(((values - values.mean()) ** 2).mean()), abs=1e-5)
        for name, values in layer.gates.items():
            assert (values >= (-1 if name == "candidate" else 0)).all()
            assert (values <= 1).all()


def test_predictions_after_each_word_are_those_of_the_formulas(asked):
    explanation = asked.explain("w1 w7 w2", k=SIZE)
    _, probabilities = by_hand(asked, [1, 7, 2])
    assert [(step.word, step.rank) for step in explanation.steps] == [("w1", 1), ("w7", 7), ("w2", 2)]
    for step, expected in zip(explanation.steps, probabilities, strict=True):
        assert len(step.predictions) == SIZE - 1
        for word, share in step.predictions:
            assert share == pytest.approx(expected[asked.vocabulary.ranks[word]], abs=1e-5)
        assert sum(share for _, share in step.predictions) == pytest.approx(1 - expected[SIZE - 1], abs=1e-4)
        assert step.predictions == sorted(step.predictions, key=lambda one: -one.probability)


def test_the_last_predictions_are_those_of_predict(asked):
    for prompt in ("", "w3", "w3 w9", "w3 w9 w9", "w8 w3 w9 nothing w9", "w1 " * 80):
        explanation, answer = asked.explain(prompt, 4), asked.answer(prompt, 4)
        assert [word for word, _ in explanation.predictions] == [word for word, _ in answer.predictions]
        for found, told in zip(explanation.predictions, answer.predictions, strict=True):
            assert found.probability == pytest.approx(told.probability, rel=1e-4)
        assert explanation.entropy == pytest.approx(answer.entropy, rel=1e-4)
        assert (explanation.prompt, explanation.unknown) == (prompt, answer.unknown)
        if prompt:
            assert explanation.steps[-1].predictions == explanation.predictions


def test_a_word_left_out_is_a_prompt_without_it(asked):
    explanation = asked.explain("w1 w7 w2", k=3)
    whole = asked.context([1, 7, 2]).log_probabilities().astype(np.float64)
    best = asked.vocabulary.ranks[explanation.predictions[0].word]
    assert [omission.word for omission in explanation.omissions] == ["w1", "w7", "w2"]
    for omission, rest in zip(explanation.omissions, ([7, 2], [1, 2], [1, 7]), strict=True):
        scores = asked.context(rest).log_probabilities().astype(np.float64)
        assert omission.probability == pytest.approx(math.exp(scores[best]), rel=1e-4)
        expected = asked.answer(" ".join(f"w{word}" for word in rest), 3).predictions
        assert [word for word, _ in omission.predictions] == [word for word, _ in expected]
        nats = sum(math.exp(p) * (p - q) for p, q in zip(whole.tolist(), scores.tolist(), strict=True))
        assert omission.divergence == pytest.approx(nats, rel=1e-3, abs=1e-5)


def test_the_only_word_left_out_leaves_frequencies(asked):
    explanation = asked.explain("w5", k=2)
    assert explanation.omissions[0].predictions == asked.answer("", 2).predictions


def test_no_word_read():
    asked = Predictor(chain())
    for prompt in ("", "  \n", "zebra"):
        explanation = asked.explain(prompt, k=2)
        assert (explanation.steps, explanation.omissions, explanation.truncated) == ([], [], False)
        assert explanation.predictions == asked.answer(prompt, 2).predictions
        assert all(values.shape == (0, 16) for layer in explanation.layers for values in layer.states.values())


def test_of_a_long_prompt_a_window_is_read():
    asked = Predictor(random_model(plain_vocabulary(9)))
    explanation = asked.explain("w4 w1 w2 w3")
    assert [step.word for step in explanation.steps] == ["w1", "w2", "w3"]
    assert (explanation.truncated, explanation.before) == (True, 0)
    assert explanation.predictions == asked.explain("w1 w2 w3").predictions
    assert not asked.explain("w1 w2 w3").truncated
    assert not asked.explain("w1 w2 zebra w3").truncated
    assert asked.explain("w1 " * 500).truncated


@pytest.mark.parametrize("settings", [{"reading": "stateful"}, {"window": 200}])
def test_of_many_words_the_last_are_told_and_all_are_read(settings):
    asked = Predictor(random_model(plain_vocabulary(9), **settings))
    words = [number * number % 8 for number in range(100)]
    explanation = asked.explain(" ".join(f"w{word}" for word in words))
    assert [step.rank for step in explanation.steps] == words[-SHOWN:]
    assert (explanation.before, explanation.truncated) == (100 - SHOWN, False)
    last = asked.rank(" ".join(f"w{word}" for word in words))
    assert [word for word, _ in explanation.predictions] == [word for word, _ in last]
    shorter = asked.context([*words[:90], *words[91:]]).log_probabilities()
    place = 90 - (100 - SHOWN)
    best, whole = asked.vocabulary.ranks[explanation.predictions[0].word], explanation.predictions[0].probability
    assert explanation.omissions[place].probability == pytest.approx(math.exp(shorter[best]), rel=1e-4)
    assert abs(explanation.omissions[place].probability - whole) > 0.01  # the word has an effect
    assert not asked.explain("w1 " * asked.reach).truncated
    assert asked.explain("w1 " * (asked.reach + 1)).truncated
    assert asked.reach == settings.get("window", MEMORY)


def test_a_line_end_in_front_is_a_word_where_the_text_has_them():
    text = "The cat sat .\nA mouse ran .\nThe cat sat .\n"
    lines = Predictor(chain(text, TextConfig(eos=True)))
    assert [step.word for step in lines.explain("The").steps] == ["<eos>", "The"]
    assert [step.word for step in lines.explain("").steps] == ["<eos>"]
    assert [step.word for step in lines.explain("The cat sat").steps] == ["The", "cat", "sat"]
    assert not lines.explain("The cat sat").truncated


def test_unknown_words_follow_the_policy_of_all_prompts():
    asked = Predictor(random_model(plain_vocabulary(9, unk=True)))
    explanation = asked.explain("w1 zebra")
    assert [step.word for step in explanation.steps] == ["w1", "<unk>"]
    assert explanation.unknown == ["zebra"]
    assert [step.word for step in asked.explain("w1 zebra", oov="skip").steps] == ["w1"]
    assert "<unk>" not in {word for step in explanation.steps for word, _ in step.predictions}
    with pytest.raises(UnknownWordError, match="zebra"):
        asked.explain("w1 zebra", oov="error")
    with pytest.raises(UsageError, match="k must be 1 or more"):
        asked.explain("w1", k=0)


def test_reading_in_two_parts_is_reading_at_once():
    model = random_model(plain_vocabulary(9), reading="stateful")
    network = Network(model.network, model.weights)
    whole, states = trace(network, [1, 2, 3, 4], None)
    second, _ = trace(network, [3, 4], states[2])
    for layer, part in zip(whole, second, strict=True):
        for name, values in {**part.gates, **part.states}.items():
            np.testing.assert_array_equal(values, {**layer.gates, **layer.states}[name][2:])


def test_divergence_is_zero_where_nothing_changes_and_never_less():
    generator = np.random.default_rng(0)
    for _ in range(20):
        one, other = (np.log(generator.dirichlet(np.ones(50))).astype(np.float32) for _ in range(2))
        assert divergence(one, one) == 0
        assert divergence(one, other) > 0
