"""Atomic replacement of files under kills and faults, and bounded reading."""

import hashlib
import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnwords.errors import ModelError, ModelNotFoundError, SaveError
from rnnwords.files import digest_of, parse_json, read_bounded
from rnnwords.saving import append_to_file, replace_file
from tests.processes import run_python
from tests.texts import write

OLD, PIECE = b"o" * 1_000, b"n" * 100_000
NEW = PIECE * 3
WRITER = """
import sys
from pathlib import Path
from rnnwords.errors import SaveError
from rnnwords.saving import replace_file
try:
    replace_file(Path(sys.argv[1]), [b"n" * 100_000] * 3, kept="the step before is kept")
except SaveError as error:
    sys.exit(str(error))
"""


@pytest.fixture
def target(tmp_path) -> Path:
    return write(tmp_path / "target", OLD)


def test_save_through_a_symlink_replaces_its_target(target, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    link = tmp_path / "elsewhere" / "link"
    link.symlink_to(target)
    replace_file(link, [b"new"])
    assert link.is_symlink()
    assert target.read_bytes() == b"new"
    dangling = tmp_path / "dangling"
    dangling.symlink_to(tmp_path / "made")
    replace_file(dangling, [b"new"])
    assert (tmp_path / "made").read_bytes() == b"new"


def test_devices_and_pipes_are_written_in_place(tmp_path):
    before = os.stat("/dev/null")
    replace_file(Path("/dev/null"), [b"new"])
    assert (os.stat("/dev/null").st_ino, os.stat("/dev/null").st_mode) == (before.st_ino, before.st_mode)
    done = run_python(WRITER, "/dev/stdout")
    assert done.stdout == NEW.decode()
    with pytest.raises(SaveError, match="could not save /dev/full: No space left on device"):
        replace_file(Path("/dev/full"), [PIECE])


def test_impossible_save_reports_its_reason(tmp_path):
    (tmp_path / "directory").mkdir()
    write(tmp_path / "file", "")
    for path, message in (
        (tmp_path / "none" / "target", "No such file or directory"),
        (tmp_path / "file" / "target", "Not a directory"),
        (tmp_path / "directory", "Is a directory"),
        (tmp_path / ("x" * 300), "File name too long"),
    ):
        with pytest.raises(SaveError) as caught:
            replace_file(path, [b"new"])
        assert str(caught.value) == f"could not save {path}: {message}; the previous content is kept"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["directory", "file"]


def test_append_adds_at_the_end_and_syncs(tmp_path, monkeypatch):
    synchronised: list[int] = []
    monkeypatch.setattr(os, "fsync", synchronised.append)
    for line in (b"one\n", b"two\n"):
        append_to_file(tmp_path / "file", line)
    assert (tmp_path / "file").read_bytes() == b"one\ntwo\n"
    assert len(synchronised) == 3  # the file twice, and once the directory that it is new in


def test_reads_beyond_the_size_limit_are_refused(tmp_path):
    path = write(tmp_path / "file", b"x" * 100)
    assert read_bounded(path, 100, "model file") == b"x" * 100
    with pytest.raises(ModelError, match=r"model file .*: expected at most 99 bytes, found 100"):
        read_bounded(path, 99, "model file")
    with open(path, "r+b") as stream:
        stream.truncate(1 << 40)  # takes no room on the disk
    with pytest.raises(ModelError, match="found 1,099,511,627,776"):
        read_bounded(path, 1 << 30, "model file")


def test_reading_a_pipe_or_directory_is_refused_at_once(tmp_path):
    with pytest.raises(ModelNotFoundError, match="expected a file, found none"):
        read_bounded(tmp_path / "none", 10, "model file")
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero"), Path("/dev/null")):
        with pytest.raises(ModelError, match="expected a regular file, found another kind"):
            read_bounded(path, 10, "model file")
    with pytest.raises(ModelError, match=r"cannot read model file .*: Is a directory"):
        read_bounded(tmp_path, 10, "model file")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": 1, "a": 1}', "expected each key once, found one twice"),
        ('{"b": {"a": 1, "a": 2}}', "expected each key once, found one twice"),
        ("NaN", "expected a finite number, found NaN"),
        ("[-Infinity]", "expected a finite number, found -Infinity"),
        ("1e999", "expected a finite number, found 1e999"),
        ("", "Expecting value"),
        ("{", "Expecting property name"),
        ("[1] 2", "Extra data"),
        ("[" * 100_000, "less depth"),
        ('{"a":' * 100_000, "less depth"),
        ("9" * 10_000, "limit"),
        (b"\xff", "invalid start byte"),
    ],
)
def test_ambiguous_or_invalid_json_is_refused(text, message):
    with pytest.raises(ModelError, match=message) as caught:
        parse_json(text, "the header")
    assert str(caught.value).startswith("the header is not valid JSON: ")


plain = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()


@given(st.recursive(plain, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=10))
def test_valid_json_round_trips(value):

    assert parse_json(json.dumps(value), "it") == value


def test_digest_of_files_is_sha256_of_their_bytes_in_order(tmp_path):
    paths = [write(tmp_path / "a", b"ab"), write(tmp_path / "b", b"c" * 3_000_000)]

    assert digest_of(paths) == hashlib.sha256(b"ab" + b"c" * 3_000_000).hexdigest()
    assert digest_of(paths[::-1]) != digest_of(paths)
