"""Resuming: however a run ends, the same command continues it, and the result is that of an unbroken run.

Equal means byte for byte, with dropout, in both modes, in both precisions, with either softmax. Runs that are killed
are processes of their own; where only the order of files matters, a run of this process ends as if killed.
"""

import json
import os
import random
import re
import shlex
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from rnnwords.cli import run as run_program
from rnnwords.model_file import Model
from rnnwords.tensor_file import read_tensors, write_tensors
from rnnwords.training.checkpoint import FORMAT, VERSION, RunDirectory
from rnnwords.training.config import TrainingConfig
from rnnwords.training.resume import (
    OLD_POSITION,
    OLD_SETTINGS,
    Position,
    resumed_config,
    run_identity,
    upgraded,
)
from tests.processes import (
    LIMIT,
    TINY,
    Killed,
    checkpoints,
    contents,
    here,
    killed_at_end,
    only_error,
    rnnwords,
    said,
    start,
    until,
)
from tests.texts import FABLE

pytestmark = pytest.mark.serial
STEPS = 400
COMMON = (
    "--units", "8", "--embedding", "6", "--dropout", "0.4", "--validation-split", "0.2", "--patience", "100000",
    "--learning-rate", "0.01", "--seed", "5", "--precision", "float32", "--iterations", str(STEPS), "--log-every", "50",
    "--checkpoint-every", "7",
)  # fmt: skip
COMMANDS = {
    "windows": (
        "train", "fable.txt", *COMMON, "--layers", "1", "--batch-size", "20", "--ema", "0.99", "--model", "run",
    ),
    "stateful": (
        "train", "fable.txt", *COMMON, "--layers", "2", "--stateful", "--window", "5", "--batch-size", "4",
        "--variational", "--weight-dropout", "0.3", "--dropout-start", "0.1", "--model", "run",
    ),
    "bfloat16": (
        "train", "fable.txt", *COMMON, "--layers", "1", "--batch-size", "20", "--precision", "bfloat16",
        "--optimizer", "adamw", "--weight-decay", "0.1", "--schedule", "cosine", "--model", "run",
    ),
    "adaptive": (
        "train", "fable.txt", *COMMON, "--layers", "1", "--stateful", "--window", "5", "--batch-size", "3",
        "--units", "16", "--softmax", "adaptive", "--optimizer", "sgd", "--learning-rate", "0.3", "--model", "run",
    ),
}  # fmt: skip
KILLS = {"windows": 2, "stateful": 2, "bfloat16": 1, "adaptive": 1}


def place(directory: Path) -> Path:
    """Return a directory with the text in it, so that every run has the same command."""
    directory.mkdir(exist_ok=True)
    shutil.copy(FABLE, directory / "fable.txt")
    return directory


def result(run: Path) -> tuple[bytes, list[dict[str, Any]], list[int]]:
    """Return what equal runs share: the model, the history without speeds, the steps of the checkpoints."""
    history = reports_of(run)
    for report in history:
        del report["words_per_second"]
    return (run / "model.safetensors").read_bytes(), history, checkpoints(run)


def reports_of(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "history.jsonl").read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    """Return kind -> the result of an unbroken run."""
    results = {}
    for kind, command in COMMANDS.items():
        there = place(tmp_path_factory.mktemp(kind))
        assert here(*command, cwd=there) == 0
        results[kind] = result(there / "run")
        settings = Model.load(there / "run" / "model.safetensors").training["settings"]
        assert settings["batch_size"] == int(command[command.index("--batch-size") + 1])
        assert checkpoints(there / "run")[-1] == STEPS
        assert len(results[kind][1]) == STEPS // 50
    return results


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory):
    """Stop a run by Ctrl-C while others try to train in its directory, which tests copy."""
    there = place(tmp_path_factory.mktemp("interrupted"))
    return there, *stopped(COMMANDS["windows"], there, signal.SIGINT, [(), ("--restart",)])


def stopped(
    command: Any, there: Path, number: signal.Signals, others: Any = ()
) -> "tuple[subprocess.CompletedProcess[str], list[Any]]":
    """Start a run; once it has saved twice, run the command with other options, then send the run a signal."""
    process = start(*command, cwd=there)
    with killed_at_end(process):
        until(lambda: len(checkpoints(there / "run")) == 2, process)
        process.send_signal(signal.SIGSTOP)  # or it might end before the others start
        tried = [(process.pid, rnnwords(*command, *options, cwd=there)) for options in others]
        process.send_signal(number)
        process.send_signal(signal.SIGCONT)
        out, err = process.communicate(timeout=LIMIT)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err), tried


@pytest.mark.slow
@pytest.mark.parametrize("kind", COMMANDS)
def test_resume_after_sigkill_gives_equal_weights(kind, unbroken, tmp_path):
    there = place(tmp_path)
    seed = random.randrange(10**6)
    moments = sorted(random.Random(seed).sample(range(STEPS * 2 // 3), KILLS[kind]))
    kills = 0
    for step in moments:
        process = start(*COMMANDS[kind], cwd=there, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        with killed_at_end(process):
            until(lambda: (checkpoints(there / "run") or [-1])[-1] >= step or process.poll() is not None)  # noqa: B023
            process.kill()
            process.wait()
        kills += process.returncode == -signal.SIGKILL
    assert kills, "every run was done before it could be killed"
    assert here(*COMMANDS[kind], cwd=there) == 0
    assert result(there / "run") == unbroken[kind]
    assert not list(there.rglob("*.tmp"))


def test_ctrl_c_saves_and_prints_the_command_that_resumes(interrupted, unbroken, tmp_path, capfd):
    there = shutil.copytree(interrupted[0], tmp_path / "copy")
    check_resumed(there, interrupted[1], 130, unbroken["windows"], capfd)


@pytest.mark.slow
def test_sigterm_saves_and_prints_the_command_that_resumes(unbroken, tmp_path, capfd):
    there = place(tmp_path)
    done, _ = stopped(COMMANDS["stateful"], there, signal.SIGTERM)
    check_resumed(there, done, 143, unbroken["stateful"], capfd)


def check_resumed(there: Path, done: Any, status: int, expected: Any, capfd: Any) -> None:
    """Check that the printed command resumes an interrupted run, with the expected result."""
    assert (done.returncode, done.stdout) == (status, ""), done.stderr
    resume = said(done.stderr.splitlines()[-1], r"^Interrupted; step ([\d,]+) is saved\. Resume with: rnnwords (.*)$")
    assert int(resume[1].replace(",", "")) == checkpoints(there / "run")[-1] < STEPS
    Model.load(there / "run" / "model.safetensors")
    assert here(*shlex.split(resume[2]), cwd=there) == 0
    said(capfd.readouterr().err, rf"^resuming run at step {resume[1]}$")
    assert result(there / "run") == expected


def test_a_second_ctrl_c_ends_at_once_with_valid_files(tmp_path):
    there = place(tmp_path)
    process = start(*COMMANDS["windows"], cwd=there)
    with killed_at_end(process):
        until(lambda: len(checkpoints(there / "run")) == 2, process)
        while process.poll() is None:
            process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=LIMIT)
    assert process.returncode in (-signal.SIGINT, 130)
    assert "Traceback" not in err
    Model.load(there / "run" / "model.safetensors")
    newest = RunDirectory(there / "run").newest(pytest.fail)
    assert newest is not None
    assert newest.step == checkpoints(there / "run")[-1]


def test_a_damaged_newest_checkpoint_falls_back_to_the_one_before(interrupted, unbroken, tmp_path, capfd):
    there = shutil.copytree(interrupted[0], tmp_path / "copy")
    before, newest = checkpoints(there / "run")
    flip_a_bit(there / "run" / "checkpoints" / f"step-{newest:010}.safetensors")
    assert here(*COMMANDS["windows"], cwd=there) == 0
    err = capfd.readouterr().err
    said(
        err, rf"^Warning: checkpoint run/checkpoints/step-{newest:010}\.safetensors is damaged: .*checkpoint before it$"
    )
    said(err, rf"^resuming run at step {before:,}$")
    assert result(there / "run") == unbroken["windows"]


def flip_a_bit(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)


def test_damage_of_all_checkpoints_is_an_error_that_changes_nothing(interrupted, tmp_path):
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


@pytest.mark.parametrize("name", ["training", "position", "precision", "metrics"])
def test_a_checkpoint_with_an_incomplete_state_is_refused(name, interrupted, tmp_path):
    there = shutil.copytree(interrupted[0], tmp_path / "copy")
    for step in checkpoints(there / "run"):
        file = there / "run" / "checkpoints" / f"step-{step:010}.safetensors"
        tensors, state, _ = read_tensors(file, FORMAT, VERSION, "checkpoint")
        write_tensors(file, FORMAT, VERSION, tensors, {key: value for key, value in state.items() if key != name})
    done = rnnwords(*COMMANDS["windows"], cwd=there)
    only_error(done, 1, rf"^Error: the checkpoint of run has no {name}; start again with --restart$")


def test_a_second_training_in_the_same_directory_is_refused(interrupted):
    """The first one continues: the tests above interrupt, resume and compare it."""
    assert len(interrupted[2]) == 2
    for owner, done in interrupted[2]:
        only_error(done, 1, rf"^Error: run is in use by process {owner}; wait for it, or name another ")


def test_the_lock_of_a_killed_process_is_free(tmp_path):
    holder = RunDirectory(tmp_path / "run")
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        with holder.locked():
            os.write(writer, b"x")
            signal.pause()
    os.read(reader, 1)
    try:
        with pytest.raises(Exception, match=f"in use by process {child};"), holder.locked():
            pass
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(reader)
        os.close(writer)
    with holder.locked():
        pass


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
def test_changed_settings_are_named_with_both_values(change, name, old, new, interrupted, tmp_path):
    there = shutil.copytree(interrupted[0], tmp_path / "copy")
    before = contents(there)
    done = rnnwords(*COMMANDS["windows"], *change, cwd=there)
    only_error(
        done,
        2,
        rf"run holds a run with {shown(name)} {re.escape(old)}, found {shown(name)} {re.escape(new)}; .*restart",
    )
    assert contents(there) == before


@pytest.mark.parametrize(
    ("before", "now", "steps", "seconds"),
    [
        ({"checkpoint_every": 7}, {"checkpoint_seconds": 60.0}, None, 60.0),
        ({"checkpoint_seconds": 60.0}, {"checkpoint_every": 7}, 7, 60.0),
        ({"checkpoint_every": 7}, {"checkpoint_every": 9}, 9, 300.0),
        ({"checkpoint_every": 7}, {}, 7, 300.0),
    ],
)
def test_the_checkpoint_interval_can_change_when_a_run_is_resumed(before, now, steps, seconds):
    training = resumed_config(TrainingConfig(0, **before).to_json(), now)
    assert (training.checkpoint_every, training.checkpoint_seconds) == (steps, seconds)


def test_a_changed_text_is_an_error_with_both_digests(interrupted, tmp_path):
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


def test_a_validation_text_that_becomes_training_text_is_a_changed_corpus(tmp_path, killed_after, capfd):
    (tmp_path / "a.txt").write_text("the cat and the mouse and the bell\n" * 9, encoding="utf-8")
    (tmp_path / "b.txt").write_text("the mouse and the cat and the bell\n" * 9, encoding="utf-8")
    first, second, run = (str(tmp_path / name) for name in ("a.txt", "b.txt", "run"))
    options = [*TINY, "--model", run, "--checkpoint-every", "5", "--quiet"]
    killed_after(1)
    with pytest.raises(Killed):
        run_program(["train", first, "--validation", second, *options])
    assert run_program(["train", first, second, *options]) == 2
    said(capfd.readouterr().err, f"run with {shown('corpus')} ")
    assert run_program(["train", first, "--validation", first, *options]) == 2
    said(capfd.readouterr().err, f"run with {shown('validation')} ")


def test_restart_removes_the_run_only_when_the_new_one_can_start(interrupted, tmp_path):
    there = shutil.copytree(interrupted[0], tmp_path / "copy")
    before = contents(there)
    assert rnnwords("train", "missing.txt", "--model", "run", "--restart", cwd=there).returncode == 2
    assert rnnwords(*COMMANDS["windows"], "--units", "0", "--restart", cwd=there).returncode == 2
    assert contents(there) == before
    assert here(*COMMANDS["windows"], "--restart", "--iterations", "60", cwd=there) == 0
    assert checkpoints(there / "run") == [56, 60]
    assert [report["step"] for report in result(there / "run")[1]] == [50, 60]


def test_the_command_of_a_finished_run_reports_it_and_changes_nothing(run, tmp_path):
    before = contents(tmp_path)
    done = rnnwords("train", FABLE, *TINY, "--model", "models/tiny", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "")
    said(done.stderr, r"this run is complete; start again with --restart\.$")
    report = json.loads(rnnwords("train", FABLE, *TINY, "--model", "models/tiny", "--json", cwd=tmp_path).stdout)
    assert (report["reason"], report["step"]) == ("already", 90)
    assert contents(tmp_path) == before


def test_temporary_files_of_a_killed_run_are_removed(run, tmp_path):
    left = [run / "model.safetensors.123.tmp", run / "checkpoints" / "step-0000000099.safetensors.123.tmp"]
    for file in left:
        file.write_bytes(b"half")
    assert rnnwords("train", FABLE, *TINY, "--model", "models/tiny", cwd=tmp_path).returncode == 0
    assert not any(file.exists() for file in left)


@pytest.mark.parametrize("harm", ["half a line", "later reports", "no newline", "garbage"])
def test_the_history_of_a_killed_run_is_cut_at_its_checkpoint(harm, interrupted, unbroken, tmp_path):
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
def test_a_run_resumes_without_the_lines_of_its_history(left, interrupted, unbroken, tmp_path):
    there = shutil.copytree(interrupted[0], tmp_path / "copy")
    history = there / "run" / "history.jsonl"
    lines = history.read_bytes().splitlines(keepends=True) if history.exists() else []
    history.write_bytes(b"".join(lines[:left]))
    if not left:
        history.unlink()
    assert here(*COMMANDS["windows"], cwd=there) == 0
    model, reports, steps = unbroken["windows"]
    assert result(there / "run") == (model, reports[:left] * bool(lines) + reports[len(lines) :], steps)


def test_a_new_run_does_not_continue_the_history_of_another(interrupted, tmp_path):
    there = shutil.copytree(interrupted[0], tmp_path / "copy")
    shutil.rmtree(there / "run" / "checkpoints")
    (there / "run" / "history.jsonl").write_text('{"step": 7}\n', encoding="utf-8")
    assert here(*COMMANDS["windows"], cwd=there) == 0
    assert [report["step"] for report in reports_of(there / "run")] == list(range(50, STEPS + 1, 50))


def test_the_size_of_a_position_does_not_depend_on_the_steps():
    position = Position()
    position.advance([0.1] * 100_000, [1.0] * 100_000)
    assert len(json.dumps(position.to_json())) < 400
    assert (position.step, position.steps_since_report, position.hit_sum) == (100_000, 100_000, 100_000.0)


def test_sums_of_a_position_do_not_depend_on_the_steps_per_call():
    numbers = [random.Random(1).uniform(0, 10) for _ in range(1_000)]
    whole, parts = Position(), Position()
    whole.advance(numbers, numbers)
    for at in range(0, 1_000, 7):
        parts.advance(numbers[at : at + 7], numbers[at : at + 7])
        parts = Position.from_json(json.loads(json.dumps(parts.to_json())))
    assert whole == parts


def as_format_2(state: dict[str, Any]) -> dict[str, Any]:
    """Return the state of a checkpoint with the names of format 2.0."""
    old = {new: name for name, new in (OLD_POSITION | OLD_SETTINGS).items()}
    settings = {old.get(name, name).replace("_", "-"): value for name, value in state["settings"].items()}
    position = {old.get(name, name): value for name, value in state["position"].items()}
    training = {old.get(name, name): value for name, value in state["training"].items()}
    metrics = {"ceiling" if name == "max_accuracy" else name: value for name, value in state["metrics"].items()}
    return {"asked": settings, "position": position, "training": training, "precision": state["precision"],
            "metrics": {**metrics, "of": "held-out text"}}  # fmt: skip


def as_format_1(state: dict[str, Any]) -> dict[str, Any]:
    """Return the state of a checkpoint as in format 1.0, which has losses instead of their sums."""
    state = as_format_2(state)
    position = state["position"]
    steps = position.pop("steps")
    position |= {name: [position[name] / max(1, steps)] * steps for name in ("losses", "hits")}
    position["reports"] = [{"step": 50}]
    del position["epoch_steps"], position["epoch_hits"]
    return state


@pytest.mark.parametrize(("version", "downgraded"), [((1, 0), as_format_1), ((2, 0), as_format_2)], ids=["1.0", "2.0"])
def test_checkpoints_of_earlier_formats_are_resumed_with_equal_weights(
    version, downgraded, interrupted, unbroken, tmp_path
):
    there = shutil.copytree(interrupted[0], tmp_path / "copy")
    directory = RunDirectory(there / "run")
    for step in checkpoints(there / "run"):
        path = directory.checkpoints / f"step-{step:010}.safetensors"
        tensors, state, _ = read_tensors(path, FORMAT, VERSION, "checkpoint")
        write_tensors(path, FORMAT, version, tensors, downgraded(state))
    assert here(*COMMANDS["windows"], cwd=there) == 0
    model, reports, _ = result(there / "run")
    assert model == unbroken["windows"][0]
    assert [report["loss"] for report in reports] == pytest.approx([one["loss"] for one in unbroken["windows"][1]])


def test_the_state_of_format_2_is_upgraded_to_equal_names(interrupted):
    """A model that an earlier version saved for this run is recognised by its identity."""
    newest = RunDirectory(interrupted[0] / "run").newest(pytest.fail)
    assert newest is not None
    state = upgraded(as_format_2(newest.state))
    old = as_format_2(newest.state)
    assert {**state, "run": newest.state["run"]} | {"training": newest.state["training"]} == {
        **newest.state, "position": old["position"]
    }  # fmt: skip
    assert Position.from_json(state["position"]) == Position.from_json(newest.state["position"])
    assert state["run"] == run_identity(old["asked"], old["training"], old["precision"])


def test_the_newest_checkpoint_is_the_one_of_the_last_step_whatever_its_time(interrupted, tmp_path):
    there = shutil.copytree(interrupted[0], tmp_path / "copy")
    older, newer = checkpoints(there / "run")
    os.utime(there / "run" / "checkpoints" / f"step-{newer:010}.safetensors", (0, 0))
    os.utime(there / "run" / "checkpoints" / f"step-{older:010}.safetensors", (4e9, 4e9))
    newest = RunDirectory(there / "run").newest(pytest.fail)
    assert newest is not None
    assert newest.step == newer


@pytest.mark.parametrize("free", [[], ["--histograms", "--checkpoint-every", "10"]], ids=["same", "free to change"])
def test_a_worse_model_never_replaces_a_better_one(free, tmp_path, monkeypatch):
    """A run that is killed after a good model and before its checkpoint repeats steps, which may give worse ones."""
    from rnnwords.training.optimization.steps import Steps

    losses = iter([3.0, 2.0, 1.0, 2.0, 1.5, 1.0, 4.0])
    monkeypatch.setattr(Steps, "evaluate", lambda self, ids: (next(losses), 1, 10))
    run = tmp_path / "run"
    options = ["--patience", "1000", "--epochs", "30", "--model", str(run), "--quiet"]
    command = ["train", str(FABLE), *TINY, "--batch-size", "201", "--checkpoint-every", "5", *options]
    kept = []
    save = Model.save

    def noted(model, path):
        kept.append(model.training["metrics"]["loss"])
        save(model, path)

    monkeypatch.setattr(Model, "save", noted)
    with monkeypatch.context() as inside:
        saved = RunDirectory.save
        saves = iter(range(2))

        def save_twice(directory: RunDirectory, checkpoint: Any) -> None:
            if next(saves, None) is None:
                raise Killed
            saved(directory, checkpoint)

        inside.setattr(RunDirectory, "save", save_twice)
        with pytest.raises(Killed):
            run_program(command)  # evaluates at steps 5, 10, 15; step 15 is not saved
    assert kept == [3.0, 2.0, 1.0]
    losses = iter([1.5, 0.5, 4.0, 4.0, 4.0])  # of steps 15 (another path), 20, 25, 30
    assert run_program([*command, *free]) == 0
    assert kept == [3.0, 2.0, 1.0, 0.5]
    assert Model.load(run / "model.safetensors").training["metrics"]["loss"] == 0.5


@pytest.mark.parametrize("changed", ["validation", "lowercase"])
def test_a_restarted_run_replaces_the_better_model_of_the_old_run(changed, tmp_path, killed_after, monkeypatch):
    from rnnwords.training.optimization.steps import Steps

    loss = 0.1
    look = lambda self, ids: (loss, 1, 10)  # noqa: E731
    for name in ("a", "b"):
        (tmp_path / name).write_text(f"the mouse and the cat and the {name} bell\n" * 9, encoding="utf-8")
    options = ["--vocab", str(tmp_path / "words"), *TINY, "--checkpoint-every", "1", "--quiet"]
    first, second = ["--validation", str(tmp_path / "a")], ["--validation", str(tmp_path / "b")]
    if changed == "lowercase":
        options, first, second = options[2:], [], ["--lowercase"]
    command = ["train", str(FABLE), *options, "--model", str(tmp_path / "run")]
    assert run_program(["build-vocab", str(FABLE), "--max-size", "50", "-o", str(tmp_path / "words")]) == 0
    with monkeypatch.context() as inside:
        inside.setattr(Steps, "evaluate", look)
        assert run_program([*command, *first]) == 0
    killed_after(1)
    with pytest.raises(Killed):
        run_program([*command, *second, "--restart"])
    monkeypatch.undo()
    loss = 1.0
    monkeypatch.setattr(Steps, "evaluate", look)
    assert run_program([*command, *second]) == 0
    assert Model.load(tmp_path / "run" / "model.safetensors").training["metrics"]["loss"] == 1.0
