"""Row 61: stdin with a byte-order mark, with any line ends, and in pieces, gives the output of the clean file."""

import io
import itertools
import json
import os
import re
import subprocess
import sys
import time
from typing import Any

import pytest

from rnnwords.text.stdin import with_line_feeds, without_bom
from tests.faults.streams.commands import without_times
from tests.processes import LIMIT, ask, here, killed_at_end, rnnwords, start

BOM = b"\xef\xbb\xbf"
PROMPTS = ["had a general", "", "the mice", "M\u00e4use had", "the \ufeff cat", "a b"]
CLEAN = "".join(f"{line}\n" for line in PROMPTS).encode()

FORMS = {
    "byte-order mark": BOM + CLEAN,
    "CRLF": CLEAN.replace(b"\n", b"\r\n"),
    "CR": CLEAN.replace(b"\n", b"\r"),
    "no last line end": CLEAN[:-1],
    "all": BOM + CLEAN.replace(b"\n", b"\r\n")[:-2],
}


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("size", [1, 2, 3, 5, 1000])
def test_row_61_input_has_the_same_lines_whatever_the_sizes_of_its_pieces(name, size):
    data = FORMS[name]
    pieces = [data[start : start + size] for start in range(0, len(data), size)]
    text = b"".join(with_line_feeds(without_bom(pieces)))
    assert text.removesuffix(b"\n") == CLEAN.removesuffix(b"\n")


def test_row_61_a_short_input_that_begins_like_a_byte_order_mark_is_kept():
    assert list(without_bom([b"\xef", b"\xbb"])) == [b"\xef\xbb"]
    assert b"".join(without_bom([BOM, BOM + b"a"])) == BOM + b"a"
    assert b"".join(with_line_feeds([b"a\r", b"\n", b"\n\r", b"\r\nb"])) == b"a\n\n\n\nb"


# Commands that read stdin.
READING = {
    "predict": ["predict", "--quiet"],
    "predict --json": ["predict", "--json"],
    "generate": ["generate", "-n", "3"],
    "generate --json": ["generate", "-n", "3", "--json"],
    "explain": ["explain"],
    "repl": ["repl", "-n", "3"],
    "repl --tutorial": ["repl", "-n", "3", "--tutorial"],
    "score": ["score"],
    "score --unit line": ["score", "--unit", "line"],
    "score --unit file": ["score", "--unit", "file"],
    "eval": ["eval", "-", "--json"],
    "build-vocab": ["build-vocab", "-"],
}


NUMBER = re.compile(r"-?\d+\.\d+(?:e-?\d+)?")


def check_equal(found: str, expected: str) -> None:
    """Check that two outputs are equal, numbers up to rounding: a batch of another size can add in another order."""
    assert NUMBER.sub("number", found) == NUMBER.sub("number", expected)
    numbers = [[float(number) for number in NUMBER.findall(text)] for text in (found, expected)]
    assert numbers[0] == pytest.approx(numbers[1], rel=1e-4, abs=1e-5)


class InPieces(io.RawIOBase):
    """Input that arrives in pieces of a size."""

    def __init__(self, data: bytes, size: int) -> None:
        self.pieces = [data[start : start + size] for start in range(0, len(data), size)]

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        piece = self.pieces.pop(0) if self.pieces else b""
        buffer[: len(piece)] = piece
        return len(piece)


@pytest.mark.parametrize("name", READING)
def test_row_61_each_form_of_a_text_on_stdin_gives_the_same_output(name, trained, tmp_path, capfd, monkeypatch):
    if name not in ("build-vocab",):
        monkeypatch.setenv("RNNWORDS_MODEL", str(trained))

    def output(data: bytes, size: int) -> str:
        stdin = io.TextIOWrapper(io.BufferedReader(InPieces(data, size)), encoding="utf-8", newline="\n")
        monkeypatch.setattr(sys, "stdin", stdin)
        capfd.readouterr()
        assert here(*READING[name], cwd=tmp_path) == 0
        return without_times(capfd.readouterr().out)

    expected = output(CLEAN, 1_000)
    assert expected
    for data in FORMS.values():
        for size in (1, 2, 3, 1_000):
            check_equal(output(data, size), expected)


@pytest.mark.parametrize("name", ["predict", "repl", "score"])
def test_row_61_a_slow_writer_gets_the_output_of_the_file(name, trained, tmp_path):
    """The pauses cut the byte-order mark in three, a character in two, and line ends between \\r and \\n."""
    arguments = [*READING[name], "--model", trained]
    data = FORMS["all"]
    (tmp_path / "in").write_bytes(data)
    with open(tmp_path / "in", "rb") as stream:
        expected = rnnwords(*arguments, cwd=tmp_path, stdin=stream)
    process = start(*arguments, cwd=tmp_path, stdin=subprocess.PIPE)
    cuts = [0, 1, 2, *(at + 1 for at, byte in enumerate(data) if byte in (0x0D, 0xC3)), len(data)]
    with killed_at_end(process):
        for first, last in itertools.pairwise(cuts):
            os.write(process.stdin.fileno(), data[first:last])  # type: ignore[union-attr]
            time.sleep(0.01)
        process.stdin.close()  # type: ignore[union-attr]
        out = process.stdout.read()  # type: ignore[union-attr]
        process.wait(LIMIT)
    assert process.returncode == expected.returncode == 0
    check_equal(out, expected.stdout)


@pytest.mark.parametrize("unit", ["word", "line", "file"])
@pytest.mark.parametrize("form", FORMS)
def test_row_61_score_of_stdin_equals_score_of_the_file(unit, form, trained, tmp_path, capsys, monkeypatch):
    (tmp_path / "text.txt").write_bytes(FORMS[form])
    arguments = ("score", "--unit", unit, "--model", trained)
    by_name = ask(capsys, monkeypatch, *arguments, tmp_path / "text.txt")
    by_stdin = ask(capsys, monkeypatch, *arguments, stdin=FORMS[form])
    assert by_name[0] == by_stdin[0] == 0
    check_equal(by_stdin[1], by_name[1].replace(str(tmp_path / "text.txt"), "standard input"))


def test_row_61_the_repl_accepts_commands_with_any_line_end(trained, tmp_path):
    for end in ("\n", "\r\n", "\r"):
        lines = f"had a general{end}:quit{end}had a{end}"
        done = rnnwords("repl", "-n", "2", "--model", trained, cwd=tmp_path, input=lines)
        assert (done.returncode, done.stdout.count("\n")) == (0, 1)


def test_row_61_prompts_between_nuls_keep_their_line_ends(trained, tmp_path, capsys, monkeypatch):
    prompts = BOM + b"had\r\na\0the\rmice\0"
    status, out, _ = ask(capsys, monkeypatch, "predict", "-0", "--json", "--model", trained, stdin=prompts)
    assert status == 0
    assert [json.loads(line)["prompt"] for line in out.splitlines()] == ["had\r\na", "the\rmice"]
