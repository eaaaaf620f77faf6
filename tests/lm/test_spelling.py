"""Spelling model of unknown words: a distribution over words, storage, and texts of all kinds."""

import itertools
import math
from collections import Counter

import numpy as np
import pytest

from rnnwords.errors import ModelError
from rnnwords.lm import spelling
from rnnwords.lm.spelling import ORDER, PAGE, SpellingModel, spelling_model
from rnnwords.model_file import Model
from rnnwords.tensor_file import DeferredTensors
from tests.models import chain
from tests.texts import CATS

COUNTS = {"the": 40, "cat": 9, "cats": 2, "zebra": 1, "quagga": 1, "zebras": 3, "at": 1, "<unk>": 5, "<eos>": 7}
KNOWN = ["the", "cat", "<unk>", "<eos>"]


def trained(counts=COUNTS, known=KNOWN) -> SpellingModel:
    model = SpellingModel.train(counts, known)
    assert model is not None
    return model


def total(model, known, letters, longest):
    """Return the probability of all words up to a length that are not known, and that of the longer ones."""
    words = ["".join(word) for length in range(1, longest + 1) for word in itertools.product(letters, repeat=length)]
    inside = np.exp(model.log_probs([word for word in words if word not in known])).sum()
    # The probability that a word continues after its first letters is that of these letters, over that of the end.
    symbols, points = spelling._symbols(words[-(len(letters) ** longest) :], model._table)
    scores = model.letters.score(symbols, [spelling.END])
    scores[symbols == spelling.OTHER] += model._other[points[symbols == spelling.OTHER]]
    continued = np.add.reduceat(np.where(symbols == spelling.END, 0, scores), np.arange(0, len(scores), longest + 1))
    ended = scores[symbols == spelling.END]
    return inside, (np.exp(continued) * -np.expm1(ended)).sum() / math.exp(model.unknown)


def test_probabilities_of_all_unknown_words_add_up_to_one(monkeypatch):
    """Over an alphabet that is all of Unicode: pages of one character, and three of them."""
    monkeypatch.setattr(spelling, "PAGE", 1)
    monkeypatch.setattr(spelling, "PAGES", 128)
    counts = {"ab": 3, "abb": 1, "ba": 2, "aa": 1, "bac": 1}
    known = {"ab", "ba"}
    model = trained(counts, known)
    assert (model.alphabet, model.singles) == ("ab", "c")
    model._other = np.full(128, -np.inf)
    model._other[[ord("c"), ord("d")]] = np.log([0.7, 0.3])
    short, longer = total(model, known, "abcd", 6)
    assert short + longer == pytest.approx(1, abs=1e-9)
    assert short > 0.5


def test_letters_outside_the_alphabet_add_up_to_one():
    model = trained()
    outside = [point for point in range(0x110000) if chr(point) not in model.alphabet]
    assert np.exp(model._other[np.array(outside) // PAGE]).sum() == pytest.approx(1)


def test_words_like_those_of_the_text_are_more_probable():
    model = trained(Counter(CATS.split()), ["the"])
    like, other, foreign, emoji = model.log_probs(["mats", "xqzv", "\u732b" * 4, "\U0001f600" * 4])
    assert like > other > foreign
    assert foreign == pytest.approx(emoji)
    near = trained({**COUNTS, "\u5929\u5730": 1}).log_probs(["\u592b", "\U0001f600"])
    assert near[0] > near[1]


def test_words_score_alike_alone_and_together():
    model, words = trained(), ["zebra", "z", "\u00e9t\u00e9", "zebra", "a\nb", "x" * 5_000, "\ud800"]
    together = model.log_probs(words)
    np.testing.assert_allclose([model.log_probs([word])[0] for word in words], together, rtol=1e-12)
    assert np.isfinite(together).all()
    assert together[0] == together[3]
    assert model.log_probs([]).shape == (0,)


def test_words_outside_the_vocabulary_count_as_often_as_they_occur():
    often, once = (trained({**COUNTS, "zebras": count}).log_probs(["zebras"])[0] for count in (5, 1))
    assert often > once
    assert trained({**COUNTS, "the": 1}).log_probs(["them"]) == trained().log_probs(["them"])


def test_words_of_other_text_and_encoded_data_do_not_count():
    one, other = trained(), trained({**COUNTS, "gnu": 0, "x" * 1_001: 4, "": 3})
    np.testing.assert_array_equal(one.log_probs(["gnu", "zebra"]), other.log_probs(["gnu", "zebra"]))
    assert SpellingModel.train({"<unk>": 3, "the": 0}, ["<unk>"]) is None


def test_known_words_take_no_probability():
    """The more of the text is known, the more probable are the words that are not."""
    few, many = (trained(COUNTS, known) for known in (["<unk>"], [*COUNTS][:5]))
    assert few.unknown > many.unknown
    assert trained({"a": 9}, ["a", "<unk>"]).log_probs(["b"])[0] < 0


@pytest.mark.parametrize(
    "script",
    ["\u0915\u094d\u0930 \u0936\u093f \u0915\u0941", "\u732b \u5929 \u732b\u5929 \u5730", "\U0001f600 \U0001f601 a"],
)
def test_storage_keeps_the_model_bit_for_bit(script):
    words = [*Counter(CATS.split()), *script.split()]
    model = trained(dict.fromkeys(words, 2), words[:3])
    tensors = model.to_tensors()
    assert all(name.startswith("spelling/") for name in tensors)
    again = SpellingModel.from_tensors(tensors)
    unknown = [*words[3:], "zebra", "\u0936\u0915", "\u732b\u5730", "\U0001f602"]
    np.testing.assert_array_equal(again.log_probs(unknown), model.log_probs(unknown))
    for name, tensor in trained(dict.fromkeys(words, 2), words[2::-1]).to_tensors().items():
        assert tensor.tobytes() == tensors[name].tobytes()


def test_long_lists_of_words_are_thinned_evenly(monkeypatch):
    counts = {f"{first}{second}": 1 for first in "abcdefgh" for second in "stuvwxyz"}
    monkeypatch.setattr(spelling, "MAX_LETTERS", 64)
    model = trained(counts, ["<unk>"])
    assert {word[0] for word in counts} - set(model.alphabet + model.singles) == set()
    assert model.letters.size < trained({**counts}, ["<unk>"]).letters.size * ORDER
    monkeypatch.undo()
    assert model.letters.size < trained(counts, ["<unk>"]).letters.size


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("alphabet", None, "tensor 'spelling/alphabet': expected letters, uint8, found none"),
        ("alphabet", np.frombuffer(b"ba", np.uint8), "expected rising letters, found others"),
        ("singles", np.frombuffer(b"a\xff", np.uint8), "expected UTF-8, found other bytes at 1"),
        ("singles", np.zeros(3, np.int64), "expected letters, uint8, found none"),
        ("alphabet", np.frombuffer(b"ab", np.uint8), "spelling/ngram/settings"),
        ("unknown", np.array([np.nan]), "expected a number in -60..0, found another value"),
        ("unknown", np.array([0.5]), "expected a number in -60..0"),
        ("unknown", np.zeros((1, 1)), "expected a number in -60..0"),
        ("unknown", None, "expected a number in -60..0"),
        ("ngram/settings", None, "tensor 'spelling/ngram/settings' is missing"),
        ("ngram/2.counts", np.zeros(3, np.uint8), "spelling/ngram/2.counts"),
    ],
)  # fmt: skip
def test_damaged_models_are_refused(name, value, message):
    tensors = trained().to_tensors()
    tensors["spelling/" + name] = value
    if value is None:
        del tensors["spelling/" + name]
    with pytest.raises(ModelError, match=message):
        SpellingModel.from_tensors(tensors)
    model = chain()
    model = Model(model.network, model.vocabulary, model.weights, spelling=DeferredTensors(1, lambda: tensors))
    with pytest.raises(ModelError, match=r"^the spelling model of the model file is damaged: (tensor|spelling/)"):
        spelling_model(model)


def test_another_end_of_words_is_refused():
    tensors = trained().to_tensors()
    tensors["spelling/ngram/settings"] = tensors["spelling/ngram/settings"].copy()
    tensors["spelling/ngram/settings"][3] = 1
    with pytest.raises(ModelError, match="expected 0 for the end of a word, found another"):
        SpellingModel.from_tensors(tensors)
