"""Rows 12, 13 and 58: a signal outside the steps of training gives its status and leaves no file."""

import importlib
import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from typing import Any

import pytest

from rnnwords.cli.signals import signals_handled
from rnnwords.model_file import Model
from rnnwords.training.events import PostTrained, StepProgress
from rnnwords.training.settings.request import StopRequest, TrainRequest
from rnnwords.training.train import train
from tests.faults.streams.signals import ENDS
from tests.processes import LIMIT, TINY, contents, environment, here, killed_at_end, run_python, start, until
from tests.texts import FABLE, FABLES, ROOT


@pytest.mark.parametrize("number", ENDS)
@pytest.mark.parametrize("command", ["build-vocab", "eval", "train"])
def test_row_13_a_signal_while_stdin_is_read_leaves_no_files(command, number, trained, tmp_path):
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
from rnnwords.text import counting, prepare
from rnnwords.text.reading import corpus

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
    importlib.import_module(f"rnnwords.cli.commands.{command}").byte_progress = lambda quiet: Progress()
main()
"""


@pytest.mark.parametrize(("command", "at"), [("build-vocab", "counting"), ("train", "counting"), ("train", "encoding")])
def test_row_13_sigterm_while_worker_processes_count_leaves_no_files(command, at, tmp_path):
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


@pytest.mark.parametrize("number", ENDS)
@pytest.mark.parametrize("command", ["explain", "generate", "predict", "score", "repl"])
def test_row_13_a_signal_while_lines_are_answered_gives_its_status(command, number, trained, tmp_path):
    process = start(command, "--model", trained, cwd=tmp_path, stdin=subprocess.PIPE)
    with killed_at_end(process):
        process.stdin.write("the mice\n")  # type: ignore[union-attr]
        process.stdin.flush()  # type: ignore[union-attr]
        assert process.stdout.readline()  # type: ignore[union-attr]
        process.send_signal(number)
        process.wait(LIMIT)
        assert (process.returncode, process.stderr.read().strip()) == ENDS[number]  # type: ignore[union-attr]


@pytest.fixture
def importing(tmp_path, monkeypatch):
    """Return a function that makes a module, which runs some code between two others, and returns its name."""
    monkeypatch.syspath_prepend(tmp_path)

    def made(code: str) -> str:
        name = f"signalled_{uuid.uuid4().hex}"  # no test finds the module of another one imported
        (tmp_path / f"{name}.py").write_text(f"import signal\n{code}\ncomplete = True\n", encoding="utf-8")
        return name

    return made


@pytest.mark.parametrize("number", ENDS)
def test_row_12_a_signal_during_an_import_is_handled_after_it(number, importing):
    """In the middle of a C extension, the exception would become another one, with a traceback."""
    name = importing(f"signal.raise_signal({int(number)})")
    received: list[int] = []
    with signals_handled(received.append):
        importlib.import_module(name)
        assert received == []
        until(lambda: received)
    assert received == [number]
    assert sys.modules[name].complete


def test_row_12_a_second_signal_during_an_import_ends_the_process(importing, tmp_path):
    twice = "signal.raise_signal(15)\nimport time\ntime.sleep(0.03)\nsignal.raise_signal(15)\ntime.sleep(0.03)\n"
    name = importing(twice + "time.sleep(0.1)\nsignal.raise_signal(15)\nsignal.raise_signal(15)\ntime.sleep(600)")
    script = f"import sys\nsys.path.insert(0, {str(tmp_path)!r})\nfrom rnnwords.cli.signals import signals_handled\n"
    done = run_python(f"{script}with signals_handled():\n    import {name}")
    assert (done.returncode, done.stderr) == (-signal.SIGTERM, "")


@pytest.mark.parametrize("number", ENDS)
def test_row_12_two_signals_at_once_count_as_one(number):
    """timeout(1) sends SIGTERM twice; kernel and shell both send SIGHUP when a terminal closes."""
    received: list[int] = []
    timer = threading.Timer(0.01, os.kill, [os.getpid(), number])
    with signals_handled(received.append):
        timer.start()
        signal.raise_signal(number)
        timer.join()
        time.sleep(0.1)
    assert received == [number]


@pytest.mark.parametrize("number", ENDS)
def test_row_58_an_ignored_signal_stays_ignored(number):
    before = signal.signal(number, signal.SIG_IGN)
    try:
        with signals_handled():
            signal.raise_signal(number)
            time.sleep(0.01)
            assert signal.getsignal(number) == signal.SIG_IGN
    finally:
        signal.signal(number, before)


@pytest.mark.parametrize("number", ENDS)
def test_row_12_a_signal_in_post_training_leaves_the_model_as_it_was(number, run, capfd, monkeypatch):
    command = ("train", FABLE, *TINY, "--ngram", "2", "--model", run)
    before = contents(run)

    def signalled(*arguments: object, **options: object) -> None:
        signal.raise_signal(number)
        raise AssertionError("the signal was not handled")

    with monkeypatch.context() as patched:
        patched.setattr("rnnwords.lm.ngram.kneser_ney.KneserNey.train", signalled)
        assert here(*command, cwd=run) == ENDS[number][0]
    assert "Traceback" not in capfd.readouterr().err
    assert {name: data for name, (_, data) in contents(run).items()} == {
        name: data for name, (_, data) in before.items()
    }
    assert here(*command, cwd=run) == 0
    assert Model.load(run / "model.safetensors").interpolation is not None


def test_row_12_a_stop_in_the_last_step_leaves_post_training_to_the_next_session(tmp_path):
    settings = {"iterations": 3, "precision": "float32"}
    request = TrainRequest(
        [FABLE], tmp_path / "run", network={"units": 8, "layers": 1}, training=settings, ngram=2, seed=1
    )
    stop = StopRequest()
    events: list[Any] = []
    for event in train(request, stop=stop):
        events.append(event)
        if isinstance(event, StepProgress) and event.step == 3:
            stop.reason = "SIGHUP"
    assert events[-1].reason == "SIGHUP"
    assert not any(isinstance(event, PostTrained) for event in events)
    again: list[Any] = list(train(request))
    assert again[-1].reason == "already"
    assert any(isinstance(event, PostTrained) for event in again)
