"""Row 62: files that are not texts, and texts that only begin like another format."""

import bz2
import codecs
import contextlib
import gzip
import io
import lzma
import pickle
import re
import sqlite3
import tarfile
import zipfile

import numpy as np
import pytest
from hypothesis import given

from rnnwords.text.reading.corpus import Corpus
from tests.faults.texts.samples import CHINESE, COMMANDS, RUSSIAN, TEXT
from tests.processes import ask
from tests.texts import FABLE, GOLDEN, texts, write


def zipped(*names):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name in names:
            archive.writestr(*name) if isinstance(name, tuple) else archive.writestr(name, "x")
    return content.getvalue()


def tarred():
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        archive.add(FABLE, "fable.txt")
    return content.getvalue()


def database():
    with contextlib.closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("create table words (word)")
        return connection.serialize()


def array():
    content = io.BytesIO()
    np.save(content, np.arange(5))
    return content.getvalue()


OTHERS = {
    "PDF": (b"%PDF-1.7\n1 0 obj\n<< >>\nendobj\n", "a PDF file; .*pdftotext"),
    "DOCX": (zipped("[Content_Types].xml", "word/document.xml"), "a Word document; .*pandoc"),
    "EPUB": (zipped(("mimetype", "application/epub+zip")), "an EPUB book; rename it to end in .epub"),
    "ODT": (zipped(("mimetype", "application/vnd.oasis.opendocument.text")), "an OpenDocument file; .*pandoc"),
    "XLSX": (zipped("[Content_Types].xml", "xl/workbook.xml"), "an Excel workbook; save it as CSV"),
    "Kindle": (bytes(60) + b"BOOKMOBI" + bytes(9), "a Kindle book; .*ebook-convert"),
    "ZIP": (zipped("story.txt"), "a ZIP archive; unpack it"),
    "empty ZIP": (zipped(), "a ZIP archive; unpack it"),
    "RTF": (rb"{\rtf1\ansi The cat sat.}", "an RTF document; .*pandoc"),
    "PostScript": (b"%!PS-Adobe-3.0\n(The cat) show\n", "a PostScript file; .*ps2ascii"),
    "gzip": (gzip.compress(TEXT.encode()), "gzip data; "),
    "xz": (lzma.compress(TEXT.encode()), "xz data; .*xz -dc"),
    "bzip2": (bz2.compress(TEXT.encode()), "bzip2 data; .*bzip2 -dc"),
    "Zstandard": (b"\x28\xb5\x2f\xfd\x04\x58\x19", "Zstandard data; .*zstd -dc"),
    "7-Zip": (b"7z\xbc\xaf\x27\x1c\0\4", "a 7-Zip archive; unpack"),
    "tar": (tarred(), "a tar archive; unpack"),
    "PNG": (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "a PNG image"),
    "JPEG": (b"\xff\xd8\xff\xe0\0\x10JFIF\0", "a JPEG image"),
    "GIF": (b"GIF89a\1\0\1\0\x80\0\0", "a GIF image"),
    "MP3": (b"ID3\3\0\0\0\0\x0f\x76", "an MP3 file"),
    "program": (b"\x7fELF\2\1\1\0", "a program"),
    "SQLite": (database(), "an SQLite database"),
    "HDF5": (b"\x89HDF\r\n\x1a\n\0", "an HDF5 file"),
    "NumPy": (array(), "a NumPy array"),
    "safetensors": ((GOLDEN / "model-2.0.safetensors").read_bytes(), "a safetensors file"),
    "Word 97": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(100), "an old Microsoft Office document"),
    **{f"pickle {number}": (pickle.dumps({"a": 1}, number), "a Python pickle") for number in range(2, 6)},
    **{
        f"{name} {encoding}": (text.encode(encoding), f"{encoding[:6]} without a byte-order mark.*-f {encoding} ")
        for name, text in (("English", TEXT), ("Russian", RUSSIAN), ("Chinese", CHINESE))
        for encoding in ("UTF-16LE", "UTF-16BE", "UTF-32LE", "UTF-32BE")
    },
    "NUL": (b"one two\nthree\0four\n", "(standard input|line 2, byte 6): expected a text, found a NUL byte"),
    "zeros": (bytes(5_000), "line 1, byte 1: expected a text, found a NUL byte"),
    "find -print0": (b"\0".join(b"./file%d.txt" % number for number in range(900)), "line 1, byte 12: .* a NUL byte"),
    "late NUL": (TEXT.encode() * 2_000 + b"\0", r"line 120001, byte 1: .* a NUL byte"),
}  # fmt: skip


@pytest.mark.parametrize("errors", ["strict", "replace"])
@pytest.mark.parametrize("kind", OTHERS)
def test_row_62_a_file_that_is_not_a_text_is_named(kind, errors, refused, tmp_path):
    content, message = OTHERS[kind]
    write(tmp_path / "file", content)
    refused("build-vocab", "file", f"^Error: file.*{message}", "--encoding-errors", errors)
    refused("build-vocab", "-", f"^Error: standard input.*{message}", "--encoding-errors", errors, stdin=content)
    write(tmp_path / "file.gz", gzip.compress(content, 1))
    refused("build-vocab", "file.gz", rf"^Error: file\.gz.*{message}", "--encoding-errors", errors)


@pytest.mark.parametrize("kind", ["PDF", "DOCX", "English UTF-16LE", "NUL", "program"])
@pytest.mark.parametrize("command", COMMANDS)
def test_row_62_every_command_refuses_a_file_that_is_not_a_text(command, kind, refused, tmp_path):
    content, message = OTHERS[kind]
    write(tmp_path / "file", content)
    refused(command, "file", message)


@pytest.mark.parametrize("kind", ["PDF", "gzip", "English UTF-16LE", "NUL"])
@pytest.mark.parametrize("command", ["train", "eval", "score"])
def test_row_62_standard_input_that_is_not_a_text_is_named(command, kind, refused, capsys, monkeypatch, trained):
    content, message = OTHERS[kind]
    if command == "score":  # answers line by line, so its header and the lines before are out
        status, _, err = ask(capsys, monkeypatch, "score", "--model", trained, "--quiet", stdin=content)
        assert status == 2
        assert re.fullmatch(f"Error: standard input.*{message}.*\n", err)
    else:
        refused(command, "-", message, stdin=content)


def test_row_62_the_error_for_gzip_data_suggests_the_ending_gz(refused, tmp_path):
    write(tmp_path / "story.txt", gzip.compress(b"The cat sat."))
    refused("build-vocab", "story.txt", r"found gzip data; rename it to story\.txt\.gz")


BEGINNINGS = (
    ["BM", "BMW", "MZ", "PK", "PK\n", "GIF89a", "ID3", "OggS", "fLaC", "RIFF", "BZh", "BZh9", "%PD", "%!", "{", "{\\r"],
    ["PAR1", "II*", "ustar", "7z", "Rar!", "AT&TFORM", "\ufffd", "\x1b[0m", "\ufb01", "\x80", "  {", "ftyp"],
)


@pytest.mark.parametrize("beginning", [*BEGINNINGS[0], *BEGINNINGS[1]])
def test_row_62_a_text_that_begins_like_another_format_is_read(beginning, tmp_path):
    content = (beginning + " is how this text begins.\n").encode()
    assert "".join(Corpus([write(tmp_path / "text", content)]).texts()).encode() == content
    assert "".join(Corpus([write(tmp_path / "text", b"abcd" + content)]).texts()).encode() == b"abcd" + content


@given(texts)
def test_row_62_no_text_without_nul_is_refused(tmp_path_factory, text):
    path = write(tmp_path_factory.mktemp("text") / "text", text.replace("\0", " "))
    "".join(Corpus([path]).texts())


def test_row_62_texts_in_utf16_and_utf32_with_a_mark_are_read(tmp_path):
    for mark, encoding in ((codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"),
                           (codecs.BOM_UTF32_LE, "utf-32-le"), (codecs.BOM_UTF32_BE, "utf-32-be")):  # fmt: skip
        for text in (TEXT, RUSSIAN, CHINESE, "\U0001f600" * 3_000 + "\n"):
            path = write(tmp_path / "text", mark + text.encode(encoding))
            assert "".join(Corpus([path]).texts()) == text
            assert "".join(Corpus([write(tmp_path / "text.gz", gzip.compress(path.read_bytes()))]).texts()) == text
