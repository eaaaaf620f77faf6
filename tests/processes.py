"""Running the program: in this process, in a child, on a terminal, with limits, without privileges, on a small disk."""

import contextlib
import fcntl
import io
import os
import pty
import re
import select
import shutil
import signal
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
from tests.texts import ROOT

HEAVY = "tensorflow,keras,tensorboard"
PROGRAM = (sys.executable, "-m", "rnnwords")
LIMIT = 180.0  # seconds; generous, since a busy machine must not fail a test
# A network that trains in a second.
TINY = ("--units", "16", "--layers", "1", "--embedding", "8", "--epochs", "30", "--seed", "1", "--precision", "float32")
QUICK = (*TINY, "--epochs", "5")

MEASURED = "COVERAGE_PROCESS_CONFIG"  # with it in the environment, a process writes a coverage file of its own

Word = str | bytes | Path


class Killed(Exception):
    """Raised in place of the end of the process."""


def environment(**changes: str | None) -> dict[str, str]:
    """Return the environment for a child: this one without variables that change the output; None removes one."""
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
    """Start the program in `cwd`, as an argument of the command `before` if there is one, with text streams."""
    settings = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
    return subprocess.Popen(
        [*before, *PROGRAM, *arguments],
        cwd=cwd, env=env or environment(), encoding="utf-8", errors="surrogateescape", **settings,
    )  # fmt: skip


def rnnwords(
    *arguments: Word, cwd: Path, input: str | None = None, **options: Any
) -> "subprocess.CompletedProcess[str]":
    """Run the program in `cwd` to its end in a child process."""
    if input is not None:
        options["stdin"] = subprocess.PIPE
    process = start(*arguments, cwd=cwd, **options)
    with killed_at_end(process):
        out, err = process.communicate(input, LIMIT)
    return subprocess.CompletedProcess(process.args, process.returncode, out or "", err or "")


def here(*arguments: Word, cwd: Path) -> int:
    """Run the program in this process, in `cwd`, and return its exit status. TensorFlow loads only once this way."""
    with contextlib.chdir(cwd):
        return run_program([os.fsdecode(word) for word in arguments])


@contextlib.contextmanager
def killed_at_end(process: "subprocess.Popen[Any]") -> Iterator[None]:
    """Kill the process at the end of the block if it still runs, and close its streams."""
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


def ask(capsys, monkeypatch, *arguments, stdin=None):
    """Run the program in this process, and return its exit status, stdout and stderr."""
    if stdin is not None:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin), encoding="utf-8"))
    capsys.readouterr()
    status = run_program([str(argument) for argument in arguments])
    found = capsys.readouterr()
    return status, found.out, found.err


@contextlib.contextmanager
def coprocess(*arguments, cwd):
    """Start the program, and yield a function that writes a line and returns the line of the answer.

    The program must end with status 0 when its input ends.
    """
    process: Any = start(*arguments, cwd=cwd, stdin=subprocess.PIPE)

    def answer(line):
        process.stdin.write(line + "\n")
        process.stdin.flush()
        assert select.select([process.stdout], [], [], LIMIT)[0], "no answer while the writer waits"
        return process.stdout.readline()

    with killed_at_end(process):
        yield answer
        process.stdin.close()
        assert process.wait(LIMIT) == 0


def run_python(
    script: str, *arguments: str | Path, before: Sequence[str] = (), environment: Mapping[str, str] | None = None
) -> "subprocess.CompletedProcess[str]":
    """Run a script, as an argument of the command `before` if there is one.

    Coverage is off, since its system calls would mix with those of the script.
    """
    env = {name: value for name, value in os.environ.items() if name != MEASURED} | dict(environment or {})
    return subprocess.run(
        [*before, sys.executable, "-c", script, *map(str, arguments)],
        cwd=ROOT, env=env, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


BLOCKED = """
import sys
blocked = set(sys.argv.pop(1).split(","))

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in blocked:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name.partition(".")[0])

sys.meta_path.insert(0, Blocker())
from rnnwords.cli import main
main()
"""


def without(
    modules: str, *arguments: str, cwd: Path, input: str = "had a general\n"
) -> "subprocess.CompletedProcess[str]":
    """Run the program in a child process where importing any of the modules, separated by commas, raises."""
    return subprocess.run(
        [sys.executable, "-c", BLOCKED, modules, *arguments],
        cwd=cwd, env=environment(), input=input, capture_output=True, text=True, timeout=LIMIT, check=False,
    )  # fmt: skip


def until(condition: Callable[[], Any], process: "subprocess.Popen[Any] | None" = None) -> Any:
    """Wait for a condition, and return its value. Fail after LIMIT, or if the process ends first."""
    deadline = time.monotonic() + LIMIT
    while True:
        ended = process is not None and process.poll() is not None
        if value := condition():
            return value
        if process is not None and ended:
            err = process.stderr.read() if process.stderr else ""
            raise AssertionError(f"the process ended with {process.returncode} before the condition held: {err}")
        assert time.monotonic() < deadline, "the condition never held"
        time.sleep(0.001)


def in_terminal(
    *arguments: Word, cwd: Path, env: Mapping[str, str] | None = None, columns: int = 100
) -> tuple[int, bytes]:
    """Run the program with all streams on a terminal, and return its exit status and all its output."""
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
    """Return the lines that a terminal shows after these bytes. It supports what a progress bar needs."""
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
            elif match[2] == "J":
                lines[row:] = [lines[row][:column]]
            elif match[2] not in "mhl":
                raise AssertionError(f"unsupported escape sequence: {token!r}")
        else:
            if column >= columns:
                row, column = row + 1, 0
            lines += [""] * (row + 1 - len(lines))
            lines[row] = lines[row].ljust(column)[:column] + token + lines[row][column + 1 :]
            column += 1
        lines += [""] * (row + 1 - len(lines))
    return [line.rstrip() for line in lines]


def matched(text: str, pattern: str) -> "re.Match[str]":
    """Return the match of a pattern in one of the lines of a text. Fail, with the text, if there is none."""
    match = re.search(pattern, text, re.MULTILINE)
    assert match, f"{pattern!r} does not match:\n{text}"
    return match


def only_error(done: "subprocess.CompletedProcess[str]", status: int, pattern: str) -> None:
    """Check that the program failed with this status, empty stdout, and one matching line on stderr."""
    assert done.returncode == status, done.stderr
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert re.search(pattern, done.stderr), done.stderr
    assert done.stderr.startswith("Error: ")


def checkpoints(run: Path) -> list[int]:
    """Return the steps of the checkpoints of a run, in order."""
    return sorted(int(item.name[5:15]) for item in (run / "checkpoints").glob("step-*.safetensors"))


def contents(directory: Path) -> dict[str, tuple[int, bytes]]:
    """Return modification time and bytes of every file under a directory, without the lock."""
    return {
        str(item.relative_to(directory)): (item.stat().st_mtime_ns, item.read_bytes())
        for item in sorted(directory.rglob("*"))
        if item.is_file() and item.name != "rnnwords-run"
    }


def without_privileges() -> Sequence[str]:
    """Return a command prefix that makes file permissions hold for root. Skip the test where that is impossible."""
    if os.geteuid() != 0:
        return ()
    command = ("setpriv", "--bounding-set=-dac_override,-dac_read_search,-fowner", "--inh-caps=-all")
    if shutil.which("setpriv") is None or subprocess.run([*command, "true"], check=False).returncode:
        pytest.skip("needs setpriv to give up the rights of root")
    return command


def with_files_up_to(size: int) -> Sequence[str]:
    """Return a command prefix that limits files to `size` bytes. Coverage is off, since its files would be cut too."""
    limited = f"import os, resource, sys; os.environ.pop('{MEASURED}', None); "
    limited += f"resource.setrlimit(resource.RLIMIT_FSIZE, ({size}, {size})); "
    return (sys.executable, "-c", limited + "os.execv(sys.argv[1], sys.argv[1:])")


@contextlib.contextmanager
def small_disk(place: Path, options: str) -> Iterator[Path]:
    """Mount a small file system at `place` with `options`. Skip the test where that is impossible."""
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


def returned(messages: Any) -> Any:
    """Return what a generator returns, after its messages."""
    while True:
        try:
            next(messages)
        except StopIteration as end:
            return end.value


@contextlib.contextmanager
def in_time(seconds: int) -> Iterator[None]:
    """Fail if the block takes longer: it waits for a pipe or reads without end. The program catches no such error."""

    def late(number: int, frame: object) -> None:
        raise AssertionError(f"no answer within {seconds} seconds")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
