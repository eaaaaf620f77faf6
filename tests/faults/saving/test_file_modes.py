"""Row 57: a replaced file keeps its mode."""

import os
from collections.abc import Iterator

import pytest

from rnnwords.model_file import Model
from rnnwords.saving import append_to_file, replace_file
from rnnwords.training.native_output import native_output_to
from rnnwords.training.runs.checkpoint import RunDirectory
from tests.faults.saving.system_calls import leftovers
from tests.processes import here
from tests.texts import FABLE, write


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o444, 0o666, 0o755])
def test_row_57_a_replaced_file_keeps_its_mode(mode, target):
    target.chmod(mode)
    replace_file(target, [b"new"])
    assert (target.read_bytes(), target.stat().st_mode & 0o7777) == (b"new", mode)


def test_row_57_a_new_file_has_the_mode_of_the_umask(tmp_path):
    before = os.umask(0o027)
    try:
        replace_file(tmp_path / "new", [b"new"])
        append_to_file(tmp_path / "appended", b"new")
    finally:
        os.umask(before)
    assert [path.stat().st_mode & 0o7777 for path in sorted(tmp_path.iterdir())] == [0o640, 0o640]


def test_row_57_the_temporary_file_of_a_private_file_is_private_from_its_first_moment(target, monkeypatch):
    modes, system_open = [], os.open

    def noted(path: str, flags: int, *rest: int, dir_fd: int | None = None) -> int:
        descriptor = system_open(path, flags, *rest, dir_fd=dir_fd)
        modes.append(os.fstat(descriptor).st_mode & 0o7777 if flags & os.O_CREAT else 0)
        return descriptor

    def pieces() -> Iterator[bytes]:
        (temporary,) = leftovers(target)
        modes.append((target.parent / temporary).stat().st_mode & 0o7777)
        yield b"new"

    target.chmod(0o600)
    monkeypatch.setattr(os, "open", noted)
    replace_file(target, pieces())
    assert modes == [0, 0o600, 0o600]
    assert (target.read_bytes(), target.stat().st_mode & 0o7777) == (b"new", 0o600)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can change the owner of a file")
def test_row_57_a_file_that_root_replaces_stays_readable_for_its_owner(target):
    os.chown(target, 1234, 1234)
    target.chmod(0o640)
    replace_file(target, [b"new"])
    status = target.stat()
    assert (status.st_uid, status.st_gid, status.st_mode & 0o7777) == (1234, 1234, 0o640)


def test_row_57_files_of_a_run_and_outputs_keep_their_mode(run, tmp_path):
    directory, words = RunDirectory(run), write(tmp_path / "words.tsv", "old")
    private = [directory.model, directory.vocabulary, directory.history, directory.native_log, words]
    for path in private:
        path.chmod(0o600)
    model = Model.load(directory.model)
    with directory.locked(), native_output_to(directory.native_log):
        assert model.vocabulary
        model.save(directory.model, follow_links=False)
        model.vocabulary.save(directory.vocabulary, follow_links=False)
        directory.cut_history(10**6)
        directory.append_history({"step": 91})
    assert here("build-vocab", FABLE, "-o", words, "--quiet", cwd=tmp_path) == 0
    assert [path.stat().st_mode & 0o7777 for path in private] == [0o600] * len(private)
