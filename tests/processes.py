"""The program in a process of its own: with limits, with a terminal to look at, without rights, on a small disk."""

import contextlib
import fcntl
import os
import pty
import re
import select
import shutil
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from rnnwords.cli import run as run_program

PROGRAM = (sys.executable, "-m", "rnnwords")
LIMIT = 180.0  # seconds that anything may take on a busy machine
# A network that trains in a second.
TINY = ("--units", "16", "--layers", "1", "--embedding", "8", "--epochs", "30", "--seed", "1", "--precision", "float32")

Word = str | bytes | Path


def environment(**changes: str | None) -> dict[str, str]:
    """The environment of a child: this one, without what would change how the program looks; None removes."""
    unset = {"RNNWORDS_MODEL", "NO_COLOR", "COLUMNS", "LINES", "PYTHONUNBUFFERED", "FORCE_COLOR"}
    found = {name: value for name, value in os.environ.items() if name not in unset}
    found |= {"TERM": "xterm-256color"}
    for name, value in changes.items():
        found.pop(name, None)
        if value is not None:
            found[name] = value
    return found


def start(
    *arguments: Word, cwd: Path, env: Mapping[str, str] | None = None, before: Sequence[str] = (), **options: Any
) -> "subprocess.Popen[Any]":
    """Start the program in `cwd`, behind the command `before` if one is given; its output comes as text."""
    settings = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
    return subprocess.Popen(
        [*before, *PROGRAM, *arguments],
        cwd=cwd, env=env or environment(), encoding="utf-8", errors="surrogateescape", **settings,
    )  # fmt: skip


def rnnwords(
    *arguments: Word, cwd: Path, input: str | None = None, **options: Any
) -> "subprocess.CompletedProcess[str]":
    """Run the program in `cwd` to its end."""
    if input is not None:
        options["stdin"] = subprocess.PIPE
    process = start(*arguments, cwd=cwd, **options)
    with killed_at_end(process):
        out, err = process.communicate(input, LIMIT)
    return subprocess.CompletedProcess(process.args, process.returncode, out or "", err or "")


def here(*arguments: Word, cwd: Path) -> int:
    """Run the program in this process, in `cwd`, and return its exit status: faster where TensorFlow is loaded."""
    with contextlib.chdir(cwd):
        return run_program([os.fsdecode(word) for word in arguments])


@contextlib.contextmanager
def killed_at_end(process: "subprocess.Popen[Any]") -> Iterator[None]:
    """Whatever happens inside, the process does not outlive it."""
    try:
        yield
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()


def until(condition: Callable[[], Any], process: "subprocess.Popen[Any] | None" = None) -> Any:
    """Wait for a condition and return its value. Fails after LIMIT, or if the process ended without it."""
    deadline = time.monotonic() + LIMIT
    while True:
        ended = process is not None and process.poll() is not None
        if value := condition():
            return value
        if process is not None and ended:
            told = process.stderr.read() if process.stderr else ""
            raise AssertionError(f"the process ended with {process.returncode} before it came: {told}")
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.001)


def in_terminal(
    *arguments: Word, cwd: Path, env: Mapping[str, str] | None = None, columns: int = 100
) -> tuple[int, bytes]:
    """Run the program with all its streams on a terminal: its exit status, and every byte that the terminal got."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    process = subprocess.Popen(
        [*PROGRAM, *arguments], cwd=cwd, env=env or environment(),
        stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
    )  # fmt: skip
    os.close(theirs)
    seen = b""
    deadline = time.monotonic() + LIMIT
    with killed_at_end(process):
        while time.monotonic() < deadline:
            if select.select([ours], [], [], 0.05)[0]:
                try:
                    seen += os.read(ours, 65536)
                except OSError:  # the other side is closed
                    break
        process.wait(LIMIT)
    os.close(ours)
    return process.returncode, seen


def screen(seen: bytes, columns: int = 100) -> list[str]:
    """The lines that stand on a terminal after it got these bytes: as much of a terminal as a progress bar needs."""
    lines, row, column = [""], 0, 0
    for token in re.findall(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b.|[\r\n]|[^\x1b\r\n]", seen.decode("utf-8", "replace")):
        if token == "\r":
            column = 0
        elif token == "\n":
            row += 1
        elif match := re.fullmatch(r"\x1b\[([0-9;?]*)([A-Za-z])", token):
            count = int(match[1]) if match[1].isdigit() else 1
            if match[2] == "A":
                row = max(0, row - count)
            elif match[2] == "K":
                lines[row] = "" if match[1] == "2" else lines[row][:column]
            elif match[2] not in "mhl":
                raise AssertionError(f"a sequence that this screen does not know: {token!r}")
        else:
            if column >= columns:
                row, column = row + 1, 0
            lines += [""] * (row + 1 - len(lines))
            lines[row] = lines[row].ljust(column)[:column] + token + lines[row][column + 1 :]
            column += 1
        lines += [""] * (row + 1 - len(lines))
    return [line.rstrip() for line in lines]


def said(text: str, pattern: str) -> "re.Match[str]":
    """The match of a pattern in one of the lines of a text; fails, showing the text, if there is none."""
    match = re.search(pattern, text, re.MULTILINE)
    assert match, f"nobody said {pattern!r}:\n{text}"
    return match


def only_error(done: "subprocess.CompletedProcess[str]", status: int, pattern: str) -> None:
    """The program failed as it should: this status, nothing on stdout, one line on stderr that tells why."""
    assert done.returncode == status, done.stderr
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert re.search(pattern, done.stderr), done.stderr
    assert done.stderr.startswith("Error: ")


def checkpoints(run: Path) -> list[int]:
    """The steps of the checkpoints of a run, in order."""
    return sorted(int(item.name[5:15]) for item in (run / "checkpoints").glob("step-*.safetensors"))


def contents(directory: Path) -> dict[str, tuple[int, bytes]]:
    """Every file under a directory but the lock: when it was last written, and its bytes."""
    return {
        str(item.relative_to(directory)): (item.stat().st_mtime_ns, item.read_bytes())
        for item in sorted(directory.rglob("*"))
        if item.is_file() and item.name != "lock"
    }


def without_privileges() -> Sequence[str]:
    """What to put in front of a command so that file permissions hold for root too. Skips where that cannot be."""
    if os.geteuid() != 0:
        return ()
    command = ("setpriv", "--bounding-set=-dac_override,-dac_read_search,-fowner", "--inh-caps=-all")
    if shutil.which("setpriv") is None or subprocess.run([*command, "true"], check=False).returncode:
        pytest.skip("needs setpriv to give up the rights of root")
    return command


def with_files_up_to(size: int) -> Sequence[str]:
    """What to put in front of a command so that no file of it can grow beyond `size` bytes."""
    limited = f"import os, resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, ({size}, {size})); "
    return (sys.executable, "-c", limited + "os.execv(sys.argv[1], sys.argv[1:])")


@contextlib.contextmanager
def small_disk(place: Path, options: str) -> Iterator[Path]:
    """A file system of its own in `place`, mounted with `options`. Skips the test where none can be mounted."""
    place.mkdir(exist_ok=True)
    if shutil.which("mount") is None:
        pytest.skip("needs mount to make a small file system")
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)], capture_output=True, text=True, check=False
    )
    if made.returncode:
        pytest.skip(f"a small file system cannot be mounted here: {made.stderr.strip()}")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)
