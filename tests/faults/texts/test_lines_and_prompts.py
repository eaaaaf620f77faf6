"""Lines of standard input that never end, prompts in a file without text, and texts without a known word."""

import io
import sys
from pathlib import Path

import pytest

from rnnwords.cli import stdin as lines
from rnnwords.cli.repl import command as repl
from rnnwords.errors import CorpusError
from tests.models import saved, small_model
from tests.processes import ask

TEXT = b"the cat sat . the cat ran .\n" * 30
DOCX = b"PK\x03\x04\x14\0\x06\0\x08\0\0\0!\0word/document.xml" + bytes(50)
PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(20)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    (tmp_path / "model").mkdir()
    return saved(small_model(), tmp_path / "model")


@pytest.mark.parametrize("command", ["predict", "generate", "explain", "score", "repl"])
@pytest.mark.parametrize("byte", [b"\0", b"a", "é".encode()], ids=["NUL", "a", "é"])
def test_row_25_a_line_without_an_end_is_refused(command, byte, model, monkeypatch, capsys):
    for module in (lines, repl):
        monkeypatch.setattr(module, "MAX_LINE", 100_000)
    status, out, err = ask(capsys, monkeypatch, command, "--model", model, "--quiet", stdin=byte * 400_000)
    assert (status, out) == (2, "")
    assert "standard input: expected lines of at most " in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize("command", ["predict", "generate", "explain", "repl"])
def test_row_25_lines_before_one_without_an_end_are_answered(command, model, monkeypatch, capsys):
    for module in (lines, repl):
        monkeypatch.setattr(module, "MAX_LINE", 100_000)
    monkeypatch.setattr(lines, "READ_SIZE", 20_000)
    status, out, err = ask(capsys, monkeypatch, command, "--model", model, stdin=b"the cat\n" + b"a" * 400_000)
    assert status == 2
    assert out
    assert "found a longer one" in err


def test_row_25_the_line_limit_is_16_megabytes(monkeypatch):
    for size, is_refused in ((1 << 24, False), ((1 << 24) + 1, True)):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"a" * size)))
        if is_refused:
            with pytest.raises(CorpusError, match="at most 16,777,216 bytes"):
                list(lines.waiting_batches())
        else:
            assert [len(line) for batch in lines.waiting_batches() for line in batch] == [size]


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (DOCX, "a Word document"),
        (PNG, "a PNG image"),
        (b"%PDF-1.7\n", "a PDF file"),
    ],
    ids=["DOCX", "PNG", "PDF"],
)
@pytest.mark.parametrize("command", ["predict", "generate", "explain", "score", "repl"])
def test_row_62_prompts_in_a_file_that_is_not_a_text_are_refused(command, content, found, model, monkeypatch, capsys):
    status, out, err = ask(capsys, monkeypatch, command, "--model", model, "--quiet", stdin=content)
    assert (status, out) == (2, "")
    assert err.startswith(f"Error: standard input: expected a text, found {found}")
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize("content", [b"the \xe9", b"the \0 cat", b"\xff\xfe\xff"])
def test_row_62_score_leaves_stdout_empty_if_a_file_is_not_a_text(content, model, tmp_path, monkeypatch, capsys):
    (tmp_path / "text").write_bytes(content)
    status, out, err = ask(capsys, monkeypatch, "score", tmp_path / "text", "--model", model, "--quiet")
    assert (status, out) == (2, "")
    assert len(err.splitlines()) == 1


def test_row_61_score_of_no_input_prints_its_header(model, monkeypatch, capsys):
    status, out, _ = ask(capsys, monkeypatch, "score", "--model", model, "--quiet", stdin=b"")
    assert (status, out) == (0, "line\tposition\ttoken\tlogprob\trank\toov\n")


@pytest.mark.parametrize("kind", ["vocabulary", "validation"])
def test_row_21_a_text_without_a_word_of_the_vocabulary_is_refused(kind, refused, tmp_path, monkeypatch, capsys):
    (tmp_path / "text").write_bytes(TEXT)
    (tmp_path / "other").write_bytes("кот пёс\n".encode() * 30)
    option = "--validation"
    if kind == "vocabulary":
        arguments = ["build-vocab", "other", "--unk", "-o", "words.tsv", "--quiet"]
        assert ask(capsys, monkeypatch, *arguments)[0] == 0
        option = "--vocab"
    name = {"vocabulary": "words.tsv", "validation": "other"}[kind]
    status, out, err = ask(capsys, monkeypatch, "train", "text", option, name, "--model", tmp_path / "run")
    assert (status, out) == (2, "")
    assert "expected words of the vocabulary, found none" in err.splitlines()[-1]
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("end", [b"", b"\n2\n"])
def test_row_34_a_csv_file_with_an_endless_cell_is_refused(end, tmp_path, monkeypatch, capsys):
    (tmp_path / "a.csv").write_bytes(b"v\n1\n" + b"9" * 5_000_000 + end)
    status, out, err = ask(capsys, monkeypatch, "forecast", tmp_path / "a.csv", "--model", tmp_path / "run")
    assert (status, out) == (2, "")
    assert "line 3: expected a line of at most 1,048,576 bytes, found a longer one" in err
