"""Row 44: commands whose worker processes are killed, or which are killed themselves, leave no process."""

import itertools
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.processes.workers import SECONDS, alive, children, long_file
from tests.processes import environment, killed_at_end
from tests.texts import ROOT

DRIVER = """
import os, sys
from rnnwords.cli import main
from rnnwords.text import counting
from rnnwords.text.reading import corpus

os.sched_getaffinity = lambda _: {0, 1}
counting.PARALLEL_FROM, corpus.BLOCK_SIZE = 0, int(sys.argv.pop(1))
main()
"""


def build_vocab(text: Path, place: Path, block: int = 1 << 20) -> "subprocess.Popen[str]":
    place.mkdir()
    return subprocess.Popen(
        [sys.executable, "-W", "always", "-c", DRIVER, str(block), "build-vocab", text, "-o", "vocabulary.tsv"],
        cwd=place, env=environment(PYTHONPATH=str(ROOT), TMPDIR=str(place), COVERAGE_PROCESS_CONFIG=None),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def kill_a_worker(text: Path, place: Path, chance: random.Random, seconds: float = 0.6) -> float | None:
    """Kill one or all workers of a command at a random moment, and return the seconds until it ended.

    Return None if it was ready before.
    """
    process = build_vocab(text, place)
    with killed_at_end(process):
        while not (found := children(process.pid)) and process.poll() is None:
            pass
        time.sleep(chance.uniform(0, seconds))
        found = children(process.pid)
        for one in found if chance.random() < 0.3 else found[:1]:
            os.kill(one, signal.SIGKILL)
        begun = time.monotonic()
        out, err = process.communicate(timeout=60)
        took = time.monotonic() - begun
    assert alive(found) == []
    assert out == ""
    if process.returncode == 0:
        assert [item.name for item in place.iterdir()] == ["vocabulary.tsv"]
        return None
    assert process.returncode == 1
    assert err.startswith("Error: expected the worker processes to finish, found one ended by SIGKILL"), err
    assert len(err.splitlines()) == 1, err
    assert list(place.iterdir()) == []
    return took


def test_row_44_a_command_whose_worker_is_killed_ends_with_one_line_and_leaves_nothing(tmp_path):
    text = long_file(tmp_path / "text", 30)
    chance = random.Random(44)
    times = (kill_a_worker(text, tmp_path / f"run{number}", chance, 0.1) for number in range(9))
    took = next(seconds for seconds in times if seconds is not None)
    assert took < SECONDS


@pytest.mark.slow
@pytest.mark.serial
def test_row_44_fifty_commands_with_a_killed_worker_end_within_seconds(tmp_path):
    text = long_file(tmp_path / "text", 60)
    chance = random.Random(50)
    times: list[float] = []
    for number in itertools.count():
        seconds = kill_a_worker(text, tmp_path / f"run{number}", chance)
        times += [] if seconds is None else [seconds]
        if len(times) == 50:
            break
    assert max(times) < SECONDS


def when_at_work(text: Path, place: Path) -> "Iterator[tuple[subprocess.Popen[str], list[int]]]":
    process = build_vocab(text, place, 20_000)
    with killed_at_end(process):
        while len(found := children(process.pid)) < 2:
            assert process.poll() is None, process.stderr.read()  # type: ignore[union-attr]
        yield process, found


@pytest.mark.parametrize(("number", "status"), [(signal.SIGKILL, -9), (signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_row_44_workers_end_with_the_main_process(number, status, tmp_path):
    text = long_file(tmp_path / "text", 20)
    for process, found in when_at_work(text, tmp_path / "run"):
        process.send_signal(number)
        assert process.wait(60) == status
        deadline = time.monotonic() + 60
        while alive(found) and time.monotonic() < deadline:
            time.sleep(0.001)
        assert alive(found) == []
        assert list((tmp_path / "run").iterdir()) == []
