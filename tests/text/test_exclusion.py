"""Lists of words that are never offered: the file, and what it excludes from a vocabulary."""

import gzip
import os
import threading
from pathlib import Path

import pytest

from rnnwords.config import TextConfig
from rnnwords.errors import CorpusError
from rnnwords.text import exclusion as module
from rnnwords.text.exclusion import exclusion, read_words
from rnnwords.text.vocabulary import Vocabulary


def vocabulary(*words: str, lowercase: bool = False) -> Vocabulary:
    return Vocabulary(words, [1] * len(words), TextConfig(lowercase=lowercase))


def words_of(data: bytes, tmp_path: Path, name: str = "list") -> list[str]:
    (tmp_path / name).write_bytes(data)
    return read_words(tmp_path / name)


@pytest.mark.parametrize(
    "data",
    [
        b"damn\nhell\n", b"damn\nhell", b"\n\n  damn \r\n\r\nhell\r\n", b"# mild\ndamn\n#hell\n# x\nhell\n",
        b"\xef\xbb\xbfdamn\nhell\n", "damn\nhell\n".encode("utf-16"),
    ],
)  # fmt: skip
def test_a_list_has_one_word_per_line_and_comments(data: bytes, tmp_path: Path) -> None:
    assert words_of(data, tmp_path) == ["damn", "hell"]


def test_a_backslash_begins_a_word_with_a_hash(tmp_path: Path) -> None:
    assert words_of(b"\\#\n\\#tag\n#\n\\x\n", tmp_path) == ["#", "#tag", "\\x"]


def test_compressed_lists_and_pipes_are_read(tmp_path: Path) -> None:
    assert words_of(gzip.compress(b"damn\n"), tmp_path, "list.gz") == ["damn"]
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=(tmp_path / "pipe").write_bytes, args=(b"damn\n",))
    writer.start()
    assert read_words(tmp_path / "pipe") == ["damn"]
    writer.join()


def test_a_list_in_another_encoding_is_an_error_that_names_the_line(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"list, line 2: expected UTF-8"):
        words_of(b"damn\ncaf\xe9\n", tmp_path)


def test_a_list_that_is_too_long_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_BYTES", 100)
    with pytest.raises(CorpusError, match="expected a list of less than 100 bytes"):
        words_of(b"damn\n" * 30, tmp_path)


@pytest.mark.parametrize(
    ("listed", "excluded"),
    [
        (["damn"], {"damn", "Damn", "DAMN"}), (["DAMN"], {"damn", "Damn", "DAMN"}), (["don't"], {"don\u2019t"}),
        (["STRASSE"], {"stra\u00dfe"}), (["ano"], {"ano"}), (["an\u0303o"], {"a\u00f1o"}), ([], set()),
        (["dam", "damnn", "damn it", "dam n"], set()), (["<unk>"], {"<unk>"}),
    ],
)  # fmt: skip
def test_words_are_excluded_in_any_case_and_with_their_diacritics(listed: list[str], excluded: set[str]) -> None:
    tokens = vocabulary("damn", "Damn", "DAMN", "don\u2019t", "stra\u00dfe", "ano", "a\u00f1o", "<unk>")
    result = exclusion(listed, tokens)
    assert {tokens.words[one] for one in result.ids} == excluded
    assert bool(result.unknown) == (bool(listed) and not excluded)


def test_a_capital_in_the_list_excludes_the_word_of_a_lowercase_model() -> None:
    assert exclusion(["Damn"], vocabulary("damn", lowercase=True)).ids == {0}


def test_words_that_the_vocabulary_lacks_are_noted_once_and_in_order() -> None:
    tokens = vocabulary("damn", "hell")
    assert exclusion(["damn", "hell"], tokens).note() is None
    note = exclusion(["x", "Damn", "y", "X", "z", "new york"], tokens).note()
    assert note == "`exclude`: not in the vocabulary, 4 of 5 words: 'x', 'y', 'z' and 1 more"


def test_excluded_words_are_not_suggested_for_unknown_ones() -> None:
    tokens = vocabulary("general", "generals", "mice")
    assert tokens.similar_words("genral") == ["general", "generals"]
    assert tokens.excluding(frozenset({0})).similar_words("genral") == ["generals"]
    assert "similar" not in tokens.excluding(frozenset({0, 1})).unknown_message("genral")
