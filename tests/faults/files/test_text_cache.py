"""Rows 47, 53 and 54: the cache of encoded texts where it is damaged, deleted, or cannot be used."""

import fcntl
import gzip
import hashlib
import json
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rnnwords.config import TextConfig
from rnnwords.text import counting, workers
from rnnwords.text import prepare as prepare_module
from rnnwords.text.encoded import IdFile
from rnnwords.text.prepare import Prepared, PrepareRequest, VocabularyLimits, prepare
from rnnwords.text.reading import corpus as corpus_module
from rnnwords.text.reading.corpus import Corpus
from rnnwords.text.vocabulary import Vocabulary
from tests.texts import FABLES, write


def test_row_53_what_a_compressed_text_contains_decides_what_is_cached_and_parallel(tmp_path, monkeypatch):
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1})
    monkeypatch.setenv("RNNWORDS_CACHE", str(tmp_path / "cache"))
    used: list[int] = []

    def map_in_workers(*arguments: Any) -> Any:
        used.append(arguments[-1])
        return workers.map_in_workers(*arguments)

    monkeypatch.setattr(counting, "map_in_workers", map_in_workers)
    path = write(tmp_path / "text.gz", gzip.compress(b"the cat sat on the mat\n" * 500_000))
    assert path.stat().st_size < 50_000
    prepared = whole(Corpus([path]))
    assert isinstance(prepared.train, IdFile)
    assert used == [2, 2]
    assert len(list((tmp_path / "cache").glob("*.ids"))) == 1


def whole(corpus: Corpus | None = None) -> Prepared:
    limits = VocabularyLimits(400, 1, 0.0)
    return prepare(PrepareRequest(corpus or Corpus([FABLES]), TextConfig(), lambda _: limits))


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the directory of a cache that accepts even small texts."""
    monkeypatch.setenv("RNNWORDS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(prepare_module, "CACHE_FROM", 1)
    return tmp_path / "cache"


def sign(cache: Path) -> None:
    """Write the right digest of the files of the only entry, as a program that fills the cache would."""
    (about,) = cache.glob("*.json")
    content = b"".join(about.with_suffix(suffix).read_bytes() for suffix in (".ids", ".vocabulary.tsv"))
    write(about, json.dumps({"sha256": hashlib.sha256(content).hexdigest()}))


def edit_ids(cache: Path, change: Callable[[Any], Any]) -> None:
    (path,) = cache.glob("*.ids")
    write(path, change(np.fromfile(path, np.uint16)).tobytes())
    sign(cache)


def other_vocabulary(cache: Path) -> None:
    (path,) = cache.glob("*.vocabulary.tsv")
    Vocabulary([f"w{number}" for number in range(400)], [1] * 400, TextConfig(lowercase=True)).save(path)
    sign(cache)


def plant(suffix: str, kind: str) -> Callable[[Path], None]:
    """Return a function that puts something else in the place of a file of the cache."""

    def planted(cache: Path) -> None:
        (path,) = cache.glob(f"*{suffix}")
        path.unlink()
        if kind == "FIFO":
            os.mkfifo(path)
        elif kind == "directory":
            path.mkdir()
        elif kind == "loop":
            path.symlink_to(path)
        else:
            path.symlink_to(write(cache.parent / "precious", "mine"))

    return planted


DAMAGES: dict[str, Callable[[Path], Any]] = {
    "ids out of range": lambda cache: edit_ids(cache, lambda ids: np.where(ids == 3, np.uint16(400), ids)),
    "last id out of range": lambda cache: edit_ids(cache, lambda ids: np.append(ids[:-1], np.uint16(65_535))),
    "no ids": lambda cache: edit_ids(cache, lambda ids: ids[:0]),
    "other vocabulary": other_vocabulary,
    "no digest": lambda cache: next(cache.glob("*.json")).write_text('{"sha256": 1}'),
    **{
        f"{kind} as {suffix}": plant(suffix, kind)
        for kind in ("FIFO", "directory", "loop", "link")
        for suffix in (".ids", ".json", ".vocabulary.tsv")
    },
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_row_54_a_cache_entry_that_does_not_fit_is_made_again(damage, cache):
    made = whole()
    ids = made.train[:].tolist()
    DAMAGES[damage](cache)
    for _ in range(2):
        prepared = whole()
        assert prepared.vocabulary == made.vocabulary
        assert prepared.train[:].tolist() == ids
    if damage.startswith("link"):
        assert (cache.parent / "precious").read_text() == "mine"


@pytest.mark.parametrize("moment", ["counting", "encoding", "encoded"])
@pytest.mark.parametrize("how", ["deleted", "emptied", "replaced by a file", "replaced by a FIFO"])
def test_row_54_a_cache_that_is_deleted_while_a_text_is_prepared_gives_the_same_ids(moment, how, cache, monkeypatch):
    monkeypatch.setattr(corpus_module, "BLOCK_SIZE", 4_000)
    monkeypatch.setattr(counting, "BLOCKS_PER_GROUP", 1)
    expected = whole().train[:].tolist()
    shutil.rmtree(cache)

    def delete() -> None:
        if how == "emptied":
            for path in cache.iterdir():
                path.unlink()
            return
        shutil.rmtree(cache, ignore_errors=True)
        if how == "replaced by a file":
            write(cache, "mine")
        elif how == "replaced by a FIFO":
            os.mkfifo(cache)

    def patched(name: str, then: bool) -> None:
        original = getattr(prepare_module, name)

        def call(*arguments: Any, **options: Any) -> Any:
            monkeypatch.setattr(prepare_module, name, original)
            if then:
                original(*arguments, **options)
                return delete()
            delete()
            return original(*arguments, **options)

        monkeypatch.setattr(prepare_module, name, call)

    if moment == "counting":
        patched("count_words", False)
    elif moment == "encoded":
        patched("replace_file", True)
    else:
        original = counting.encode_corpus

        def encode(*arguments: Any) -> Iterator[bytes]:
            monkeypatch.setattr(prepare_module, "encode_corpus", original)
            for number, piece in enumerate(original(*arguments)):
                if number == 3:
                    delete()
                yield piece

        monkeypatch.setattr(prepare_module, "encode_corpus", encode)
    prepared = whole()
    assert prepared.train[:].tolist() == expected
    assert prepared.train[:].tolist() == expected


def test_row_54_a_cache_that_is_deleted_again_and_again_gives_the_same_ids(cache):
    expected = whole().train[:].tolist()
    stop = threading.Event()

    def delete() -> None:
        while not stop.is_set():
            shutil.rmtree(cache, ignore_errors=True)

    thread = threading.Thread(target=delete)
    thread.start()
    try:
        for _ in range(20):
            assert whole().train[:].tolist() == expected
    finally:
        stop.set()
        thread.join()


def test_row_54_temporary_files_stay_while_another_process_uses_the_cache(cache):
    whole()
    temporary = write(cache / f"rnnwords-{'0a' * 8}-{'1b' * 8}.tmp", "of another process")
    other_process = os.open(cache, os.O_RDONLY)
    fcntl.flock(other_process, fcntl.LOCK_SH)
    whole()
    assert temporary.exists()
    os.close(other_process)
    whole()
    assert not temporary.exists()


HOMES: dict[str, dict[str, str | None]] = {
    "no HOME": {"HOME": None},
    "HOME is missing": {"HOME": "{place}/missing"},
    "HOME is a file": {"HOME": "{place}/file"},
    "HOME is ~": {"HOME": "~"},
    "HOME is relative": {"HOME": "relative"},
    "HOME is too long": {"HOME": "/" + "a" * 5_000},
    "cache is a file": {"RNNWORDS_CACHE": "{place}/file"},
    "cache under a file": {"RNNWORDS_CACHE": "{place}/file/cache"},
    "cache is a FIFO": {"RNNWORDS_CACHE": "{place}/fifo"},
    "cache is a loop": {"RNNWORDS_CACHE": "{place}/loop"},
    "cache in ~": {"RNNWORDS_CACHE": "~/texts"},
    "cache of nobody": {"RNNWORDS_CACHE": "~nobody_of_this_name/texts"},
    "cache in proc": {"RNNWORDS_CACHE": "/proc/cache"},
    "relative XDG": {"XDG_CACHE_HOME": "~/cache"},
}


@pytest.mark.parametrize("case", HOMES)
def test_row_47_a_text_is_prepared_without_a_usable_cache_and_leaves_no_file(case, tmp_path, monkeypatch):
    monkeypatch.setattr(prepare_module, "CACHE_FROM", 1)
    write(tmp_path / "file", "mine")
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "home").mkdir()
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    for name, value in {"HOME": str(tmp_path / "home"), "XDG_CACHE_HOME": None, "RNNWORDS_CACHE": None}.items():
        changed = HOMES[case].get(name, value)
        if changed is None:
            monkeypatch.delenv(name, raising=False)
        else:
            monkeypatch.setenv(name, changed.format(place=tmp_path))
    if case == "no HOME":  # and a user without a name

        def unknown(user: int) -> None:
            raise KeyError(user)

        monkeypatch.setattr("pwd.getpwuid", unknown)
    assert len(whole().train) == len(whole().train) > 0
    assert list((tmp_path / "here").iterdir()) == []
    assert (tmp_path / "file").read_text() == "mine"


def test_row_47_without_permission_to_write_the_cache_the_ids_are_in_another_file(cache, monkeypatch):
    cache.mkdir()
    monkeypatch.setattr(os, "access", lambda path, mode: not mode & os.W_OK)
    prepared = whole()
    assert isinstance(prepared.train, IdFile)
    assert prepared.train.path.parent != cache
    assert list(cache.iterdir()) == []
