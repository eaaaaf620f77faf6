"""What of a written text is kept, and what never is."""

import pytest

from rnnwords.config import TextConfig
from rnnwords.personal.documents import WrittenText
from rnnwords.personal.entries import Entries, entries_of, is_secret, normalized, pruned, without, word_counts


@pytest.mark.parametrize(
    "chunk",
    ["hunter2", "1984", "+49-30-123", "p@ssword", "me@example.com", "https://example.com", "/home/me/keys", "a=b",
     "user:secret", "snake_case", "A" * 31, "aXbYcZd", "\u0661\u0662", "(tel.555)", "q!w"],
)  # fmt: skip
def test_what_may_be_a_secret(chunk):
    assert is_secret(chunk)


@pytest.mark.parametrize(
    "chunk",
    ["Zorblax", "don't", "don\u2019t", "well-known", "iPhone", "LaTeX", "(so)", "_so_", '"Yes,"', "e.g.", "U.S.",
     "wait\u2026what", "house\u2014which", "stra\u00dfe", "\u0939\u093f\u0928\u094d\u0926\u0940", "NASA",
     "McDonald's", "..."],
)  # fmt: skip
def test_what_is_no_secret(chunk):
    assert not is_secret(chunk)


def entries(text, **settings):
    return dict(entries_of({text: 1}, TextConfig(**settings)))


def test_each_word_is_counted_once_with_the_two_words_before_it():
    assert entries("a b c d") == {("a",): 1, ("a", "b"): 1, ("a", "b", "c"): 1, ("b", "c", "d"): 1}


def test_words_on_both_sides_of_a_secret_are_not_joined():
    assert entries("my pin 1234 is new") == {("my",): 1, ("my", "pin"): 1, ("is",): 1, ("is", "new"): 1}


def test_words_keep_their_case_and_special_tokens_are_left_out():
    assert entries("The <unk> End", lowercase=True, eos=True) == {("The",): 1, ("End",): 1}


def test_a_number_in_a_script_without_spaces_leaves_the_other_words():
    assert ("\u6211",) in entries("\u6211\u4eca\u5e7430\u5c81")
    assert not any("30" in entry for entry in entries("\u6211\u4eca\u5e7430\u5c81"))


def test_entries_of_a_model_in_lower_case_are_added():
    assert normalized({("The",): 1, ("the",): 2}, TextConfig(lowercase=True)) == {("the",): 3}


def test_pruning_reduces_the_rarest_and_oldest_contexts_to_words():
    found: Entries = {("a", "b"): 1, ("c", "b"): 5, ("d", "b"): 1, ("e", "b"): 2}
    assert pruned(dict(found), 4) == found
    assert pruned(dict(found), 3) == {("c", "b"): 5, ("b",): 4}
    assert pruned({("a",): 1, ("b",): 2, ("c",): 1, ("d",): 1}, 3) == {("b",): 2, ("d",): 1}


def test_a_forgotten_word_is_in_no_entry_and_the_words_after_it_stay():
    found = {("x", "a", "b"): 1, ("a", "x", "b"): 2, ("a", "b", "x"): 4, ("b",): 1}
    assert without(found, lambda word: word == "x") == {("a", "b"): 1, ("b",): 3}


def test_words_are_listed_by_count():
    assert word_counts({("a", "b"): 1, ("b",): 1, ("c", "a"): 1}) == [("b", 2), ("a", 1)]


def new(document, text):
    return dict(document.new_entries(text, TextConfig(), lambda word: word == "never"))


def test_lines_of_an_opened_document_are_not_new():
    document = WrittenText("one two\nthree\n")
    assert new(document, "one two\nthree\n") == {}
    assert new(document, "three\none two\nfour\n") == {("four",): 1}
    assert new(document, "four\nfour\nthree\n") == {("four",): 1}


def test_of_a_changed_line_only_the_changed_words_are_new():
    document = WrittenText("one two three four")
    assert new(document, "one two three four five") == {("three", "four", "five"): 1}
    assert new(document, "zero one two three four five") == {
        ("zero",): 1, ("zero", "one"): 1, ("zero", "one", "two"): 1,
    }  # fmt: skip


def test_what_was_removed_and_is_written_again_is_not_new():
    document = WrittenText()
    assert new(document, "one two\n") == {("one",): 1, ("one", "two"): 1}
    assert new(document, "") == new(document, "one two") == {}


def test_excluded_words_are_not_learned():
    assert new(WrittenText(), "I never go") == {("I",): 1, ("go",): 1}
