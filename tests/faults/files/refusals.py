"""Checks that commands refuse model files with one line, in little time and memory."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rnnwords.errors import ModelError
from rnnwords.model_file import Model
from tests.processes import run_python
from tests.signed_files import ngram_base, saved
from tests.texts import CATS, write

COMMANDS = {
    "predict": ["predict", "the cat", "--model", "FILE"],
    "info": ["info", "--model", "FILE"],
    "generate": ["generate", "the cat", "--model", "FILE"],
    "eval": ["eval", "text.txt", "--model", "FILE"],
    "compare": ["eval", "text.txt", "--model", "good.safetensors", "--compare", "FILE"],
    "score": ["score", "the cat sat", "--model", "FILE"],
    "explain": ["explain", "the cat", "--model", "FILE"],
    "repl": ["repl", "--model", "FILE"],
}

NGRAM_COMMANDS = {
    "info": COMMANDS["info"],
    "baseline": ["eval", "text.txt", "--baseline", "--model", "FILE"],
    **{name: [*COMMANDS[name], "--interpolate", "auto"] for name in ("predict", "generate", "eval", "score", "repl")},
}

MAX_MEMORY = 200 << 20

# Runs the program for each line of jobs.json, a list of words, after a warm-up that loads all modules. Prints the
# status, the lines and the seconds of CPU time of each, and the peak of memory beyond that of the warm-up.
RUNNER = """
import io, json, os, resource, sys, time
from contextlib import redirect_stderr, redirect_stdout
from rnnwords.cli import run
os.chdir(sys.argv[1])

def memory(name):
    return int(next(line for line in open("/proc/self/status") if line.startswith(name)).split()[1]) << 10

def answer(words):
    out, err, sys.stdin = io.StringIO(), io.StringIO(), io.TextIOWrapper(io.BytesIO())
    before = time.process_time()
    with redirect_stdout(out), redirect_stderr(err):
        status = run(words)
    return status, out.getvalue(), err.getvalue(), time.process_time() - before

jobs = json.load(open("jobs.json"))
for words in jobs["warm_up"]:
    assert answer(words)[0] == 0, answer(words)
at_start = memory("VmRSS:")
resource.setrlimit(resource.RLIMIT_AS, (memory("VmSize:") + jobs["limit"],) * 2)
results = [answer(words) for words in jobs["jobs"]]
json.dump([results, memory("VmHWM:") - at_start], sys.stdout)
"""


def check_refusals(directory: Path, jobs: list[tuple[str, list[str]]], pattern: str, commands: Any = COMMANDS) -> None:
    """Run the jobs, each with a name, in one child. Each must be refused by one line, within 1 s and 200 MB."""
    saved(directory / "good.safetensors", ngram_base())
    write(directory / "text.txt", CATS)
    warm_up = [[word.replace("FILE", "good.safetensors") for word in words] for words in commands.values()]
    content = {"warm_up": warm_up, "jobs": [words for _, words in jobs], "limit": MAX_MEMORY}
    write(directory / "jobs.json", json.dumps(content))
    done = run_python(RUNNER, directory)
    assert done.returncode == 0, done.stderr
    results, peak = json.loads(done.stdout)
    assert peak < MAX_MEMORY
    for (name, words), (status, out, err, seconds) in zip(jobs, results, strict=True):
        assert (status, out) == (1, ""), (name, words, status, out[:300], err[:300])
        assert re.fullmatch(rf"Error: [^\n]*{pattern}[^\n]*\n", err), (name, words, err[:600])
        assert len(err) <= 501, (name, words)
        assert seconds < 1, (name, words, seconds)


def written(directory: Path, files: Iterator[tuple[str, bytes]]) -> Iterator[tuple[str, Path]]:
    """Write the files, and yield their names and paths."""
    for number, (name, content) in enumerate(files):
        yield name, write(directory / f"{number:03}.safetensors", content)


def refused(path: Path, content: bytes | None = None) -> str:
    """Return the message that refuses a model file: one line with the path."""
    if content is not None:
        write(path, content)
    with pytest.raises(ModelError) as caught:
        Model.load(path)
    message = str(caught.value)
    assert message.startswith((f"model file {path} is damaged: ", f"model file {path}: expected "))
    assert len(message) <= 500
    assert "\n" not in message
    return message
