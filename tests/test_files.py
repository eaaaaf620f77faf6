"""Atomic replacement of files under kills and faults, and bounded reading."""

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
from rnnwords.files import append_to_file, digest_of, parse_json, read_bounded, replace_file
from tests.processes import run_python
from tests.texts import ROOT, write

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
    program = shutil.which("strace")
    return (
        program is not None
        and subprocess.run([program, "-f", "true"], capture_output=True, check=False).returncode == 0
    )


needs_strace = pytest.mark.skipif(not can_trace(), reason="strace is missing, or may not trace here")


@pytest.fixture
def target(tmp_path) -> Path:
    return write(tmp_path / "target", OLD)


def traced(target: Path, *inject: str) -> tuple["subprocess.CompletedProcess[str]", list[str]]:
    """Run a save under strace with injected faults, and return the process and its system calls."""
    log = target.with_name("log")
    calls = [f"--inject={one}" for one in inject]
    done = run_python(WRITER, target, before=["strace", "-f", "-y", "-o", str(log), "-e", f"trace={CALLS}", *calls])
    return done, log.read_text().splitlines()


def leftovers(target: Path) -> list[str]:
    return [path.name for path in target.parent.iterdir() if path.name not in ("target", "log")]


def of_save(calls: list[str], target: Path) -> list[int]:
    """Return where the calls of the save begin and end in a trace."""
    mine = [place for place, call in enumerate(calls) if f"{target}" in call]
    return list(range(mine[0], len(calls)))


@needs_strace
def test_save_calls_write_fsync_rename_fsync_in_order(target):
    done, calls = traced(target)
    assert done.returncode == 0, done.stderr
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
    """Return for each system call which of its calls since the start of the program belong to a save."""
    _, calls = traced(target)
    target.write_bytes(OLD)
    names = [match[1] if (match := re.match(r"\d+ +(\w+)\(", call)) else "" for call in calls]
    numbers: dict[str, list[int]] = {}
    for place in of_save(calls, target):
        if str(target.parent) in calls[place] or names[place] == "write":
            numbers.setdefault(names[place], []).append(names[: place + 1].count(names[place]))
    return numbers


@needs_strace
def test_kill_before_any_system_call_of_a_save_leaves_old_or_new_file(target):
    outcomes = []
    for name, numbers in places(target).items():
        for number in numbers:
            target.write_bytes(OLD)
            done, _ = traced(target, f"{name}:signal=KILL:when={number}")
            assert done.returncode in (-signal.SIGKILL, 128 + signal.SIGKILL), (name, number)
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
def test_failed_save_reports_once_and_leaves_the_old_file(target, fault, message):
    if fault == "openat":
        fault = f"openat:error=EROFS:when={places(target)['openat'][0]}"
    elif fault == "close":
        fault = f"close:error=EIO:when={places(target)['close'][0]}"
    done, calls = traced(target, fault)
    assert done.stderr == f"could not save {target}: {message}; the step before is kept\n"
    assert done.returncode == 1
    assert target.read_bytes() == OLD
    assert leftovers(target) == []
    assert sum(" fsync(" in call for call in calls) <= 1  # a failed one is not tried again
    assert fault.startswith("/^rename") or not any(" rename" in call for call in calls)


@needs_strace
def test_failed_directory_fsync_is_reported(target):
    done, _ = traced(target, "fsync:error=EIO:when=2")
    assert done.stderr == f"saved {target}, but a power failure could undo it: Input/output error\n"
    assert target.read_bytes() == NEW
    done, _ = traced(target, "fsync:error=EINVAL:when=2")  # a file system that has no such thing
    assert done.returncode == 0


def test_file_size_limit_leaves_the_old_file(target):
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, 150_000))\n"
    done = run_python(limit + WRITER, target)
    assert done.stderr == f"could not save {target}: File too large; the step before is kept\n"
    assert target.read_bytes() == OLD
    assert leftovers(target) == []


@pytest.mark.parametrize("option", ["size=200k", "nr_inodes=2"])
def test_full_disk_leaves_the_old_file(tmp_path, option):
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
    done = run_python(script + WRITER, tmp_path, before=alone)
    if done.returncode == 77:
        pytest.skip("no tmpfs may be mounted here")
    assert done.stderr == f"could not save {tmp_path}/target: No space left on device; the step before is kept\n"
    assert done.stdout == "['target'] 1000\n"


def test_reader_sees_whole_files_while_another_process_writes(target):
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


def test_interrupted_save_leaves_the_old_file(target):
    def pieces():
        yield b"new"
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        replace_file(target, pieces())
    assert target.read_bytes() == OLD
    assert leftovers(target) == []


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


def test_failed_append_reports_its_reason(tmp_path):
    with pytest.raises(SaveError, match=r"could not save /dev/full: No space left on device; .* is kept"):
        append_to_file(Path("/dev/full"), b"line\n")
    with pytest.raises(SaveError, match=r"could not save .*: Is a directory; "):
        append_to_file(tmp_path, b"line\n")


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
        ("[" * 100_000, "recursion"),
        ('{"a":' * 100_000, "recursion"),
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
