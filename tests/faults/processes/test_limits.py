"""Row 59: limits of memory and processes end a command with one line and lose nothing."""

import subprocess
import sys
from typing import Any

import pytest

from rnnwords.config import TextConfig
from rnnwords.text.counting import count_words
from tests.processes import TINY, contents, environment, here, only_error, rnnwords
from tests.texts import FABLE


def limited(kind: str, limit: int) -> list[str]:
    """Return a command prefix that limits a resource of the program."""
    script = "import os, resource, sys; "
    script += f"resource.setrlimit(resource.{kind}, ({limit}, {limit})); os.execv(sys.argv[1], sys.argv[1:])"
    return [sys.executable, "-c", script]


@pytest.mark.parametrize(
    ("kind", "megabytes"),
    [("RLIMIT_AS", 600), ("RLIMIT_AS", 1_500), ("RLIMIT_AS", 1_900), ("RLIMIT_DATA", 250)],
)
def test_row_59_training_under_a_memory_limit_is_a_one_line_error_and_nothing_is_lost(kind, megabytes, run, tmp_path):
    if not sys.platform.startswith("linux"):
        pytest.skip("other systems ignore the limit")
    before = contents(run)
    for model, options in ((run, ["--restart"]), (tmp_path / "new", [])):
        done = rnnwords(
            "train", FABLE, *TINY, "--model", model, "--quiet", *options, cwd=tmp_path,
            before=limited(kind, megabytes * 1_000_000), env=environment(COVERAGE_PROCESS_CONFIG=None),
        )  # fmt: skip
        only_error(done, 1, r"expected room for .* of memory, which training needs, found less; raise the limit")
    assert contents(run) == before
    assert not list((tmp_path / "new").glob("*.safetensors"))


def test_row_59_a_network_larger_than_the_limit_is_a_one_line_error(tmp_path):
    if not sys.platform.startswith("linux"):
        pytest.skip("other systems ignore the limit")
    done = rnnwords(
        "train", FABLE, "--units", "8000", "--layers", "2", "--seed", "1", "--quiet", "--model", "run", cwd=tmp_path,
        before=limited("RLIMIT_AS", 4_000_000_000),
    )  # fmt: skip
    only_error(done, 1, r"expected room for \d\d\.\d GB of memory, which training needs, found less")


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        ("ResourceExhaustedError", "ResourceExhaustedError: OOM when allocating"),
        ("AbortedError", "AbortedError: OOM when"),
        ("InternalError", "InternalError: OOM when"),
        ("MemoryError", "MemoryError"),
    ],
)
def test_row_59_memory_that_ends_in_training_is_a_one_line_error(error, reason, tmp_path, monkeypatch, capsys):
    import tensorflow as tf

    from rnnwords.training.optimization.steps import Steps

    def exhausted(*_: Any) -> None:
        raise MemoryError if error == "MemoryError" else getattr(tf.errors, error)(None, None, "OOM when allocating")

    monkeypatch.setattr(Steps, "run", exhausted)
    assert here("train", str(FABLE), *TINY, "--model", "run", "--quiet", cwd=tmp_path) == 1
    shown = capsys.readouterr().err
    assert len(shown.splitlines()) == 1
    assert f"({reason}" in shown
    assert "the last checkpoint is kept" in shown


def test_row_59_a_limit_of_processes_is_a_one_line_error(tmp_path, monkeypatch, capsys):
    from rnnwords.training import tensorflow_loading

    monkeypatch.setattr(tensorflow_loading, "_START_THREADS", "raise RuntimeError")
    with monkeypatch.context() as patch:
        patch.delitem(sys.modules, "tensorflow", raising=False)
        patch.setattr(tensorflow_loading, "_check_memory", lambda *_: None)
        assert here("train", str(FABLE), *TINY, "--model", "run", "--quiet", cwd=tmp_path) == 1
    shown = capsys.readouterr().err
    assert len(shown.splitlines()) == 1
    assert "threads, which training needs, found less; raise the limit (ulimit -u)" in shown
    assert not (tmp_path / "run" / "model.safetensors").exists()


def test_row_59_an_interpreter_that_cannot_be_started_is_not_taken_for_a_limit(monkeypatch):
    from rnnwords.training import tensorflow_loading

    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    monkeypatch.delitem(sys.modules, "tensorflow", raising=False)
    monkeypatch.setattr(tensorflow_loading, "_check_memory", lambda *_: None)
    tensorflow_loading.check_limits()


@pytest.mark.parametrize("command", ["predict", "eval", "generate"])
def test_row_59_other_commands_report_memory_that_runs_out(command, trained, tmp_path, monkeypatch, capsys):
    def exhausted(*_: Any, **__: Any) -> None:
        raise MemoryError("Unable to allocate 3.64 TiB for an array")

    monkeypatch.setattr("rnnwords.model_file.Model.load", exhausted)
    monkeypatch.setattr("rnnwords.lm.loading.Model.load", exhausted, raising=False)
    argument = str(FABLE) if command == "eval" else "had a general"
    assert here(command, argument, "--model", str(trained), cwd=tmp_path) == 1
    shown = capsys.readouterr().err
    assert len(shown.splitlines()) == 1
    assert shown.startswith("Error: ")


def test_row_59_without_room_for_a_process_the_main_process_computes(long_text, started, monkeypatch):
    expected = count_words(long_text, TextConfig()).counts

    def refused(*arguments: Any, **options: Any) -> Any:
        if len(started) == room:
            raise BlockingIOError(11, "Resource temporarily unavailable")
        return popen(*arguments, **options)

    popen: Any = subprocess.Popen
    monkeypatch.setattr(subprocess, "Popen", refused)
    for room in (0, 1):
        started.clear()
        assert count_words(long_text, TextConfig()).counts == expected
        assert len(started) == room
