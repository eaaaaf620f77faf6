"""Rows 32 and 50: a checkpoint with a flipped bit, or with a valid checksum and a wrong state, is never resumed."""

import copy
import random
from typing import Any

import pytest

from rnnwords.errors import ModelError, ResumeError
from rnnwords.model_file import Model
from rnnwords.tensor_file import read_tensors
from rnnwords.training.runs.checkpoint import FORMAT, VERSION
from tests.checkpoints import BUDGET, FORMATS, KINDS, NEWER, checkpoint_path, run_of, signed_checkpoint
from tests.faults.fuzz.checkpoints import check
from tests.faults.resuming.wrong_checkpoints import GONE, LISTS, PARTS, STATE, changed, check_refused
from tests.processes import TINY, Killed, contents, here, matched, only_error, rnnwords
from tests.signed_files import nested
from tests.texts import FABLE

FLIPS = 1_000
FUZZED = 500


@pytest.mark.parametrize("version", FORMATS)
@pytest.mark.parametrize("kind", KINDS)
def test_row_50_the_unchanged_checkpoint_of_each_format_is_resumed(kind, version, tmp_path):
    for step, finished in ((NEWER, None), (BUDGET, "budget"), (NEWER + 10, "patience")):
        run = run_of(kind)
        warnings: list[str] = []
        state = FORMATS[version](run.state(step, finished))
        checkpoint_path(tmp_path, step).write_bytes(signed_checkpoint(run.tensors(step), state, version))
        found = run.resume(tmp_path, warnings)
        assert (found.step, found.state.position.finished, warnings) == (step, finished, [])
        checkpoint_path(tmp_path, step).unlink()


@pytest.mark.parametrize("part", [*PARTS, "state"])
def test_row_50_a_wrong_state_is_refused_and_the_older_one_is_taken(part, tmp_path):
    run = run_of("windows")
    tensors, state = run.tensors(NEWER), run.state(NEWER)
    for name, value in PARTS.get(part, STATE):
        path = (part, name) if part in PARTS else (name,)
        check_refused("windows", signed_checkpoint(tensors, changed(state, path, value)), tmp_path)


@pytest.mark.parametrize("state", [None, 7, "x", [], {}, [{}], nested(300)], ids=str)
def test_row_50_a_state_that_is_not_an_object_is_refused(state, tmp_path):
    check_refused("windows", signed_checkpoint(run_of("windows").tensors(NEWER), state), tmp_path)


@pytest.mark.parametrize("version", [(1, 0), (2, 0)])
def test_row_50_a_wrong_state_of_an_earlier_format_is_refused(version, tmp_path):
    run = run_of("windows")
    state = FORMATS[version](run.state(NEWER))
    changes: list[tuple[tuple[str, ...], Any]] = [
        *(((name,), value) for name in state for value in (GONE, None, 7, "x", [], nested(300))),
        *((("position", name), value) for name in ("losses", "hits") for value in LISTS),
        (("asked", "units"), [1]), (("asked", "units"), {}), (("position", "waited"), -1), (("position", "best"), "x"),
        (("training", "order"), 7), (("metrics", "of"), "held-out"), (("metrics", "ceiling"), 7),
    ]  # fmt: skip
    for path, value in changes:
        content = signed_checkpoint(run.tensors(NEWER), changed(state, path, value), version)
        check_refused("windows", content, tmp_path)


@pytest.mark.parametrize("step", [NEWER + 1, BUDGET, BUDGET + 1, 10**12])
def test_row_50_a_step_that_is_not_that_of_the_name_or_beyond_the_budget_is_refused(step, tmp_path):
    run = run_of("windows")
    check_refused("windows", signed_checkpoint(run.tensors(NEWER), run.state(NEWER)), tmp_path, step)
    state = changed(run.state(NEWER), ("position", "step"), step)
    if step != NEWER + 1:
        check_refused("windows", signed_checkpoint(run.tensors(step), state), tmp_path, step)


def test_row_50_any_changed_setting_is_refused_or_named(tmp_path):
    """Settings that were changed with their identity are those of another run; without it, the state is damaged."""
    run = run_of("windows")
    state = run.state(NEWER)
    for name, value in state["settings"].items():
        other = "other" if isinstance(value, str) else 7
        damaged = copy.deepcopy(state)
        damaged["settings"][name] = other
        check_refused("windows", signed_checkpoint(run.tensors(NEWER), damaged), tmp_path)
        content = signed_checkpoint(run.tensors(NEWER), changed(state, ("settings", name), other))
        checkpoint_path(tmp_path, NEWER).write_bytes(content)
        with pytest.raises(ResumeError, match=f"holds a run with `{name}` (7|other), found `{name}` "):
            run.resume(tmp_path, [])


def test_row_50_random_changes_of_a_checkpoint_are_refused_or_usable():
    """`make fuzz` does the same for longer."""
    generator = random.Random(50)
    results = [check(generator.randbytes(generator.randrange(4, 40))) for _ in range(FUZZED)]
    assert {"older", "newer", "another setting"} == set(results)


@pytest.mark.parametrize("kind", KINDS)
def test_row_32_no_flipped_bit_of_a_checkpoint_is_loaded(kind, tmp_path):
    run = run_of(kind)
    content = bytearray(signed_checkpoint(run.tensors(NEWER), run.state(NEWER)))
    path = checkpoint_path(tmp_path, NEWER)
    path.write_bytes(content)
    assert run.resume(tmp_path, []).step == NEWER
    generator = random.Random(32)
    for _ in range(FLIPS // len(KINDS)):
        bit = generator.randrange(8 * len(content))
        content[bit // 8] ^= 1 << bit % 8
        path.write_bytes(content)
        with pytest.raises(ModelError, match=r"found none \(checkpoint .* is damaged: |expected a format up to"):
            run.resume(tmp_path, [])
        content[bit // 8] ^= 1 << bit % 8


def test_row_50_if_all_checkpoints_are_wrong_one_line_says_so_and_nothing_changes(run, tmp_path):
    [path] = (run / "checkpoints").iterdir()
    tensors, state, _ = read_tensors(path, FORMAT, VERSION, "checkpoint")
    path.write_bytes(signed_checkpoint(tensors, changed(state, ("metrics", "words"), "many")))
    before = contents(tmp_path)
    for options in ((), ("--json",), ("--quiet",)):
        only_error(
            rnnwords("train", FABLE, *TINY, "--model", "models/tiny", *options, cwd=tmp_path),
            1,
            r"^Error: expected an undamaged checkpoint in models/tiny, found none \(.* is damaged: words: expected a "
            r"whole number between .*, found 'many'\); start again with --restart$",
        )
    assert contents(tmp_path) == before


def test_row_50_training_continues_from_the_older_checkpoint_to_equal_weights(
    trained, tmp_path, killed_after, monkeypatch, capfd
):
    command = ["train", str(FABLE), *TINY, "--checkpoint-every", "30", "--model", "run"]
    killed_after(2)
    with pytest.raises(Killed):
        here(*command, "--quiet", cwd=tmp_path)
    path = checkpoint_path(tmp_path / "run", 60)
    tensors, state, _ = read_tensors(path, FORMAT, VERSION, "checkpoint")
    path.write_bytes(signed_checkpoint(tensors, changed(state, ("position", "best_accuracy"), 2)))
    monkeypatch.undo()
    assert here(*command, cwd=tmp_path) == 0
    err = capfd.readouterr().err
    matched(
        err, r"^Warning: checkpoint run/.*-0000000060\.safetensors is damaged: best_accuracy: .*checkpoint before it$"
    )
    matched(err, r"^resuming run at step 30$")
    resumed, unbroken = (Model.load(place / "model.safetensors").weights for place in (tmp_path / "run", trained))
    assert all((resumed[name] == weight).all() for name, weight in unbroken.items())
