"""Row 41: a directory with files that no run wrote is refused and stays unchanged."""

import os

import pytest

from rnnwords.training.runs.checkpoint import RunDirectory
from tests.faults.run_directories import MARKER, everything, refused
from tests.models import small_model
from tests.processes import here, matched
from tests.texts import FABLE, write

OTHERS = {
    "letters": {"letters.txt": "mine"},
    "hidden": {".config": "mine"},
    "temporary": {"notes.tmp": "mine", "model.safetensors.123.tmp": "mine"},
    "lock": {"lock": "12345\n"},
    "names of a run": {
        "lock": "1\n", "model.safetensors": "mine", "vocabulary.tsv": "mine", "history.jsonl": "mine",
        "checkpoints/step-0000000001.safetensors": "mine", "checkpoints/notes.tmp": "mine",
        "logs/events.out.tfevents.1.host.1.0": "mine", "tensorflow.log": "mine",
    },
    "empty names of a run": {"lock": "", "model.safetensors": "", "history.jsonl": "", "checkpoints/x": ""},
    "another marker": {MARKER: "mine", "letters.txt": "mine"},
    "another marker alone": {MARKER: "mine"},
    "half a marker": {MARKER: "rnnwords-r", "lock": "", "history.jsonl": ""},
    "an empty marker": {MARKER: "", "letters.txt": "mine"},
}  # fmt: skip


@pytest.mark.parametrize("option", [[], ["--restart"]], ids=["", "restart"])
@pytest.mark.parametrize("files", OTHERS.values(), ids=OTHERS.keys())
def test_row_41_files_of_others_stay_unchanged(files, option, tmp_path, capfd):
    for name, content in files.items():
        (tmp_path / "theirs" / name).parent.mkdir(parents=True, exist_ok=True)
        write(tmp_path / "theirs" / name, content)
    pattern = r"^Error: --model: expected a run or an empty directory, found other files in \S+ \(\S+\); name a new"
    refused(capfd, tmp_path / "theirs", pattern, *option)


@pytest.mark.parametrize("option", [[], ["--restart"]], ids=["", "restart"])
def test_row_41_a_model_that_somebody_keeps_with_other_files_stays_unchanged(option, tmp_path, capfd):
    (tmp_path / "theirs").mkdir()
    small_model().save(tmp_path / "theirs" / "model.safetensors")
    for name in ("lock", "history.jsonl"):
        write(tmp_path / "theirs" / name, "")
    refused(capfd, tmp_path / "theirs", r"found other files in \S+ \(history\.jsonl\); name a new directory$", *option)


@pytest.mark.parametrize("command", ["train", "forecast"])
def test_row_41_both_commands_refuse_a_directory_of_others(command, tmp_path, capfd):
    series = write(tmp_path / "series.csv", "value\n" + "".join(f"{number % 7}\n" for number in range(60)))
    (tmp_path / "theirs").mkdir()
    write(tmp_path / "theirs" / "lock", "")
    before = everything(tmp_path)
    arguments = [FABLE] if command == "train" else [series]
    assert here(command, *arguments, "--model", tmp_path / "theirs", cwd=tmp_path) == 2
    matched(capfd.readouterr().err, r"found other files in \S+ \(lock\); name a new directory$")
    assert everything(tmp_path) == before


def test_row_41_a_run_of_a_newer_version_stays_unchanged(run, capfd):
    write(run / MARKER, "rnnwords-run 2.0\n")
    refused(capfd, run, r"expected a run of version 1\.x in \S+, found version 2; install a newer rnnwords")


def test_row_41_a_run_without_a_marker_is_used_if_a_checkpoint_proves_it(run, capfd):
    """Earlier versions wrote a lock file and no marker."""
    (run / MARKER).unlink()
    write(run / "lock", "123\n")
    other = write(run / "letters.txt", "mine")
    refused(capfd, run, r"found other files in \S+ \(\S+\); name a new directory$", "--restart")
    other.unlink()
    with RunDirectory(run).locked():
        pass
    assert (run / MARKER).read_text().startswith("rnnwords-run 1.0\n")
    (run / MARKER).unlink()
    for item in (run / "checkpoints").iterdir():
        item.write_bytes(item.read_bytes()[:-1])
    refused(capfd, run, r"found other files in \S+ \(checkpoints\); name a new directory$")


def test_row_41_a_run_that_is_refused_later_leaves_an_empty_directory_empty(tmp_path, capfd):
    (tmp_path / "empty").mkdir()
    write(tmp_path / "text", "")
    for place in (tmp_path / "empty", tmp_path / "a" / "new"):
        assert here("train", tmp_path / "text", "--model", place, cwd=tmp_path) == 2
    assert sorted(item.name for item in tmp_path.rglob("*")) == ["empty", "text"]


@pytest.mark.parametrize("text", ["", "rnn", "rnnwords-run 1.0", "rnnwords-run 1.0\n", "rnnwords-run 1.0\nlast us"])
def test_row_41_a_directory_with_the_marker_of_a_killed_process_is_used(text, tmp_path):
    write(tmp_path / MARKER, text)
    with RunDirectory(tmp_path).locked():
        (tmp_path / "vocabulary.tsv").touch()
    assert (tmp_path / MARKER).read_text().startswith(f"rnnwords-run 1.0\nlast used by process {os.getpid():>10}, ")
    with RunDirectory(tmp_path).locked():
        pass
