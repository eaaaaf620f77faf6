"""Tests of unsaved texts: kept under dated names, listed, restored, and removed only where their text is elsewhere."""

import io
import os
import shutil
import stat
from pathlib import Path

import pytest

from rnnwords.cli.repl.commands import answer
from rnnwords.cli.repl.display import SessionDisplay
from rnnwords.cli.repl.keeping import text_kept
from rnnwords.cli.repl.kept_drafts import DraftStore
from rnnwords.cli.repl.plain import PlainSession
from rnnwords.cli.repl.session import WritingSettings
from tests.cli.repl.fake import FakeModel


def session_in(directory: Path) -> PlainSession:
    return PlainSession(FakeModel(), WritingSettings(words=2), DraftStore(directory))


def kept(directory: Path, *texts: str) -> None:
    """Keep texts, each in a session of its own."""
    for text in texts:
        store = DraftStore(directory)
        store.update(text)
        store.set_aside()


def texts_in(directory: Path) -> set[str]:
    return {path.read_text() for path in directory.glob("unsaved-*.txt")}


def replies(session: PlainSession, line: str) -> list[tuple[str, str]]:
    return [(kind, text) for kind, text in session.answer(line)]


def test_a_draft_is_updated_in_one_file_that_only_its_owner_reads(tmp_path: Path) -> None:
    store = DraftStore(tmp_path / "state")
    for text in ("they", "they had", "they had a"):
        store.update(text)
        assert texts_in(tmp_path / "state") == {text + "\n"}
    assert store.path is not None
    assert stat.S_IMODE(store.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(store.path.parent.stat().st_mode) == 0o700
    store.remove()
    assert list((tmp_path / "state").iterdir()) == []


def test_the_draft_of_a_running_session_is_not_offered(tmp_path: Path) -> None:
    running = DraftStore(tmp_path)
    running.update("they had")
    running.update("they had a")
    assert DraftStore(tmp_path).earlier() == []
    running.set_aside()
    assert [draft.text for draft in DraftStore(tmp_path).earlier()] == ["they had a"]


def test_a_draft_is_removed_only_where_a_newer_one_begins_with_all_of_it(tmp_path: Path) -> None:
    kept(tmp_path, "they had", "mice", "they had a general", "a general")
    assert texts_in(tmp_path) == {"mice\n", "they had a general\n", "a general\n"}


def test_a_draft_that_cannot_be_kept_leaves_the_one_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = DraftStore(tmp_path)
    store.update("they had")

    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("rnnwords.cli.repl.kept_drafts.replace_file", fail)
    store.update("they had a")
    assert store.trouble == "No space left on device"
    assert texts_in(tmp_path) == {"they had\n"}
    monkeypatch.undo()
    store.update("they had a")
    assert store.trouble is None
    store.set_aside()


def test_drafts_lists_restore_takes_and_discard_removes(tmp_path: Path) -> None:
    kept(tmp_path, "had a general council of mice", "xyz")
    session = session_in(tmp_path)
    listed = [text for kind, text in replies(session, ":drafts") if kind == "data"]
    assert len(listed) == 3
    (number,) = [line[0] for line in listed if line.endswith("6 words: had a general council of mice")]
    assert replies(session, f":restore {number}") == [("note", "restored 6 words; :save FILE saves them")]
    assert session.document == "had a general council of mice"
    session.keep()
    other = "1" if number == "2" else "2"
    assert replies(session, f":discard {other}")[0][1].endswith("1 word: xyz")
    assert replies(session, ":discard 9") == [("error", "expected the number of a text, 1, found '9'")]
    assert texts_in(tmp_path) == {"had a general council of mice\n"}
    session.set_aside()


def test_a_restored_draft_stays_until_its_text_is_saved(tmp_path: Path) -> None:
    kept(tmp_path / "state", "had a general")
    session = session_in(tmp_path / "state")
    replies(session, ":restore 1")
    replies(session, ":add council")
    session.keep()
    assert "had a general\n" in texts_in(tmp_path / "state")
    assert replies(session, f":save {tmp_path / 'story.txt'}")[0][0] == "note"
    assert (tmp_path / "story.txt").read_text() == "had a general council\n"
    assert texts_in(tmp_path / "state") == set()


@pytest.mark.parametrize("command", [":new", ":restore 1", ":open {0}"])
def test_another_text_in_its_place_keeps_the_unsaved_one(command: str, tmp_path: Path) -> None:
    kept(tmp_path / "state", "an earlier text")
    (tmp_path / "story.txt").write_text("a story\n")
    session = session_in(tmp_path / "state")
    replies(session, "they had")
    note = replies(session, command.format(tmp_path / "story.txt"))[0][1]
    assert note.startswith("the text before was not saved; a copy is in ")
    assert texts_in(tmp_path / "state") == {"they had\n", "an earlier text\n"}
    assert session.document == {":new": "", ":restore 1": "an earlier text"}.get(command, "a story\n")


def test_a_draft_of_a_file_is_restored_to_that_file(tmp_path: Path) -> None:
    path = tmp_path / "story.txt"
    path.write_bytes(b"they had\r\n")
    killed = session_in(tmp_path / "state")
    killed.open(path)
    replies(killed, "mice")
    killed.keep()
    killed.set_aside()
    session = session_in(tmp_path / "state")
    assert ", story.txt, 3 words: they had mice" in session.drafts[0].title
    assert replies(session, ":restore 1") == [("note", f"restored 3 words; :save writes them to {path}")]
    replies(session, ":save")
    assert path.read_bytes() == b"they had\r\nmice\r\n"
    assert list((tmp_path / "state").iterdir()) == []


def test_a_draft_without_a_file_never_replaces_the_text_of_an_open_file(tmp_path: Path) -> None:
    kept(tmp_path / "state", "an earlier text")
    path = tmp_path / "story.txt"
    path.write_text("a story\n")
    session = session_in(tmp_path / "state")
    session.open(path)
    replies(session, ":restore 1")
    assert replies(session, ":save") == [("error", "expected a file name, found none; type :save story.txt")]
    assert path.read_text() == "a story\n"


def test_links_in_the_directory_are_neither_followed_nor_listed(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "unsaved-2026-01-01-000000-aa.txt").symlink_to(tmp_path / "secret")
    assert DraftStore(tmp_path / "state").earlier() == []


def test_more_drafts_than_are_listed_are_counted(tmp_path: Path) -> None:
    kept(tmp_path, *(f"{letter} text" for letter in "abcdefghijk"))
    lines = [text for _, text in answer(session_in(tmp_path), "drafts", "")]
    assert len(lines) == 11
    assert lines[9] == f"and 2 older in {tmp_path}"


def test_a_restored_draft_does_not_replace_what_was_written_to_its_file_since(tmp_path: Path) -> None:
    path = tmp_path / "story.txt"
    path.write_text("they had\n")
    killed = session_in(tmp_path / "state")
    killed.open(path)
    replies(killed, "mice")
    killed.set_aside()
    path.write_text("somebody else's\n")
    session = session_in(tmp_path / "state")
    replies(session, ":restore 1")
    assert session.document == "they had\nmice"
    [(kind, text)] = replies(session, ":save")
    assert kind == "error"
    assert text.startswith("story.txt was changed by another program; :save! replaces it")
    assert path.read_text() == "somebody else's\n"
    assert replies(session, ":save!")[0][0] == "note"
    assert path.read_text() == "they had\nmice\n"
    assert list((tmp_path / "state").iterdir()) == []


def test_a_restored_draft_has_the_line_ends_that_the_text_had(tmp_path: Path) -> None:
    kept(tmp_path, "they had\r\na general\nof\rmice")
    assert DraftStore(tmp_path).earlier()[0].text == "they had\r\na general\nof\rmice"


def test_a_text_whose_draft_was_removed_by_others_is_kept_again(tmp_path: Path) -> None:
    store = DraftStore(tmp_path / "state")
    store.update("they had")
    shutil.rmtree(tmp_path / "state")
    store.update("they had")
    assert texts_in(tmp_path / "state") == {"they had\n"}
    assert store.trouble is None
    store.set_aside()


def test_a_text_that_was_saved_at_last_is_not_reported_as_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    session = session_in(tmp_path / "state")
    replies(session, "they had")

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("rnnwords.cli.repl.kept_drafts._write_new", fail)
    session.keep()
    assert session.trouble == "the text cannot be kept: No space left on device; :save FILE saves it"
    replies(session, f":save {tmp_path / 'story.txt'}")
    assert session.trouble is None
    notes = io.StringIO()
    with text_kept(session, SessionDisplay(io.StringIO(), notes)):
        pass
    assert notes.getvalue() == ""


def test_a_copy_elsewhere_than_in_the_directory_is_not_said_to_be_offered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "state").write_text("a file in the place of the directory")
    (tmp_path / "story.txt").write_text("a story\n")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    session = session_in(tmp_path / "state")
    session.open(tmp_path / "story.txt")
    replies(session, "they had")
    notes = io.StringIO()
    with text_kept(session, SessionDisplay(io.StringIO(), notes)):
        pass
    assert "a copy is in" in notes.getvalue()
    assert "offers" not in notes.getvalue()
    assert texts_in(tmp_path) == {"a story\nthey had\n"}


@pytest.mark.parametrize("command", [":save", ":save!", ":open"])
def test_a_named_pipe_is_no_file_of_a_text(command: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    session = session_in(tmp_path / "state")
    replies(session, "they had")
    [(kind, text)] = replies(session, f"{command} {tmp_path / 'pipe'}")
    assert (kind, text.split(":")[0]) == ("error", "expected a file name, found a named pipe")
    session.set_aside()
