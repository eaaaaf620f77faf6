"""Row 27: files that change while they are read."""

import os
import re
import time

import pytest

from rnnwords.errors import CorpusError
from rnnwords.text import prepare
from rnnwords.text.counting import count_words
from rnnwords.text.reading import corpus as corpus_module
from rnnwords.text.reading.corpus import Corpus
from tests.faults.texts.samples import TEXT
from tests.processes import QUICK, ask
from tests.texts import write

CHANGES = {
    "longer": lambda path: path.write_bytes(path.read_bytes() + b"more words\n"),
    "shorter": lambda path: os.truncate(path, 100),
    "empty": lambda path: os.truncate(path, 0),
    "rewritten": lambda path: path.write_bytes(path.read_bytes().swapcase()),
    "replaced": lambda path: os.replace(write(path.with_name("other"), path.read_bytes().swapcase()), path),
    "removed": lambda path: path.unlink(),
}


@pytest.mark.parametrize("change", CHANGES)
def test_row_27_a_text_that_changes_between_two_readings_is_an_error(change, tmp_path):
    path = write(tmp_path / "text", TEXT)
    corpus = Corpus([path])
    assert "".join(corpus.texts()) == TEXT
    time.sleep(0.01)  # the clock of a file system has a resolution
    CHANGES[change](path)
    with pytest.raises(CorpusError, match=f"{path}: expected a text that does not change|cannot read {path}"):
        list(corpus.texts())


@pytest.mark.parametrize("change", ["longer", "shorter", "empty", "rewritten"])
def test_row_27_a_text_that_changes_while_it_is_read_is_an_error(change, tmp_path, monkeypatch):
    monkeypatch.setattr(corpus_module, "BLOCK_SIZE", 50)
    path = write(tmp_path / "text", TEXT)
    blocks = Corpus([path]).texts()
    next(blocks)
    time.sleep(0.01)
    CHANGES[change](path)
    with pytest.raises(CorpusError, match="expected a text that does not change while it is read, found it changed"):
        list(blocks)


@pytest.mark.parametrize("change", CHANGES)
def test_row_27_no_model_is_made_of_a_text_that_changes(change, tmp_path, capsys, monkeypatch):
    """The vocabulary would be that of one text, and the training words those of another."""

    def count_and_change(*arguments):
        total = count_words(*arguments)
        time.sleep(0.01)
        CHANGES[change](path)
        return total

    path = write(tmp_path / "text.txt", TEXT)
    monkeypatch.setattr(prepare, "count_words", count_and_change)
    status, out, err = ask(capsys, monkeypatch, "train", path, *QUICK, "--model", tmp_path / "new", "--quiet")
    assert (status, out) == (2, ""), err
    assert re.fullmatch(f"Error: ({path}: expected a text that does not change|cannot read {path}).*\n", err)
    assert not (tmp_path / "new").exists()
