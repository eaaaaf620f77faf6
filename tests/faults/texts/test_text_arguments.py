"""Row 27: what the argument of a text can name: a directory, a FIFO, stdin, nothing, or a damaged .gz file."""

import gzip
import os
import signal
import threading
import time

import pytest

from rnnwords.text.reading.corpus import Corpus
from tests.faults.texts.samples import COMMANDS, TEXT
from tests.processes import ask, killed_at_end, start, until
from tests.texts import FABLE, write


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("./missing.txt", None, r"found nothing at (\./)?missing\.txt"),
        ("directory", "", r"directory: expected a directory with text files, found none"),
        ("cut.txt.gz", b"\x1f\x8b\x08\x00half", r"expected a whole \.gz file, found cut\.txt\.gz damaged"),
        ("whole.txt.gz", gzip.compress(TEXT.encode())[:-1], r"whole\.txt\.gz damaged"),
        ("text.txt.gz", TEXT.encode(), r"text\.txt\.gz damaged: Not a gzipped file .*; .* remove \.gz from its name"),
        ("empty.txt.gz", b"", r"empty\.txt\.gz damaged: it is empty"),
        ("rest.txt.gz", gzip.compress(TEXT.encode()) + b"rubbish", r"rest\.txt\.gz damaged"),
    ],
    ids=["missing", "directory", "truncated header", "truncated", "not gzip", "empty", "rubbish at the end"],
)
def test_row_27_an_unreadable_text_is_an_error_and_changes_no_file(command, name, content, message, refused, tmp_path):
    path = tmp_path / name
    if content == "":
        path.mkdir()
    elif content is not None:
        path.write_bytes(content)
    refused(command, name, message)


def test_row_27_members_and_padding_of_a_gz_file_are_read(tmp_path):
    content = gzip.compress(b"one ") + gzip.compress(b"two\n") + gzip.compress(b"") + bytes(512)
    assert "".join(Corpus([write(tmp_path / "text.gz", content)]).texts()) == "one two\n"


@pytest.mark.parametrize("command", ["build-vocab", "train", "eval", "score"])
def test_row_27_standard_input_twice_is_an_error(command, refused):
    refused(command, "-", "once, found it twice", "-", stdin=b"the cat")


@pytest.mark.parametrize("command", ["build-vocab", "train", "eval", "score"])
def test_row_27_closed_standard_input_is_an_error(command, refused, monkeypatch):
    monkeypatch.setattr("sys.stdin", None)
    refused(command, "-", "expected text on standard input, found it closed")


def test_row_27_standard_input_is_read_as_a_file(tmp_path, capsys, monkeypatch):
    path = write(tmp_path / "text", TEXT)
    _, from_file, _ = ask(capsys, monkeypatch, "build-vocab", path)
    status, out, err = ask(capsys, monkeypatch, "build-vocab", "-", stdin=TEXT.encode())
    assert (status, out) == (0, from_file), err


def untimed(output):
    """Return the output of eval without its last lines, which are times."""
    return output.partition("\nspeed ")[0]


@pytest.mark.parametrize("command", ["build-vocab", "eval", "score"])
def test_row_27_a_fifo_is_read_to_its_end(command, trained, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    arguments = [
        str(word).format("text", model=trained) for word in COMMANDS[command] if word not in ("-o", "vocabulary.tsv")
    ]
    write(tmp_path / "text", FABLE.read_bytes())
    _, from_file, _ = ask(capsys, monkeypatch, *arguments)
    (tmp_path / "text").unlink()
    os.mkfifo(tmp_path / "text")
    writer = threading.Thread(target=(tmp_path / "text").write_bytes, args=(FABLE.read_bytes(),), daemon=True)
    writer.start()
    status, out, err = ask(capsys, monkeypatch, *arguments)
    writer.join(30)
    assert (status, untimed(out)) == (0, untimed(from_file)), err


def test_row_27_a_wait_for_a_fifo_ends_with_ctrl_c(tmp_path):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    process = start("build-vocab", "fifo", "-o", "vocabulary.tsv", cwd=tmp_path)
    with killed_at_end(process):

        def opened():
            try:
                return os.open(fifo, os.O_WRONLY | os.O_NONBLOCK)
            except OSError:  # nobody reads yet
                return None

        writer = until(opened, process)
        try:
            os.write(writer, b"the cat ")
            time.sleep(0.1)
            process.send_signal(signal.SIGINT)
            out, _ = process.communicate(timeout=60)
        finally:
            os.close(writer)
    assert (process.returncode, out) == (130, "")
    assert [item.name for item in tmp_path.iterdir()] == ["fifo"]
