"""Fixtures of the tests of processes."""

from pathlib import Path

import pytest

from rnnwords.text import counting, workers
from rnnwords.text.reading import corpus as corpus_module
from rnnwords.text.reading.corpus import Corpus
from tests.faults.processes.workers import Started
from tests.texts import write


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Started:
    """Return the list of the workers that this process starts from now on."""
    found = Started()
    original = workers._Worker.__init__

    def init(worker: workers._Worker) -> None:
        original(worker)
        found.append(worker)
        found.began.set()

    monkeypatch.setattr(workers._Worker, "__init__", init)
    return found


@pytest.fixture
def long_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Corpus:
    """Return a text of 40 groups that are larger than a pipe each, for two workers."""
    monkeypatch.setattr(counting, "PARALLEL_FROM", 0)
    monkeypatch.setattr(corpus_module, "BLOCK_SIZE", 50_000)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1})
    return Corpus([write(tmp_path / "text", "the mice had a general council to consider what\n" * 340_000)])
