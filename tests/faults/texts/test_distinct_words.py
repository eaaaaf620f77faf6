"""Row 49: texts in which no word occurs twice."""

import pytest

from rnnwords.config import TextConfig
from rnnwords.text import counting
from rnnwords.text.counting import count_words
from rnnwords.text.reading import corpus as corpus_module
from rnnwords.text.reading.corpus import Corpus
from rnnwords.text.vocabulary import Vocabulary
from tests.processes import QUICK, here, only_error, rnnwords
from tests.texts import write


@pytest.mark.parametrize("command", ["build-vocab", "train"])
@pytest.mark.parametrize("options", [["--min-count", "2"], ["--min-count", "5"], ["--max-size", "1"]])
def test_row_49_a_text_of_distinct_words_is_refused_if_none_is_kept(command, options, refused, tmp_path):
    write(tmp_path / "distinct.txt", "\n".join(f"w{number}" for number in range(1_000)))
    refused(command, "distinct.txt", "besides <unk>, found none: the most frequent word occurs once, so every word is "
            "distinct; set --min-count to 1 or less, and --max-size to 2 or more", *options)  # fmt: skip


@pytest.mark.parametrize("options", [[], ["--eos"], ["--tokenizer", "whitespace"]])
def test_row_49_a_long_text_of_distinct_words_is_refused_by_default(options, refused, tmp_path):
    write(tmp_path / "distinct.txt", "\n".join(f"w{number}" for number in range(12_000)))
    refused("train", "distinct.txt", "so every word is distinct; set --min-count to 1", *options)


def test_row_49_the_count_of_the_most_frequent_word_is_named(refused, tmp_path):
    write(tmp_path / "text.txt", "one two two three three three " * 2)
    refused("build-vocab", "text.txt", "most frequent word occurs 6 times; set --min-count to 6", "--min-count", "7")


@pytest.mark.parametrize("text", ["cat " * 300, "cat " * 12_000, "cat " * 50 + "dog"])
def test_row_49_a_text_with_one_word_or_two_is_trained_on(text, tmp_path):
    write(tmp_path / "text.txt", text)
    assert here("train", "text.txt", *QUICK, "--epochs", "1", "--model", "new", cwd=tmp_path) == 0


@pytest.mark.parametrize("words", [99, 100, 101, 200, 201, 299, 300])
def test_row_49_more_distinct_words_than_can_be_counted_have_a_vocabulary(words, tmp_path, monkeypatch):
    """Counting dropped all of them where the last word was one too many."""
    monkeypatch.setattr(counting, "MAX_DISTINCT", 100)
    monkeypatch.setattr(corpus_module, "BLOCK_SIZE", 60)
    path = write(tmp_path / "text", "\n".join(f"w{number}" for number in range(words)))
    total = count_words(Corpus([path]), TextConfig())
    assert total.counts.total() + total.pruned == words
    assert list(total.counts)[:50] == [f"w{number}" for number in range(50)]  # those that came first stay
    vocabulary = Vocabulary.build(total.counts, TextConfig(), pruned=total.pruned)
    assert sum(vocabulary.counts) == words


@pytest.mark.slow
def test_row_49_three_million_distinct_words_have_a_vocabulary(tmp_path):
    write(tmp_path / "text.txt", "\n".join(f"w{number}" for number in range(3_000_000)))
    done = rnnwords("build-vocab", "text.txt", "-o", "vocabulary.tsv", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "3,000,000 words, 1,000,000 tokens" in done.stderr
    only_error(
        rnnwords("train", "text.txt", *QUICK, cwd=tmp_path), 2, "so every word is distinct; set --min-count to 1"
    )
