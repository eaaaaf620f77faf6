"""Row 38: only training loads TensorFlow; every other command works where it cannot be imported."""

import pytest

from rnnwords.cli import program
from tests.processes import HEAVY, TINY, without
from tests.server.client import bytes_of, initialize, notification, request
from tests.texts import FABLE

TRAINS = {"train", "forecast", "export"}  # commands that may load it

# How to start each of the others; {model} is a trained run.
CASES = {
    "build-vocab": [str(FABLE)],
    "completion": ["bash"],
    "eval": [str(FABLE), "--model", "{model}"],
    "explain": ["had a general", "--model", "{model}"],
    "generate": ["had a general", "--model", "{model}"],
    "info": ["--model", "{model}"],
    "lsp": ["--model", "{model}", "--quiet"],
    "predict": ["had a general", "--model", "{model}"],
    "repl": ["--model", "{model}"],
    "score": ["had a general council", "--model", "{model}"],
}
INPUT = {"lsp": bytes_of(initialize(), request(1, "shutdown"), notification("exit")).decode()}


@pytest.mark.parametrize("name", sorted(set(program.commands) - TRAINS))
def test_row_38_a_command_works_without_tensorflow(name, trained, tmp_path):
    assert name in CASES, "say above how this command is started"
    arguments = [word.format(model=trained) for word in CASES[name]]
    done = without(HEAVY, name, *arguments, cwd=tmp_path, input=INPUT.get(name, "had a general\n"))
    assert done.returncode == 0, done.stderr
    assert done.stdout
    assert "Error" not in done.stderr


@pytest.mark.parametrize("name", sorted(program.commands))
def test_row_38_help_needs_neither_tensorflow_nor_numpy(name, tmp_path):
    done = without(f"{HEAVY},numpy,safetensors,rich,prompt_toolkit,matplotlib", name, "--help", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Usage: ")


@pytest.mark.parametrize("arguments", [[], ["--help"], ["--version"], ["build-vocab", str(FABLE), "--quiet"]])
def test_row_38_counting_words_needs_no_numpy(arguments, tmp_path):
    done = without(f"{HEAVY},numpy", *arguments, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout


@pytest.mark.parametrize("missing", ["tensorflow", "tensorboard"])
def test_row_38_the_error_of_training_names_what_to_install_and_nothing_is_left(missing, tmp_path):
    """Also proves that these imports are blocked in the tests above."""
    done = without(missing, "train", str(FABLE), *TINY, cwd=tmp_path)
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last == (
        f"Error: training needs {missing}, which is not installed; install it with: pip install tensorflow tensorboard"
    )
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_row_38_a_missing_package_leaves_the_run_unchanged(run, tmp_path):
    before = {item.name: item.read_bytes() for item in (run / "checkpoints").iterdir()}
    done = without("tensorflow", "train", str(FABLE), *TINY, "--model", str(run), "--restart", cwd=tmp_path)
    assert done.returncode == 1
    assert {item.name: item.read_bytes() for item in (run / "checkpoints").iterdir()} == before
