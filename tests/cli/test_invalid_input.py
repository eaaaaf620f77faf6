"""Tests of invalid options, texts and prompts: one line on stderr, exit status 2, and no file is changed."""

import json
import re

import pytest

from rnnwords.cli import run as run_program
from tests.processes import (
    TINY,
    here,
    only_error,
    rnnwords,
    said,
)
from tests.texts import FABLE

QUICK = (*TINY, "--epochs", "5")

# Command -> option -> values out of range. The files named do not exist: options are checked first.
RANGES = {
    "train": {
        "--window": ["0", "1001", "x"], "--layers": ["0", "17"], "--units": ["0", "-1", "1000000000"],
        "--embedding": ["0", "1000000000"], "--dropout": ["-0.1", "1", "nan"], "--validation-split": ["-1", "1", "nan"],
        "--learning-rate": ["0", "101", "nan", "inf"], "--weight-decay": ["-1", "2", "nan"],
        "--label-smoothing": ["0.6", "nan"], "--ema": ["1", "nan"], "--clip-norm": ["0", "nan", "inf"],
        "--weight-dropout": ["-0.1", "1"], "--dropout-start": ["-0.1", "1", "nan"], "--warmup": ["-0.1", "0.95", "nan"],
        "--learning-rate-end": ["-0.1", "101", "nan"],
        "--batch-size": ["0", "100000"], "--epochs": ["0", "1.5"], "--iterations": ["0"], "--patience": ["0"],
        "--time": ["0", "nan", "inf", "0.5s", "soon"], "--log-every": ["0"], "--checkpoint-every": ["0", "-5", "soon"],
        "--seed": ["-1", "4294967296"], "--min-count": ["0"], "--max-size": ["0", "1000001"],
        "--cell": ["rnn"], "--input": ["words"], "--optimizer": ["newton"], "--schedule": ["linear"],
        "--precision": ["float64"], "--tokenizer": ["letters"], "--encoding-errors": ["ignore"],
    },
    "build-vocab": {"--max-size": ["0", "1000001"], "--min-count": ["0", "-1"], "--tokenizer": ["letters"]},
    "generate": {
        "--words": ["0", "-1", "x"], "--temperature": ["0", "-1", "nan", "inf"], "--top-k": ["0", "-1"],
        "--top-p": ["0", "1.5", "nan"], "--repetition-penalty": ["0.5", "nan"], "--no-repeat-ngram": ["0"],
        "--seed": ["-1"],
    },
    "predict": {"-k": ["0", "-1", "x"], "--oov": ["ignore"]},
    "repl": {"--words": ["0", "-1"], "--temperature": ["0", "-1", "nan"], "--top-k": ["0"], "--top-p": ["0", "2"]},
}  # fmt: skip


@pytest.mark.parametrize(
    ("command", "option", "value"),
    [(command, option, value) for command, table in RANGES.items() for option in table for value in table[option]],
)
def test_an_option_out_of_range_is_an_error_before_any_file_is_read(
    command, option, value, tmp_path, monkeypatch, capfd
):
    monkeypatch.chdir(tmp_path)
    name = ["missing.txt"] if command in ("train", "build-vocab") else ["--model", "missing"]
    assert run_program([command, *name, option, value]) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert len(err.splitlines()) == 1
    assert err.startswith(f"Error: {option}: expected ")
    assert value.lstrip("-") in err
    assert "missing" not in err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--epochs", "2", "--iterations", "5"], "expected one budget, found "),
        (["--validation", "x.txt", "--validation-split", "0.1"], "found both; leave one out"),
        (["--tie", "--input", "one-hot"], " embedding, found one-hot; leave "),
        (["--vocab", "none.tsv"], "vocabulary file none.tsv: expected a file, found none"),
    ],
)
def test_options_that_exclude_each_other_are_an_error(options, message, tmp_path):
    only_error(rnnwords("train", FABLE, *options, cwd=tmp_path), 2, re.escape(message))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("missing.txt", None, r"expected a text file, found nothing at missing\.txt"),
        ("directory", "", r"expected a text file, found a directory: directory; name files, as in directory/\*\.txt"),
        ("empty.txt", b"", r"empty\.txt"),
        ("blank.txt", b" \n\t\n \r\n", r"blank\.txt"),
        (
            "latin.txt",
            b"one two\nthree \xe9t\xe9\n",
            r"latin\.txt, line 2, byte 7: expected UTF-8, found 0xe9; .*--encoding-errors",
        ),
        ("cut.txt.gz", b"\x1f\x8b\x08\x00half", r"expected a whole \.gz file, found cut\.txt\.gz damaged"),
    ],
)
@pytest.mark.parametrize("command", ["build-vocab", "train", "eval"])
def test_an_unreadable_text_is_an_error_and_changes_no_file(command, name, content, message, trained, tmp_path):
    path = tmp_path / name
    if content == "":
        path.mkdir()
    elif content is not None:
        path.write_bytes(content)
    before = sorted(tmp_path.iterdir())
    arguments = {"build-vocab": ["-o", "vocabulary.tsv"], "train": [], "eval": ["--model", trained]}[command]
    only_error(rnnwords(command, name, *arguments, cwd=tmp_path), 2, message)
    assert sorted(tmp_path.iterdir()) == before


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
def test_the_error_for_a_short_text_has_the_words_found_and_needed(words, options, found, needed, tmp_path):
    (tmp_path / "short.txt").write_text("word " * words, encoding="utf-8")
    done = rnnwords("train", "short.txt", *options, cwd=tmp_path)
    only_error(done, 2, rf"^Error: short\.txt: expected {needed} or more words for training, found {found}[;:]")
    assert [item.name for item in tmp_path.iterdir()] == ["short.txt"]


def test_a_text_of_window_plus_one_words_can_be_trained_on(tmp_path):
    (tmp_path / "short.txt").write_text("the cat and bell", encoding="utf-8")
    assert here("train", "short.txt", *QUICK, cwd=tmp_path) == 0


def test_a_held_out_text_that_is_too_short(tmp_path):
    (tmp_path / "short.txt").write_text("the cat", encoding="utf-8")
    done = rnnwords("train", FABLE, *QUICK, "--validation", "short.txt", cwd=tmp_path)
    only_error(done, 2, r"^Error: short\.txt: expected 4 or more validation words, found 2; ")


def test_an_unknown_word_of_a_prompt_is_named_with_similar_words(trained, tmp_path):
    for command in ("predict", "generate"):
        done = rnnwords(command, "the mouze", "--model", trained, cwd=tmp_path)
        only_error(done, 2, r"'mouze' is not in the vocabulary of 112 tokens; similar words: mouse")
        done = rnnwords(command, "the mouze", "--oov", "skip", "--model", trained, cwd=tmp_path)
        assert done.returncode == 0
        said(done.stderr, r"'mouze' is not in")
        done = rnnwords(command, "the mouze", "--oov", "unk", "--model", trained, cwd=tmp_path)
        assert done.returncode == 2
        said(done.stderr, "^Error: --oov: expected skip or error, found unk; the vocabulary of this model has no <unk>")


@pytest.mark.parametrize("prompt", ["", "   ", "mice", "the cat , the mice had a general council to consider what"])
def test_prompts_of_any_length_are_answered(prompt, trained, tmp_path):
    done = rnnwords("predict", prompt, "--json", "--model", trained, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert len(json.loads(done.stdout)["predictions"]) == 5
    assert rnnwords("generate", prompt, "-n", "3", "--model", trained, cwd=tmp_path).returncode == 0


def test_only_the_last_words_of_a_long_prompt_count(trained, tmp_path):
    answers = [
        json.loads(rnnwords("predict", "--json", "--model", trained, cwd=tmp_path, input=prompt).stdout)["predictions"]
        for prompt in ("had a general", "the cat said " * 80_000 + "had a general")
    ]
    assert answers[0] == answers[1]
