"""Preparing a text for training: counts, validation text, and the cache."""

import fcntl
import json
import os
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rnnwords.config import TextConfig
from rnnwords.errors import CorpusError, SaveError, UnknownWordError
from rnnwords.text import prepare as module
from rnnwords.text.cache_directory import cache_directory
from rnnwords.text.counting import encode_corpus
from rnnwords.text.encoded import MIN_HALF, IdFile, halves
from rnnwords.text.prepare import Prepared, PrepareRequest, VocabularyLimits, prepare
from rnnwords.text.reading import corpus as corpus_module
from rnnwords.text.reading.corpus import Corpus
from rnnwords.text.tokens.tokenizer import UNK, tokenize
from rnnwords.text.vocabulary import Vocabulary
from tests.texts import FABLES, write

PLAIN = TextConfig()
ENDS = TextConfig(eos=True)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """Return the directory of a cache that accepts even small texts."""
    monkeypatch.setenv("RNNWORDS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(module, "CACHE_FROM", 1)
    return tmp_path / "cache"


@pytest.fixture
def encoded(monkeypatch) -> list[Corpus]:
    """Return the list of corpora that were encoded rather than read from the cache."""
    seen: list[Corpus] = []

    def encode(corpus: Corpus, *rest: Any) -> Iterator[bytes]:
        seen.append(corpus)
        return encode_corpus(corpus, *rest)

    monkeypatch.setattr(module, "encode_corpus", encode)
    return seen


def fables(validation_split: float = 0.1, max_size: int | None = 400, **options: Any) -> Prepared:
    corpus = options.pop("corpus", None) or Corpus([FABLES])
    return prepare(
        PrepareRequest(
            corpus, ENDS, lambda words: VocabularyLimits(max_size, 1, validation_split if words else 0.0), **options
        )
    )


def same(first: Prepared, second: Prepared) -> bool:
    pairs = [(first.train, second.train), (first.validation, second.validation)]
    return (
        (first.vocabulary, first.digest, first.words, first.limits)
        == (second.vocabulary, second.digest, second.words, second.limits)
    ) and all(
        (one is None) == (other is None) and (one is None or other is None or one[:].tolist() == other[:].tolist())
        for one, other in pairs
    )


def test_words_of_the_validation_split_are_not_counted(tmp_path, monkeypatch):
    monkeypatch.setattr(corpus_module, "BLOCK_SIZE", 64)
    path = write(tmp_path / "text", "the cat sat . " * 90 + "a new word ! " * 10)
    prepared = prepare(PrepareRequest(Corpus([path]), PLAIN, lambda words: VocabularyLimits(None, 1, 0.1)))
    assert dict(zip(prepared.vocabulary.words, prepared.vocabulary.counts, strict=True)) == {
        "the": 90, "cat": 90, "sat": 90, ".": 90, UNK: 0,
    }  # fmt: skip
    assert prepared.words == len(prepared.train) == 360
    assert prepared.validation is not None
    assert prepared.vocabulary.decode(prepared.validation[:].tolist()) == [UNK] * 40


def test_validation_split_begins_with_the_context_of_its_first_word():
    prepared, plain = fables(context=3), fables()
    assert prepared.validation is not None
    assert plain.validation is not None
    assert prepared.validation[:3].tolist() == prepared.train[len(prepared.train) - 3 : len(prepared.train)].tolist()
    assert prepared.validation[3 : len(prepared.validation)].tolist() == plain.validation[:].tolist()


def test_training_ids_decode_to_the_words_of_the_text():
    words = tokenize(FABLES.read_text(), ENDS)
    prepared = fables(0.0, None)
    assert prepared.validation is None
    assert prepared.vocabulary.decode(prepared.train[:].tolist()) == words
    assert prepared.vocabulary.unk_id is None
    assert list(prepared.vocabulary.counts) == sorted(Counter(words).values(), reverse=True)


def test_separate_validation_text_leaves_the_corpus_whole(tmp_path):
    validation = Corpus([write(tmp_path / "validation", "the zebra")])
    prepared = fables(0.1, validation=validation)
    assert prepared.words == len(tokenize(FABLES.read_text(), ENDS))
    assert prepared.validation is not None
    assert prepared.vocabulary.decode(prepared.validation[:].tolist()) == ["the", UNK, "<eos>"]
    assert prepared.validation_digest != fables(0.1).validation_digest


def test_given_vocabulary_is_used():
    own = Vocabulary(["the", UNK], [2, 1], ENDS)
    prepared = fables(vocabulary=own)
    assert prepared.vocabulary == own
    assert set(prepared.train[:].tolist()) == {0, 1}
    with pytest.raises(UnknownWordError, match="'The' is not in the vocabulary of 1 tokens"):
        fables(vocabulary=Vocabulary(["the"], [2], ENDS))


@pytest.mark.parametrize("content", ["", " \n \n"])
def test_text_without_words_is_an_error_with_its_path(tmp_path, cache, content):
    path = write(tmp_path / "blank", content + " ")
    for vocabulary in (None, Vocabulary(["a"], [1], PLAIN)):
        with pytest.raises(CorpusError, match=f"{path}: expected at least one word, found none"):
            prepare(
                PrepareRequest(Corpus([path]), PLAIN, lambda _: VocabularyLimits(None, 1, 0.0), vocabulary=vocabulary)
            )


def test_cached_text_equals_the_encoded_one(cache, encoded, monkeypatch):
    monkeypatch.setattr(module, "CACHE_FROM", 1 << 40)
    without = fables()
    assert not cache.exists()
    monkeypatch.setattr(module, "CACHE_FROM", 1)
    made, prepared = fables(), fables()
    assert isinstance(prepared.train, IdFile)
    assert len(encoded) == 2  # without the cache, and when it was filled
    assert same(made, prepared)
    assert same(without, prepared)


def test_large_validation_text_is_cached(tmp_path, cache, encoded, monkeypatch):
    validation = Corpus([write(tmp_path / "validation", FABLES.read_bytes()[:20_000] + b"a zebra")])
    bars: list[tuple[str, int | None]] = []
    monkeypatch.setattr(module, "CACHE_FROM", 1 << 40)
    without = fables(validation=validation)
    monkeypatch.setattr(module, "CACHE_FROM", 1)
    made = fables(validation=validation, progress=lambda *bar: bars.append(bar))
    assert isinstance(made.validation, IdFile)
    assert bars[-1] == ("encoding the validation text", validation.size)
    done = len(encoded)
    prepared = fables(validation=validation)
    assert len(encoded) == done
    assert same(without, made)
    assert same(made, prepared)

    again = fables(validation=validation, max_size=300)  # another vocabulary gives other ids
    assert len(encoded) == done + 2
    assert again.validation is not None
    assert max(again.validation[:]) < 300
    validation = Corpus([write(validation.paths[0], "the fox")])
    assert fables(validation=validation).validation[:].tolist() == prepared.vocabulary.encode(["the", "fox", "<eos>"])  # type: ignore[index]


def test_every_setting_that_changes_the_ids_has_its_own_cache_entry(tmp_path, cache, encoded):
    own = Vocabulary(["the", UNK], [2, 1], ENDS)
    other = Corpus([write(tmp_path / "other", FABLES.read_bytes() + b"end")])
    for options in ({}, {"max_size": 300}, {"validation_split": 0.2}, {"vocabulary": own}, {"corpus": other}):
        fables(**options)
    assert len(encoded) == 5
    assert fables(max_size=300).vocabulary.words == fables(max_size=300).vocabulary.words
    assert len(encoded) == 5
    assert len(list(cache.glob("*.ids"))) == 5


def test_equal_bytes_in_other_files_are_another_text(tmp_path, cache):
    one = [write(tmp_path / "a", "ab"), write(tmp_path / "b", "c")]
    other = [write(tmp_path / "c", "a"), write(tmp_path / "d", "bc")]
    vocabularies = [
        prepare(PrepareRequest(Corpus(paths), PLAIN, lambda _: VocabularyLimits(None, 1, 0.0))).vocabulary
        for paths in (one, other)
    ]
    assert [made.words for made in vocabularies] == [["ab", "c"], ["a", "bc"]]


def flip(content: bytes) -> bytes:
    return content[:-9] + bytes([content[-9] ^ 1]) + content[-8:]


DAMAGES = {
    "missing": lambda path: path.unlink(),
    "empty": lambda path: path.write_bytes(b""),
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-7]),
    "flipped": lambda path: path.write_bytes(flip(path.read_bytes())),
    "deep json": lambda path: path.write_bytes(b"[" * 100_000),
    "json list": lambda path: path.write_bytes(b"[1]"),
}


@pytest.mark.parametrize("suffix", [".ids", ".json", ".vocabulary.tsv"])
@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_cache_entry_is_encoded_again(cache, encoded, suffix, damage):
    made = fables()
    ids = made.train[:].tolist()
    (path,) = cache.glob(f"*{suffix}")
    DAMAGES[damage](path)
    prepared = fables()
    assert prepared.train[:].tolist() == ids
    assert prepared.vocabulary == made.vocabulary
    assert len(encoded) == 2
    assert same(fables(), prepared)
    assert len(encoded) == 2


def test_ids_stay_readable_after_the_cache_is_deleted(cache):
    made, prepared = fables(), fables()
    ids = made.train[:].tolist()
    shutil.rmtree(cache)
    assert made.train[:].tolist() == prepared.train[:].tolist() == ids
    assert same(made, prepared)


def test_incomplete_cache_entry_is_encoded_again(cache, encoded, monkeypatch):
    def refused(vocabulary: Vocabulary, path: Path, **options: Any) -> None:
        shutil.rmtree(cache)
        raise SaveError(f"could not save {path}: No such file or directory")

    with monkeypatch.context() as inside:
        inside.setattr(Vocabulary, "save", refused)
        made = fables()
    assert same(made, fables())
    assert len(encoded) == 2


def test_unusable_cache_directory_is_replaced_by_a_temporary_one(tmp_path, monkeypatch, encoded):
    monkeypatch.setattr(module, "CACHE_FROM", 1)
    monkeypatch.setenv("RNNWORDS_CACHE", str(write(tmp_path / "file", "not a directory")))
    prepared = fables()
    assert isinstance(prepared.train, IdFile)
    assert prepared.train.path.exists()
    assert (tmp_path / "file").read_text() == "not a directory"
    assert same(prepared, fables())
    assert len(encoded) == 2


def test_temporary_files_are_removed_once_no_process_uses_the_cache(cache):
    cache.mkdir()
    names = [f"rnnwords-{'0a' * 8}-{'1b' * 8}.tmp", f"rnnwords-{'2c' * 8}-{'3d' * 8}.tmp"]
    left = [write(cache / name, "half") for name in names]
    others = [write(cache / name, "mine") for name in ("notes.tmp", "notes.ids.123.tmp", "rnnwords-notes.tmp")]
    other_process = os.open(cache, os.O_RDONLY)
    fcntl.flock(other_process, fcntl.LOCK_SH)
    fables()
    assert all(path.exists() for path in left)
    os.close(other_process)
    fables()
    assert not any(path.exists() for path in left)
    assert all(path.read_text() == "mine" for path in others)


def test_cache_is_locked_while_a_text_is_encoded(cache, monkeypatch):
    def encode(corpus: Corpus, *rest: Any) -> Iterator[bytes]:
        other_process = os.open(cache, os.O_RDONLY)
        with pytest.raises(BlockingIOError):
            fcntl.flock(other_process, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.close(other_process)
        return encode_corpus(corpus, *rest)

    monkeypatch.setattr(module, "encode_corpus", encode)
    fables()


def test_full_cache_error_names_the_environment_variable(cache, monkeypatch):
    def full(path: Path, pieces: Any, *, kept: str = "", **options: Any) -> None:
        raise SaveError(f"could not save {path}: No space left on device; {kept}")

    monkeypatch.setattr(module, "replace_file", full)
    with pytest.raises(SaveError, match="RNNWORDS_CACHE"):
        fables()


def test_cache_directory_follows_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("RNNWORDS_CACHE", "/a")
    monkeypatch.setenv("XDG_CACHE_HOME", "/b")
    assert cache_directory() == Path("/a")
    monkeypatch.delenv("RNNWORDS_CACHE")
    assert cache_directory() == Path("/b/rnnwords")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_directory() == tmp_path / ".cache" / "rnnwords"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert cache_directory() == tmp_path / ".cache" / "rnnwords"
    monkeypatch.setenv("RNNWORDS_CACHE", "~/texts")
    assert cache_directory() == tmp_path / "texts"


def test_cache_entry_is_json_tsv_and_raw_ids(cache):
    prepared = fables()
    (about,) = cache.glob("*.json")
    assert set(json.loads(about.read_text())) == {"sha256"}
    assert {path.suffix for path in cache.iterdir()} == {".json", ".ids", ".tsv"}
    shutil.rmtree(cache)  # safe to delete at any time
    assert np.array_equal(fables().train[:], prepared.train[:])


def test_validation_text_is_divided_into_equal_halves_with_whole_contexts():
    text = np.arange(1_004)
    first, second = halves(text, 3)
    assert second is not None
    assert np.array_equal(first[0 : len(first)], text[:504])  # predicts 501 words
    assert np.array_equal(second[0 : len(second)], text[501:])  # predicts the 500 words from 504 on
    assert halves(np.arange(2 * MIN_HALF + 3), 3)[1] is not None
    short = np.arange(2 * MIN_HALF + 2)
    first, second = halves(short, 3)
    assert second is None
    assert first is short


@pytest.mark.parametrize("reached", [False, True])
def test_word_counts_are_those_of_the_training_text_with_unknown_words(tmp_path, monkeypatch, reached):
    monkeypatch.setenv("RNNWORDS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(module, "CACHE_FROM", 1 if reached else 1 << 30)
    path = write(tmp_path / "text", "the cat sat . " * 90 + "one mouse ran . " * 10)
    prepared = prepare(PrepareRequest(Corpus([path]), PLAIN, lambda words: VocabularyLimits(3, 1, 0.1)))
    assert len(prepared.vocabulary) == 3
    assert prepared.word_counts() == {"the": 90, "cat": 90, "sat": 90, ".": 90}
    write(path, "another text")
    if reached:  # a small text has been counted before
        with pytest.raises(CorpusError, match="expected the text as it was before training, found another"):
            prepared.word_counts()
    else:
        assert prepared.word_counts()["cat"] == 90


def test_second_half_of_the_validation_text_is_held_out(tmp_path):
    text = " ".join(f"w{number % 7}" for number in range(3_000))
    path = write(tmp_path / "text", text)
    split = prepare(PrepareRequest(Corpus([path]), PLAIN, lambda words: VocabularyLimits(None, 1, 0.1), context=3))
    assert split.validation is not None
    assert split.held_out is not None
    assert (len(split.validation), len(split.held_out)) == (153, 153)  # each with three words of context
    other = write(tmp_path / "validation", " ".join(text.split()[:403]))

    def with_file() -> Prepared:
        limits = VocabularyLimits(None, 1, 0.1)
        return prepare(PrepareRequest(Corpus([path]), PLAIN, lambda words: limits, Corpus([other]), context=3))

    from_file = with_file()
    assert from_file.validation is not None
    assert from_file.held_out is not None
    assert from_file.validation[200:203].tolist() == from_file.held_out[0:3].tolist()
    assert len(from_file.held_out) == 203
    write(other, "w1 w2 w3 w4")
    assert with_file().held_out is None
