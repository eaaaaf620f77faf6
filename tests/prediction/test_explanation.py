"""Explanations: gates and states against the textbook formulas, predictions against `Predictor`."""

import itertools
import math
from typing import Any

import numpy as np
import pytest

from rnnwords.config import TextConfig
from rnnwords.errors import UnknownWordError, UsageError
from rnnwords.lm.networks import PROMPT_WORDS
from rnnwords.network.config import INPUTS, MODES, RNN_CELLS
from rnnwords.network.recurrent import Network
from rnnwords.prediction.explanation import MAX_WORDS, divergence, trace
from rnnwords.prediction.predictor import Predictor
from tests.models import chain, log_probs_after, plain_vocabulary, random_model
from tests.reference import logistic, output_by_the_book

SIZE = 24
KINDS: list[dict[str, Any]] = [{"input": input} for input in INPUTS]
KINDS += [{"tie": True, "embedding": 16}, {"tie": True, "embedding": 5}, {"softmax": "adaptive"}]
SHAPES: list[dict[str, Any]] = [
    {"units": 16, "cell": cell, "mode": mode, **kind} for cell, mode, kind in itertools.product(RNN_CELLS, MODES, KINDS)
]


@pytest.fixture(scope="module", params=SHAPES, ids=lambda shape: "-".join(map(str, shape.values())))
def predictor(request):
    return Predictor(random_model(plain_vocabulary(SIZE, unk=True), **request.param))


def by_hand(predictor: Predictor, words: list[int]) -> tuple[list[list[dict[str, Any]]], list[Any]]:
    """Return gates and states of each layer at each word, and (T) probabilities (V,), in double precision."""
    config = predictor.model.network
    weights = {name: np.asarray(weight, np.float64) for name, weight in predictor.model.weights.items()}
    H = config.units
    h, c = np.zeros((2, config.layers, H))
    layers: list[list[dict[str, Any]]] = [[] for _ in range(config.layers)]
    probs = []
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
            layers[layer].append(now)
        probs.append(output_by_the_book(config, weights, x))
    return layers, probs


def test_gates_and_states_equal_the_textbook_formulas(predictor):
    explanation = predictor.explain("w1 w7 w2")
    expected, _ = by_hand(predictor, [1, 7, 2])
    assert [layer.name for layer in explanation.layers] == [f"{predictor.model.network.cell}_{n}" for n in (1, 2)]
    for layer, steps in zip(explanation.layers, expected, strict=True):
        traced = {**layer.gates, **layer.states}
        for t, step in enumerate(steps):
            assert set(traced) == set(step)
            for name, values in step.items():
                np.testing.assert_allclose(traced[name][t], values, atol=2e-5)
                summary = layer.summaries(t)[name]
                assert summary.mean == pytest.approx(values.mean(), abs=1e-5)
                assert summary.spread == pytest.approx(math.sqrt(((values - values.mean()) ** 2).mean()), abs=1e-5)
        for name, values in layer.gates.items():
            assert (values >= (-1 if name == "candidate" else 0)).all()
            assert (values <= 1).all()


def test_predictions_after_each_word_equal_the_textbook_formulas(predictor):
    explanation = predictor.explain("w1 w7 w2", k=SIZE)
    _, probs = by_hand(predictor, [1, 7, 2])
    assert [(one.word, one.id) for one in explanation.words] == [("w1", 1), ("w7", 7), ("w2", 2)]
    for one, expected in zip(explanation.words, probs, strict=True):
        assert len(one.predictions) == SIZE - 1
        for word, prob in one.predictions:
            assert prob == pytest.approx(expected[predictor.vocabulary.ids[word]], abs=1e-5)
        assert sum(prob for _, prob in one.predictions) == pytest.approx(1 - expected[SIZE - 1], abs=1e-4)
        assert one.predictions == sorted(one.predictions, key=lambda prediction: -prediction.probability)


def test_last_predictions_equal_predict(predictor):
    for prompt in ("", "w3", "w3 w9", "w3 w9 w9", "w8 w3 w9 nothing w9", "w1 " * 80):
        explanation, answer = predictor.explain(prompt, 4), predictor.answer(prompt, 4)
        assert [word for word, _ in explanation.predictions] == [word for word, _ in answer.predictions]
        for explained, expected in zip(explanation.predictions, answer.predictions, strict=True):
            assert explained.probability == pytest.approx(expected.probability, rel=1e-4)
        assert explanation.entropy == pytest.approx(answer.entropy, rel=1e-4)
        assert (explanation.prompt, explanation.unknown) == (prompt, answer.unknown)
        if prompt:
            assert explanation.words[-1].predictions == explanation.predictions


def test_omission_equals_the_prompt_without_the_word(predictor):
    explanation = predictor.explain("w1 w7 w2", k=3)
    whole = log_probs_after(predictor.lm, [1, 7, 2]).astype(np.float64)
    best = predictor.vocabulary.ids[explanation.predictions[0].word]
    assert [omission.word for omission in explanation.omissions] == ["w1", "w7", "w2"]
    for omission, rest in zip(explanation.omissions, ([7, 2], [1, 2], [1, 7]), strict=True):
        without = log_probs_after(predictor.lm, rest).astype(np.float64)
        assert omission.probability == pytest.approx(math.exp(without[best]), rel=1e-4)
        expected = predictor.answer(" ".join(f"w{word}" for word in rest), 3).predictions
        assert [word for word, _ in omission.predictions] == [word for word, _ in expected]
        nats = sum(math.exp(p) * (p - q) for p, q in zip(whole.tolist(), without.tolist(), strict=True))
        assert omission.divergence == pytest.approx(nats, rel=1e-3, abs=1e-5)


def test_omission_of_the_only_word_gives_word_frequencies(predictor):
    explanation = predictor.explain("w5", k=2)
    assert explanation.omissions[0].predictions == predictor.answer("", 2).predictions


def test_empty_prompt_has_no_words_to_explain():
    predictor = Predictor(chain())
    for prompt in ("", "  \n", "zebra"):
        explanation = predictor.explain(prompt, k=2)
        assert (explanation.words, explanation.omissions, explanation.truncated) == ([], [], False)
        assert explanation.predictions == predictor.answer(prompt, 2).predictions
        assert all(values.shape == (0, 16) for layer in explanation.layers for values in layer.states.values())


def test_long_prompt_is_cut_to_the_window():
    predictor = Predictor(random_model(plain_vocabulary(9)))
    explanation = predictor.explain("w4 w1 w2 w3")
    assert [one.word for one in explanation.words] == ["w1", "w2", "w3"]
    assert (explanation.truncated, explanation.before) == (True, 0)
    assert explanation.predictions == predictor.explain("w1 w2 w3").predictions
    assert not predictor.explain("w1 w2 w3").truncated
    assert not predictor.explain("w1 w2 zebra w3").truncated
    assert predictor.explain("w1 " * 500).truncated


@pytest.mark.parametrize("settings", [{"mode": "stateful"}, {"window": 200}])
def test_explanation_shows_the_last_words_and_reads_all(settings):
    predictor = Predictor(random_model(plain_vocabulary(9), **settings))
    words = [number * number % 8 for number in range(100)]
    explanation = predictor.explain(" ".join(f"w{word}" for word in words))
    assert [one.id for one in explanation.words] == words[-MAX_WORDS:]
    assert (explanation.before, explanation.truncated) == (100 - MAX_WORDS, False)
    last = predictor.rank(" ".join(f"w{word}" for word in words))
    assert [word for word, _ in explanation.predictions] == [word for word, _ in last]
    shorter = log_probs_after(predictor.lm, [*words[:60], *words[61:]])
    place = 60 - (100 - MAX_WORDS)
    best = predictor.vocabulary.ids[explanation.predictions[0].word]
    assert explanation.omissions[place].probability == pytest.approx(math.exp(shorter[best]), rel=1e-4)
    assert not predictor.explain("w1 " * predictor.network.prompt_size).truncated
    assert predictor.explain("w1 " * (predictor.network.prompt_size + 1)).truncated
    assert predictor.network.prompt_size == settings.get("window", PROMPT_WORDS)


def test_leading_line_end_is_explained_with_eos():
    text = "The cat sat .\nA mouse ran .\nThe cat sat .\n"
    lines = Predictor(chain(text, TextConfig(eos=True)))
    assert [one.word for one in lines.explain("The").words] == ["<eos>", "The"]
    assert [one.word for one in lines.explain("").words] == ["<eos>"]
    assert [one.word for one in lines.explain("The cat sat").words] == ["The", "cat", "sat"]
    assert not lines.explain("The cat sat").truncated


def test_unknown_words_in_explanations_follow_the_prompt_policy():
    predictor = Predictor(random_model(plain_vocabulary(9, unk=True)))
    explanation = predictor.explain("w1 zebra")
    assert [one.word for one in explanation.words] == ["w1", "<unk>"]
    assert explanation.unknown == ["zebra"]
    assert [one.word for one in predictor.explain("w1 zebra", oov="skip").words] == ["w1"]
    assert "<unk>" not in {word for one in explanation.words for word, _ in one.predictions}
    with pytest.raises(UnknownWordError, match="zebra"):
        predictor.explain("w1 zebra", oov="error")
    with pytest.raises(UsageError, match="`k`: expected 1 or more, found 0"):
        predictor.explain("w1", k=0)


def test_tracing_in_two_parts_equals_tracing_at_once():
    model = random_model(plain_vocabulary(9), mode="stateful")
    network = Network(model.network, model.weights)
    whole, states = trace(network, [1, 2, 3, 4], None)
    second, _ = trace(network, [3, 4], states[2])
    for layer, part in zip(whole, second, strict=True):
        for name, values in {**part.gates, **part.states}.items():
            np.testing.assert_array_equal(values, {**layer.gates, **layer.states}[name][2:])


def test_divergence_is_nonnegative_and_zero_for_equal_distributions():
    generator = np.random.default_rng(0)
    for _ in range(20):
        one, other = (np.log(generator.dirichlet(np.ones(50))).astype(np.float32) for _ in range(2))
        assert divergence(one, one) == 0
        assert divergence(one, other) > 0
