"""From a corpus to what training reads: what is counted, what is held out, and what the cache may do."""

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
from rnnwords.text import reading
from rnnwords.text.corpus import IdFile
from rnnwords.text.counting import encode_corpus
from rnnwords.text.prepare import Cuts, Prepared, Request, cache_directory, prepare
from rnnwords.text.reading import Corpus
from rnnwords.text.tokenizer import UNK, tokenize
from rnnwords.text.vocabulary import Vocabulary
from tests.helpers import FABLES, write

PLAIN = TextConfig()
ENDS = TextConfig(eos=True)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """A cache that takes in even small texts; counts how often a text is encoded."""
    monkeypatch.setenv("RNNWORDS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(module, "CACHE_FROM", 1)
    return tmp_path / "cache"


@pytest.fixture
def encoded(monkeypatch) -> list[Corpus]:
    """The corpora that were encoded, rather than found in the cache."""
    seen: list[Corpus] = []

    def encode(corpus: Corpus, *rest: Any) -> Iterator[bytes]:
        seen.append(corpus)
        return encode_corpus(corpus, *rest)

    monkeypatch.setattr(module, "encode_corpus", encode)
    return seen


def fables(hold_out: float = 0.1, max_size: int | None = 400, **options: Any) -> Prepared:
    corpus = options.pop("corpus", None) or Corpus([FABLES])
    return prepare(Request(corpus, ENDS, lambda words: Cuts(max_size, 1, hold_out if words else 0.0), **options))


def same(first: Prepared, second: Prepared) -> bool:
    pairs = [(first.train, second.train), (first.held_out, second.held_out)]
    return (
        (first.vocabulary, first.digest, first.words, first.cuts)
        == (second.vocabulary, second.digest, second.words, second.cuts)
    ) and all(
        (one is None) == (other is None) and (one is None or other is None or one[:].tolist() == other[:].tolist())
        for one, other in pairs
    )


def test_held_out_words_are_not_counted(tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "CHUNK", 64)
    path = write(tmp_path / "text", "the cat sat . " * 90 + "a new word ! " * 10)
    found = prepare(Request(Corpus([path]), PLAIN, lambda words: Cuts(None, 1, 0.1)))
    assert dict(zip(found.vocabulary.words, found.vocabulary.counts, strict=True)) == {
        "the": 90, "cat": 90, "sat": 90, ".": 90, UNK: 0,
    }  # fmt: skip
    assert found.words == len(found.train) == 360
    assert found.held_out is not None
    assert found.vocabulary.decode(found.held_out[:].tolist()) == [UNK] * 40


def test_the_held_out_part_begins_with_the_words_before_it():
    found, plain = fables(context=3), fables()
    assert found.held_out is not None
    assert plain.held_out is not None
    assert found.held_out[:3].tolist() == found.train[len(found.train) - 3 : len(found.train)].tolist()
    assert found.held_out[3 : len(found.held_out)].tolist() == plain.held_out[:].tolist()


def test_ids_are_the_words_of_the_text():
    words = tokenize(FABLES.read_text(), ENDS)
    found = fables(0.0, None)
    assert found.held_out is None
    assert found.vocabulary.decode(found.train[:].tolist()) == words
    assert found.vocabulary.unk is None
    assert list(found.vocabulary.counts) == sorted(Counter(words).values(), reverse=True)


def test_a_text_of_its_own_is_held_out(tmp_path):
    valid = Corpus([write(tmp_path / "valid", "the zebra")])
    found = fables(0.1, valid=valid)
    assert found.words == len(tokenize(FABLES.read_text(), ENDS))
    assert found.held_out is not None
    assert found.vocabulary.decode(found.held_out[:].tolist()) == ["the", UNK, "<eos>"]
    assert found.valid_digest != fables(0.1).valid_digest


def test_a_vocabulary_that_is_given_is_used():
    own = Vocabulary(["the", UNK], [2, 1], ENDS)
    found = fables(vocabulary=own)
    assert found.vocabulary is own
    assert set(found.train[:].tolist()) == {0, 1}
    with pytest.raises(UnknownWordError, match="'The' is not among the 1 symbols"):
        fables(vocabulary=Vocabulary(["the"], [2], ENDS))


@pytest.mark.parametrize("content", ["", " \n \n"])
def test_a_text_without_words_is_refused_by_name(tmp_path, cache, content):
    path = write(tmp_path / "blank", content + " ")
    for vocabulary in (None, Vocabulary(["a"], [1], PLAIN)):
        with pytest.raises(CorpusError, match=f"{path}: no words found"):
            prepare(Request(Corpus([path]), PLAIN, lambda _: Cuts(None, 1, 0.0), vocabulary=vocabulary))


def test_the_cache_gives_the_same_text(cache, encoded, monkeypatch):
    monkeypatch.setattr(module, "CACHE_FROM", 1 << 40)
    without = fables()
    assert not cache.exists()
    monkeypatch.setattr(module, "CACHE_FROM", 1)
    made, found = fables(), fables()
    assert isinstance(found.train, IdFile)
    assert len(encoded) == 2  # without the cache, and when it was filled
    assert same(made, found)
    assert same(without, found)


def test_a_large_held_out_text_is_kept_in_the_cache_too(tmp_path, cache, encoded, monkeypatch):
    valid = Corpus([write(tmp_path / "valid", FABLES.read_bytes()[:20_000] + b"a zebra")])
    bars: list[tuple[str, int | None]] = []
    monkeypatch.setattr(module, "CACHE_FROM", 1 << 40)
    without = fables(valid=valid)
    monkeypatch.setattr(module, "CACHE_FROM", 1)
    made = fables(valid=valid, progress=lambda *bar: bars.append(bar))
    assert isinstance(made.held_out, IdFile)
    assert bars[-1] == ("encoding the held-out text", valid.size)
    done = len(encoded)
    found = fables(valid=valid)
    assert len(encoded) == done
    assert same(without, made)
    assert same(made, found)

    again = fables(valid=valid, max_size=300)  # by another vocabulary: other ids
    assert len(encoded) == done + 2
    assert again.held_out is not None
    assert max(again.held_out[:]) < 300
    write(valid.paths[0], "the fox")
    assert fables(valid=valid).held_out[:].tolist() == found.vocabulary.encode(["the", "fox", "<eos>"])  # type: ignore[index]


def test_another_request_has_another_entry(tmp_path, cache, encoded):
    own = Vocabulary(["the", UNK], [2, 1], ENDS)
    other = Corpus([write(tmp_path / "other", FABLES.read_bytes() + b"end")])
    for options in ({}, {"max_size": 300}, {"hold_out": 0.2}, {"vocabulary": own}, {"corpus": other}):
        fables(**options)
    assert len(encoded) == 5
    assert fables(max_size=300).vocabulary.words == fables(max_size=300).vocabulary.words
    assert len(encoded) == 5
    assert len(list(cache.glob("*.ids"))) == 5


def test_the_same_bytes_in_other_files_are_another_text(tmp_path, cache):
    one = [write(tmp_path / "a", "ab"), write(tmp_path / "b", "c")]
    other = [write(tmp_path / "c", "a"), write(tmp_path / "d", "bc")]
    found = [prepare(Request(Corpus(paths), PLAIN, lambda _: Cuts(None, 1, 0.0))).vocabulary for paths in (one, other)]
    assert [made.words for made in found] == [["ab", "c"], ["a", "bc"]]


def flip(content: bytes) -> bytes:
    return content[:-9] + bytes([content[-9] ^ 1]) + content[-8:]


DAMAGES = {
    "missing": lambda path: path.unlink(),
    "empty": lambda path: path.write_bytes(b""),
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-7]),
    "flipped": lambda path: path.write_bytes(flip(path.read_bytes())),
    "of other kind": lambda path: path.write_bytes(b"[" * 100_000),
    "of other shape": lambda path: path.write_bytes(b"[1]"),
}


@pytest.mark.parametrize("suffix", [".ids", ".json", ".vocabulary.tsv"])
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_entry_is_made_anew(cache, encoded, suffix, damage):
    made = fables()
    ids = made.train[:].tolist()
    (path,) = cache.glob(f"*{suffix}")
    DAMAGES[damage](path)
    found = fables()
    assert found.train[:].tolist() == ids
    assert found.vocabulary == made.vocabulary
    assert len(encoded) == 2
    assert same(fables(), found)
    assert len(encoded) == 2


def test_a_cache_that_is_deleted_is_read_on(cache):
    made, found = fables(), fables()
    ids = made.train[:].tolist()
    shutil.rmtree(cache)
    assert made.train[:].tolist() == found.train[:].tolist() == ids
    assert same(made, found)


def test_an_entry_that_cannot_be_completed_is_made_anew(cache, encoded, monkeypatch):
    def refused(vocabulary: Vocabulary, path: Path) -> None:
        shutil.rmtree(cache)
        raise SaveError(f"could not save {path}: No such file or directory")

    with monkeypatch.context() as inside:
        inside.setattr(Vocabulary, "save", refused)
        made = fables()
    assert same(made, fables())
    assert len(encoded) == 2


def test_a_cache_that_cannot_be_used_is_done_without(tmp_path, monkeypatch, encoded):
    monkeypatch.setattr(module, "CACHE_FROM", 1)
    monkeypatch.setenv("RNNWORDS_CACHE", str(write(tmp_path / "file", "not a directory")))
    found = fables()
    assert isinstance(found.train, IdFile)
    assert found.train.path.exists()
    assert (tmp_path / "file").read_text() == "not a directory"
    assert same(found, fables())
    assert len(encoded) == 2


def test_what_a_killed_encoding_left_is_removed_once_nobody_is_at_work(cache):
    cache.mkdir()
    names = [f"{'0a' * 16}{suffix}.123.tmp" for suffix in (".ids", ".vocabulary.tsv", ".json")]
    left = [write(cache / name, "half") for name in names]
    others = [write(cache / name, "mine") for name in ("notes.tmp", "notes.ids.123.tmp")]
    other_process = os.open(cache, os.O_RDONLY)
    fcntl.flock(other_process, fcntl.LOCK_SH)
    fables()
    assert all(path.exists() for path in left)
    os.close(other_process)
    fables()
    assert not any(path.exists() for path in left)
    assert all(path.read_text() == "mine" for path in others)


def test_nobody_sweeps_while_a_text_is_encoded(cache, monkeypatch):
    def encode(corpus: Corpus, *rest: Any) -> Iterator[bytes]:
        other_process = os.open(cache, os.O_RDONLY)
        with pytest.raises(BlockingIOError):
            fcntl.flock(other_process, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.close(other_process)
        return encode_corpus(corpus, *rest)

    monkeypatch.setattr(module, "encode_corpus", encode)
    fables()


def test_a_full_cache_says_how_to_name_another(cache, monkeypatch):
    def full(path: Path, pieces: Any, *, kept: str = "") -> None:
        raise SaveError(f"could not save {path}: No space left on device; {kept}")

    monkeypatch.setattr(module, "replace_file", full)
    with pytest.raises(SaveError, match="RNNWORDS_CACHE"):
        fables()


def test_the_cache_is_where_the_environment_says(monkeypatch, tmp_path):
    monkeypatch.setenv("RNNWORDS_CACHE", "/a")
    monkeypatch.setenv("XDG_CACHE_HOME", "/b")
    assert cache_directory() == Path("/a")
    monkeypatch.delenv("RNNWORDS_CACHE")
    assert cache_directory() == Path("/b/rnnwords")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_directory() == tmp_path / ".cache" / "rnnwords"


def test_an_entry_is_plain_data(cache):
    found = fables()
    (about,) = cache.glob("*.json")
    assert json.loads(about.read_text())["cuts"]["max_size"] == 400
    assert {path.suffix for path in cache.iterdir()} == {".json", ".ids", ".tsv"}
    shutil.rmtree(cache)  # safe to delete at any time
    assert np.array_equal(fables().train[:], found.train[:])
