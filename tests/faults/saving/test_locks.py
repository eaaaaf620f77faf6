"""Row 9: the lock of a run directory between processes."""

import contextlib
import fcntl
import os
import shutil
import subprocess
import sys

import pytest

from rnnwords.errors import RnnwordsError, SaveError
from rnnwords.model_file import Model
from rnnwords.training.runs.checkpoint import RunDirectory
from tests.faults.run_directories import MARKER, everything, refused
from tests.processes import LIMIT, killed_at_end
from tests.texts import ROOT, write

HOLDER = """
import sys, time
from pathlib import Path
from rnnwords.errors import RnnwordsError
from rnnwords.training.runs.checkpoint import RunDirectory
begin = Path(sys.argv[2])
print("ready", flush=True)
while not begin.exists():
    pass
try:
    with RunDirectory(Path(sys.argv[1])).locked():
        print("won", flush=True)
        sys.stdin.read()
except RnnwordsError as error:
    print(error, flush=True)
"""


def test_row_09_one_of_several_processes_that_start_at_once_gets_a_new_directory(tmp_path):
    place, begin = tmp_path / "a" / "run", tmp_path / "begin"
    arguments = [sys.executable, "-c", HOLDER, str(place), str(begin)]
    with contextlib.ExitStack() as stack:
        processes = [
            subprocess.Popen(arguments, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            for _ in range(4)
        ]
        for process in processes:
            stack.enter_context(killed_at_end(process))
        assert [process.stdout.readline() for process in processes if process.stdout] == ["ready\n"] * 4
        begin.touch()
        answers = {process.pid: process.stdout.readline() for process in processes if process.stdout}
        winners = [number for number, answer in answers.items() if answer == "won\n"]
        assert len(winners) == 1
        losers = [answer for answer in answers.values() if answer != "won\n"]
        assert losers == [
            f"{place} is in use by process {winners[0]}; wait for it, or name another `directory`\n"
        ] * 3  # fmt: skip


TURNS = """
import os, sys, time
from pathlib import Path
from rnnwords.errors import TrainingError
from rnnwords.training.runs.checkpoint import RunDirectory
class Refused(Exception): pass
held = 0
for turn in range(100):
    try:
        with RunDirectory(Path(sys.argv[1])).locked():
            held += 1
            os.close(os.open(sys.argv[2], os.O_CREAT | os.O_EXCL))  # fails if another one holds the lock too
            time.sleep(0.0005)
            os.unlink(sys.argv[2])
            raise Refused
    except (Refused, TrainingError):
        pass
print(held)
"""


def test_row_09_processes_that_make_and_remove_a_directory_at_once_do_not_fail(tmp_path):
    place = tmp_path / "a" / "run"
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", TURNS, str(place), str(tmp_path / "only one")],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    held = 0
    with contextlib.ExitStack() as stack:
        for process in processes:
            stack.enter_context(killed_at_end(process))
        for process in processes:
            out, err = process.communicate(timeout=LIMIT)
            assert err == ""
            held += int(out)
    assert held > 0
    assert not [item for item in tmp_path.rglob("*") if not item.is_dir()]


def test_row_09_a_lock_that_its_last_owner_removes_at_this_moment_is_made_again(tmp_path, monkeypatch):
    system_flock, removed = fcntl.flock, list[None]()

    def flock(descriptor: int, operation: int) -> None:
        if not removed:
            (tmp_path / MARKER).unlink()
            removed.append(None)
        system_flock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", flock)
    directory = RunDirectory(tmp_path)
    with (
        directory.locked(),
        pytest.raises(RnnwordsError, match=f"in use by process {os.getpid()};"),
        RunDirectory(tmp_path).locked(),
    ):
        pass
    assert removed


def test_row_09_a_second_training_is_refused_and_the_first_one_unharmed(run, tmp_path, capfd):
    holder = RunDirectory(run)
    with holder.locked():
        for options in ([], ["--restart"], ["--units", "9"]):
            refused(
                capfd, run, rf"^Error: \S+ is in use by process {os.getpid()}; wait for it, or name", *options, status=1
            )


@pytest.mark.parametrize("place", ["files of others", "another run", "link", "marker of another run"])
def test_row_09_what_takes_the_place_of_a_run_during_training_is_not_written_to(place, run, tmp_path):
    """The directory of a running training can be removed or renamed, and its name used again."""
    directory, other = RunDirectory(run), shutil.copytree(run, tmp_path / "other")
    model, newest = Model.load(directory.model), directory.newest(pytest.fail)
    assert newest
    with directory.locked():
        if place == "marker of another run":
            os.replace(other / MARKER, run / MARKER)
        else:
            run.rename(tmp_path / "renamed")
            if place == "link":
                run.symlink_to(other)
            else:
                shutil.copytree(other, run)
        if place == "files of others":
            (run / MARKER).unlink()
        before = everything(run)
        for save in (
            lambda: directory.save(newest),
            lambda: directory.save_model(model),
            lambda: directory.append_history({"step": 91}),
        ):
            with pytest.raises(SaveError, match="expected the directory of this run, found another one in its place"):
                save()
        assert everything(run) == before


def test_row_09_a_run_whose_marker_was_removed_is_still_saved(run):
    directory = RunDirectory(run)
    with directory.locked():
        (run / MARKER).unlink()
        directory.append_history({"step": 91})
    assert directory.history.read_text().endswith('{"step": 91}\n')


def test_row_09_the_lock_of_a_killed_process_is_free(tmp_path):
    place, begin = tmp_path / "run", write(tmp_path / "begin", "")
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(place), str(begin)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    with killed_at_end(process):
        assert process.stdout
        assert [process.stdout.readline() for _ in range(2)] == ["ready\n", "won\n"]
        with pytest.raises(RnnwordsError, match=f"in use by process {process.pid};"), RunDirectory(place).locked():
            pass
        process.kill()
        process.wait()
        with RunDirectory(place).locked():
            pass
