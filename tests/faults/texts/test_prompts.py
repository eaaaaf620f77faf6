"""Rows 28 and 29: prompts with unknown words, and prompts of any length."""

import json

import pytest

from tests.processes import matched, only_error, rnnwords


def test_row_28_an_unknown_word_of_a_prompt_is_named_with_similar_words(trained, tmp_path):
    for command in ("predict", "generate"):
        done = rnnwords(command, "the mouze", "--model", trained, cwd=tmp_path)
        only_error(done, 2, r"'mouze' is not in the vocabulary of 112 tokens; similar words: mouse")
        done = rnnwords(command, "the mouze", "--oov", "skip", "--model", trained, cwd=tmp_path)
        assert done.returncode == 0
        matched(done.stderr, r"'mouze' is not in")
        done = rnnwords(command, "the mouze", "--oov", "unk", "--model", trained, cwd=tmp_path)
        assert done.returncode == 2
        matched(
            done.stderr, "^Error: --oov: expected skip or error, found unk; the vocabulary of this model has no <unk>"
        )


@pytest.mark.parametrize("prompt", ["", "   ", "mice", "the cat , the mice had a general council to consider what"])
def test_row_29_prompts_of_any_length_are_answered(prompt, trained, tmp_path):
    done = rnnwords("predict", prompt, "--json", "--model", trained, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert len(json.loads(done.stdout)["predictions"]) == 5
    assert rnnwords("generate", prompt, "-n", "3", "--model", trained, cwd=tmp_path).returncode == 0


def test_row_29_only_the_last_words_of_a_long_prompt_count(trained, tmp_path):
    answers = [
        json.loads(rnnwords("predict", "--json", "--model", trained, cwd=tmp_path, input=prompt).stdout)["predictions"]
        for prompt in ("had a general", "the cat said " * 80_000 + "had a general")
    ]
    assert answers[0] == answers[1]
