"""Row 42: links, FIFOs, devices and planted names in a run directory; nothing outside it is written."""

import contextlib
import os
import shutil
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from rnnwords.errors import SaveError
from rnnwords.model_file import Model
from rnnwords.saving import open_new
from rnnwords.training.native_output import native_output_to
from rnnwords.training.runs.checkpoint import RunDirectory
from tests.faults.run_directories import MARKER, everything, refused
from tests.processes import here, in_time, matched
from tests.texts import write


def make_other_kind(item: Path, kind: str, outside: Path) -> None:
    """Put a link, a pipe, a socket or a device in the place of a file or a directory."""
    if item.is_dir():
        shutil.rmtree(item)
    item.unlink(missing_ok=True)
    if kind == "link":
        item.symlink_to(outside / ("directory" if item.suffix == "" and item.name != MARKER else "file"))
    elif kind == "broken link":
        item.symlink_to(outside / "none")
    elif kind == "pipe":
        os.mkfifo(item)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as made, contextlib.chdir(item.parent):
            made.bind(item.name)
    else:
        try:
            os.mknod(item, stat.S_IFCHR | 0o666, os.makedev(1, 3))
        except PermissionError:
            pytest.skip("no device may be made here")


INSIDE = [
    MARKER, "model.safetensors", "vocabulary.tsv", "history.jsonl", "tensorflow.log", "checkpoints", "logs",
    "notes.txt", "checkpoints/step-0000000090.safetensors", "checkpoints/notes.txt",
    "logs/events.out.tfevents.9999999999.x.1.0", "logs/words.tsv", "logs/training", "logs/validation",
    "logs/training/words.tsv", "logs/training/notes.txt", "lock",
    f"rnnwords-{'0a' * 8}-{'1b' * 8}.tmp",
]  # fmt: skip


@pytest.mark.parametrize("kind", ["link", "broken link", "pipe", "socket", "device"])
def test_row_42_other_kinds_of_files_in_a_run_are_refused(kind, trained, tmp_path, capfd):
    outside = tmp_path / "outside"
    (outside / "directory").mkdir(parents=True)
    for item in (outside / "file", outside / "directory" / "step-0000000090.safetensors"):
        write(item, "theirs")
    for name in INSIDE:
        run = shutil.copytree(trained, tmp_path / "run")
        make_other_kind(run / name, kind, outside)
        for option in ([], ["--restart"]):
            named = rf"found a {kind.split()[-1]}: \S*{name}$"
            refused(
                capfd, run, rf"^Error: --model: expected only regular files and directories in a run, {named}", *option
            )
        shutil.rmtree(run)


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("checkpoints", r"expected a directory, found a file: \S+/checkpoints$"),
        ("logs", r"expected a directory, found a file: \S+/logs$"),
        ("logs/training", r"expected a directory, found a file: \S+/logs/training$"),
        ("model.safetensors", r"expected a file, found a directory: \S+/model\.safetensors$"),
        ("history.jsonl", r"expected a file, found a directory: \S+/history\.jsonl$"),
        (MARKER, r"found other files in \S+ \(rnnwords-run\); name a new directory$"),
    ],
)
def test_row_42_a_file_in_the_place_of_a_directory_and_the_reverse_are_refused(name, pattern, run, capfd):
    if (run / name).is_dir():
        shutil.rmtree(run / name)
        write(run / name, "")
    else:
        (run / name).unlink()
        (run / name).mkdir()
    refused(capfd, run, pattern)


@pytest.mark.parametrize("kind", ["link", "pipe", "device"])
def test_row_42_other_kinds_of_models_do_not_block_a_reader(kind, run, tmp_path, capfd):
    (tmp_path / "outside").mkdir()
    write(tmp_path / "outside" / "file", "theirs")
    make_other_kind(run / "model.safetensors", kind, tmp_path / "outside")
    with in_time(20):
        assert here("predict", "the mice", "--model", run, cwd=tmp_path) == 1
    matched(capfd.readouterr().err, r"^Error: ")


def test_row_42_a_link_that_is_planted_while_a_run_saves_is_not_followed(run, tmp_path):
    outside = tmp_path / "outside"
    (outside / "directory").mkdir(parents=True)
    theirs = ["file", "directory/events.out.tfevents.1.x.1.0", "directory/step-0000000090.safetensors"]
    for name in theirs:
        write(outside / name, "theirs")
    before = everything(outside)
    directory = RunDirectory(run)
    model, newest = Model.load(directory.model), directory.newest(pytest.fail)
    assert newest
    assert model.vocabulary
    with directory.locked():
        for item in (directory.model, directory.vocabulary, directory.native_log, directory.history):
            make_other_kind(item, "link", outside)
            item.unlink()
            item.symlink_to(outside / "file")
        model.save(directory.model, follow_links=False)
        model.vocabulary.save(directory.vocabulary, follow_links=False)
        os.close(open_new(directory.native_log))
        with pytest.raises(SaveError, match="Too many levels of symbolic links"):
            directory.append_history({"step": 91})
        for item in (directory.checkpoints, directory.logs):
            make_other_kind(item, "link", outside)
        with pytest.raises(SaveError, match=r"could not save .*step-\d+\.safetensors: Not a directory; "):
            directory.save(newest)
        with pytest.raises(OSError, match="Not a directory"):
            directory.clear()
        with pytest.raises(OSError, match="Not a directory"):
            open_new(directory.logs / "words.tsv")
    assert everything(outside) == before
    assert directory.model.is_file()
    assert not directory.model.is_symlink()


@pytest.mark.parametrize("planted", ["logs", "logs/training"])
def test_row_42_a_link_that_is_planted_while_logs_begin_is_not_followed(planted, run, tmp_path):
    tensorboard = pytest.importorskip("rnnwords.training.reports.tensorboard", exc_type=ImportError)
    outside = tmp_path / "outside"
    (outside / "directory" / "training").mkdir(parents=True)
    for name in ("directory/events.out.tfevents.1.x.1.0", "directory/training/events.out.tfevents.1.x.1.0"):
        write(outside / name, "theirs")
    before = everything(outside)
    make_other_kind(run / planted, "link", outside)
    warnings: list[str] = []
    tensorboard.EventLogs(run / "logs", ["training"], 0, warnings.append).close()
    assert len(warnings) == 1
    matched(
        warnings[0], r"^cannot write the logs for TensorBoard \(Not a directory\); training continues without them$"
    )
    assert everything(outside) == before


def test_row_42_a_pipe_that_is_planted_while_a_run_saves_does_not_block_it(run):
    directory = RunDirectory(run)
    with directory.locked(), in_time(20):
        for item in (directory.history, directory.native_log):
            item.unlink()
            os.mkfifo(item)
        with pytest.raises(SaveError, match="expected a regular file, found another kind"):
            directory.append_history({"step": 91})
        directory.cut_history(91)
        assert directory.history.read_bytes() == b""
        os.close(open_new(directory.native_log))
    assert directory.native_log.is_file()


def test_row_42_a_hard_link_to_a_file_of_others_leaves_it_unchanged(run, tmp_path):
    """`cp -l` makes such a copy of a run, which a new training of the run must not change."""
    other = tmp_path / "copy"
    shutil.copytree(run, other, copy_function=os.link)
    before = everything(other)
    directory = RunDirectory(run)
    with directory.locked(), native_output_to(directory.native_log):
        directory.append_history({"step": 91})
        directory.append_history({"step": 92})
        with RunDirectory(other).locked():  # it has a lock of its own
            pass
    after = everything(other)
    for name in before.keys() - {".", MARKER}:
        assert after[name] == before[name], name
    assert [line for line in directory.history.read_text().splitlines() if line == '{"step": 92}'] == ['{"step": 92}']


def test_row_42_planted_temporary_names_are_not_used(run, tmp_path, monkeypatch):
    """A name that is guessed all the same is not followed."""
    write(tmp_path / "theirs", "theirs")
    monkeypatch.setattr(os, "urandom", lambda size: b"\0" * size)
    from rnnwords.saving import process_token, replace_file

    for planted in (run / f"rnnwords-{process_token()}-{'00' * 8}.tmp",):
        planted.symlink_to(tmp_path / "theirs")
        with pytest.raises(SaveError, match="File exists"):
            replace_file(run / "vocabulary.tsv", [b"new"])
        assert planted.is_symlink()
    assert (tmp_path / "theirs").read_text() == "theirs"


def test_row_42_temporary_names_differ_each_time(tmp_path):
    seen = set()

    def pieces() -> Iterator[bytes]:
        seen.update(os.listdir(tmp_path))
        yield b"new"

    from rnnwords.saving import replace_file

    for _ in range(3):
        replace_file(tmp_path / "file", pieces())
    assert len(seen - {"file"}) == 3
