"""Tests of the file of a draft: what saving keeps, and what other programs wrote meanwhile."""

import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnwords.cli.repl.draft_file import MAX_BYTES, DraftFile, decode
from rnnwords.errors import SaveError, UsageError

FORMS = {
    "line feeds": b"they had\na general\n",
    "CRLF": b"they had\r\na general\r\n",
    "carriage returns": b"they had\ra general\r",
    "no last line end": b"they had\r\na general",
    "a mark": b"\xef\xbb\xbfthey had\na general\n",
    "a mark and CRLF": b"\xef\xbb\xbfthey had\r\na general",
    "UTF-16": "\ufeffthey had\r\na general\r\n".encode("utf-16-le"),
    "UTF-16, big-endian": "\ufeffthey had\na general".encode("utf-16-be"),
    "blank lines at the end": b"they had\n\n\n",
    "empty": b"",
    "other separators": "they\u2028had\x85a\x0bgeneral\x0c\n".encode(),
    "several kinds of line ends": b"they had\r\na general\nof\rmice\n",
}


@pytest.mark.parametrize("name", FORMS)
def test_saving_keeps_the_form_of_the_file(name: str, tmp_path: Path) -> None:
    path = tmp_path / "draft.txt"
    path.write_bytes(FORMS[name])
    text, file = DraftFile.open(path)
    assert "\r" not in text or name == "several kinds of line ends"
    file.save(text)
    assert path.read_bytes() == FORMS[name]
    file.save("X" + text)
    encoding = "utf-16-le" if name == "UTF-16" else "utf-16-be" if name.startswith("UTF-16") else "utf-8"
    mark = "\ufeff" if "UTF-16" in name or "mark" in name else ""
    whole = FORMS[name].decode(encoding).removeprefix(mark)
    assert path.read_bytes() == (mark + "X" + whole + ("" if whole else "\n")).encode(encoding)


def test_new_lines_have_the_line_ends_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "draft.txt"
    path.write_bytes(b"one\r\ntwo\r\n")
    text, file = DraftFile.open(path)
    file.save(text + "three")
    assert path.read_bytes() == b"one\r\ntwo\r\nthree\r\n"
    file.save("")
    assert path.read_bytes() == b""


@given(st.binary(max_size=60).map(lambda data: data.replace(b"\0", b"")) | st.text(max_size=40).map(str.encode))
def test_any_text_file_that_is_opened_is_saved_byte_for_byte(data: bytes) -> None:
    try:
        text, form = decode(data, "draft.txt")
    except UsageError:
        return
    assert form.encode(text) == data


def test_a_new_file_is_created_with_a_last_line_end(tmp_path: Path) -> None:
    text, file = DraftFile.open(tmp_path / "new.txt")
    assert text == ""
    assert not file.path.exists()
    file.save("they had")
    assert file.path.read_bytes() == b"they had\n"


def test_a_changed_file_is_refused_and_replaced_only_on_request(tmp_path: Path) -> None:
    path = tmp_path / "draft.txt"
    path.write_text("one\n")
    text, file = DraftFile.open(path)
    assert not file.is_changed()
    path.write_text("two\n")
    for _ in range(2):
        assert file.is_changed()
        with pytest.raises(UsageError, match=r"draft.txt was changed by another program; :save! replaces it"):
            file.save(text)
    assert path.read_text() == "two\n"
    file.save(text, replace=True)
    assert path.read_text() == "one\n"
    assert not file.is_changed()


def test_a_file_that_another_program_wrote_unchanged_or_removed_is_not_changed(tmp_path: Path) -> None:
    path = tmp_path / "draft.txt"
    path.write_text("one\n")
    _, file = DraftFile.open(path)
    os.utime(path, (1, 1))
    assert not file.is_changed()
    path.unlink()
    assert not file.is_changed()
    file.save("one\n")
    assert path.read_text() == "one\n"


def test_a_file_that_came_into_being_meanwhile_is_changed(tmp_path: Path) -> None:
    path = tmp_path / "draft.txt"
    _, file = DraftFile.open(path)
    path.write_text("somebody else's\n")
    with pytest.raises(UsageError, match="was changed by another program"):
        file.save("mine")
    assert path.read_text() == "somebody else's\n"


def test_saving_keeps_the_mode_and_a_link(tmp_path: Path) -> None:
    path, link = tmp_path / "draft.txt", tmp_path / "link.txt"
    path.write_text("one\n")
    path.chmod(0o600)
    link.symlink_to(path)
    _, file = DraftFile.open(link)
    file.save("two\n")
    assert link.is_symlink()
    assert path.read_text() == "two\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"one\ntwo \xe9\n", "draft.txt: expected a text in UTF-8, found other bytes in line 2; convert it to UTF-8"),
        (b"one\0\n", "draft.txt: expected a text, found a NUL character"),
        (b"\xff\xfeo", "draft.txt: expected a text in UTF-16-LE, found other bytes in line 1"),
    ],
)
def test_a_file_that_is_no_text_is_refused(data: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "draft.txt"
    path.write_bytes(data)
    with pytest.raises(UsageError) as caught:
        DraftFile.open(path)
    assert message in str(caught.value)


def test_directories_pipes_and_large_files_are_refused(tmp_path: Path) -> None:
    pipe, large = tmp_path / "pipe", tmp_path / "large"
    os.mkfifo(pipe)
    with large.open("wb") as stream:
        stream.truncate(MAX_BYTES + 1)
    for path, message in ((tmp_path, "found a directory"), (pipe, "found another kind"), (large, "16,777,217")):
        with pytest.raises(UsageError, match=message):
            DraftFile.open(path)
    with pytest.raises(SaveError, match="could not save"):
        DraftFile.open(tmp_path / "missing" / "draft.txt")


def test_a_read_only_file_is_replaced_only_on_request(tmp_path: Path) -> None:
    path = tmp_path / "draft.txt"
    path.write_text("one\n")
    path.chmod(0o444)
    _, file = DraftFile.open(path)
    with pytest.raises(UsageError, match=r"draft.txt is read-only; :save! replaces it, :save OTHER keeps both"):
        file.save("two\n")
    assert path.read_text() == "one\n"
    file.save("two\n", replace=True)
    assert path.read_text() == "two\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o444


def test_looking_for_changes_never_makes_a_changed_file_count_as_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "draft.txt"
    path.write_text("one\n")
    _, file = DraftFile.open(path)
    path.write_text("theirs\n")
    read = DraftFile._read

    def read_and_save(self: DraftFile) -> bytes | None:  # as a save between two steps of another thread's look
        data = read(self)
        monkeypatch.setattr(DraftFile, "_read", read)
        with pytest.raises(UsageError, match="was changed by another program"):
            file.save("mine\n")
        return data

    monkeypatch.setattr(DraftFile, "_read", read_and_save)
    assert file.is_changed()
    assert path.read_text() == "theirs\n"
