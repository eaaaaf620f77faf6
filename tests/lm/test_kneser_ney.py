"""Kneser-Ney models against the textbook formulas on dictionaries, and against the perplexities of KenLM."""

import os
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnwords.errors import ModelError, UsageError
from rnnwords.lm.ngram import kneser_ney as ngram
from rnnwords.lm.ngram.kneser_ney import KneserNey

START = "<s>"


class Twin:
    """Modified Kneser-Ney by the formulas: tuples in dictionaries, one word at a time."""

    def __init__(self, text, size, order, boundary):
        self.size, self.order, self.boundary = size, order, boundary
        sentences = [[START]]
        for word in text:
            sentences[-1].append(word)
            if word == boundary:
                sentences.append([START])
        occurrences: Counter[Any] = Counter()
        lefts: defaultdict[Any, set[Any]] = defaultdict(set)
        for sentence in sentences:
            for end in range(1, len(sentence)):
                for begin in range(max(0, end - order + 1), end + 1):
                    gram = tuple(sentence[begin : end + 1])
                    occurrences[gram] += 1
                    if begin > 0:
                        lefts[gram].add(sentence[begin - 1])
        self.counts = {
            gram: times if len(gram) == order or gram[0] == START else len(lefts[gram])
            for gram, times in occurrences.items()
        }
        self.after: defaultdict[Any, dict[Any, int]] = defaultdict(dict)  # context -> {word: count}
        for gram, count in self.counts.items():
            self.after[gram[:-1]][gram[-1]] = count
        self.discounts = {n: self.estimate(n) for n in range(1, order + 1)}

    def estimate(self, n):
        n1, n2, n3, n4 = (sum(c == k for g, c in self.counts.items() if len(g) == n) for k in (1, 2, 3, 4))
        if not (n1 and n2 and n3):
            return (0.5, 1.0, 1.5)
        y = n1 / (n1 + 2 * n2)
        found = (1 - 2 * y * n2 / n1, 2 - 3 * y * n3 / n2, 3 - 4 * y * n4 / n3)
        return found if all(d > 0 for d in found) else (0.5, 1.0, 1.5)

    def context(self, words):
        words = list(words)
        if self.boundary in words:
            last = max(i for i, word in enumerate(words) if word == self.boundary)
            words[: last + 1] = [START]
        return tuple(words)[max(0, len(words) - self.order + 1) :]

    def probability(self, context, word):
        shorter = self.probability(context[1:], word) if context else 1 / self.size
        if context not in self.after:
            return shorter
        followers, discounts = self.after[context], self.discounts[len(context) + 1]
        total = sum(followers.values())
        set_aside = sum(discounts[min(c, 3) - 1] for c in followers.values())
        count = followers.get(word, 0)
        own = count - discounts[min(count, 3) - 1] if count else 0
        return own / total + set_aside / total * shorter


@st.composite
def worlds(draw):
    """Draw a vocabulary size, a text, an order, and a boundary or None."""
    size = draw(st.integers(1, 6))
    words = st.integers(0, size - 1)
    text = draw(st.one_of(st.lists(words, min_size=1, max_size=80), st.lists(words, min_size=60, max_size=150)))
    return size, text, draw(st.integers(1, 5)), draw(st.one_of(st.none(), words))


def some_text(length=3000, size=50, seed=1):
    """Return a text with frequent and rare words; word 0 may serve as the line end."""
    words = np.random.default_rng(seed).zipf(1.5, length) - 1
    return np.where(words < size - 5, words, 0)  # the last five words stay unseen


@settings(max_examples=120, deadline=None)
@given(worlds(), st.data())
def test_distributions_equal_the_textbook_formulas(world, data):
    size, text, order, boundary = world
    model, twin = KneserNey.train(np.array(text), size, order, boundary), Twin(text, size, order, boundary)
    width = data.draw(st.integers(0, 5))
    contexts = data.draw(
        st.lists(st.lists(st.integers(0, size - 1), min_size=width, max_size=width), min_size=1, max_size=6)
    )
    expected = [[twin.probability(twin.context(c), word) for word in range(size)] for c in contexts]
    found = model.probabilities(np.array(contexts).reshape(len(contexts), width))
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, expected, rtol=1e-10)
    np.testing.assert_allclose(found.sum(axis=1), 1)


@settings(max_examples=80, deadline=None)
@given(worlds(), st.data())
def test_scores_equal_the_textbook_formulas(world, data):
    size, text, order, boundary = world
    model, twin = KneserNey.train(text, size, order, boundary), Twin(text, size, order, boundary)
    words = st.lists(st.integers(0, size - 1), max_size=20)
    history, new = data.draw(words), data.draw(words)
    before = [twin.context(history + new[:i]) for i in range(len(new))]
    expected = [np.log(twin.probability(c, word)) for c, word in zip(before, new, strict=True)]
    np.testing.assert_allclose(model.score(new, history), expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("boundary", [None, 3])
@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_estimated_discounts_equal_the_textbook_formulas(order, boundary):
    text = some_text(1500).tolist()
    model, twin = KneserNey.train(text, 50, order, boundary), Twin(text, 50, order, boundary)
    assert (0.5, 1.0, 1.5) not in twin.discounts.values()  # else the text is too small to say anything
    new = some_text(200, seed=6).tolist()
    expected = [np.log(twin.probability(twin.context(new[:i]), word)) for i, word in enumerate(new)]
    np.testing.assert_allclose(model.score(new), expected, rtol=1e-10)


def test_probabilities_of_a_hand_computed_text():
    # a b a b | a: bigrams after the boundary rule are <s>a 2, ab 2 (occurrences), ba 1, b| 1; discounts fall back.
    model = KneserNey.train([0, 1, 0, 1, 2, 0], 3, 2, boundary=2)
    # left neighbours: a {<s>, b} 2, b {a} 1, | {b} 1; discounts 1 and 0.5, so 2 of 4 are left over for the uniform.
    single = np.array([1 / 4, 0.5 / 4, 0.5 / 4]) + 2 / 4 / 3
    np.testing.assert_allclose(model.probabilities(np.zeros((1, 0), int)), [single])
    np.testing.assert_allclose(model.probabilities([[0]]), [np.array([0, 1 / 2, 0]) + 1 / 2 * single])
    np.testing.assert_allclose(model.probabilities([[2]]), [np.array([1 / 2, 0, 0]) + 1 / 2 * single])


@pytest.mark.parametrize("boundary", [None, 0])
@pytest.mark.parametrize("order", [1, 2, 3, 4, 7])
def test_distributions_sum_to_one_in_every_context(order, boundary):
    text = some_text()
    model = KneserNey.train(text, 50, order, boundary)
    random = np.random.default_rng(2)
    for width in range(order + 3):
        seen = np.lib.stride_tricks.sliding_window_view(text, width)[:200]
        contexts = np.concatenate((seen, random.integers(0, 50, (200, width)), np.full((1, width), -1)))
        found = model.probabilities(contexts)
        assert found.shape == (401, 50)
        assert (found > 0).all()
        np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-12)


def test_zero_contexts_give_zero_distributions():
    model = KneserNey.train(some_text(), 50, 3)
    assert model.probabilities(np.zeros((0, 2), int)).shape == (0, 50)
    assert model.log_probability(np.zeros((0, 2), int), []).shape == (0,)
    assert model.score([]).shape == (0,)


def test_words_beyond_the_order_are_ignored():
    model = KneserNey.train(some_text(), 50, 3, boundary=0)
    np.testing.assert_array_equal(model.probabilities([[9, 8, 7, 1, 2]]), model.probabilities([[1, 2]]))
    np.testing.assert_array_equal(model.probabilities([[3, 0]]), model.probabilities([[0]]))  # before the boundary
    np.testing.assert_array_equal(model.probabilities([[-1, 2]]), model.probabilities([[2]]))  # filled up
    np.testing.assert_array_equal(model.probabilities([[-1, -1]])[0], model.probabilities([[]])[0])
    assert (model.probabilities([[0]]) != model.probabilities([[]])).any()  # a short context is no sentence start


def test_returned_distributions_are_copies():
    model = KneserNey.train(some_text(), 50, 3)
    model.probabilities([[]])[:] = 0
    assert model.probabilities([[]]).sum() == pytest.approx(1)


@pytest.mark.parametrize("order", [1, 2, 4])
def test_scores_are_entries_of_the_distributions(order):
    text, new = some_text(), some_text(300, seed=3)
    model = KneserNey.train(text, 50, order, boundary=0)
    scores = model.score(new)
    contexts = np.array([[-1] * (3 - min(i, 3)) + new[max(0, i - 3) : i].tolist() for i in range(len(new))])
    np.testing.assert_allclose(np.exp(scores), model.probabilities(contexts)[np.arange(len(new)), new], rtol=1e-12)
    np.testing.assert_array_equal(model.log_probability(contexts, new), scores)
    np.testing.assert_allclose(model.score(new[200:], history=new[:200]), scores[200:], rtol=1e-12)


def test_chunked_scoring_equals_scoring_at_once(monkeypatch):
    model, new = KneserNey.train(some_text(), 50, 4, boundary=0), some_text(500, seed=4).astype(np.uint16)
    whole = model.score(new, history=[0])
    for chunk in (1, 2, 3, 7, 499, 500):
        monkeypatch.setattr(ngram, "CHUNK", chunk)
        np.testing.assert_array_equal(model.score(new, history=[0]), whole)


@pytest.mark.parametrize("order", [1, 2, 3, 4, 9])
@pytest.mark.parametrize("text", [[0], [0, 1, 2, 3, 4], [1] * 50, [2, 2, 2], [0, 1] * 30], ids=str)
@pytest.mark.parametrize("boundary", [None, 1])
def test_degenerate_texts_give_valid_distributions(text, order, boundary):
    model = KneserNey.train(text, 7, order, boundary)
    contexts = np.array([[a, b] for a in range(7) for b in range(7)])
    found = model.probabilities(contexts)
    assert (found > 0).all()
    np.testing.assert_allclose(found.sum(axis=1), 1)
    assert np.isfinite(model.score([6, *text, 5, 5])).all()
    again = KneserNey.from_tensors(model.to_tensors(), 7)
    np.testing.assert_array_equal(again.probabilities(contexts), found)


def test_text_of_one_repeated_word_predicts_that_word():
    model = KneserNey.train([1] * 50, 3, 2)
    assert model.probabilities([[1]]).argmax() == 1
    assert model.probabilities([[1]]).max() > 0.9


@pytest.mark.parametrize(
    "arguments",
    [
        ([], 5, 2),
        ([0, 1], 5, 0),
        ([0, 1], 0, 2),
        ([0, 5], 5, 2),
        ([0, -1], 5, 2),
        ([0.0, 1.0], 5, 2),
        ([[0, 1]], 5, 2),
        ([0, 1], 5, 2, 5),
        ([0, 1], 5, 2, -1),
    ],
    ids=str,
)
def test_bad_training_arguments_are_refused(arguments):
    with pytest.raises(UsageError):
        KneserNey.train(*arguments)


@pytest.mark.parametrize(
    "call",
    [
        lambda m: m.probabilities([0, 1]),
        lambda m: m.probabilities([[50]]),
        lambda m: m.probabilities([[-2]]),
        lambda m: m.probabilities([[0.5]]),
        lambda m: m.log_probability([[1], [2]], [3]),
        lambda m: m.log_probability([[1]], [-1]),
        lambda m: m.score([50]),
        lambda m: m.score([[1]]),
        lambda m: m.score([1], history=[-1]),
    ],
)
def test_bad_prediction_arguments_are_refused(call):
    with pytest.raises(UsageError, match=r"expected .*, found "):
        call(KneserNey.train(some_text(), 50, 2))


@pytest.mark.parametrize("boundary", [None, 0])
def test_tensors_round_trip_the_whole_model(boundary):
    model = KneserNey.train(some_text(), 50, 4, boundary)
    tensors = model.to_tensors()
    assert all(name.startswith("ngram/") and tensor.ndim == 1 for name, tensor in tensors.items())
    again = KneserNey.from_tensors(tensors | {"embedding": np.ones((3, 2))}, 50)
    assert (again.vocabulary_size, again.order, again.boundary) == (50, 4, boundary)
    np.testing.assert_array_equal(again.score(some_text(seed=5)), model.score(some_text(seed=5)))
    stored = again.to_tensors()
    assert stored.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert stored[name].dtype == tensor.dtype
        np.testing.assert_array_equal(stored[name], tensor)


def changed(values, place, value):
    values = values.copy()
    values[place] = value
    return values


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("settings", lambda t: t[:3]),
        ("settings", lambda t: t.astype(np.float64)),
        ("settings", lambda t: changed(t, 0, 51)),
        ("settings", lambda t: changed(t, 1, 2)),
        ("settings", lambda t: changed(t, 2, 0)),
        ("settings", lambda t: changed(t, 2, 4)),
        ("settings", lambda t: changed(t, 3, 50)),
        ("settings", lambda t: changed(t, 3, -2)),
        ("1.counts", lambda t: t[1:]),
        ("1.counts", lambda t: t.astype(np.float32)),
        ("1.counts", lambda t: t.astype(np.int64)),
        ("1.counts", lambda t: t[:, None]),
        ("2.counts", lambda t: changed(t, 7, 0)),
        ("1.ngrams.words", lambda t: t[::-1]),
        ("1.ngrams.words", lambda t: changed(t, -1, 50)),
        ("1.ngrams.lengths", lambda t: t + 1),
        ("1.ngrams.lengths", lambda t: np.array([2**32 - 1], np.uint32)),
        ("2.ngrams.words", lambda t: np.zeros_like(t)),
        ("2.ngrams.words", lambda t: t[:0]),
        ("2.ngrams.lengths", lambda t: changed(t, 0, 0)),
        ("3.ngrams.lengths", lambda t: t[:-1]),
        ("2.contexts.words", lambda t: changed(t, -1, 51)),
        ("2.contexts.words", lambda t: t[:0]),
        ("3.contexts.lengths", lambda t: changed(t, 0, 200)),
        ("3.contexts.words", lambda t: t[::-1]),
    ],
)
def test_damaged_tensors_are_refused(name, change):
    tensors = KneserNey.train(some_text(), 50, 3, 0).to_tensors()
    tensors["ngram/" + name] = change(tensors["ngram/" + name])
    with pytest.raises(ModelError, match="ngram/"):
        KneserNey.from_tensors(tensors, 50)


def test_a_context_without_ngrams_is_refused():
    tensors = KneserNey.train([0, 1, 2], 3, 2).to_tensors()
    np.testing.assert_array_equal(tensors["ngram/2.ngrams.lengths"], [1, 1, 1])
    tensors["ngram/2.ngrams.lengths"] = np.array([2, 0, 1], np.uint8)
    with pytest.raises(ModelError, match=r"ngram/2\.ngrams\.lengths"):
        KneserNey.from_tensors(tensors, 3)


def test_missing_tensors_are_named():
    tensors = KneserNey.train(some_text(), 50, 3, 0).to_tensors()
    for name in tensors:
        with pytest.raises(ModelError, match=f"'{name}' is missing"):
            KneserNey.from_tensors({k: v for k, v in tensors.items() if k != name}, 50)


def test_tensors_of_another_vocabulary_size_are_refused():
    with pytest.raises(ModelError, match=r"expected \[60, .*found \[50, "):
        KneserNey.from_tensors(KneserNey.train(some_text(), 50, 3).to_tensors(), 60)


def test_tensors_take_few_bytes_per_ngram():
    tensors = KneserNey.train(some_text(20_000, 200), 200, 3).to_tensors()
    grams = sum(len(tensor) for name, tensor in tensors.items() if name.endswith("counts"))
    assert sum(tensor.nbytes for tensor in tensors.values()) < 8 * grams


@pytest.mark.parametrize(("order", "kenlm"), [(3, 157.77), (4, 149.90), (5, 148.01)])
def test_penn_treebank_perplexity_equals_kenlm(order, kenlm):
    folder = os.environ.get("RNNWORDS_CORPORA")
    if not folder or not all((Path(folder) / "ptb" / name).is_file() for name in ("train.txt", "valid.txt")):
        pytest.skip("needs RNNWORDS_CORPORA=<directory with ptb/train.txt and ptb/valid.txt>")
    lines = {n: (Path(folder) / "ptb" / f"{n}.txt").read_text("utf-8").splitlines() for n in ("train", "valid")}
    train, valid = ([word for line in lines[n] for word in [*line.split(), "<eos>"]] for n in ("train", "valid"))
    ids = {word: i for i, word in enumerate(dict.fromkeys(train))}  # word -> id
    assert len(ids) == 10_000
    model = KneserNey.train([ids[word] for word in train], len(ids), order, ids["<eos>"])
    scores = model.score([ids[word] for word in valid], history=[ids["<eos>"]])
    assert np.exp(-scores.mean()) == pytest.approx(kenlm, abs=0.01)
