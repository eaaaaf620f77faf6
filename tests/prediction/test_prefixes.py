"""Look-up of words by a prefix: case, diacritics, scripts, one typing error, and the case of what is offered."""

import time
from itertools import chain

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnwords.config import TextConfig
from rnnwords.prediction.prefixes import PrefixIndex, fold, offered
from rnnwords.prediction.ranking import Ranker
from rnnwords.text.vocabulary import Vocabulary


def vocabulary(*words, **text):
    return Vocabulary(words, list(range(len(words), 0, -1)), TextConfig(**text))


def tiers(words, prefix, exact=False, **text):
    found = vocabulary(*words, **text)
    return [[found.words[one] for one in tier] for tier in PrefixIndex(found).candidates(prefix, exact).tiers]


@pytest.mark.parametrize(
    ("word", "prefixes"),
    [
        ("general", ["ge", "Ge", "GE", "gE", "\uff27\uff25"]),
        ("London", ["lond", "LOND"]),
        ("caf\u00e9", ["caf\u00e9", "cafe", "cafe\u0301", "CAFE"]),
        ("\u00e9cole", ["ec", "e\u0301c", "\u00e9c", "\u00c9C"]),
        ("\u0130stanbul", ["ist", "Ist", "\u0131st", "\u0130st"]),
        ("\u0131sparta", ["isp", "ISP", "\u0131sp"]),
        ("stra\u00dfe", ["strass", "STRASS", "stra\u00df"]),
        ("\ufb01ne", ["fi", "fin"]),
        ("\u0152uvre", ["oeu"]),
        ("\u03bb\u03cc\u03b3\u03bf\u03c2", ["\u03bb\u03bf\u03b3\u03bf\u03c3", "\u039b\u039f\u0393"]),
        ("\u0111\u1eb7ng", ["dang", "\u0111\u0103", "da"]),
        ("\u0643\u0650\u062a\u0627\u0628", ["\u0643\u062a", "\u06a9\u062a"]),
        ("\u05e9\u05c1\u05b8\u05dc\u05d5\u05b9\u05dd", ["\u05e9\u05dc"]),
        ("\u0439\u043e\u0434", ["\u0438\u043e", "\u0439\u043e"]),
        ("\ud55c\uad6d", ["\ud558", "\ud55c", "\ud55c\u3131", "\u314e"]),
        ("\ud558\ub098", ["\ud55c"]),  # on the way to the second syllable, the keys so far make this one
        ("\uacfc\uc77c", ["\uace0"]),
        ("don\u2019t", ["don'", "don\u2019"]),
        ("don't", ["don\u2019"]),
        ("\u0646\u0645\u06cc\u200c\u0634\u0648\u062f", ["\u0646\u0645\u064a\u0634"]),
    ],
)
def test_a_prefix_finds_words_regardless_of_case_and_marks(word, prefixes):
    for prefix in prefixes:
        assert list(chain(*tiers(["zzz", word], prefix)[:2])) == [word], prefix


def test_vowel_signs_are_letters():
    assert tiers(["\u0915\u093f\u0924\u093e\u092c"], "\u0915\u0924") == [[], [], []]
    assert tiers(["\u0e01\u0e34\u0e19"], "\u0e01\u0e19") == [[], [], []]


@pytest.mark.parametrize(
    ("prefix", "is_found"),
    [
        ("genral", True), ("geneeral", True), ("genaral", True), ("egneral", True), ("xeneral", True), ("eneral", True),
        ("Genral", True), ("generalx", True), ("teh", True), ("hte", True), ("gex", False), ("gt", False),
        ("gnral", False), ("gneralx", False), ("ganerel", False),
    ],
)  # fmt: skip
def test_a_prefix_with_one_typing_error_finds_the_word(prefix, is_found):
    *others, mistyped = tiers(["general", "the"], prefix)
    assert others == [[], []]
    assert bool(mistyped) is is_found


def test_another_number_is_no_typing_error():
    assert tiers(["1990", "1991"], "1890") == [[], [], []]


def test_words_as_typed_come_before_others_and_each_is_found_once():
    words = ["gener", "General", "g\u00e9n\u00e9ral", "general", "genre", "GENERAL"]
    assert tiers(words, "gener") == [["gener", "general"], ["General", "g\u00e9n\u00e9ral", "GENERAL"], ["genre"]]
    assert tiers(words, "gener", exact=True) == [["gener", "general"]]
    assert tiers(words, "Gener", exact=True) == [["General"]]


def test_the_unknown_word_is_no_candidate():
    for prefix in ("<", "<unk", "<ukn>", "<unk>"):
        assert not any(tiers(["<unk>", "a"], prefix))
        assert tiers(["<unk>", "a"], prefix, exact=True) == [[]]


def test_a_prefix_of_marks_alone_finds_only_what_begins_so():
    assert tiers(["a", "\u0301b"], "\u0301") == [["\u0301b"]]
    assert not any(tiers(["a", "b"], "\u200d"))


def test_megabytes_of_prefix_find_nothing_soon():
    start = time.perf_counter()
    assert tiers(["aaaa", "b"], "a" * 1_000_000) == [[], [], []]
    assert time.perf_counter() - start < 5


@given(st.text(max_size=12))
def test_fold_is_idempotent(text):
    assert fold(fold(text)) == fold(text)


@given(st.lists(st.text("aAbB\u00e9\u0130c", min_size=1, max_size=5), min_size=1, max_size=30, unique=True), st.data())
def test_tiers_equal_those_of_a_comparison_with_every_word(words, data):
    found, prefix = vocabulary(*words), data.draw(st.text("aAb\u00e9c", min_size=4, max_size=6))
    distances = [min(_distance(fold(prefix), fold(word)[:end]) for end in range(9)) for word in words]
    _, _, mistyped = PrefixIndex(found).candidates(prefix).tiers
    assert mistyped.tolist() == [one for one, distance in enumerate(distances) if distance == 1]


def _distance(first, second):
    """Return the optimal string alignment distance of two words."""
    rows = [[max(i, j) if not i or not j else 0 for j in range(len(second) + 1)] for i in range(len(first) + 1)]
    for i in range(1, len(first) + 1):
        for j in range(1, len(second) + 1):
            rows[i][j] = min(
                rows[i - 1][j] + 1, rows[i][j - 1] + 1, rows[i - 1][j - 1] + (first[i - 1] != second[j - 1])
            )
            if i > 1 and j > 1 and (first[i - 2], first[i - 1]) == (second[j - 1], second[j - 2]):
                rows[i][j] = min(rows[i][j], rows[i - 2][j - 2] + 1)
    return rows[-1][-1]


@pytest.mark.parametrize(
    ("word", "prefix", "expected"),
    [
        ("general", "ge", "general"), ("general", "Ge", "General"), ("general", "GE", "GENERAL"),
        ("general", "G", "General"), ("London", "lond", "London"), ("NATO", "na", "NATO"), ("NATO", "Na", "NATO"),
        ("mcdonald", "McD", "McDonald"), ("general", "Gnera", "General"), ("general", "GNERA", "GENERAL"),
        ("istanbul", "\u0130st", "\u0130stanbul"), ("istanbul", "\u0130ST", "\u0130STANBUL"),
        ("\u0131sparta", "Isp", "Isparta"), ("\u00e9t\u00e9", "Et", "\u00c9t\u00e9"), ("ete", "\u00c9t", "Ete"),
        ("stra\u00dfe", "Strass", "Stra\u00dfe"), ("stra\u00dfe", "STRASS", "STRASSE"), ("d'accord", "D'", "D'accord"),
        ("\ud55c\uad6d", "\ud55c", "\ud55c\uad6d"), ("a", "A", "A"), ("", "A", ""), ("general", "", "general"),
    ],
)  # fmt: skip
def test_words_are_offered_in_the_case_of_the_prefix(word, prefix, expected):
    assert offered(word, prefix) == expected


def test_words_offered_alike_are_listed_once_with_the_sum_of_their_probabilities():
    ranker = Ranker(vocabulary("general", "General", "Geneva", "other"))
    log_probs = np.log(np.array([[0.5, 0.1, 0.2, 0.2]], np.float32))
    found = dict(ranker.rank(log_probs, 5, "Ge")[0])
    assert found == {"General": pytest.approx(0.75), "Geneva": pytest.approx(0.25)}
    assert dict(ranker.rank(log_probs, 5, "ge")[0]) == {
        "general": pytest.approx(0.625), "Geneva": pytest.approx(0.25), "General": pytest.approx(0.125)
    }  # fmt: skip
    assert [word for word, _ in ranker.rank(log_probs, 2, "ge")[0]] == ["general", "Geneva"]


def test_prefixes_of_a_lowercase_model_keep_their_capitals_in_what_is_offered():
    assert tiers(["general"], "GEN", lowercase=True) == [["general"], [], []]
    assert tiers(["istanbul"], "\u0130st", lowercase=True, exact=True) == [["istanbul"]]
