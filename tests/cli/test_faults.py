"""Bad input and a bad world, met on the command line: one line that says what happened and what to do, and the right
exit status; nothing that was there is lost, and nothing half-made stays."""

import json
import os
import pickle
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from rnnwords.cli import run as run_program
from rnnwords.model_file import Model
from rnnwords.training.checkpoint import RunDirectory
from tests.conftest import Killed
from tests.helpers import FABLE, FABLES, ROOT, small_model
from tests.processes import (
    LIMIT,
    PROGRAM,
    TINY,
    contents,
    environment,
    here,
    in_terminal,
    killed_at_end,
    only_error,
    rnnwords,
    said,
    small_disk,
    start,
    with_files_up_to,
    without_privileges,
)

QUICK = (*TINY, "--epochs", "5")

# Options out of range. The files named do not exist: the option is refused before anything is looked at.

RANGES = {
    "train": {
        "--window": ["0", "1001", "x"], "--layers": ["0", "17"], "--units": ["0", "-1", "1000000000"],
        "--embedding": ["0", "1000000000"], "--dropout": ["-0.1", "1", "nan"], "--holdout": ["-1", "1", "nan"],
        "--learning-rate": ["0", "101", "nan", "inf"], "--weight-decay": ["-1", "2", "nan"],
        "--label-smoothing": ["0.6", "nan"], "--ema": ["1", "nan"], "--clip-norm": ["0", "nan", "inf"],
        "--weight-dropout": ["-0.1", "1"], "--dropout-start": ["-0.1", "1", "nan"], "--warmup": ["-0.1", "0.95", "nan"],
        "--learning-rate-end": ["-0.1", "101", "nan"],
        "--batch-size": ["0", "100000"], "--epochs": ["0", "1.5"], "--iterations": ["0"], "--patience": ["0"],
        "--time": ["0", "nan", "inf", "0.5s", "soon"], "--log-every": ["0"], "--checkpoint-every": ["0", "-5", "soon"],
        "--seed": ["-1", "4294967296"], "--min-count": ["0"], "--max-size": ["0", "1000001"],
        "--cell": ["rnn"], "--input": ["words"], "--optimizer": ["newton"], "--schedule": ["linear"],
        "--precision": ["float64"], "--tokenizer": ["letters"], "--encoding-errors": ["ignore"],
    },
    "build-vocab": {"--max-size": ["0", "1000001"], "--min-count": ["0", "-1"], "--tokenizer": ["letters"]},
    "generate": {
        "--words": ["0", "-1", "x"], "--temperature": ["0", "-1", "nan", "inf"], "--top-k": ["0", "-1"],
        "--top-p": ["0", "1.5", "nan"], "--repetition-penalty": ["0.5", "nan"], "--no-repeat": ["0"], "--seed": ["-1"],
    },
    "predict": {"-k": ["0", "-1", "x"], "--oov": ["ignore"]},
    "repl": {"--words": ["0", "-1"], "--temperature": ["0", "-1", "nan"], "--top-k": ["0"], "--top-p": ["0", "2"]},
}  # fmt: skip


@pytest.mark.parametrize(
    ("command", "option", "value"),
    [(command, option, value) for command, table in RANGES.items() for option in table for value in table[option]],
)
def test_a_value_out_of_range_is_refused_before_anything_is_loaded(
    command, option, value, tmp_path, monkeypatch, capfd
):
    monkeypatch.chdir(tmp_path)
    name = ["missing.txt"] if command in ("train", "build-vocab") else ["--model", "missing"]
    assert run_program([command, *name, option, value]) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert len(err.splitlines()) == 1
    assert option.strip("-") in err
    assert value.lstrip("-") in err
    assert re.search(r"range|between|one of|expected|valid integer|must be|or more|above", err)
    assert "missing" not in err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--epochs", "2", "--iterations", "5"], "one budget at most: got epochs and iterations"),
        (["--valid", "x.txt", "--holdout", "0.1"], "from --valid or from --holdout, not from both"),
        (["--tie", "--input", "one-hot"], "tie needs input embedding; got input one-hot"),
        (["--vocab", "none.tsv"], "none.tsv does not exist"),
    ],
)
def test_options_that_exclude_each_other(options, told, tmp_path):
    only_error(rnnwords("train", FABLE, *options, cwd=tmp_path), 2, re.escape(told))
    assert list(tmp_path.iterdir()) == []


# Texts.


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("missing.txt", None, r"missing\.txt does not exist"),
        ("directory", "", r"directory is a directory; name the text files in it, for example directory/\*\.txt"),
        ("empty.txt", b"", r"empty\.txt"),
        ("blank.txt", b" \n\t\n \r\n", r"blank\.txt"),
        (
            "latin.txt",
            b"one two\nthree \xe9t\xe9\n",
            r"latin\.txt, line 2, byte 7: 0xe9 is not UTF-8; .*--encoding-errors",
        ),
        ("cut.txt.gz", b"\x1f\x8b\x08\x00half", r"cut\.txt\.gz is damaged"),
    ],
)
@pytest.mark.parametrize("command", ["build-vocab", "train", "eval"])
def test_a_text_that_cannot_be_read(command, name, content, told, trained, tmp_path):
    path = tmp_path / name
    if content == "":
        path.mkdir()
    elif content is not None:
        path.write_bytes(content)
    before = sorted(tmp_path.iterdir())
    arguments = {"build-vocab": ["-o", "vocabulary.tsv"], "train": [], "eval": ["--model", trained]}[command]
    only_error(rnnwords(command, name, *arguments, cwd=tmp_path), 2, told)
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    ("words", "options", "found", "needed"),
    [
        (3, [], "3", "4"),
        (7, ["--window", "7"], "7", "8"),
        (30, ["--stateful"], "30", "36"),
        (36, ["--stateful"], "36", "37"),
        (250, ["--stateful", "--window", "130"], "250", "263"),
    ],
)
def test_a_text_that_is_too_short_is_told_what_is_needed(words, options, found, needed, tmp_path):
    (tmp_path / "short.txt").write_text("word " * words, encoding="utf-8")
    done = rnnwords("train", "short.txt", *options, cwd=tmp_path)
    only_error(done, 2, rf"^Error: short\.txt: {found} words for training; .* need {needed} or more")
    assert [item.name for item in tmp_path.iterdir()] == ["short.txt"]


def test_one_word_more_is_enough(tmp_path):
    (tmp_path / "short.txt").write_text("the cat and bell", encoding="utf-8")
    assert here("train", "short.txt", *QUICK, cwd=tmp_path) == 0


def test_a_held_out_text_that_is_too_short(tmp_path):
    (tmp_path / "valid.txt").write_text("the cat", encoding="utf-8")
    done = rnnwords("train", FABLE, *QUICK, "--valid", "valid.txt", cwd=tmp_path)
    only_error(done, 2, r"^Error: valid\.txt: 2 held-out words; windows of 3 words need 4 or more$")


# Where the model goes.


def test_a_directory_that_cannot_be_written_is_refused_and_still_read(run, tmp_path):
    before = contents(run)
    directories = [run / "checkpoints", run]
    for directory in directories:
        directory.chmod(0o555)
    try:
        place = without_privileges()
        done = rnnwords("train", FABLE, *TINY, "--epochs", "31", "--model", run, cwd=tmp_path, before=place)
        only_error(done, 1, r"cannot be written: .*; nothing was changed$")
        done = rnnwords("generate", "the mice", "--model", run, cwd=tmp_path, before=place)
        assert (done.returncode, done.stderr) == (0, "")
    finally:
        for directory in directories:
            directory.chmod(0o755)
    assert contents(run) == before


def test_a_directory_that_cannot_be_made_is_refused(tmp_path):
    place = without_privileges()
    tmp_path.chmod(0o555)
    try:
        only_error(
            rnnwords("train", FABLE, *TINY, cwd=tmp_path, before=place), 1, "cannot be written: Permission denied"
        )
    finally:
        tmp_path.chmod(0o755)


def test_a_file_system_that_is_read_only(trained, tmp_path):
    with small_disk(tmp_path / "disk", "size=4m") as disk:
        shutil.copytree(trained, disk / "run")
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        done = rnnwords("train", FABLE, *TINY, "--model", "disk/run", cwd=tmp_path)
        only_error(done, 1, "disk/run cannot be written: Read-only file system; nothing was changed$|no permission")
        assert rnnwords("predict", "the mice", "--model", "disk/run", cwd=tmp_path).returncode == 0


def test_a_model_path_that_is_a_file(tmp_path):
    (tmp_path / "novel").write_text("mine", encoding="utf-8")
    only_error(rnnwords("train", FABLE, *TINY, "--model", "novel", cwd=tmp_path), 2, "^Error: novel is a file; ")
    assert (tmp_path / "novel").read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize("option", [[], ["--restart"]])
def test_a_directory_of_somebody_else_is_left_alone(option, tmp_path):
    theirs = tmp_path / "theirs"
    (theirs / "checkpoints").mkdir(parents=True)
    for name in ("letters.txt", "model.safetensors", "checkpoints/step-0000000001.safetensors"):
        (theirs / name).write_text("mine", encoding="utf-8")
    before = contents(theirs)
    done = rnnwords("train", FABLE, *TINY, "--model", "theirs", *option, cwd=tmp_path)
    only_error(done, 2, r"^Error: theirs holds other files \(letters\.txt\); name a new or empty directory$")
    assert contents(theirs) == before


def test_a_link_to_a_run_is_that_run_and_a_broken_one_is_refused(run, tmp_path):
    (tmp_path / "link").symlink_to(run)
    done = rnnwords("train", FABLE, *TINY, "--model", "link", cwd=tmp_path)
    assert done.returncode == 0
    said(done.stderr, "this run is complete")
    (tmp_path / "broken").symlink_to(tmp_path / "nowhere")
    only_error(
        rnnwords("train", FABLE, *TINY, "--model", "broken", cwd=tmp_path), 1, "^Error: broken cannot be written: "
    )
    assert not (tmp_path / "nowhere").exists()


def test_an_output_of_build_vocab_that_is_no_file_is_written_to_and_not_replaced(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    reader = subprocess.Popen(["cat", "pipe"], cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    with killed_at_end(reader):
        done = rnnwords("build-vocab", FABLE, "-o", "pipe", "--quiet", cwd=tmp_path)
        out, _ = reader.communicate(timeout=LIMIT)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(out.splitlines()) == 113
    assert (tmp_path / "pipe").is_fifo()
    only_error(rnnwords("build-vocab", FABLE, "-o", ".", cwd=tmp_path), 1, "could not write to|could not save")
    only_error(rnnwords("build-vocab", FABLE, "-o", "none/x.tsv", cwd=tmp_path), 1, "could not save none/x.tsv: ")


# Where the output goes.

WRITING = {
    "help": ["--help"],
    "build-vocab": ["build-vocab", str(FABLE)],
    "build-vocab --json": ["build-vocab", str(FABLE), "--json"],
    "eval": ["eval", str(FABLE)],
    "eval --json": ["eval", str(FABLE), "--json"],
    "generate": ["generate", "the mice"],
    "generate --json": ["generate", "the mice", "--json"],
    "predict": ["predict", "the mice"],
    "predict --json": ["predict", "the mice", "--json"],
    "info": ["info"],
    "info --json": ["info", "--json"],
    "train --json": ["train", str(FABLE), *TINY, "--json"],  # of a run that is complete
}


@pytest.mark.parametrize("unbuffered", [None, "1"], ids=["", "unbuffered"])
@pytest.mark.parametrize("name", WRITING)
def test_a_full_or_closed_standard_output_is_an_error(name, unbuffered, run, tmp_path):
    env = environment(PYTHONUNBUFFERED=unbuffered, RNNWORDS_MODEL=str(run))
    arguments = [*WRITING[name], *(["--model", str(run)] if name.startswith("train") else [])]
    with open("/dev/full", "wb") as full:
        done = rnnwords(*arguments, cwd=tmp_path, env=env, stdout=full)
    check_unwritten(done, "^Error: could not write to standard output: No space left on device$")
    done = rnnwords(*arguments, cwd=tmp_path, env=env, before=["sh", "-c", 'exec "$@" >&-', "sh"])
    check_unwritten(done, "^Error: standard output is closed; redirect it to a file or to /dev/null$")


def check_unwritten(done: "subprocess.CompletedProcess[str]", told: str) -> None:
    assert done.returncode == 1
    assert len(re.findall("^Error: ", done.stderr, re.MULTILINE)) == 1
    said(done.stderr, told)
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


@pytest.mark.parametrize("name", ["build-vocab", "generate", "predict"])
def test_a_reader_that_leaves_is_no_error(name, trained, tmp_path):
    arguments, text = {
        "build-vocab": (["build-vocab", FABLE, "--quiet"], ""),
        "generate": (["generate", "-n", "2", "--model", trained], "the mice\n" * 5_000),
        "predict": (["predict", "--model", trained], "the mice\n" * 50_000),
    }[name]
    (tmp_path / "in").write_text(text, encoding="utf-8")
    with open(tmp_path / "in", encoding="utf-8") as source:
        process = start(*arguments, cwd=tmp_path, stdin=source)
        with killed_at_end(process):
            process.stdout.readline()  # type: ignore[union-attr]
            process.stdout.close()  # type: ignore[union-attr]
            err = process.stderr.read()  # type: ignore[union-attr]
            process.wait(LIMIT)
    assert err == ""
    assert process.returncode in ((0, 141) if name == "build-vocab" else (141,))


@pytest.mark.parametrize("stream", ["<&-", "2>&-", "<&- 2>&-"])
@pytest.mark.parametrize("name", ["predict", "generate --json", "build-vocab", "train --json"])
def test_closed_standard_input_or_error_is_no_matter(name, stream, run, tmp_path):
    arguments = [*WRITING[name], *([] if name == "build-vocab" else ["--model", str(run)])]
    done = rnnwords(*arguments, cwd=tmp_path, before=["sh", "-c", f'exec "$@" {stream}', "sh"])
    assert done.returncode == 0
    assert done.stdout
    assert "Traceback" not in done.stderr


def test_training_without_standard_error_keeps_its_lock_and_its_peace(tmp_path):
    done = rnnwords("train", FABLE, *QUICK, "--json", cwd=tmp_path, before=["sh", "-c", 'exec "$@" 2>&-', "sh"])
    assert json.loads(done.stdout)["reason"] == "budget"
    run = tmp_path / "models" / "belling_the_cat"
    assert (run / "lock").read_text(encoding="ascii").strip().isdigit()


# Ctrl-C and SIGTERM.

ENDS = {signal.SIGINT: (130, ""), signal.SIGTERM: (143, "Ended by SIGTERM.")}  # what each gets, and is told


@pytest.mark.parametrize("number", ENDS)
@pytest.mark.parametrize("command", ["build-vocab", "eval", "train"])
def test_a_signal_while_a_text_is_read(command, number, trained, tmp_path):
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    arguments = {
        "build-vocab": ["-", "-o", "vocabulary.tsv"],
        "eval": ["-", "--model", trained],
        "train": ["-", "--model", "run"],
    }[command]  # fmt: skip
    process = start(command, *arguments, cwd=tmp_path, stdin=subprocess.PIPE, env=environment(TMPDIR=str(temporary)))
    with killed_at_end(process):
        process.stdin.write("the cat and the bell\n" * 50_000)  # type: ignore[union-attr]
        process.stdin.flush()  # type: ignore[union-attr] # more than a pipe holds: somebody reads
        process.send_signal(number)
        process.wait(LIMIT)
        assert process.stdout.read() == ""  # type: ignore[union-attr]
        told = process.stderr.read()  # type: ignore[union-attr]
    assert (process.returncode, told.strip()) == ENDS[number]
    assert list(tmp_path.iterdir()) == [temporary]
    assert list(temporary.iterdir()) == []


COUNTING = """
import importlib, os, sys, time
from rnnwords.cli import main
from rnnwords.text import counting, prepare, reading

os.sched_getaffinity = lambda _: {0, 1}
counting.PARALLEL_FROM, prepare.CACHE_FROM, reading.CHUNK = 0, 1, 1_000
waits_in = sys.argv.pop(1)

class Progress:
    def __enter__(self):
        return self
    def __exit__(self, *error):
        pass
    def __call__(self, what, size):
        return self.wait if what == waits_in else None
    def wait(self, size):
        print("at work", flush=True)
        time.sleep(600)

for command in ("build_vocab", "train"):
    importlib.import_module(f"rnnwords.cli.{command}").byte_progress = lambda quiet: Progress()
main()
"""


@pytest.mark.parametrize(("command", "at"), [("build-vocab", "counting"), ("train", "counting"), ("train", "encoding")])
def test_sigterm_while_several_processes_read(command, at, tmp_path):
    (tmp_path / "cache").mkdir()
    env = environment(RNNWORDS_CACHE=str(tmp_path / "cache"), PYTHONPATH=str(ROOT))
    option = {"build-vocab": "-o", "train": "--model"}[command]
    process = subprocess.Popen(
        [sys.executable, "-c", COUNTING, at, command, FABLES, option, "made"],
        cwd=tmp_path, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    with killed_at_end(process):
        assert process.stdout.readline() == "at work\n"  # type: ignore[union-attr]
        process.terminate()
        _, told = process.communicate(timeout=LIMIT)  # until the workers are gone too: they have the streams
    assert (process.returncode, told) == (143, "Ended by SIGTERM.\n")
    assert list(tmp_path.rglob("*")) == [tmp_path / "cache"]


def test_ctrl_c_while_text_is_generated(trained, tmp_path):
    process = start("generate", "-n", "3", "--model", trained, cwd=tmp_path, stdin=subprocess.PIPE)
    with killed_at_end(process):
        process.stdin.write("the mice\n")  # type: ignore[union-attr]
        process.stdin.flush()  # type: ignore[union-attr]
        assert process.stdout.readline().startswith("the mice")  # type: ignore[union-attr]
        process.send_signal(signal.SIGINT)
        process.wait(LIMIT)
        assert process.stderr.read().strip() == ""  # type: ignore[union-attr]
    assert process.returncode == 130


# Training that cannot go on.


def test_a_loss_that_is_no_number_stops_the_run_and_keeps_the_best_model(tmp_path, capfd, monkeypatch):
    from rnnwords.training.optimization.steps import Steps

    run = tmp_path / "run"
    options = ["--optimizer", "sgd", "--learning-rate", "10", "--clip-norm", "1000000", "--epochs", "400"]
    options += ["--units", "8", "--layers", "1", "--embedding", "4", "--input", "scalar", "--seed", "1"]
    options += ["--precision", "float32", "--model", str(run), "--quiet", "--checkpoint-every", "5"]
    at = 12  # the step whose loss is made one that is no number
    original = Steps.run

    def spoiled(steps, ids, rates, step):
        losses, hits, norms = original(steps, ids, rates, step)
        if step <= at - 1 < step + len(losses):
            losses = losses.copy()
            losses[at - 1 - step] = float("nan")
        return losses, hits, norms

    monkeypatch.setattr(Steps, "run", spoiled)
    assert run_program(["train", str(FABLE), *options, "--holdout", "0.2"]) == 1
    said(
        capfd.readouterr().err,
        rf"^Error: the loss of step {at} is not a number; .*--learning-rate than 10, with --restart$",
    )
    assert Model.load(run / "model.safetensors").training["step"] < at
    found = RunDirectory(run).newest(pytest.fail)
    assert found is not None
    assert found.step == 10


def test_an_evaluation_that_is_no_number_stops_it_too(tmp_path, capfd, monkeypatch):
    from rnnwords.training.optimization.steps import Steps

    answers = iter([(3.0, 1, 10), (float("nan"), 1, 10)])
    monkeypatch.setattr(Steps, "evaluate", lambda self, ids: next(answers))
    run = tmp_path / "run"
    assert run_program(["train", str(FABLE), *TINY, "--model", str(run), "--quiet"]) == 1
    said(capfd.readouterr().err, r"^Error: the loss of step 30 is not a number; ")
    assert Model.load(run / "model.safetensors").training["metrics"]["loss"] == 3.0


def test_a_learning_rate_that_is_much_too_high_ends_in_one_line_or_a_model(tmp_path):
    """Whatever it leads to in the end, no exception and no file that does not load."""
    options = ["--optimizer", "sgd", "--learning-rate", "10", "--clip-norm", "1000000", "--cell", "simple"]
    assert here("train", FABLE, *TINY, *options, "--input", "scalar", "--model", "run", cwd=tmp_path) in (0, 1)
    if (tmp_path / "run" / "model.safetensors").exists():
        Model.load(tmp_path / "run" / "model.safetensors")


@pytest.fixture
def half_done(tmp_path, killed_after, monkeypatch):
    """A run that was killed behind its first checkpoint, and the command that resumes it."""
    command = ["train", str(FABLE), *TINY, "--checkpoint-every", "30", "--model", "run"]

    def made(directory: Path) -> list[str]:
        with monkeypatch.context() as inside:
            inside.chdir(directory)
            killed_after(1)
            with pytest.raises(Killed):
                run_program([*command, "--quiet"])
        monkeypatch.undo()
        return command

    return made


def test_a_limit_of_the_size_of_files(half_done, tmp_path):
    command = half_done(tmp_path)
    size = (tmp_path / "run" / "checkpoints" / "step-0000000030.safetensors").stat().st_size
    done = rnnwords(*command, cwd=tmp_path, before=with_files_up_to(size - 1_000))
    check_unsaved(done, tmp_path / "run", "the checkpoint of step 30 is kept")


def test_a_full_disk(half_done, tmp_path):
    with small_disk(tmp_path / "disk", "size=2m") as disk:
        command = half_done(disk)
        with open(disk / "filler", "wb", buffering=0) as filler:
            try:
                while True:
                    filler.write(b"x" * 4096)
            except OSError:
                pass
        check_unsaved(rnnwords(*command, cwd=disk), disk / "run", "is kept")
        (disk / "filler").unlink()
        assert here(*command, cwd=disk) == 0


def check_unsaved(done: "subprocess.CompletedProcess[str]", run: Path, kept: str) -> None:
    """The run ended with one line of error, and what it had saved is still good."""
    assert done.returncode == 1, done.stderr
    assert len(re.findall("^Error: ", done.stderr, re.MULTILINE)) == 1
    said(done.stderr.splitlines()[-1], rf"^Error: could not save run/.*: .*; .*{kept}")
    assert "Traceback" not in done.stderr
    found = RunDirectory(run).newest(pytest.fail)
    assert found is not None
    assert found.step == 30
    Model.load(run / "model.safetensors")
    assert not list(run.rglob("*.tmp"))


@pytest.mark.parametrize("fault", ["full disk", "no directory"])
def test_tensorboard_that_cannot_be_written_is_a_warning_and_no_more(fault, tmp_path, capfd):
    logs = tmp_path / "run" / "logs"
    logs.parent.mkdir()
    if fault == "full disk":
        with small_disk(logs, "size=4k"):
            assert here("train", FABLE, *TINY, "--model", "run", cwd=tmp_path) == 0
    else:
        logs.write_bytes(b"")
        assert here("train", FABLE, *TINY, "--model", "run", cwd=tmp_path) == 0
    err = capfd.readouterr().err
    assert len(re.findall("^Warning: ", err, re.MULTILINE)) == 1
    said(err, r"^Warning: TensorBoard's events cannot be written \(.*\); training goes on without them$")
    assert Model.load(tmp_path / "run" / "model.safetensors").training["step"] == 90


# Models that are none.


class Canary:
    """Unpickled, it would leave a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("name", ["model.safetensors", "model.pkl", "model.keras", "model.h5", "model.npz"])
@pytest.mark.parametrize("command", ["predict", "info", "generate", "eval", "repl"])
def test_no_code_comes_out_of_a_file(command, name, tmp_path):
    canary = tmp_path / "sang"
    planted = pickle.dumps(Canary(canary))
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / name).write_bytes(planted)
    arguments = {"eval": [str(FABLE)], "info": [], "repl": []}.get(command, ["the mice"])
    done = rnnwords(command, *arguments, "--model", f"models/{name}", cwd=tmp_path)
    only_error(done, 1, rf"model file models/{name} is damaged: ")
    assert not canary.exists()


def test_planted_files_beside_a_run_are_never_opened(run, tmp_path):
    canary = tmp_path / "sang"
    for place in (run / "model.pkl", run / "checkpoints" / "step-0000000900.pkl", run / "model.keras"):
        place.write_bytes(pickle.dumps(Canary(canary)))
    (run / "checkpoints" / "step-0000000900.safetensors").write_bytes(pickle.dumps(Canary(canary)))
    assert rnnwords("predict", "the mice", "--model", run, cwd=tmp_path).returncode == 0
    done = rnnwords("train", FABLE, *TINY, "--model", run, cwd=tmp_path)
    assert done.returncode == 0
    said(done.stderr, r"^Warning: checkpoint .*step-0000000900\.safetensors is damaged: ")
    said(done.stderr, "this run is complete")
    assert not canary.exists()


@pytest.mark.parametrize("command", ["predict", "generate", "info", "eval"])
def test_where_no_model_is_it_says_how_to_train_one(command, tmp_path):
    arguments = {"eval": [str(FABLE)], "info": []}.get(command, ["the mice"])
    only_error(rnnwords(command, *arguments, cwd=tmp_path), 2, "train one with: rnnwords train TEXT")
    done = rnnwords(command, *arguments, "--model", "none", cwd=tmp_path)
    only_error(done, 2, "there is no model at none; train one with: rnnwords train TEXT")


# Prompts.


def test_an_unknown_word_is_named_with_near_ones(trained, tmp_path):
    for command in ("predict", "generate"):
        done = rnnwords(command, "the mouze", "--model", trained, cwd=tmp_path)
        only_error(done, 2, r"'mouze' is not among the 112 symbols of the vocabulary; near words: mouse")
        done = rnnwords(command, "the mouze", "--oov", "skip", "--model", trained, cwd=tmp_path)
        assert done.returncode == 0
        said(done.stderr, r"'mouze' is not among")
        done = rnnwords(command, "the mouze", "--oov", "unk", "--model", trained, cwd=tmp_path)
        assert done.returncode == 2
        said(done.stderr, "^Error: this model has no <unk>")


@pytest.mark.parametrize("prompt", ["", "   ", "mice", "the cat , the mice had a general council to consider what"])
def test_a_prompt_of_any_length_gives_words(prompt, trained, tmp_path):
    done = rnnwords("predict", prompt, "--json", "--model", trained, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert len(json.loads(done.stdout)["predictions"]) == 5
    assert rnnwords("generate", prompt, "-n", "3", "--model", trained, cwd=tmp_path).returncode == 0


def test_of_a_long_prompt_the_last_words_count(trained, tmp_path):
    answers = [
        json.loads(rnnwords("predict", "--json", "--model", trained, cwd=tmp_path, input=prompt).stdout)["predictions"]
        for prompt in ("had a general", "the cat said " * 80_000 + "had a general")
    ]
    assert answers[0] == answers[1]


# Names.


def test_names_that_are_not_utf8(tmp_path):
    name = b"caf\xe9 \xff.txt"
    (tmp_path / os.fsdecode(name)).write_bytes(FABLE.read_bytes())
    done = rnnwords("train", name, *QUICK, "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    model = json.loads(done.stdout)["model"]
    assert os.fsencode(model) == b"models/caf\xe9 \xff/model.safetensors"
    assert (tmp_path / "models" / "latest").read_bytes() == b"caf\xe9 \xff\n"
    for arguments in (["predict", "the mice"], ["info"], ["info", "--json"], ["eval", name], ["eval", name, "--json"]):
        done = rnnwords(*arguments, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert done.stdout
    done = rnnwords("build-vocab", name, "-o", b"\xff.tsv", "--json", cwd=tmp_path)
    assert json.loads(done.stdout)["file"] == os.fsdecode(b"\xff.tsv")
    assert (tmp_path / os.fsdecode(b"\xff.tsv")).is_file()


@pytest.mark.parametrize("name", ["-n.txt", "two words.txt", "--help", "*.txt"])
def test_names_that_look_like_something_else(name, tmp_path):
    (tmp_path / name).write_bytes(FABLE.read_bytes())
    done = rnnwords("build-vocab", "-o", f"{name}.tsv", "--", name, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / f"{name}.tsv").is_file()
    told = said(done.stderr, r"train with it: (rnnwords train .*)$")[1]
    shown = subprocess.run(["sh", "-c", f"printf '%s\\n' {told}"], capture_output=True, text=True, check=True).stdout
    assert shown.splitlines() == ["rnnwords", "train", "--vocab", f"{name}.tsv", "--", name]


# Control characters: whatever a text holds, no terminal gets it raw.

EVIL = {
    "title": "\x1b]0;owned\x07", "clipboard": "\x1b]52;c;aGk=\x07", "colour": "\x1b[35;44m", "C1": "\x9b31m\x9dx\x9c",
    "bidi": "\u202eabc\u2066", "backspace": "a\x08\x08b", "delete": "\x7f", "nul": "\x00", "bell": "\x07",
}  # fmt: skip
RAW = ["\x1b]", "\x1b[35;44m", "\x07", "\x08", "\x7f", "\x00", "\x9b", "\x9d", "\x9c", "\u202e", "\u2066"]


def check_safe(seen: bytes) -> None:
    for raw in RAW:
        assert raw.encode() not in seen, (raw, seen)


@pytest.fixture(scope="module")
def evil(tmp_path_factory):
    """A directory with an evil text, and a model whose every word is evil."""
    there = tmp_path_factory.mktemp("evil")
    words = list(EVIL.values())
    (there / "evil.txt").write_text(" ".join(words * 5) + "\n", encoding="utf-8")
    small_model([*words, "the", "cat", "bell"]).save(there / "model.safetensors")
    return there


@pytest.mark.parametrize(
    "arguments",
    [
        ["generate", "the cat", "-n", "30"],
        ["generate", "the cat", "-n", "30", "--temperature", "5", "--seed", "1"],
        ["generate", "the cat", "-n", "30", "--raw"],
        ["generate", "the cat", "-n", "30", "--json"],
        ["generate", EVIL["clipboard"]],
        ["predict", "the cat", "-k", "12"],
        ["predict", "the cat", "-k", "12", "--json"],
        ["predict", EVIL["title"]],
        ["predict", "the", "--prefix", EVIL["colour"]],
        ["info"],
        ["info", "--json"],
        ["eval", "evil.txt"],
    ],
    ids=lambda arguments: ascii(" ".join(arguments)),
)
def test_a_terminal_never_gets_control_characters_of_a_model(arguments, evil):
    status, seen = in_terminal(*arguments, "--model", "model.safetensors", cwd=evil)
    assert status in (0, 2)
    assert seen
    check_safe(seen)


@pytest.mark.parametrize("command", ["build-vocab", "train", "eval", "predict"])
def test_nor_those_of_a_name(command, evil):
    name = EVIL["title"].replace("\x00", "") + "\u202e.txt"
    arguments = ["the cat", "--model", name] if command == "predict" else [name]
    status, seen = in_terminal(command, *arguments, cwd=evil, env=environment(RNNWORDS_MODEL="model.safetensors"))
    assert status == 2
    check_safe(seen)
    assert b"owned" in seen


def test_nor_those_of_a_vocabulary(evil):
    status, seen = in_terminal("build-vocab", "evil.txt", "--tokenizer", "whitespace", cwd=evil)
    assert status == 0
    check_safe(seen)
    assert rb"\x1b]0;owned\x07" in seen


def test_nor_those_of_a_text_in_training(evil, tmp_path):
    arguments = ["evil.txt", "--tokenizer", "whitespace", *QUICK, "--log-every", "1", "--model", tmp_path / "run"]
    status, seen = in_terminal("train", *arguments, cwd=evil)
    assert status == 0, seen
    check_safe(seen)
    assert rb"\x1b]52;c;aGk=\x07" in seen


def test_a_pipe_gets_them_raw_only_where_asked(evil):
    arguments = [
        "generate",
        "the cat",
        "-n",
        "60",
        "--temperature",
        "20",
        "--seed",
        "2",
        "--model",
        "model.safetensors",
    ]
    escaped = rnnwords(*arguments, cwd=evil).stdout
    raw = rnnwords(*arguments, "--raw", cwd=evil).stdout
    check_safe(escaped.encode())
    assert "\x1b]52;c;aGk=\x07" in raw


def test_a_pipe_gets_a_vocabulary_as_it_is(evil):
    done = subprocess.run(
        [*PROGRAM, "build-vocab", "evil.txt", "--tokenizer", "whitespace", "--quiet"],
        cwd=evil, env=environment(), capture_output=True, check=True,
    )  # fmt: skip
    assert EVIL["clipboard"].encode() + b"\t5\n" in done.stdout
