"""Directories of texts: natural order, what is left out and the note on it."""

import os

import pytest

from rnnwords.config import ReadConfig
from rnnwords.errors import CorpusError
from rnnwords.text.reading.corpus import Corpus
from tests.processes import ask
from tests.texts import write


@pytest.fixture
def notes(tmp_path):
    """Return a directory with texts, and with files that are none."""
    directory = tmp_path / "notes"
    for name in ("chapter10.txt", "Chapter2.md", "b/1.html", "b/x.jsonl", "a.bin", "b.pdf", "c.pdf", "README",
                 ".hidden.txt", ".git/x.txt", "models/m/model.safetensors", "models/m/log.txt",
                 "chapter1.txt"):  # fmt: skip
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        write(directory / name, f"{name}\n")
    write(tmp_path / "outside.txt", "outside\n")
    (directory / "link.txt").symlink_to(tmp_path / "outside.txt")
    (directory / "loop").symlink_to(directory)
    os.mkfifo(directory / "pipe.txt")
    return directory


def test_texts_of_a_directory_are_read_in_natural_order(notes):
    corpus = Corpus([notes])
    assert "".join(corpus.texts()) == "b/1.html\nchapter1.txt\nChapter2.md\nchapter10.txt\n"
    (note,) = corpus.notes
    assert note.startswith(f"read 4 files in {notes}; left out ")
    for part in ("2 .pdf", "2 hidden", "2 links"):
        assert part in note


def test_tables_of_a_directory_are_read_with_their_field(notes):
    write(notes / "b/x.jsonl", '{"text": "field"}\n')
    assert "".join(Corpus([notes], ReadConfig(text_field="text")).texts()).startswith("b/1.html\nfield\n\nchapter1.txt")


def test_a_directory_without_texts_is_an_error(tmp_path):
    (tmp_path / "d").mkdir()
    write(tmp_path / "d/a.pdf", "x")
    with pytest.raises(CorpusError, match=r"d: expected a directory with text files, found none .*left out: 1 \.pdf"):
        Corpus([tmp_path / "d"])


def test_commands_read_directories(trained, notes, capsys, monkeypatch):
    for name, content in (("chapter1.txt", "the cat\n"), ("chapter10.txt", "a cat .\n")):
        write(notes / name, content)
    status, out, err = ask(capsys, monkeypatch, "score", notes, "--model", trained)
    assert status == 0, err
    files = [line.split("\t")[-1] for line in out.splitlines()]
    assert files[0] == "file"
    assert list(dict.fromkeys(files[1:])) == [f"{notes}/{name}" for name in
                                              ("b/1.html", "chapter1.txt", "Chapter2.md", "chapter10.txt")]  # fmt: skip
    assert "read 4 files in" in err
    status, out, err = ask(capsys, monkeypatch, "eval", notes, "--model", trained, "--quiet")
    assert (status, err) == (0, "")
    status, out, err = ask(capsys, monkeypatch, "build-vocab", notes)
    assert status == 0
    assert "x.jsonl" not in out
    assert "read 4 files in" in err
