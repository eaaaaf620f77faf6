"""Saving: whatever ends it, the file is the old one or the new one. Reading: within bounds, and never code."""

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnwords.errors import ModelError, ModelNotFoundError, SaveError
from rnnwords.files import append_to_file, blocks_of, digest_of, parse_json, read_bounded, replace_file
from tests.helpers import ROOT, run_python, write

OLD, PIECE = b"o" * 1_000, b"n" * 100_000
NEW = PIECE * 3
WRITER = """
import sys
from pathlib import Path
from rnnwords.errors import SaveError
from rnnwords.files import replace_file
try:
    replace_file(Path(sys.argv[1]), [b"n" * 100_000] * 3, kept="the step before is kept")
except SaveError as error:
    sys.exit(str(error))
"""
CALLS = "openat,write,fsync,close,/^rename,/^unlink,/^link,ftruncate"


def can_trace() -> bool:
    found = shutil.which("strace")
    return found is not None and subprocess.run([found, "-f", "true"], capture_output=True, check=False).returncode == 0


needs_strace = pytest.mark.skipif(not can_trace(), reason="strace is missing, or may not trace here")


@pytest.fixture
def target(tmp_path) -> Path:
    return write(tmp_path / "target", OLD)


def traced(target: Path, *inject: str) -> tuple["subprocess.CompletedProcess[str]", list[str]]:
    """A child that saves under strace, with faults injected, and the calls that it made."""
    log = target.with_name("log")
    calls = [f"--inject={one}" for one in inject]
    told = run_python(WRITER, target, before=["strace", "-f", "-y", "-o", str(log), "-e", f"trace={CALLS}", *calls])
    return told, log.read_text().splitlines()


def leftovers(target: Path) -> list[str]:
    return [path.name for path in target.parent.iterdir() if path.name not in ("target", "log")]


def of_save(calls: list[str], target: Path) -> list[int]:
    """Where the calls of the save begin and end in a trace."""
    mine = [place for place, call in enumerate(calls) if f"{target}" in call]
    return list(range(mine[0], len(calls)))


@needs_strace
def test_a_save_is_write_sync_rename_sync(target):
    told, calls = traced(target)
    assert told.returncode == 0, told.stderr
    assert target.read_bytes() == NEW
    temporary, directory = rf"{target}\.\d+\.tmp", re.escape(str(target.parent))
    steps = [
        rf"openat\(.*{temporary}.*O_CREAT", rf"write\(\d+<{temporary}>", rf"write\(\d+<{temporary}>",
        rf"write\(\d+<{temporary}>", rf"fsync\(\d+<{temporary}>\) += 0", rf"close\(\d+<{temporary}>\)",
        rf"rename\w*\(.*{temporary}.*{target}\"", rf"openat\(.*\"{directory}\"", rf"fsync\(\d+<{directory}>\) += 0",
    ]  # fmt: skip
    seen = [call for call in calls if (str(target.parent) in call and "close(" not in call) or f"<{target}" in call]
    assert len(seen) == len(steps)
    for step, call in zip(steps, seen, strict=True):
        assert re.search(step, call), (step, call)


def places(target: Path) -> dict[str, list[int]]:
    """For each system call, which of its calls since the start of the program belong to a save."""
    _, calls = traced(target)
    target.write_bytes(OLD)
    names = [match[1] if (match := re.match(r"\d+ +(\w+)\(", call)) else "" for call in calls]
    found: dict[str, list[int]] = {}
    for place in of_save(calls, target):
        if str(target.parent) in calls[place] or names[place] == "write":
            found.setdefault(names[place], []).append(names[: place + 1].count(names[place]))
    return found


@needs_strace
def test_killed_before_any_call_of_a_save_the_file_is_old_or_new(target):
    outcomes = []
    for name, numbers in places(target).items():
        for number in numbers:
            target.write_bytes(OLD)
            told, _ = traced(target, f"{name}:signal=KILL:when={number}")
            assert told.returncode in (-signal.SIGKILL, 128 + signal.SIGKILL), (name, number)
            content = target.read_bytes()
            assert content in (OLD, NEW), (name, number)
            outcomes.append((name, content == NEW))
            for leftover in leftovers(target):
                assert leftover.endswith(".tmp")
                (target.parent / leftover).unlink()
    assert {name for name, _ in outcomes} >= {"openat", "write", "fsync", "close", "rename"}
    assert {new for _, new in outcomes} == {False, True}


@needs_strace
@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("write:error=EIO:when=1", "Input/output error"),
        ("write:error=ENOSPC:when=2", "No space left on device"),
        ("write:error=EDQUOT:when=3", "Disk quota exceeded"),
        ("fsync:error=EIO:when=1", "Input/output error"),
        ("/^rename:error=EACCES:when=1", "Permission denied"),
        ("openat", "Read-only file system"),
        ("close", "Input/output error"),
    ],
)
def test_a_failed_save_is_told_once_and_leaves_the_old_file(target, fault, message):
    if fault == "openat":
        fault = f"openat:error=EROFS:when={places(target)['openat'][0]}"
    elif fault == "close":
        fault = f"close:error=EIO:when={places(target)['close'][0]}"
    told, calls = traced(target, fault)
    assert told.stderr == f"could not save {target}: {message}; the step before is kept\n"
    assert told.returncode == 1
    assert target.read_bytes() == OLD
    assert leftovers(target) == []
    assert sum(" fsync(" in call for call in calls) <= 1  # a failed one is not tried again
    assert fault.startswith("/^rename") or not any(" rename" in call for call in calls)


@needs_strace
def test_a_directory_that_cannot_be_synchronised_is_told(target):
    told, _ = traced(target, "fsync:error=EIO:when=2")
    assert told.stderr == f"{target} is saved, but may not survive a power loss: Input/output error\n"
    assert target.read_bytes() == NEW
    told, _ = traced(target, "fsync:error=EINVAL:when=2")  # a file system that has no such thing
    assert told.returncode == 0


def test_a_file_size_limit_leaves_the_old_file(target):
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, 150_000))\n"
    told = run_python(limit + WRITER, target)
    assert told.stderr == f"could not save {target}: File too large; the step before is kept\n"
    assert target.read_bytes() == OLD
    assert leftovers(target) == []


@pytest.mark.parametrize("option", ["size=200k", "nr_inodes=2"])
def test_a_full_disk_leaves_the_old_file(tmp_path, option):
    script = f"""
import os, subprocess, sys
if subprocess.run(["mount", "-t", "tmpfs", "-o", "{option}", "none", sys.argv[1]], capture_output=True).returncode:
    sys.exit(77)
sys.argv[1] += "/target"
with open(sys.argv[1], "wb") as stream:
    stream.write(b"o" * 1_000)
import atexit
atexit.register(lambda: print(os.listdir(os.path.dirname(sys.argv[1])), os.stat(sys.argv[1]).st_size))
"""
    alone = ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-rm"]
    if shutil.which("unshare") is None or subprocess.run([*alone, "true"], capture_output=True, check=False).returncode:
        pytest.skip("no mount namespace may be made here")
    told = run_python(script + WRITER, tmp_path, before=alone)
    if told.returncode == 77:
        pytest.skip("no tmpfs may be mounted here")
    assert told.stderr == f"could not save {tmp_path}/target: No space left on device; the step before is kept\n"
    assert told.stdout == "['target'] 1000\n"


def test_a_reader_sees_one_whole_file_while_another_process_writes(target):
    script = """
import sys
from pathlib import Path
from rnnwords.files import replace_file
print("ready", flush=True)
for turn in range(10**9):
    letter = b"ab"[turn % 2 : turn % 2 + 1]
    replace_file(Path(sys.argv[1]), [letter * 100_000] * (2 + turn % 2))
"""
    target.write_bytes(b"a" * 200_000)
    with subprocess.Popen([sys.executable, "-c", script, str(target)], cwd=ROOT, stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"ready\n"
        try:
            deadline = time.monotonic() + 60  # a busy machine may not let the writer write for a while
            seen = {read_bounded(target, 1 << 20, "file") for _ in range(2_000)}
            while len(seen) < 2 and time.monotonic() < deadline:
                seen.add(read_bounded(target, 1 << 20, "file"))
            assert writer.poll() is None
        finally:
            writer.kill()
    assert seen == {b"a" * 200_000, b"b" * 300_000}


def test_a_save_that_is_given_up_leaves_the_old_file(target):
    def pieces():
        yield b"new"
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        replace_file(target, pieces())
    assert target.read_bytes() == OLD
    assert leftovers(target) == []


def test_a_link_stays_and_its_file_is_replaced(target, tmp_path):
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


def test_a_device_or_pipe_is_written_to_and_stays(tmp_path):
    before = os.stat("/dev/null")
    replace_file(Path("/dev/null"), [b"new"])
    assert (os.stat("/dev/null").st_ino, os.stat("/dev/null").st_mode) == (before.st_ino, before.st_mode)
    told = run_python(WRITER, "/dev/stdout")
    assert told.stdout == NEW.decode()
    with pytest.raises(SaveError, match="could not save /dev/full: No space left on device"):
        replace_file(Path("/dev/full"), [PIECE])


def test_where_nothing_can_be_saved_the_reason_is_told(tmp_path):
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
        assert str(caught.value) == f"could not save {path}: {message}; what was there is kept"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["directory", "file"]


def test_what_is_added_stands_behind_what_was_there_and_is_on_disk(tmp_path, monkeypatch):
    synchronised: list[int] = []
    monkeypatch.setattr(os, "fsync", synchronised.append)
    for line in (b"one\n", b"two\n"):
        append_to_file(tmp_path / "file", line)
    assert (tmp_path / "file").read_bytes() == b"one\ntwo\n"
    assert len(synchronised) == 3  # the file twice, and once the directory that it is new in


def test_what_cannot_be_added_is_told(tmp_path):
    with pytest.raises(SaveError, match=r"could not save /dev/full: No space left on device; what was there is kept"):
        append_to_file(Path("/dev/full"), b"line\n")
    with pytest.raises(SaveError, match=r"could not save .*: Is a directory; "):
        append_to_file(tmp_path, b"line\n")


def test_reading_is_bounded(tmp_path):
    path = write(tmp_path / "file", b"x" * 100)
    assert read_bounded(path, 100, "model file") == b"x" * 100
    with pytest.raises(ModelError, match=r"model file .* has 100 bytes; at most 99 are read"):
        read_bounded(path, 99, "model file")
    with open(path, "r+b") as stream:
        stream.truncate(1 << 40)  # takes no room on the disk
    with pytest.raises(ModelError, match="has 1,099,511,627,776 bytes"):
        read_bounded(path, 1 << 30, "model file")


def test_what_is_no_file_is_refused_at_once(tmp_path):
    with pytest.raises(ModelNotFoundError, match="does not exist"):
        read_bounded(tmp_path / "none", 10, "model file")
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero"), Path("/dev/null")):
        with pytest.raises(ModelError, match="is no regular file"):
            read_bounded(path, 10, "model file")
    with pytest.raises(ModelError, match="cannot be read: Is a directory"):
        read_bounded(tmp_path, 10, "model file")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": 1, "a": 1}', "a key stands twice"),
        ('{"b": {"a": 1, "a": 2}}', "a key stands twice"),
        ("NaN", "NaN is no finite number"),
        ("[-Infinity]", "-Infinity is no finite number"),
        ("1e999", "1e999 is no finite number"),
        ("", "Expecting value"),
        ("{", "Expecting property name"),
        ("[1] 2", "Extra data"),
        ("[" * 100_000, "recursion"),
        ('{"a":' * 100_000, "recursion"),
        ("9" * 10_000, "limit"),
        (b"\xff", "invalid start byte"),
    ],
)
def test_json_that_means_two_things_or_none_is_refused(text, message):
    with pytest.raises(ModelError, match=message) as caught:
        parse_json(text, "the header")
    assert str(caught.value).startswith("the header is not valid JSON: ")


plain = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()


@given(st.recursive(plain, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=10))
def test_other_json_is_read(value):

    assert parse_json(json.dumps(value), "it") == value


def test_the_digest_is_that_of_the_bytes_in_order(tmp_path):
    paths = [write(tmp_path / "a", b"ab"), write(tmp_path / "b", b"c" * 3_000_000)]

    assert digest_of(paths) == hashlib.sha256(b"ab" + b"c" * 3_000_000).hexdigest()
    assert digest_of(paths[::-1]) != digest_of(paths)
    assert [len(block) for block in blocks_of(paths[1])] == [1 << 20, 1 << 20, 3_000_000 - (2 << 20)]
