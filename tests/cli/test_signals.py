"""Tests of Ctrl-C and SIGTERM: exit status, and no files are left."""

import signal
import subprocess
import sys

import pytest

from tests.processes import (
    LIMIT,
    environment,
    killed_at_end,
    start,
)
from tests.texts import FABLES, ROOT

ENDS = {signal.SIGINT: (130, ""), signal.SIGTERM: (143, "Ended by SIGTERM.")}  # signal -> exit status, stderr


@pytest.mark.parametrize("number", ENDS)
@pytest.mark.parametrize("command", ["build-vocab", "eval", "train"])
def test_a_signal_while_stdin_is_read_leaves_no_files(command, number, trained, tmp_path):
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    arguments = {
        "build-vocab": ["-", "-o", "vocabulary.tsv"],
        "eval": ["-", "--model", trained],
        "train": ["-", "--model", "run"],
    }[command]  # fmt: skip
    process = start(command, *arguments, cwd=tmp_path, stdin=subprocess.PIPE, env=environment(TMPDIR=str(temporary)))
    with killed_at_end(process):
        process.stdin.write("the cat and the bell\n" * 50_000)  # type: ignore[union-attr]
        process.stdin.flush()  # type: ignore[union-attr] # more than a pipe buffer, so it is read
        process.send_signal(number)
        process.wait(LIMIT)
        assert process.stdout.read() == ""  # type: ignore[union-attr]
        message = process.stderr.read()  # type: ignore[union-attr]
    assert (process.returncode, message.strip()) == ENDS[number]
    assert list(tmp_path.iterdir()) == [temporary]
    assert list(temporary.iterdir()) == []


COUNTING = """
import importlib, os, sys, time
from rnnwords.cli import main
from rnnwords.text import corpus, counting, prepare

os.sched_getaffinity = lambda _: {0, 1}
counting.PARALLEL_FROM, prepare.CACHE_FROM, corpus.BLOCK_SIZE = 0, 1, 1_000
waits_in = sys.argv.pop(1)

class Progress:
    def __enter__(self):
        return self
    def __exit__(self, *error):
        pass
    def __call__(self, what, size):
        return self.wait if what == waits_in else None
    def wait(self, size):
        print("at work", flush=True)
        time.sleep(600)

for command in ("build_vocab", "train"):
    importlib.import_module(f"rnnwords.cli.{command}").byte_progress = lambda quiet: Progress()
main()
"""


@pytest.mark.parametrize(("command", "at"), [("build-vocab", "counting"), ("train", "counting"), ("train", "encoding")])
def test_sigterm_while_worker_processes_count_leaves_no_files(command, at, tmp_path):
    (tmp_path / "cache").mkdir()
    env = environment(RNNWORDS_CACHE=str(tmp_path / "cache"), PYTHONPATH=str(ROOT))
    option = {"build-vocab": "-o", "train": "--model"}[command]
    process = subprocess.Popen(
        [sys.executable, "-c", COUNTING, at, command, FABLES, option, "made"],
        cwd=tmp_path, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    with killed_at_end(process):
        assert process.stdout.readline() == "at work\n"  # type: ignore[union-attr]
        process.terminate()
        _, message = process.communicate(timeout=LIMIT)  # until the workers have ended too, which have the streams
    assert (process.returncode, message) == (143, "Ended by SIGTERM.\n")
    assert list(tmp_path.rglob("*")) == [tmp_path / "cache"]


def test_ctrl_c_during_generation_exits_with_130(trained, tmp_path):
    process = start("generate", "-n", "3", "--model", trained, cwd=tmp_path, stdin=subprocess.PIPE)
    with killed_at_end(process):
        process.stdin.write("the mice\n")  # type: ignore[union-attr]
        process.stdin.flush()  # type: ignore[union-attr]
        assert process.stdout.readline().startswith("the mice")  # type: ignore[union-attr]
        process.send_signal(signal.SIGINT)
        process.wait(LIMIT)
        assert process.stderr.read().strip() == ""  # type: ignore[union-attr]
    assert process.returncode == 130
