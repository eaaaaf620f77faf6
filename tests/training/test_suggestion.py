"""Prompts that a finished training suggests, and settings under which their continuations do not loop."""

import numpy as np
import pytest

from rnnwords.config import TextConfig
from rnnwords.text.spacing.learned import learn_spacing
from rnnwords.training import suggestion
from rnnwords.training.suggestion import ATTEMPTS, WITHOUT_REPEATS, find_prompt, repeats, settings_without_loops
from tests.models import chain, saved, vocabulary_of

EOS = TextConfig(eos=True)
WHITESPACE = TextConfig(tokenizer="whitespace")
CHINESE = "\u6211\u4eec\u90fd\u662f\u4e2d\u56fd\u4eba\u3002"
THAI = "\u0e09\u0e31\u0e19\u0e01\u0e34\u0e19\u0e02\u0e49\u0e32\u0e27"
HEBREW = "\u05d4\u05d7\u05ea\u05d5\u05dc \u05d9\u05e9\u05d1 \u05e2\u05dc"

CASES = {
    "begins with rare words": ("zyx wvu. The cat sat. The cat ran. ", None, {"min_count": 2}, "The cat"),
    "begins with a mark": ('"Well," he said. Then he left. ', None, {}, "Then he left"),
    "marks alone": ("!!! ??? !!! ???", None, {}, "!!!"),
    "lowercase": ("The Cat sat on the MAT.", TextConfig(lowercase=True), {}, "the cat sat"),
    "line ends": ("one two\nthree four five six\n", EOS, {}, "three four five"),
    "split at white space": ("Cat . sat (so) fine and well", WHITESPACE, {}, "Cat . sat"),
    "<unk> in the text": ("<unk> the cat <unk> sat on the mat", None, {}, "sat on the"),
    "Chinese": (CHINESE, None, {}, CHINESE[:3]),
    "Thai": (THAI, None, {}, THAI),
    "Hebrew": (HEBREW, None, {}, HEBREW),
    "controls": ("a\x1b[2Jb \u202ecd\u202c good words here", TextConfig(normalize="none"), {}, "good words here"),
    "a very long word": (f"{'a' * 100} then shorter words", None, {}, "then shorter words"),
    "two words": ("so so", None, {}, "so so"),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_a_prompt_is_read_as_words_of_the_text_without_unk(name):
    text, config, limits, expected = CASES[name]
    vocabulary = vocabulary_of(text, config, **limits)
    vocabulary = vocabulary.with_spacing(learn_spacing([text], vocabulary.text))
    ids = np.array(vocabulary.encode(vocabulary.tokenize(text)))
    prompt, passage = find_prompt(ids, vocabulary)
    assert prompt == expected
    words = vocabulary.tokenize(prompt)
    assert "<unk>" not in words
    assert list(passage[: len(words)]) == vocabulary.encode(words)
    assert any(tuple(ids[at : at + len(passage)]) == passage for at in range(len(ids)))


def test_a_text_without_known_words_has_no_prompt():
    vocabulary = vocabulary_of("a b c d b", max_size=2)
    unk = vocabulary.unk_id
    assert find_prompt(np.array([unk] * 50), vocabulary) == ("", ())


def test_search_for_a_prompt_is_short_where_none_can_be_typed():
    vocabulary = vocabulary_of("\u200fx", TextConfig(tokenizer="whitespace", normalize="none"))
    assert find_prompt(np.zeros(100_000, np.int64), vocabulary) == ("", ())  # takes some milliseconds


def test_repeats_counts_sequences_of_four_that_occurred_before():
    assert repeats([1, 2, 3, 4, 5, 6, 7, 1, 2, 3]) == 0
    assert repeats([1, 2, 3, 4, 1, 2, 3, 4]) == 1
    assert repeats([7] * 10) == 6


def model_of(text, tmp_path):
    model = chain(text)
    ids = np.array(model.vocabulary.encode(model.vocabulary.tokenize(text)))
    return saved(model, tmp_path), *find_prompt(ids, model.vocabulary)


def test_a_text_that_goes_on_without_loops_needs_no_settings(tmp_path):
    words = " ".join(f"w{number}" for number in range(60))
    assert settings_without_loops(*model_of(words, tmp_path)) == {}


def test_a_model_that_loops_gets_settings_under_which_it_does_not(tmp_path):
    # Of `one two` the most probable follower is `one` again; the text goes on.
    rest = " ".join(f"w{number} one two" for number in range(30))
    path, prompt, passage = model_of(f"one two one two {rest} one two one two", tmp_path)
    found = settings_without_loops(path, prompt, passage)
    assert found in (*ATTEMPTS[1:], WITHOUT_REPEATS)


def test_a_continuation_may_repeat_as_much_as_the_text(tmp_path):
    assert settings_without_loops(*model_of("error : no file . " * 20, tmp_path)) == {}


def test_large_networks_get_settings_that_cannot_loop_without_an_attempt(tmp_path, monkeypatch):
    monkeypatch.setattr(suggestion, "MANY_WEIGHTS", 10)
    assert settings_without_loops(*model_of("one two three four five", tmp_path)) == WITHOUT_REPEATS


def test_a_model_file_that_is_gone_or_damaged_raises_nothing(tmp_path):
    assert settings_without_loops(tmp_path / "model.safetensors", "a", ()) == {}
    (tmp_path / "model.safetensors").write_bytes(b"damaged")
    assert settings_without_loops(tmp_path / "model.safetensors", "a", ()) == {}
