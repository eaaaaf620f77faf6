"""Tests of help texts: every command has a description, grouped options and examples that can be run."""

import re
import shlex

import click
import pytest
from click.testing import CliRunner

from rnnwords.cli import program
from rnnwords.cli.help import OTHER, Command

NAMES = sorted(program.commands)


def help_of(*names: str) -> str:
    done = CliRunner().invoke(program, [*names, "--help"], prog_name="rnnwords")
    assert done.exit_code == 0
    return done.output


def test_program_help_lists_the_commands_in_order_with_whole_sentences():
    text = help_of().partition("Commands:\n")[2]
    assert re.findall(r"^  (\S+) +\S", text, re.MULTILINE) == list(program.commands)
    assert "..." not in text


@pytest.mark.parametrize("name", NAMES)
def test_help_of_a_command_has_an_example_and_short_lines(name):
    text = help_of(name)
    command = program.commands[name]
    assert command.help
    assert re.search(rf"^ +Examples?:\n(.*\n)*?.*\brnnwords {name}\b", text, re.MULTILINE), text
    for line in text.splitlines():
        assert len(line) <= 100


@pytest.mark.parametrize("name", NAMES)
def test_examples_in_the_help_are_valid(name):
    lines = [line.rpartition("|")[2].strip() for line in help_of(name).splitlines()]
    examples = [line for line in lines if line.startswith(f"rnnwords {name}")]
    assert examples
    for example in examples:
        words = shlex.split(example.partition(" > ")[0])
        context = program.commands[name].make_context(name, words[2:], resilient_parsing=False)
        assert context.params


@pytest.mark.parametrize("name", NAMES)
def test_every_option_has_a_help_text(name):
    for parameter in program.commands[name].params:
        if isinstance(parameter, click.Option):
            assert parameter.help, f"{name} {parameter.opts[-1]}"
            assert parameter.help[0].isupper() or not parameter.help[0].isalpha() or ":" in parameter.help
            assert parameter.help.rstrip("]").rstrip()[-1] in ".]" or "]" in parameter.help, parameter.help


@pytest.mark.parametrize("name", NAMES)
def test_every_option_of_a_command_has_a_group(name):
    command = program.commands[name]
    assert isinstance(command, Command)
    options = [one for one in command.params if isinstance(one, click.Option)]
    assert [one.name for one in options if command.heading(one) == OTHER] == []


def test_help_shows_groups_in_order_and_ranges_as_words():
    text = help_of("train")
    headings = re.findall(r"^(\w+):$", text, re.MULTILINE)
    assert headings == ["Text", "Network", "Training", "Regularization", "Budget", "Prediction", "Output", "Other"]
    assert "1 to 16]" in " ".join(text.split())
    for name in NAMES:
        assert "<=" not in help_of(name)
        assert "RANGE" not in help_of(name)


@pytest.mark.parametrize("name", NAMES)
def test_every_command_with_options_of_its_own_shows_groups(name):
    headings = re.findall(r"^(\w+):$", help_of(name), re.MULTILINE)
    options = [one for one in program.commands[name].params if isinstance(one, click.Option)]
    assert ("Options" in headings) == (not options)


@pytest.mark.parametrize("columns", [80, 60])
@pytest.mark.parametrize("name", [None, *NAMES])
def test_help_fits_a_narrow_terminal_except_for_commands_in_examples(name, columns):
    names = [] if name is None else [name]
    done = CliRunner().invoke(program, [*names, "--help"], prog_name="rnnwords", terminal_width=columns)
    for line in done.output.splitlines():
        is_example = re.match(r" +(- |eval |RNN|.*\brnnwords )", line) and columns < 80
        assert len(line) <= columns or is_example, line


@pytest.mark.parametrize("columns", [80, 60])
def test_summaries_of_commands_are_whole_at_any_width(columns):
    done = CliRunner().invoke(program, ["--help"], prog_name="rnnwords", terminal_width=columns)
    text = " ".join(done.output.partition("Commands:\n")[2].split())
    for name, command in program.commands.items():
        assert f"{name} {command.get_short_help_str(1_000)}" in text
        assert command.get_short_help_str(1_000).endswith(".")


@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help_has_a_short_and_a_long_option(option):
    assert CliRunner().invoke(program, [option]).output.startswith("Usage: ")


def test_the_program_without_arguments_prints_its_help():
    from rnnwords.cli import run

    assert run([]) == 0


def test_an_unknown_command_is_an_error_that_names_it():
    done = CliRunner().invoke(program, ["trian"])
    assert done.exit_code == 2
    assert "trian" in done.output
