"""Every command says what it does and shows an example that can be run as it stands."""

import re
import shlex

import click
import pytest
from click.testing import CliRunner

from rnnwords.cli import program

NAMES = sorted(program.commands)


def help_of(*names: str) -> str:
    done = CliRunner().invoke(program, [*names, "--help"], prog_name="rnnwords")
    assert done.exit_code == 0
    return done.output


def test_the_program_lists_its_commands():
    text = help_of()
    for name in NAMES:
        assert re.search(rf"^  {name} +\S", text, re.MULTILINE), f"{name} has no line of its own"


@pytest.mark.parametrize("name", NAMES)
def test_a_command_has_a_help_text_with_an_example(name):
    text = help_of(name)
    command = program.commands[name]
    assert command.help
    assert re.search(rf"^ +Examples?:\n(.*\n)*?.*\brnnwords {name}\b", text, re.MULTILINE), text
    for line in text.splitlines():
        assert len(line) <= 100


@pytest.mark.parametrize("name", NAMES)
def test_the_examples_are_lines_that_the_command_takes(name):
    lines = [line.rpartition("|")[2].strip() for line in help_of(name).splitlines()]
    examples = [line for line in lines if line.startswith(f"rnnwords {name}")]
    assert examples
    for example in examples:
        words = shlex.split(example.partition(" > ")[0])
        context = program.commands[name].make_context(name, words[2:], resilient_parsing=False)
        assert context.params


@pytest.mark.parametrize("name", NAMES)
def test_every_option_says_what_it_does(name):
    for parameter in program.commands[name].params:
        if isinstance(parameter, click.Option):
            assert parameter.help, f"{name} {parameter.opts[-1]}"
            assert parameter.help[0].isupper() or not parameter.help[0].isalpha() or ":" in parameter.help
            assert parameter.help.rstrip("]").rstrip()[-1] in ".]" or "]" in parameter.help, parameter.help


@pytest.mark.parametrize("option", ["-h", "--help"])
def test_both_spellings_of_help(option):
    assert CliRunner().invoke(program, [option]).output.startswith("Usage: ")


def test_without_arguments_the_program_shows_its_help():
    from rnnwords.cli import run

    assert run([]) == 0


def test_an_unknown_command_is_named():
    done = CliRunner().invoke(program, ["trian"])
    assert done.exit_code == 2
    assert "trian" in done.output
