"""Row 21: a text that is empty, blank or too short."""

import pytest

from tests.processes import QUICK, here
from tests.texts import write


@pytest.mark.parametrize("content", [b"", b" \n\t\n \r\n", b"\xef\xbb\xbf\n", b"\xff\xfe\n\0"])
@pytest.mark.parametrize("command", ["build-vocab", "train", "validation", "eval", "report"])
def test_row_21_a_text_without_words_is_refused(command, content, refused, tmp_path):
    write(tmp_path / "blank.txt", content)
    refused(command, "blank.txt", r"blank\.txt.*(expected|found)|found none in blank\.txt")


def test_row_21_line_ends_alone_are_not_words(refused, tmp_path):
    write(tmp_path / "blank.txt", "\n" * 100)
    for command in ("build-vocab", "train"):
        refused(command, "blank.txt", "expected a text with at least one word, found none", "--eos")


@pytest.mark.parametrize(
    ("words", "options", "found", "needed"),
    [
        (3, [], "3", "4"),
        (7, ["--window", "7"], "7", "8"),
        (30, ["--stateful"], "30", "36"),
        (36, ["--stateful"], "36", "37"),
        (250, ["--stateful", "--window", "130"], "250", "263"),
    ],
)
def test_row_21_the_error_for_a_short_text_has_the_words_found_and_needed(
    words, options, found, needed, refused, tmp_path
):
    write(tmp_path / "short.txt", "word " * words)
    refused(
        "train",
        "short.txt",
        rf"^Error: short\.txt: expected {needed} or more words for training, found {found}[;:]",
        *options,
    )


def test_row_21_a_text_of_window_plus_one_words_can_be_trained_on(tmp_path):
    write(tmp_path / "short.txt", "the cat and bell")
    assert here("train", "short.txt", *QUICK, cwd=tmp_path) == 0


def test_row_21_a_short_validation_text_is_refused(refused, tmp_path):
    write(tmp_path / "short.txt", "the cat")
    refused("validation", "short.txt", r"^Error: short\.txt: expected 4 or more validation words, found 2; ", *QUICK)
