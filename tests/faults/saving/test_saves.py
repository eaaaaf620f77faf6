"""Rows 2, 3, 4, 8 and 11: one saved file that is killed or fails at a system call is the old or the new one, whole."""

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from rnnwords.errors import RnnwordsError, SaveError
from rnnwords.saving import append_to_file, replace_file
from tests.faults.saving.system_calls import NEW, OLD, WRITER, leftovers, needs_strace, of_save, traced
from tests.processes import run_python


@needs_strace
def test_row_08_a_save_calls_write_fsync_rename_and_fsync_of_the_directory_in_order(target, tmp_path):
    done, lines = traced(tmp_path / "log", WRITER, target)
    assert done.returncode == 0, done.stderr
    assert target.read_bytes() == NEW
    directory, temporary = re.escape(str(target.parent)), r"rnnwords-[0-9a-f]{16}-[0-9a-f]{16}\.tmp"
    steps = [
        rf"openat\(.*{temporary}.*O_CREAT\|O_EXCL\|O_NOFOLLOW", rf"write\(\d+<.*{temporary}>",
        rf"write\(\d+<.*{temporary}>", rf"write\(\d+<.*{temporary}>", rf"fsync\(\d+<.*{temporary}>\) += 0",
        rf"close\(\d+<.*{temporary}>\)", rf"rename\w*\(.*{temporary}.*\"target\"", rf"fsync\(\d+<{directory}>\) += 0",
        rf"close\(\d+<{directory}>\)",
    ]  # fmt: skip
    names = {"openat", "write", "fsync", "close", "rename", "renameat", "renameat2", "unlink", "unlinkat", "ftruncate"}
    calls = [call.line for call in of_save(lines) if call.name in names]
    assert re.search(rf"openat\(.*\"{directory}\"", calls[0])
    assert len(calls) == len(steps) + 1
    for step, call in zip(steps, calls[1:], strict=True):
        assert re.search(step, call), (step, call)


@needs_strace
def test_row_02_kill_before_each_system_call_of_a_save_leaves_the_old_or_the_new_file(target, tmp_path):
    _, lines = traced(tmp_path / "log", WRITER, target)
    outcomes = []
    for call in of_save(lines):
        target.write_bytes(OLD)
        done, _ = traced(tmp_path / "log", WRITER, target, inject=(f"{call.name}:signal=KILL:when={call.number}",))
        assert done.returncode in (-signal.SIGKILL, 128 + signal.SIGKILL), call
        assert target.read_bytes() in (OLD, NEW), call
        outcomes.append((call.name, target.read_bytes() == NEW))
        for name in leftovers(target):
            assert re.fullmatch(r"rnnwords-[0-9a-f]{16}-[0-9a-f]{16}\.tmp", name), call
            (target.parent / name).unlink()
    assert {name for name, _ in outcomes} >= {"openat", "write", "fsync", "close"}
    assert {new for _, new in outcomes} == {False, True}


@needs_strace
@pytest.mark.parametrize(
    ("name", "number", "error", "message"),
    [
        ("write", 1, "EIO", "Input/output error"),
        ("write", 2, "ENOSPC", "No space left on device"),
        ("write", 3, "EDQUOT", "Disk quota exceeded"),
        ("fsync", 1, "EIO", "Input/output error"),
        ("rename", 1, "EACCES", "Permission denied"),
        ("openat", 1, "EIO", "Input/output error"),
        ("openat", 2, "EROFS", "Read-only file system"),
        ("close", 1, "EIO", "Input/output error"),
    ],
)
def test_row_03_a_failed_save_reports_once_and_leaves_the_old_file(name, number, error, message, target, tmp_path):
    log = tmp_path / "log"
    calls = [call for call in of_save(traced(log, WRITER, target)[1]) if call.name.startswith(name)]
    target.write_bytes(OLD)
    call = calls[number - 1]
    done, lines = traced(log, WRITER, target, inject=(f"{call.name}:error={error}:when={call.number}",))
    assert done.stderr == f"could not save {target}: {message}; the step before is kept\n"
    assert done.returncode == 1
    assert target.read_bytes() == OLD
    assert leftovers(target) == []
    assert sum(" fsync(" in line for line in lines) <= 1  # a failed one is not repeated
    assert name == "rename" or not any(" rename" in line for line in lines)


@needs_strace
def test_row_03_a_failed_fsync_of_the_directory_is_reported(target, tmp_path):
    done, _ = traced(tmp_path / "log", WRITER, target, inject=("fsync:error=EIO:when=2",))
    assert done.stderr == f"saved {target}, but a power failure could undo it: Input/output error\n"
    assert target.read_bytes() == NEW
    done, _ = traced(tmp_path / "log", WRITER, target, inject=("fsync:error=EINVAL:when=2",))  # the system has no such
    assert done.returncode == 0


def test_row_04_a_file_size_limit_leaves_the_old_file(target):
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, 150_000))\n"
    done = run_python(limit + WRITER, target)
    assert done.stderr == f"could not save {target}: File too large; the step before is kept\n"
    assert target.read_bytes() == OLD
    assert leftovers(target) == []


@pytest.mark.parametrize("option", ["size=200k", "nr_inodes=2"])
def test_row_04_a_full_disk_leaves_the_old_file(tmp_path, option):
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


def test_row_11_an_interrupted_save_leaves_the_old_file_alone(target):
    def pieces() -> Iterator[bytes]:
        yield b"new"
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        replace_file(target, pieces())
    assert target.read_bytes() == OLD
    assert leftovers(target) == []


def test_row_03_an_append_that_fails_is_reported(tmp_path):
    (tmp_path / "directory").mkdir()
    with pytest.raises(SaveError, match=r"could not save .*: Is a directory; .* is kept"):
        append_to_file(tmp_path / "directory", b"line\n")
    with pytest.raises(RnnwordsError, match=r"could not save /dev/full: expected a regular file, found another kind; "):
        append_to_file(Path("/dev/full"), b"line\n")
