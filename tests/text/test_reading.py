"""Corpora as streams of text: what a text may look like, where it may be cut, and what cannot be read."""

import gzip
import io
import os
import re
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnwords.config import TextConfig
from rnnwords.errors import CorpusError, UsageError
from rnnwords.text import reading
from rnnwords.text.counting import count_words
from rnnwords.text.reading import Corpus
from rnnwords.text.tokenizer import tokenize
from tests.helpers import run_python, texts, write

SPARE = 45 << 10  # kilobytes above what a small text needs, for a line of 60 MB
CLEAN = "The cat, the mouse.\n\nNa\u00efve \u732b\nend\n"


def chunks_of(path: Path, errors: str = "strict") -> list[str]:
    return list(Corpus([path], errors).chunks())


def mended(content: bytes) -> str:
    """What is to be read of a text: no byte order mark, one kind of line end, and one at the end."""
    text = content.removeprefix(b"\xef\xbb\xbf").decode().replace("\r\n", "\n").replace("\r", "\n")
    return text if text.endswith("\n") or not text else text + "\n"


@pytest.mark.parametrize(
    "content",
    [
        CLEAN.encode(),
        b"\xef\xbb\xbf" + CLEAN.encode(),
        CLEAN.replace("\n", "\r\n").encode(),
        CLEAN.replace("\n", "\r").encode(),
        CLEAN.removesuffix("\n").encode(),
        CLEAN.replace("\n", "\r\n").removesuffix("\n").encode(),
        b"\xef\xbb\xbf" + CLEAN.replace("\n", "\r\n").removesuffix("\r\n").encode(),
    ],
    ids=["clean", "mark", "crlf", "cr", "no end", "half an end", "all"],
)
@pytest.mark.parametrize("size", [7, 8, 11, 1 << 20])
def test_marks_and_line_ends_make_no_difference(tmp_path, monkeypatch, content, size):
    monkeypatch.setattr(reading, "CHUNK", size)
    path = write(tmp_path / "text", content)
    assert "".join(chunks_of(path)) == CLEAN
    counts = count_words(Corpus([path]), TextConfig(eos=True)).counts
    assert counts == {"<eos>": 4, "the": 1, "The": 1, "cat": 1, ",": 1, "mouse": 1, ".": 1, "Na\u00efve": 1,
                      "\u732b": 1, "end": 1}  # fmt: skip


@given(texts, st.integers(4, 40), st.booleans())
def test_chunks_are_the_text_and_cut_no_word(tmp_path_factory, text, size, mark):
    content = b"\xef\xbb\xbf" * mark + text.encode()
    path = write(tmp_path_factory.mktemp("reading") / "text", content)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reading, "CHUNK", size)
        chunks = chunks_of(path)
    whole = mended(content)
    assert "".join(chunks) == whole
    assert all(chunks)
    assert all(len(chunk.encode()) <= 3 * size + 4 for chunk in chunks)
    longest = max(map(len, re.split(rb"[ \t\n\r\f\v]", content)), default=0)
    if longest < size:
        for config in (TextConfig(), TextConfig(eos=True, lowercase=True), TextConfig(tokenizer="whitespace")):
            assert [word for chunk in chunks for word in tokenize(chunk, config)] == tokenize(whole, config)


def test_an_endless_word_is_cut_between_characters(tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "CHUNK", 10)
    for letter in ("a", "\u00e9", "\u732b", "\U0001f600"):
        chunks = chunks_of(write(tmp_path / "text", letter * 100))
        assert len(chunks) > 9
        assert "".join(chunks) == letter * 100 + "\n"


@pytest.mark.parametrize("size", [4, 8, 1 << 20])
@pytest.mark.parametrize(
    ("content", "place"),
    [
        (b"\xff", "line 1, byte 1: 0xff"),
        (b"one two\nthree \xe9 four", "line 2, byte 7: 0xe9"),
        (b"one\r\n\r\nthree\rab\xc3", "line 4, byte 3: 0xc3"),
        (b"one two three four five six seven eight nine \xe9 ten", "line 1, byte 46: 0xe9"),
        (b"a\n" * 9 + b"one two three four five six seven eight nine \xf0\x9f ten", "line 10, byte 46: 0xf0"),
        ("\u732b".encode() * 9 + b"\x80", "line 1, byte 28: 0x80"),
    ],
)
def test_invalid_utf8_is_named_by_line_and_byte(tmp_path, monkeypatch, content, place, size):
    monkeypatch.setattr(reading, "CHUNK", size)
    path = write(tmp_path / "text", content)
    with pytest.raises(CorpusError, match="--encoding-errors replace") as caught:
        chunks_of(path)
    assert str(caught.value).startswith(f"{path}, {place} is not UTF-8")
    assert "\ufffd" in "".join(chunks_of(path, "replace"))


def test_replacing_goes_on_behind_the_damage(tmp_path):
    path = write(tmp_path / "text", b"one \xe9 two \xff\xfe three")
    assert "".join(chunks_of(path, "replace")) == "one \ufffd two \ufffd\ufffd three\n"


@pytest.mark.parametrize("content", ["", "\n", " \n\t \n", "\r\n", "\ufeff", "\ufeff \n"])
def test_a_text_without_words_has_none(tmp_path, content):
    path = write(tmp_path / "text", content)
    assert count_words(Corpus([path]), TextConfig()).total == 0


def test_several_texts_are_read_one_after_the_other(tmp_path):
    paths = [write(tmp_path / "a", "one"), write(tmp_path / "b", "\ufefftwo\n"), write(tmp_path / "c", "")]
    corpus = Corpus(paths)
    assert "".join(corpus.chunks()) == "one\ntwo\n" == "".join(corpus.chunks())  # as often as needed
    assert corpus.size == 3 + 7


def test_a_compressed_text_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "CHUNK", 7)
    path = write(tmp_path / "text.gz", gzip.compress(b"\xef\xbb\xbf" + CLEAN.replace("\n", "\r\n").encode()))
    assert "".join(chunks_of(path)) == CLEAN


def test_a_damaged_compressed_text_is_refused(tmp_path):
    content = gzip.compress(os.urandom(5_000))
    for cut in [*range(1, len(content), 97), len(content) - 1]:
        with pytest.raises(CorpusError, match=r"text\.gz is damaged"):
            chunks_of(write(tmp_path / "text.gz", content[:cut]), "replace")
    flipped = bytearray(content)
    flipped[2_000] ^= 0x10
    for other in (b"no gzip at all", bytes(flipped)):
        with pytest.raises(CorpusError, match=r"text\.gz is damaged"):
            chunks_of(write(tmp_path / "text.gz", other), "replace")


def test_what_is_no_text_is_refused_by_name(tmp_path):
    cases = [(tmp_path, "is a directory"), (tmp_path / "none", "does not exist"), (tmp_path / ("x" * 300), "cannot be")]
    for path, message in cases:
        with pytest.raises(CorpusError, match=message) as caught:
            Corpus([path])
        assert str(path) in str(caught.value)
    with pytest.raises(UsageError, match="no text was named"):
        Corpus([])
    with pytest.raises(UsageError, match="once"):
        Corpus([Path("-"), Path("-")])


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_forbidden_text_is_refused(tmp_path):
    path = write(tmp_path / "text", "a")
    path.chmod(0)
    with pytest.raises(CorpusError, match="cannot be read"):
        Corpus([path])


def test_a_text_that_goes_away_is_named(tmp_path):
    path = write(tmp_path / "text", "a")
    corpus = Corpus([path])
    path.unlink()
    with pytest.raises(CorpusError, match="cannot be read"):
        list(corpus.chunks())


@pytest.mark.parametrize("name", ["pipe", "pipe.gz"])
def test_a_pipe_is_read_as_often_as_needed(tmp_path, name):
    path = tmp_path / name
    os.mkfifo(path)
    content = gzip.compress(CLEAN.encode()) if name.endswith(".gz") else CLEAN.encode()
    writer = threading.Thread(target=path.write_bytes, args=(content,), daemon=True)
    writer.start()
    corpus = Corpus([path])
    writer.join(30)
    assert "".join(corpus.chunks()) == CLEAN == "".join(corpus.chunks())
    assert corpus.names == [str(path)]
    spool = corpus.paths[0]
    assert spool.exists()
    del corpus
    assert not spool.exists()  # gone with the corpus


class Stdin:
    def __init__(self, content: bytes) -> None:
        self.buffer = io.BytesIO(content)


def test_standard_input_is_read_as_often_as_needed(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.stdin", Stdin(b"two\xff"))
    corpus = Corpus([write(tmp_path / "a", "one"), Path("-")], "replace")
    assert "".join(corpus.chunks()) == "one\ntwo\ufffd\n" == "".join(corpus.chunks())
    monkeypatch.setattr("sys.stdin", Stdin(b"two\xff"))
    with pytest.raises(CorpusError, match="standard input, line 1, byte 4"):
        list(Corpus([Path("-")]).chunks())


@pytest.mark.parametrize("named", [False, True])
def test_the_copy_of_standard_input_goes_with_the_corpus(named, tmp_path, monkeypatch):
    if not named and not Path("/proc/self/fd").exists():
        pytest.skip("a file without a name cannot be opened again here")
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    monkeypatch.setattr("sys.stdin", Stdin(b"one two"))
    if named:
        monkeypatch.setattr(reading, "PROCESSES", tmp_path / "none")
    corpus = Corpus([Path("-")])
    assert len(list((tmp_path / "tmp").iterdir())) == named  # without a name, a killed process leaves nothing
    path = corpus.paths[0]
    with open(path, "rb") as first, open(path, "rb") as second:  # each reads from the beginning
        assert (first.read(3), second.read(7), corpus.size) == (b"one", b"one two", 7)
    del corpus
    assert list((tmp_path / "tmp").iterdir()) == []


def test_a_closed_standard_input_is_said_to_be_closed(monkeypatch):
    monkeypatch.setattr("sys.stdin", None)
    with pytest.raises(CorpusError, match="standard input is closed"):
        Corpus([Path("-")])


def test_odd_names_are_read(tmp_path):
    for name in (b"two words", b"-dash", b"\xff\xfe", "\u732b".encode()):
        path = Path(os.fsdecode(os.path.join(os.fsencode(tmp_path), name)))
        assert chunks_of(write(path, "a")) == ["a\n"]


MEMORY = """
import sys
from pathlib import Path
from rnnwords.config import TextConfig
from rnnwords.text import counting
from rnnwords.text.reading import Corpus
counting.PARALLEL_FROM = 1 << 40
counts = counting.count_words(Corpus([Path(sys.argv[1])]), TextConfig(tokenizer=sys.argv[2]))
most = next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(most, counts.total)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no /proc tells how much memory was used")
def test_a_line_without_end_is_read_in_bounded_memory(tmp_path):
    size = 60 << 20
    cases = {  # name of the tokenizer, text, words
        "small": ("words", b"a", 1),
        "blanks": ("whitespace", (b"cat " * 8 + b"x" * 32) * (size // 64), 8 * size // 64),
        "endless": ("words", b"a" * size, 60),
    }
    used = {}
    for name, (tokenizer, content, words) in cases.items():
        told = run_python(MEMORY, write(tmp_path / name, content), tokenizer)
        most, total = map(int, told.stdout.split())
        used[name] = most
        assert words <= total <= words + 2
    assert used["blanks"] - used["small"] < SPARE
    assert used["endless"] - used["small"] < SPARE
