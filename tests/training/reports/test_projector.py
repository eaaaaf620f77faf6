"""The files of the projector: one line and label per word, whatever the word."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnwords.training.reports.projector import LABELS, VECTORS, WORDS, label, projector_files


@given(st.lists(st.text(min_size=1), min_size=1, max_size=20))
def test_every_word_is_one_line_whatever_its_characters(words):
    files = projector_files(np.zeros((len(words), 2), np.float32), words, [1] * len(words))
    files[LABELS].encode()  # without lone surrogates
    for lines in (files[LABELS].split("\n"), files[LABELS].splitlines()):
        assert len([line for line in lines if line]) == len(words) + 1
        assert all(line.count("\t") == 1 for line in lines if line)


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("mouse", "mouse"), ("naïve", "naïve"), ("<unk>", "<unk>"), ('"', '"'), ("a\tb", r"a\tb"), ("\n", r"\n"),
        ("\x1b[31m", r"\x1b[31m"), ("a\u2028b", r"a\u2028b"), ("\x85", r"\x85"), ("می\u200cخواهم", "می\u200cخواهم"),
        ("\ud800", r"\ud800"),
    ],
)  # fmt: skip
def test_labels_are_words_with_control_characters_escaped(word, expected):
    assert label(word) == expected


def test_rows_and_labels_are_in_the_order_of_the_vocabulary():
    vectors = np.array([[1.5, -2], [0.123456789, 1e-9]], np.float32)
    files = projector_files(vectors, ["the", "cat"], [7, 3])
    assert files[LABELS] == "word\tcount\nthe\t7\ncat\t3\n"
    assert files[VECTORS] == "1.5\t-2\n0.12346\t1e-09\n"


def test_large_vocabularies_are_cut_to_the_most_frequent_words():
    words = [f"w{number}" for number in range(WORDS + 1)]
    files = projector_files(np.zeros((len(words), 1), np.float32), words, list(range(len(words), 0, -1)))
    assert len(files[VECTORS].splitlines()) == WORDS
    assert files[LABELS].splitlines()[-1] == f"w{WORDS - 1}\t2"
