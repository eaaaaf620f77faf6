"""Row 38: only training loads TensorFlow; every other command works where it cannot be imported."""

import shlex

import pytest
from packaging.requirements import Requirement

from rnnwords.cli import program
from rnnwords.export.formats import FORMATS
from rnnwords.personal.file import PersonalFile
from tests.lm.interpolated import with_ngram
from tests.models import random_model, saved, vocabulary_of
from tests.processes import HEAVY, TINY, without
from tests.server.client import bytes_of, initialize, notification, request
from tests.texts import CATS, FABLE

TRAINS = {"train", "forecast"}  # commands that may load it; export does for one of its formats

# How to start each of the others; {model} is a trained run, {personal} a file of personal words.
CASES = {
    "build-vocab": [str(FABLE)],
    "completion": ["bash"],
    "eval": [str(FABLE), "--model", "{model}"],
    "export": ["story.onnx", "--json", "--model", "{model}"],
    "explain": ["had a general", "--model", "{model}"],
    "generate": ["had a general", "--model", "{model}"],
    "info": ["--model", "{model}"],
    "lsp": ["--model", "{model}", "--quiet"],
    "personal": ["list", "--personal", "{personal}"],
    "predict": ["had a general", "--model", "{model}"],
    "repl": ["--model", "{model}"],
    "score": ["had a general council", "--model", "{model}"],
}
INPUT = {"lsp": bytes_of(initialize(), request(1, "shutdown"), notification("exit")).decode()}


@pytest.mark.parametrize("name", sorted(set(program.commands) - TRAINS))
def test_row_38_a_command_works_without_tensorflow(name, trained, tmp_path):
    assert name in CASES, "say above how this command is started"
    PersonalFile(tmp_path / "words", "words").add({("council",): 2})
    arguments = [word.format(model=trained, personal=tmp_path / "words") for word in CASES[name]]
    done = without(HEAVY, name, *arguments, cwd=tmp_path, input=INPUT.get(name, "had a general\n"))
    assert done.returncode == 0, done.stderr
    assert done.stdout
    assert "Error" not in done.stderr


@pytest.mark.parametrize("ending", [one.ending for one in FORMATS if one.name != "keras"])
def test_row_38_only_the_keras_format_of_export_needs_tensorflow(ending, tmp_path):
    model = saved(with_ngram(random_model(vocabulary_of(CATS))), tmp_path)
    done = without(HEAVY, "export", f"story{ending}", "--model", str(model), "--quiet", cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (tmp_path / f"story{ending}").stat().st_size


def test_row_38_export_to_keras_names_what_to_install_and_keeps_the_old_file(trained, tmp_path):
    (tmp_path / "story.keras").write_bytes(b"before")
    done = without("tensorflow", "export", "story.keras", "--model", str(trained), "--quiet", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("Error: export to Keras needs tensorflow, which is not installed; install it with: ")
    assert (tmp_path / "story.keras").read_bytes() == b"before"


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
    assert last.startswith(f"Error: training needs {missing}, which is not installed; install it with: pip install ")
    packages = [Requirement(word) for word in shlex.split(last.partition("pip install ")[2])]
    assert [one.name for one in packages] == ["tensorflow", "keras", "tensorboard"]
    assert all(one.specifier for one in packages)
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_row_38_a_missing_package_leaves_the_run_unchanged(run, tmp_path):
    before = {item.name: item.read_bytes() for item in (run / "checkpoints").iterdir()}
    done = without("tensorflow", "train", str(FABLE), *TINY, "--model", str(run), "--restart", cwd=tmp_path)
    assert done.returncode == 1
    assert {item.name: item.read_bytes() for item in (run / "checkpoints").iterdir()} == before
