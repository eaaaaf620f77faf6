"""Corpora: line ends, block boundaries, encodings, compressed files, pipes, and files that cannot be read."""

import gzip
import io
import os
import re
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnwords.config import ReadConfig, TextConfig
from rnnwords.errors import CorpusError, UsageError
from rnnwords.text.counting import count_words
from rnnwords.text.reading import corpus as corpus_module
from rnnwords.text.reading.corpus import Corpus
from rnnwords.text.tokens.tokenizer import tokenize
from tests.processes import run_python
from tests.texts import file_texts, write

MAX_EXTRA = 45 << 10  # kilobytes that a line of 60 MB needs more than a small text
CLEAN = "The cat, the mouse.\n\nNa\u00efve \u732b\nend\n"


def texts_of(path: Path, errors: str = "strict") -> list[str]:
    return list(Corpus([path], ReadConfig(errors)).texts())


def normalized(content: bytes) -> str:
    """Return the text without byte-order mark, with line ends \\n and one at the end."""
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
    ids=["clean", "bom", "crlf", "cr", "no-final-newline", "crlf-no-final-newline", "all"],
)
@pytest.mark.parametrize("size", [7, 8, 11, 1 << 20])
def test_bom_and_line_ends_do_not_change_the_text(tmp_path, monkeypatch, content, size):
    monkeypatch.setattr(corpus_module, "BLOCK_SIZE", size)
    path = write(tmp_path / "text", content)
    assert "".join(texts_of(path)) == CLEAN
    counts = count_words(Corpus([path]), TextConfig(eos=True)).counts
    assert counts == {"<eos>": 4, "the": 1, "The": 1, "cat": 1, ",": 1, "mouse": 1, ".": 1, "Na\u00efve": 1,
                      "\u732b": 1, "end": 1}  # fmt: skip


@given(file_texts, st.integers(4, 40), st.booleans())
def test_blocks_join_to_the_text_and_never_cut_a_word(tmp_path_factory, text, size, mark):
    content = b"\xef\xbb\xbf" * mark + text.encode()
    path = write(tmp_path_factory.mktemp("reading") / "text", content)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(corpus_module, "BLOCK_SIZE", size)
        chunks = texts_of(path)
    whole = normalized(content)
    assert "".join(chunks) == whole
    assert all(chunks)
    assert all(len(chunk.encode()) <= 3 * size + 4 for chunk in chunks)
    longest = max(map(len, re.split(rb"[ \t\n\r\f\v]", content)), default=0)
    if longest < size:
        for config in (TextConfig(), TextConfig(eos=True, lowercase=True), TextConfig(tokenizer="whitespace")):
            assert [word for chunk in chunks for word in tokenize(chunk, config)] == tokenize(whole, config)


def test_word_longer_than_a_block_is_cut_between_characters(tmp_path, monkeypatch):
    monkeypatch.setattr(corpus_module, "BLOCK_SIZE", 10)
    for letter in ("a", "\u00e9", "\u732b", "\U0001f600"):
        chunks = texts_of(write(tmp_path / "text", letter * 100))
        assert len(chunks) > 9
        assert "".join(chunks) == letter * 100 + "\n"


@pytest.mark.parametrize("size", [4, 8, 1 << 20])
@pytest.mark.parametrize(
    ("content", "place"),
    [
        (b"\xff", "line 1, byte 1: expected UTF-8, found 0xff"),
        (b"one two\nthree \xe9 four", "line 2, byte 7: expected UTF-8, found 0xe9"),
        (b"one\r\n\r\nthree\rab\xc3", "line 4, byte 3: expected UTF-8, found 0xc3"),
        (b"one two three four five six seven eight nine \xe9 ten", "line 1, byte 46: expected UTF-8, found 0xe9"),
        (
            b"a\n" * 9 + b"one two three four five six seven eight nine \xf0\x9f ten",
            "line 10, byte 46: expected UTF-8, found 0xf0",
        ),
        ("\u732b".encode() * 9 + b"\x80", "line 1, byte 28: expected UTF-8, found 0x80"),
    ],
)
def test_invalid_utf8_error_gives_line_and_byte(tmp_path, monkeypatch, content, place, size):
    monkeypatch.setattr(corpus_module, "BLOCK_SIZE", size)
    path = write(tmp_path / "text", content)
    with pytest.raises(CorpusError, match="set `encoding_errors` to replace") as caught:
        texts_of(path)
    assert str(caught.value).startswith(f"{path}, {place}")
    assert "\ufffd" in "".join(texts_of(path, "replace"))


def test_replace_keeps_the_text_after_invalid_bytes(tmp_path):
    path = write(tmp_path / "text", b"one \xe9 two \xff\xfe three")
    assert "".join(texts_of(path, "replace")) == "one \ufffd two \ufffd\ufffd three\n"


@pytest.mark.parametrize("content", ["", "\n", " \n\t \n", "\r\n", "\ufeff", "\ufeff \n"])
def test_blank_text_has_no_words(tmp_path, content):
    path = write(tmp_path / "text", content)
    assert count_words(Corpus([path]), TextConfig()).total == 0


def test_several_files_are_read_in_order_any_number_of_times(tmp_path):
    paths = [write(tmp_path / "a", "one"), write(tmp_path / "b", "\ufefftwo\n"), write(tmp_path / "c", "")]
    corpus = Corpus(paths)
    assert "".join(corpus.texts()) == "one\ntwo\n" == "".join(corpus.texts())  # twice
    assert corpus.size == 3 + 7


def test_gz_file_is_decompressed(tmp_path, monkeypatch):
    monkeypatch.setattr(corpus_module, "BLOCK_SIZE", 7)
    path = write(tmp_path / "text.gz", gzip.compress(b"\xef\xbb\xbf" + CLEAN.replace("\n", "\r\n").encode()))
    assert "".join(texts_of(path)) == CLEAN


def test_truncated_or_corrupted_gz_file_is_an_error(tmp_path):
    content = gzip.compress(os.urandom(5_000))
    for cut in [*range(1, len(content), 97), len(content) - 1]:
        with pytest.raises(CorpusError, match=r"expected a whole \.gz file, found .*text\.gz damaged"):
            texts_of(write(tmp_path / "text.gz", content[:cut]), "replace")
    flipped = bytearray(content)
    flipped[2_000] ^= 0x10
    for other in (b"no gzip at all", bytes(flipped)):
        with pytest.raises(CorpusError, match=r"expected a whole \.gz file, found .*text\.gz damaged"):
            texts_of(write(tmp_path / "text.gz", other), "replace")


def test_directory_and_missing_file_errors_name_the_path(tmp_path):
    cases = [
        (tmp_path, "expected a directory with text files, found none"),
        (tmp_path / "none", "found nothing at"),
        (tmp_path / ("x" * 300), "cannot read"),
    ]
    for path, message in cases:
        with pytest.raises(CorpusError, match=message) as caught:
            Corpus([path])
        assert str(path) in str(caught.value)
    with pytest.raises(UsageError, match="expected one or more text files, found none"):
        Corpus([])
    with pytest.raises(UsageError, match="once"):
        Corpus([Path("-"), Path("-")])


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_file_without_read_permission_is_an_error(tmp_path):
    path = write(tmp_path / "text", "a")
    path.chmod(0)
    with pytest.raises(CorpusError, match="cannot read"):
        Corpus([path])


def test_file_deleted_before_reading_is_an_error(tmp_path):
    path = write(tmp_path / "text", "a")
    corpus = Corpus([path])
    path.unlink()
    with pytest.raises(CorpusError, match="cannot read"):
        list(corpus.texts())


@pytest.mark.parametrize("name", ["pipe", "pipe.gz"])
def test_pipe_can_be_read_any_number_of_times(tmp_path, name):
    path = tmp_path / name
    os.mkfifo(path)
    content = gzip.compress(CLEAN.encode()) if name.endswith(".gz") else CLEAN.encode()
    writer = threading.Thread(target=path.write_bytes, args=(content,), daemon=True)
    writer.start()
    corpus = Corpus([path])
    writer.join(30)
    assert "".join(corpus.texts()) == CLEAN == "".join(corpus.texts())
    assert corpus.names == [str(path)]
    spool = corpus.paths[0]
    assert spool.exists()
    del corpus
    assert not spool.exists()  # gone with the corpus


class Stdin:
    def __init__(self, content: bytes) -> None:
        self.buffer = io.BytesIO(content)


def test_standard_input_can_be_read_any_number_of_times(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.stdin", Stdin(b"two\xff"))
    corpus = Corpus([write(tmp_path / "a", "one"), Path("-")], ReadConfig("replace"))
    assert "".join(corpus.texts()) == "one\ntwo\ufffd\n" == "".join(corpus.texts())
    monkeypatch.setattr("sys.stdin", Stdin(b"two\xff"))
    with pytest.raises(CorpusError, match="standard input, line 1, byte 4"):
        list(Corpus([Path("-")]).texts())


@pytest.mark.parametrize("named", [False, True])
def test_copy_of_standard_input_is_deleted_with_the_corpus(named, tmp_path, monkeypatch):
    if not named and not Path("/proc/self/fd").exists():
        pytest.skip("unnamed files cannot be opened again without /proc")
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    monkeypatch.setattr("sys.stdin", Stdin(b"one two"))
    if named:
        monkeypatch.setattr(corpus_module, "PROC", tmp_path / "none")
    corpus = Corpus([Path("-")])
    assert len(list((tmp_path / "tmp").iterdir())) == named  # an unnamed file disappears with a killed process
    path = corpus.paths[0]
    with open(path, "rb") as first, open(path, "rb") as second:  # each reads from the beginning
        assert (first.read(3), second.read(7), corpus.size) == (b"one", b"one two", 7)
    del corpus
    assert list((tmp_path / "tmp").iterdir()) == []


def test_closed_standard_input_is_an_error(monkeypatch):
    monkeypatch.setattr("sys.stdin", None)
    with pytest.raises(CorpusError, match="expected text on standard input, found it closed"):
        Corpus([Path("-")])


def test_file_names_with_spaces_dashes_or_invalid_utf8_are_read(tmp_path):
    for name in (b"two words", b"-dash", b"\xff\xfe", "\u732b".encode()):
        path = Path(os.fsdecode(os.path.join(os.fsencode(tmp_path), name)))
        assert texts_of(write(path, "a")) == ["a\n"]


MEMORY = """
import os
import sys
from pathlib import Path
from rnnwords.config import ReadConfig, TextConfig
from rnnwords.text import counting
from rnnwords.text.reading.corpus import Corpus
os.sched_getaffinity = lambda process: {0}  # one core: no worker processes
counts = counting.count_words(Corpus([Path(sys.argv[1])]), TextConfig(tokenizer=sys.argv[2]))
peak = next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(peak, counts.total)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from /proc")
def test_line_of_60_mb_is_read_in_bounded_memory(tmp_path):
    size = 60 << 20
    cases = {  # name of the tokenizer, text, words
        "small": ("words", b"a", 1),
        "blanks": ("whitespace", (b"cat " * 8 + b"x" * 32) * (size // 64), 8 * size // 64),
        "endless": ("words", b"a" * size, 60),
    }
    used = {}
    for name, (tokenizer, content, words) in cases.items():
        done = run_python(MEMORY, write(tmp_path / name, content), tokenizer)
        peak, total = map(int, done.stdout.split())
        used[name] = peak
        assert words <= total <= words + 2
    assert used["blanks"] - used["small"] < MAX_EXTRA
    assert used["endless"] - used["small"] < MAX_EXTRA
