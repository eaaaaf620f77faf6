"""Rows 30 and 60: options out of range or in contradiction, and a report with another text than the training text."""

import json
import re
from typing import Any

import click
import pytest

from rnnwords.cli import program
from rnnwords.cli import run as run_program
from rnnwords.cli.types import Duration, Interpolation, Number, StepsOrTime, Whole
from tests.processes import ask, only_error, rnnwords
from tests.texts import FABLE

# Values that are no number of any option; the digits are full-width and Bengali.
NO_NUMBERS = ["", " ", "x", "0x10", "\uff11\uff12", "\u09e7", "1e999999", "9" * 5_000, "1,5"]


def beyond(kind: click.ParamType[Any]) -> list[str]:
    """Return values that a type refuses: outside its range, not finite, and no numbers."""
    if isinstance(kind, click.Choice):
        return ["", "unheard-of", "x" * 1_000_000]
    values = [*NO_NUMBERS, "nan", "-nan", "inf", "-inf", "-1e999"]
    if isinstance(kind, Whole):
        return [*values, f"{(kind.min or 0) - 1}", f"{(kind.max or 0) + 1}", "1.5", "10" * 500]
    if isinstance(kind, Number):
        return [*values, f"{(kind.min or 0) - 1e-9:.12f}", f"{(kind.max or 0) * 1.0001 + 1e-9:.12f}", "-1"]
    if isinstance(kind, Interpolation):
        return [*values, "-0.1", "1.1", "on"]
    return [*values, "0", "-5", "0.5s", "100000000.1s", "1w", "soon"]


def range_of(kind: click.ParamType[Any]) -> str:
    """Return what the message says about the values that a type accepts."""
    if isinstance(kind, click.Choice):
        return f"one of {', '.join(kind.choices)}"
    if isinstance(kind, Whole | Number):
        return f"a{' whole' * isinstance(kind, Whole)} number between {kind.min:,} and {kind.max:,}"
    return " between " if isinstance(kind, Interpolation) else "a time"


LIMITED = [
    (name, parameter)
    for name, command in program.commands.items()
    for parameter in command.params
    if isinstance(parameter, click.Option) and not parameter.is_flag and not isinstance(parameter.type, click.Path)
    and parameter.type is not click.STRING
]  # fmt: skip


def test_row_30_every_option_with_a_value_has_a_range_or_choices():
    kinds = (click.Choice, Whole, Number, Interpolation, Duration, StepsOrTime)
    assert [(name, option.opts) for name, option in LIMITED if not isinstance(option.type, kinds)] == []
    assert [
        (name, option.opts)
        for name, option in LIMITED
        if isinstance(option.type, Whole | Number) and None in (option.type.min, option.type.max)
    ] == []
    assert len(LIMITED) > 80


@pytest.mark.parametrize(("command", "option"), LIMITED, ids=[f"{name}-{option.name}" for name, option in LIMITED])
def test_row_30_an_option_out_of_range_is_an_error_before_any_file_is_read(
    command, option, tmp_path, monkeypatch, capfd
):
    """The files named do not exist: options are checked first."""
    monkeypatch.chdir(tmp_path)
    texts = ["missing.txt"] if command in ("train", "build-vocab", "eval", "forecast") else []
    model = [] if command in ("train", "build-vocab", "forecast") else ["--model", "missing"]
    for name in option.opts:
        for value in beyond(option.type):
            assert run_program([command, *texts, *model, name, value]) == 2, value
            out, err = capfd.readouterr()
            assert out == ""
            assert len(err.splitlines()) == 1
            assert err.startswith(f"Error: {name}: expected "), err
            assert range_of(option.type) in err, err
            assert err.endswith(f" (see rnnwords {command} --help)\n"), err
            assert "missing" not in err
            assert len(err) <= 501
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--epochs", "2", "--iterations", "5"], "expected one budget, found "),
        (["--validation", "x.txt", "--validation-split", "0.1"], "found both; leave one out"),
        (["--tie", "--input", "one-hot"], " embedding, found one-hot; leave "),
        (["--vocab", "none.tsv"], "vocabulary file none.tsv: expected a file, found none"),
    ],
)
def test_row_30_options_that_exclude_each_other_are_an_error(options, message, tmp_path):
    only_error(rnnwords("train", FABLE, *options, cwd=tmp_path), 2, re.escape(message))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["other", "same"])
def test_row_60_report_with_another_training_text_warns(text, trained, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "other.txt").write_text("the cat said that the mice had a bell", encoding="utf-8")
    (tmp_path / "same.txt").write_bytes(FABLE.read_bytes())
    given = ["generate", "the", "-n", "5", "--model", trained, "--train-text", f"{text}.txt"]
    for option in (["--report"], ["--max-overlap", "3"]):
        status, _, err = ask(capsys, monkeypatch, *given, *option)
        warned = "Warning: --train-text is not the training text of the model" in err
        assert (status, warned) == (0, text == "other")
        assert ask(capsys, monkeypatch, *given, *option, "--json")[2] == err.split("text 1,")[0]
    report = json.loads(ask(capsys, monkeypatch, *given, "--report", "--json")[1])["samples"][0]["report"]
    assert report["is_training_text"] is (text == "same")
