"""Row 61: a text on stdin gives the output of its clean file, whatever its mark, its line ends, and its pieces."""

import codecs
import io
import itertools
import json
import os
import select
import subprocess
import sys
import time
from typing import Any

import pytest

from rnnwords.cli import stdin as lines_of_stdin
from rnnwords.text.reading.byte_order_marks import as_utf8
from rnnwords.text.reading.stdin import with_line_feeds
from tests.faults.streams.commands import without_times
from tests.processes import LIMIT, TINY, ask, here, killed_at_end, only_error, rnnwords, start
from tests.texts import FABLE

BOM = codecs.BOM_UTF8
MARKS = {
    "no mark": (b"", "utf-8"),
    "UTF-8": (BOM, "utf-8"),
    "UTF-16LE": (codecs.BOM_UTF16_LE, "utf-16-le"),
    "UTF-16BE": (codecs.BOM_UTF16_BE, "utf-16-be"),
    "UTF-32LE": (codecs.BOM_UTF32_LE, "utf-32-le"),
    "UTF-32BE": (codecs.BOM_UTF32_BE, "utf-32-be"),
}
ENDS = {"LF": "\n", "CRLF": "\r\n", "CR": "\r"}
# Between words: characters at which Python's splitlines cuts, and others that are no line ends.
INNER = "had\x0ba\x0cgeneral\x1cof\x1dthe\x1emice\x85long\u2028ago\u2029the\u00a0cat\x00"
PROMPTS = ["had a general", "", "the mice", "M\u00e4use \U0001f600 had", "the \ufeff cat", INNER[:-1], "", "a b"]
TEXT = "".join(f"{line}\n" for line in PROMPTS)
CLEAN = TEXT.encode()


def form(text: str, mark: str, end: str, *, ended: bool = True) -> bytes:
    """Return a text as a file of another kind contains it."""
    start, encoding = MARKS[mark]
    return start + (text if ended else text.removesuffix("\n")).replace("\n", ENDS[end]).encode(encoding)


FORMS = {
    f"{mark}, {end}{'' if ended else ', last line open'}": form(TEXT, mark, end, ended=ended)
    for mark, end, ended in itertools.product(MARKS, ENDS, (True, False))
}


def in_pieces(data: bytes, size: int) -> list[bytes]:
    return [data[start : start + size] for start in range(0, len(data), size)]


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("size", [1, 2, 3, 5, 1000])
def test_row_61_input_has_the_same_lines_whatever_the_sizes_of_its_pieces(name, size):
    text = b"".join(with_line_feeds(as_utf8(in_pieces(FORMS[name], size), "stdin", "strict")))
    assert text.removesuffix(b"\n") == CLEAN.removesuffix(b"\n")


def test_row_61_a_short_input_that_begins_like_a_byte_order_mark_is_kept():
    def read(*pieces: bytes) -> bytes:
        return b"".join(as_utf8(pieces, "stdin", "strict"))

    assert read(b"\xef", b"\xbb") == b"\xef\xbb"
    assert read(BOM, BOM + b"a") == BOM + b"a"
    assert read(b"\0", b"\0", b"a") == b"\0\0a"
    assert read() == read(BOM) == read(b"\xff", b"\xfe") == b""
    assert b"".join(with_line_feeds([b"a\r", b"\n", b"\n\r", b"\r\nb"])) == b"a\n\n\n\nb"


def test_row_61_an_empty_prompt_before_nul_is_not_held_back_as_the_start_of_a_mark():
    assert next(as_utf8(iter([b"\0"]), "stdin", "strict", nul=True)) == b"\0"


# Commands that read stdin.
READING = {
    "predict": ["predict", "--quiet"],
    "predict --json": ["predict", "--json"],
    "generate": ["generate", "-n", "3"],
    "generate --json": ["generate", "-n", "3", "--json"],
    "explain": ["explain"],
    "explain --json": ["explain", "--json"],
    "repl": ["repl", "-n", "3"],
    "repl --tutorial": ["repl", "-n", "3", "--tutorial"],
    "score": ["score"],
    "score --json": ["score", "-", "--json"],
    "score --unit line": ["score", "--unit", "line"],
    "score --unit line --json": ["score", "--unit", "line", "--json"],
    "score --unit file": ["score", "--unit", "file"],
    "eval": ["eval", "-", "--json"],
    "build-vocab": ["build-vocab", "-"],
}
BY_NAME = [
    "score",
    "score --json",
    "score --unit line",
    "score --unit line --json",
    "score --unit file",
    "eval",
    "build-vocab",
]


class InPieces(io.RawIOBase):
    """Input that arrives in pieces of a size."""

    def __init__(self, data: bytes, size: int) -> None:
        self.pieces = in_pieces(data, size)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        piece = self.pieces.pop(0) if self.pieces else b""
        buffer[: len(piece)] = piece
        return len(piece)


@pytest.fixture
def output(trained, tmp_path, capfd, monkeypatch):
    """Return a function that gives status, stdout and stderr of a command, with pieces of stdin and pauses between."""

    def run(*arguments: Any, stdin: bytes = b"", size: int = 1_000_000, slow: bool = False) -> tuple[int, str, str]:
        if arguments[0] not in ("build-vocab", "train"):
            arguments += ("--model", trained)
        stream = io.TextIOWrapper(io.BufferedReader(InPieces(stdin, size)), encoding="utf-8", newline="\n")
        monkeypatch.setattr(sys, "stdin", stream)
        monkeypatch.setattr(lines_of_stdin, "has_input", lambda stream, seconds: not slow)
        capfd.readouterr()
        status = here(*arguments, cwd=tmp_path)
        found = capfd.readouterr()
        return status, without_times(found.out), found.err

    return run


@pytest.mark.parametrize("name", READING)
def test_row_61_each_form_of_a_text_on_stdin_gives_the_same_output(name, output):
    expected = output(*READING[name], stdin=CLEAN)
    assert expected[0] == 0
    assert expected[1]
    for data in FORMS.values():
        for size, slow in ((1, True), (1_000_000, False)):
            assert output(*READING[name], stdin=data, size=size, slow=slow) == expected


@pytest.mark.parametrize("name", BY_NAME)
def test_row_61_a_file_by_name_gives_the_output_of_stdin(name, output, tmp_path):
    expected = output(*READING[name], stdin=CLEAN)
    arguments = [word for word in READING[name] if word != "-"]
    for data in FORMS.values():
        path = tmp_path / "text"
        path.write_bytes(data)
        status, out, err = output(*arguments, path)
        assert (status, out.replace(str(path), "standard input"), err) == expected


@pytest.mark.parametrize("name", BY_NAME)
def test_row_61_a_redirected_book_is_read_as_by_its_name(name, trained, tmp_path, capsys, monkeypatch):
    book = (
        "*** START OF THE PROJECT GUTENBERG EBOOK A ***\nthe mice had\n*** END OF THE PROJECT GUTENBERG EBOOK A ***\n"
    )
    (tmp_path / "book").write_text(book, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    if name != "build-vocab":
        monkeypatch.setenv("RNNWORDS_MODEL", str(trained))
    found = []
    for arguments in ([word for word in READING[name] if word != "-"] + ["book"], READING[name]):
        with open("book", encoding="utf-8") as stream:
            monkeypatch.setattr(sys, "stdin", stream)
            status, out, err = ask(capsys, monkeypatch, *arguments)
        found.append(
            (status, without_times(out).replace("standard input", "book"), err.replace("standard input", "book"))
        )
    assert found[0] == found[1]
    assert found[0][0] == 0
    assert "left out the Project Gutenberg header" in found[0][2]


@pytest.mark.parametrize("name", ["predict", "predict --json", "generate", "generate --json", "explain"])
def test_row_61_prompts_between_nuls_have_line_ends_of_any_kind(name, output):
    prompts = "had\na\0the\n\nmice\0\0M\u00e4use had\0"
    expected = output(*READING[name], "-0", stdin=prompts.encode())
    assert expected[0] == 0
    for mark, end in itertools.product(list(MARKS)[:-1], ENDS):
        for size, slow in ((1, True), (1_000_000, False)):
            found = output(*READING[name], "-0", stdin=form(prompts, mark, end), size=size, slow=slow)
            assert found == expected


def test_row_61_prompts_between_nuls_contain_line_feeds(output):
    status, out, _ = output("predict", "-0", "--json", stdin=BOM + b"had\r\na\0the\rmice\0")
    assert status == 0
    assert [json.loads(line)["prompt"] for line in out.splitlines()] == ["had\na", "the\nmice"]


@pytest.mark.parametrize("start_of_prompt", ["BMW had", "MZ", "RIFF", "ID3"])
def test_row_61_prompts_between_nuls_are_never_taken_for_another_format(start_of_prompt, output):
    status, out, _ = output("predict", "-0", "--json", stdin=f"{start_of_prompt}\0the mice\0".encode())
    assert status == 0
    assert [json.loads(line)["prompt"] for line in out.splitlines()] == [start_of_prompt, "the mice"]


@pytest.mark.parametrize("name", [name for name in READING if "score" not in name and name not in BY_NAME])
def test_row_61_another_format_is_refused_however_slowly_it_comes(name, output):
    for content in (b"%PDF-1.7\n1 0 obj\n", b"PK\x03\x04\x14\0\x06\0\x08\0\0\0", b"\x1f\x8b\x08\0\0\0\0\0\0\x03abc"):
        expected = output(*READING[name], stdin=content)
        assert (expected[0], expected[1]) == (2, "")
        assert expected[2].startswith("Error: standard input: expected a text, found ") or "tutorial" in name
        for size in (1, 2, 3):
            assert output(*READING[name], stdin=content, size=size, slow=True) == expected


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("mark", ["no mark", "UTF-8"])
def test_row_61_invalid_bytes_are_named_at_the_same_place(mark, end, output, tmp_path):
    data = form(TEXT, mark, end).replace(b"mice", b"mi\xe9ce", 1)
    (tmp_path / "text").write_bytes(data)
    by_name = output("score", "text")
    assert by_name[0] == 2
    assert "line 3, byte 7: expected UTF-8, found 0xe9" in by_name[2]
    place = by_name[2][: by_name[2].index("0xe9")].replace("text,", "standard input,")
    for size, slow in ((1, True), (1_000_000, False)):
        status, _, err = output("score", stdin=data, size=size, slow=slow)
        assert (status, err[: err.index("0xe9")]) == (2, place)
    replaced = output("score", "--encoding-errors", "replace", "text")
    assert replaced[0] == 0
    assert output("score", "--encoding-errors", "replace", stdin=data, size=1, slow=True) == replaced


@pytest.mark.parametrize("mark", ["UTF-16LE", "UTF-16BE", "UTF-32LE", "UTF-32BE"])
def test_row_61_invalid_utf_16_and_utf_32_give_the_error_of_the_file(mark, output, tmp_path):
    (tmp_path / "text").write_bytes(FORMS[f"{mark}, LF"] + b"\x00")  # a cut character
    by_name = output("score", "text")
    assert by_name[0] == 2
    assert f"text: expected {mark[:6]}, as its byte-order mark states" in by_name[2]
    for size, slow in ((1, True), (1_000_000, False)):
        status, _, err = output("score", stdin=(tmp_path / "text").read_bytes(), size=size, slow=slow)
        assert (status, err) == (2, by_name[2].replace("text:", "standard input:", 1))
    for name in ("predict", "generate", "explain", "repl"):  # prompts are never refused
        assert output(*READING[name], stdin=(tmp_path / "text").read_bytes(), size=1, slow=True)[0] == 0


def test_row_61_train_reads_each_form_of_a_text_alike(output, tmp_path):
    text = FABLE.read_text(encoding="utf-8")
    models = []
    for number, (mark, end, size) in enumerate(
        [("no mark", "LF", 1_000_000), ("UTF-8", "CRLF", 1), ("UTF-16BE", "CR", 1)]
    ):
        arguments = ("train", "-", *TINY, "--epochs", "1", "--ngram", "2", "--model", f"run-{number}")
        assert output(*arguments, stdin=form(text, mark, end), size=size)[0] == 0
        models.append([(tmp_path / f"run-{number}" / "vocabulary.tsv").read_bytes()])
    assert models[0] == models[1] == models[2]


def pauses(data: bytes) -> list[int]:
    """Return where to pause: in the mark, in characters, and between \\r and \\n."""
    return [0, 1, 2, *(at + 1 for at, byte in enumerate(data) if byte in (0x0D, 0xC3, 0x9F)), len(data)]


@pytest.mark.parametrize("name", ["predict --json", "generate", "explain", "repl", "score"])
def test_row_61_a_slow_writer_gets_the_output_of_the_file(name, trained, tmp_path):
    arguments = [*READING[name], "--model", trained]
    data = form(TEXT, "UTF-8", "CRLF")
    (tmp_path / "in").write_bytes(CLEAN)
    with open(tmp_path / "in", "rb") as stream:
        expected = rnnwords(*arguments, cwd=tmp_path, stdin=stream)
    process: Any = start(*arguments, cwd=tmp_path, stdin=subprocess.PIPE)
    with killed_at_end(process):
        for first, last in itertools.pairwise(pauses(data)):
            os.write(process.stdin.fileno(), data[first:last])
            time.sleep(0.03)
        process.stdin.close()
        out = process.stdout.read()
        process.wait(LIMIT)
    assert process.returncode == expected.returncode == 0
    assert out == expected.stdout


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize(
    "name", ["predict", "predict --json", "generate", "explain --json", "repl", "score --unit line --json"]
)
def test_row_61_each_line_is_answered_while_the_writer_waits(name, end, trained, tmp_path):
    """The \\n of \\r\\n comes with the next line."""
    process: Any = start(*READING[name], "--model", trained, cwd=tmp_path, stdin=subprocess.PIPE)
    with killed_at_end(process):
        for number in range(3):
            line = ("\n" if number and end == "CRLF" else "") + "the mice" + ENDS[end][0]
            os.write(process.stdin.fileno(), line.encode())
            assert select.select([process.stdout], [], [], LIMIT)[0], "no answer while the writer waits"
            assert process.stdout.readline().strip()


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("mark", MARKS)
def test_row_61_the_repl_accepts_commands_in_each_form(mark, end, output):
    for size, slow in ((1, True), (1_000_000, False)):
        found = output(
            "repl", "-n", "2", stdin=form(":words 2\nhad a general\n:quit\nhad a\n", mark, end), size=size, slow=slow
        )
        assert (found[0], found[1].count("\n")) == (0, 1)


def test_row_61_the_repl_refuses_another_format(trained, tmp_path):
    (tmp_path / "in").write_bytes(b"%PDF-1.7\n1 0 obj\n")
    with open(tmp_path / "in", "rb") as stream:
        done = rnnwords("repl", "--model", trained, cwd=tmp_path, stdin=stream)
    only_error(done, 2, "standard input: expected a text, found a PDF file")
