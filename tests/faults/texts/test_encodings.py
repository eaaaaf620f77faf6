"""Rows 22 and 23: invalid UTF-8 and UTF-16, byte-order marks and line ends."""

import gzip
import itertools

import pytest

from rnnwords.config import ReadConfig, TextConfig
from rnnwords.text.counting import count_words
from rnnwords.text.reading import corpus as corpus_module
from rnnwords.text.reading.corpus import Corpus
from rnnwords.text.vocabulary import Vocabulary
from tests.faults.texts.samples import COMMANDS, TEXT
from tests.processes import ask
from tests.texts import write


@pytest.mark.parametrize("command", [command for command in COMMANDS if command != "report"])  # a report replaces them
def test_row_22_invalid_utf8_is_an_error_with_line_and_byte(command, refused, tmp_path):
    write(tmp_path / "latin.txt", b"one two\nthree \xe9t\xe9\n")
    refused(
        command,
        "latin.txt",
        r"latin\.txt, line 2, byte 7: expected UTF-8, found 0xe9, "
        r"probably windows-1252; convert it: iconv -f WINDOWS-1252 -t UTF-8 latin\.txt > NEW; or set --encoding-errors",
    )


def test_row_22_invalid_utf8_is_replaced_if_requested(tmp_path, capsys, monkeypatch):
    path = write(tmp_path / "latin.txt", b"one two\nthree \xe9t\xe9\n")
    status, out, err = ask(capsys, monkeypatch, "build-vocab", path, "--encoding-errors", "replace")
    assert status == 0, err
    assert [line.split("\t")[0] for line in out.splitlines()[1:]] == ["\ufffd", "one", "two", "three", "t"]


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
def test_row_22_invalid_utf16_is_an_error_or_replaced(encoding, refused, tmp_path):
    path = write(tmp_path / "wide.txt", ("\ufeff" + TEXT).encode(encoding) + b"x")
    refused("build-vocab", "wide.txt", r"wide\.txt: expected UTF-\d\d, as its byte-order mark states, found invalid")
    assert "".join(Corpus([path], ReadConfig("replace")).texts()) == TEXT + "\ufffd\n"


CLEAN = "The cat, the mouse.\n\nNa\u00efve \u732b\n\nend \U0001f600\n"


def mixed(text):
    """Return a text with all three line ends in turn."""
    ends = itertools.cycle(["\r\n", "\n", "\r\n", "\r"])
    return "".join(line + next(ends) for line in text.split("\n")[:-1])


FORMS = {
    f"{encoding} {ends}{' without the last' if cut else ''}": form.encode(encoding)
    for encoding in ("utf-8", "utf-8-sig", "utf-16", "utf-32")
    for ends, text in (("LF", CLEAN), ("CRLF", CLEAN.replace("\n", "\r\n")), ("CR", CLEAN.replace("\n", "\r")),
                       ("mixed", mixed(CLEAN)))
    for cut in (False, True)
    for form in [text.rstrip("\r\n") if cut else text]
}  # fmt: skip

FORMS |= {
    f"{e} with a mark": ("\ufeff" + CLEAN).encode(e) for e in ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be")
}


@pytest.mark.parametrize("form", FORMS)
def test_row_23_every_form_of_a_text_has_the_vocabulary_of_the_clean_file(form, tmp_path, monkeypatch):
    clean = write(tmp_path / "clean.txt", CLEAN)
    paths = [write(tmp_path / "text.txt", FORMS[form]), write(tmp_path / "text.txt.gz", gzip.compress(FORMS[form]))]
    for size in (7, 16, 1 << 20):
        monkeypatch.setattr(corpus_module, "BLOCK_SIZE", size)
        for config in (TextConfig(), TextConfig(eos=True)):
            made = [Vocabulary.build(count_words(Corpus([path]), config).counts, config) for path in (clean, *paths)]
            assert made[0].to_bytes() == made[1].to_bytes() == made[2].to_bytes()


def test_row_23_progress_of_a_text_in_utf16_has_no_total(tmp_path):
    """The size of the file is not that of its text."""
    assert Corpus([write(tmp_path / "text", CLEAN.encode("utf-16"))]).text_size is None
    assert Corpus([write(tmp_path / "text", CLEAN)]).text_size == len(CLEAN.encode())
