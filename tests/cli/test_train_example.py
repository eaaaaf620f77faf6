"""`train --example`, and what a first-time user sees without a text or a model."""

import re

import pytest

from rnnwords.errors import CorpusError
from rnnwords.text import examples
from rnnwords.text.examples import EXAMPLES, example_text
from tests.processes import QUICK, here
from tests.texts import FABLE, FABLES


def test_examples_are_the_texts_in_corpora():
    assert {name: example_text(name).resolve() for name in EXAMPLES} == {"fable": FABLE, "fables": FABLES}


def test_an_installation_is_searched_before_its_surroundings(tmp_path, monkeypatch):
    inside, outside = tmp_path / "rnnwords" / "corpora", tmp_path / "corpora"
    monkeypatch.setattr(examples, "_PLACES", (inside, outside))
    with pytest.raises(CorpusError, match=f"fable at {re.escape(str(inside))}/belling_the_cat.txt, found none"):
        example_text("fable")
    for place in (outside, inside):
        place.mkdir(parents=True)
        (place / "belling_the_cat.txt").write_text("a text", encoding="utf-8")
        assert example_text("fable").parent == place


def test_a_model_of_an_example_has_its_name_and_is_resumed(tmp_path, capfd):
    assert here("train", "--example", "fable", *QUICK, cwd=tmp_path) == 0
    assert "text: 204 words" in capfd.readouterr().err
    model = (tmp_path / "models" / "fable" / "model.safetensors").read_bytes()
    assert (tmp_path / "models" / "latest").read_text() == "fable\n"
    assert here("train", "--example", "fable", *QUICK, cwd=tmp_path) == 0
    assert "this run is complete" in capfd.readouterr().err
    assert (tmp_path / "models" / "fable" / "model.safetensors").read_bytes() == model
    assert here("train", FABLE, *QUICK, "--model", "models/fable", cwd=tmp_path) == 0  # the same text
    assert "this run is complete" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--example", "fable", "x.txt"], r"expected a text or --example, found both: 'x.txt' and fable; .*"),
        (["--example", "novel"], r"--example: expected one of fable, fables, found 'novel' \(see .*"),
        ([], r"expected a text, found none; .*: rnnwords train story.txt; or try .*: rnnwords train --example fable"),
    ],
)  # fmt: skip
def test_wrong_texts_are_refused_with_what_to_type(arguments, message, tmp_path, capfd):
    assert here("train", *arguments, cwd=tmp_path) == 2
    assert re.fullmatch(f"Error: {message}\n", capfd.readouterr().err)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", ["generate", "predict"])
def test_without_a_model_the_error_says_how_to_train_one(command, tmp_path, capfd):
    assert here(command, "once upon", cwd=tmp_path) == 2
    assert "train one with: rnnwords train TEXT, or rnnwords train --example fable\n" in capfd.readouterr().err


def test_the_help_of_the_program_begins_with_what_works_at_once(tmp_path, capfd):
    assert here(cwd=tmp_path) == 0
    assert "rnnwords train --example fable" in capfd.readouterr().out
