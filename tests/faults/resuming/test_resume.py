"""Rows 1, 17, 18 and 33: a run that was stopped resumes with the result of an unbroken run, or is refused."""

import json
import re
import shutil
from pathlib import Path

import pytest

from rnnwords.cli import run as run_program
from tests.models import small_model
from tests.processes import TINY, Killed, checkpoints, contents, here, matched, only_error, rnnwords
from tests.runs import COMMANDS, STEPS, result
from tests.texts import FABLE

pytestmark = pytest.mark.serial


@pytest.mark.parametrize("harm", ["half a line", "later reports", "no newline", "garbage"])
def test_row_01_the_history_of_a_killed_run_is_cut_at_its_checkpoint(harm, interrupted, unbroken, tmp_path):
    there = shutil.copytree(interrupted[0], tmp_path / "copy")
    history = there / "run" / "history.jsonl"
    lines = history.read_bytes().splitlines(keepends=True) if history.exists() else []
    whole = unbroken["windows"][1]
    later = [json.dumps({**report, "words_per_second": 1.0}).encode() + b"\n" for report in whole[len(lines) :]]
    history.write_bytes(b"".join(lines) + {
        "half a line": later[0][:40], "later reports": b"".join(later), "no newline": b"".join(later)[:-1],
        "garbage": b'\xff\0[[[{"step": 1}\n7\n',
    }[harm])  # fmt: skip
    assert here(*COMMANDS["windows"], cwd=there) == 0
    assert result(there / "run") == unbroken["windows"]


@pytest.mark.parametrize("left", [0, 1])
def test_row_01_a_run_resumes_without_the_lines_of_its_history(left, interrupted, unbroken, tmp_path):
    there = shutil.copytree(interrupted[0], tmp_path / "copy")
    history = there / "run" / "history.jsonl"
    lines = history.read_bytes().splitlines(keepends=True) if history.exists() else []
    history.write_bytes(b"".join(lines[:left]))
    if not left:
        history.unlink()
    assert here(*COMMANDS["windows"], cwd=there) == 0
    model, reports, steps = unbroken["windows"]
    assert result(there / "run") == (model, reports[:left] * bool(lines) + reports[len(lines) :], steps)


def shown(name: str) -> str:
    """Return a pattern for a setting as the library or as the command line names it: `min_count`, --min-count, TEXT."""
    name = "(corpus|TEXT)" if name == "corpus" else name.replace("_", "[_-]")
    return rf"[`-]*{name}`?"


@pytest.mark.parametrize(
    ("change", "name", "old", "new"),
    [
        (("--units", "9"), "units", "8", "9"),
        (("--learning-rate", "0.02"), "learning_rate", "0.01", "0.02"),
        (("--dropout", "0"), "dropout", "0.4", "0.0"),
        (("--seed", "6"), "seed", "5", "6"),
        (("--lowercase",), "lowercase", "False", "True"),
        (("--window", "4"), "window", "not set", "4"),
        (("--iterations", "1000"), "iterations", str(STEPS), "1000"),
        (("--min-count", "2"), "min_count", "not set", "2"),
        (("--tie",), "tie", "not set", "True"),
    ],
)
def test_row_17_changed_settings_are_named_with_both_values(change, name, old, new, interrupted, tmp_path):
    there = shutil.copytree(interrupted[0], tmp_path / "copy")
    before = contents(there)
    done = rnnwords(*COMMANDS["windows"], *change, cwd=there)
    only_error(
        done,
        2,
        rf"run holds a run with {shown(name)} {re.escape(old)}, found {shown(name)} {re.escape(new)}; .*restart",
    )
    assert contents(there) == before


def test_row_17_a_changed_text_is_an_error_with_both_digests(interrupted, tmp_path):
    there = shutil.copytree(interrupted[0], tmp_path / "copy")
    with open(there / "fable.txt", "a", encoding="utf-8") as text:
        text.write("one more line .\n")
    done = rnnwords(*COMMANDS["windows"], cwd=there)
    only_error(
        done,
        2,
        rf"run holds a run with {shown('corpus')} [0-9a-f]{{12}}\.\.\., found {shown('corpus')} [0-9a-f]{{12}}\.\.\.",
    )
    assert "restart" in done.stderr


def test_row_17_a_validation_text_that_becomes_training_text_is_a_changed_corpus(tmp_path, killed_after, capfd):
    (tmp_path / "a.txt").write_text("the cat and the mouse and the bell\n" * 9, encoding="utf-8")
    (tmp_path / "b.txt").write_text("the mouse and the cat and the bell\n" * 9, encoding="utf-8")
    first, second, run = (str(tmp_path / name) for name in ("a.txt", "b.txt", "run"))
    options = [*TINY, "--model", run, "--checkpoint-every", "5", "--quiet"]
    killed_after(1)
    with pytest.raises(Killed):
        run_program(["train", first, "--validation", second, *options])
    assert run_program(["train", first, second, *options]) == 2
    matched(capfd.readouterr().err, f"run with {shown('corpus')} ")
    assert run_program(["train", first, "--validation", first, *options]) == 2
    matched(capfd.readouterr().err, f"run with {shown('validation')} ")


def test_row_18_the_command_of_a_finished_run_reports_it_and_changes_nothing(run, tmp_path):
    before = contents(tmp_path)
    done = rnnwords("train", FABLE, *TINY, "--model", "models/tiny", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "")
    matched(done.stderr, r"this run is complete; start again with --restart\.$")
    report = json.loads(rnnwords("train", FABLE, *TINY, "--model", "models/tiny", "--json", cwd=tmp_path).stdout)
    assert (report["reason"], report["step"]) == ("already", 90)
    assert contents(tmp_path) == before


@pytest.mark.parametrize("options", [[], ["--ngram", "3", "--calibrate"]], ids=["", "post-training"])
@pytest.mark.parametrize("found", ["none", "another one"])
def test_row_18_a_finished_run_without_its_own_model_is_an_error(found, options, run, tmp_path, capfd):
    (run / "model.safetensors").unlink()
    if found == "another one":
        small_model().save(run / "model.safetensors")
    before = contents(run)
    assert here("train", FABLE, *TINY, "--model", "models/tiny", *options, cwd=tmp_path) != 0
    matched(
        capfd.readouterr().err, rf"^Error: expected the model of this run at \S+, found {found}; name another --model"
    )
    assert {**contents(run), "rnnwords-run": None} == {**before, "rnnwords-run": None}


def test_row_33_a_damaged_newest_checkpoint_falls_back_to_the_one_before(interrupted, unbroken, tmp_path, capfd):
    there = shutil.copytree(interrupted[0], tmp_path / "copy")
    before, newest = checkpoints(there / "run")
    flip_a_bit(there / "run" / "checkpoints" / f"step-{newest:010}.safetensors")
    assert here(*COMMANDS["windows"], cwd=there) == 0
    err = capfd.readouterr().err
    matched(
        err, rf"^Warning: checkpoint run/checkpoints/step-{newest:010}\.safetensors is damaged: .*checkpoint before it$"
    )
    matched(err, rf"^resuming run at step {before:,}$")
    assert result(there / "run") == unbroken["windows"]


def flip_a_bit(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)


def test_row_33_damage_of_all_checkpoints_is_an_error_that_changes_nothing(interrupted, tmp_path):
    there = shutil.copytree(interrupted[0], tmp_path / "copy")
    for step in checkpoints(there / "run"):
        flip_a_bit(there / "run" / "checkpoints" / f"step-{step:010}.safetensors")
    before = contents(there)
    done = rnnwords(*COMMANDS["windows"], cwd=there)
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert re.fullmatch(
        r"Error: expected an undamaged checkpoint in run, found none \(.* is damaged: .*\); start again with \S+", last
    )
    assert contents(there) == before
