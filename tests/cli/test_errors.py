"""Tests of error messages: settings that the library names become options, of which it has no knowledge."""

import ast
import dataclasses
import re
from collections.abc import Iterator

import click
import pytest

from rnnwords import errors
from rnnwords.cli import program
from rnnwords.cli.errors import option_name, with_options
from rnnwords.config import InterpolationConfig, TextConfig
from rnnwords.generation.writer import GenerationRequest
from rnnwords.network.config import NetworkConfig
from rnnwords.training.settings.config import TrainingConfig
from tests.processes import ask
from tests.texts import ROOT

LIBRARY = [path for path in sorted((ROOT / "rnnwords").rglob("*.py")) if "cli" not in path.parts]
ERRORS = {name for name, value in vars(errors).items() if isinstance(value, type)}
# Parts of the state in a checkpoint, which are named where one of them is wrong.
CHECKPOINT = {"last_evaluation", "max_accuracy", "near_since", "perplexity", "run", "step"}
# Settings that no command has as an option: they come from a recipe, a model file or the Python API.
NO_OPTION = {
    *CHECKPOINT, "by_count", "lengths", "output", "output_init", "overlap", "rules", "sample", "sampling_order",
    "short_windows", "stop_at_max_accuracy", "vocabulary_size",
}  # fmt: skip


def strings(tree: ast.AST) -> Iterator[str]:
    """Yield the strings in a piece of code, those in f-strings too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def raised_settings() -> set[str]:
    """Return the names in backquotes in the errors that the library raises."""
    return {
        name
        for path in LIBRARY
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ERRORS
        for text in strings(node)
        for name in re.findall(r"`(\w+)`", text)
    }


def context_of(command: str, *arguments: str) -> click.Context:
    above = click.Context(program, info_name="rnnwords", **program.context_settings)
    return program.commands[command].make_context(command, list(arguments), parent=above)


def test_every_setting_in_an_error_of_the_library_is_an_option() -> None:
    settings = raised_settings()
    assert len(settings) > 20
    context = context_of("info")
    assert {name for name in settings - NO_OPTION if option_name(name, context) is None} == set()


@pytest.mark.parametrize("config", [TextConfig, NetworkConfig, TrainingConfig, GenerationRequest, InterpolationConfig])
def test_every_field_of_the_settings_is_an_option(config: type) -> None:
    context = context_of("train", "text")
    names = {field.name for field in dataclasses.fields(config)} - NO_OPTION
    assert {name for name in names if option_name(name, context) is None} == set()


@pytest.mark.parametrize(
    ("arguments", "message", "expected"),
    [
        (("predict", "a"), "`learning_rate`: expected x", "--learning-rate: expected x"),
        (("train", "a", "--time", "9"), "`seconds` or `checkpoint_seconds`", "--time or --checkpoint-every"),
        (("train", "a"), "`directory`, `vocabulary`, `text`", "--model, --vocab, TEXT"),
        (("generate", "-n", "3"), "`words`", "-n"),
        (("generate", "-n3"), "`words`", "-n"),
        (("generate", "--words=3"), "`words`", "--words"),
        (("generate", "a"), "`words`, `no_repeat_ngram`", "--words, --no-repeat-ngram"),
        (("train", "a", "--no-tie"), "`tie`", "--no-tie"),
        (("predict", "a"), "`prompt`: `unheard_of`", "PROMPT: `unheard_of`"),
    ],
)
def test_a_setting_is_named_by_the_option_as_typed(arguments, message, expected) -> None:
    assert with_options(message, context_of(*arguments)) == expected


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["predict", "a", "-k", "0"], "-k: expected a whole number between 1 and 1,000,000, found 0"),
        (["predict", "a", "-k", "x"], "-k: expected a whole number between 1 and 1,000,000, found 'x'"),
        (["predict", "a", "--oov", "x"], "--oov: expected one of unk, skip, error, found 'x'"),
        (["generate", "-n", "0"], "-n: expected a whole number between 1 and 10,000,000, found 0"),
        (["generate", "--words=0"], "--words: expected a whole number between 1 and 10,000,000, found 0"),
        (
            ["train", "a", "--min-count", "0"],
            "--min-count: expected a whole number between 1 and 1,000,000,000,000, found 0",
        ),
        (
            ["train", "a", "--time", "soon"],
            "--time: expected a time between 1 second and 1,157 days, such as 90s, 10m or 2h, found 'soon'",
        ),
        (["eval"], "expected TEXT, found none (see rnnwords eval --help)"),
        (["completion", "x"], "SHELL: expected one of bash, zsh, fish, found 'x'"),
        (["predict", "--beam"], "No such option"),
    ],
)
def test_invalid_options_are_reported_in_the_form_of_library_errors(capsys, monkeypatch, arguments, expected) -> None:
    status, out, err = ask(capsys, monkeypatch, *arguments)
    assert (status, out) == (2, "")
    assert err.startswith(f"Error: {expected}")


@pytest.mark.parametrize("path", LIBRARY, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_library_neither_prints_nor_names_options(path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    calls = {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    assert calls & {"print", "exit", "input"} == set()
    docstrings = {ast.get_docstring(node, clean=False) for node in ast.walk(tree) if isinstance(node, ast.Module)}
    # Options of another program are a part of the advice: pip install --upgrade.
    texts = [re.sub(r"(pip install|soffice) [^;]*", "", text) for text in strings(tree) if text not in docstrings]
    assert [text for text in texts if re.search(r"(?<![\w-])--[a-z]", text)] == []
