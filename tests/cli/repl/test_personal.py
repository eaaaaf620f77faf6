"""Writing sessions with a personal file: what is learned, when, and what never is."""

import io
from pathlib import Path

import pytest
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput

from rnnwords.cli.repl.display import SessionDisplay
from rnnwords.cli.repl.editor.app import run_editor
from rnnwords.cli.repl.kept_drafts import DraftStore
from rnnwords.cli.repl.plain import PlainSession
from rnnwords.cli.repl.session import WritingSettings
from rnnwords.personal.file import PersonalFile
from rnnwords.prediction.predictor import Predictor
from tests.models import chain

QUIT, ALT_ENTER, SAVE = "\x11", "\x1b\r", "\x13"


@pytest.fixture(scope="module")
def model():
    return chain()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "words.tsv"


def typed(session: PlainSession, *lines: str) -> list[str]:
    """Return the replies to the last line; after each, the text is kept."""
    found: list[str] = []
    for line in lines:
        found = [reply.text for reply in session.answer(line)]
        session.keep()
    return found


def plain(model, path: Path, store: DraftStore | None = None) -> PlainSession:
    return PlainSession(Predictor(model, personal=path), WritingSettings(words=3), store)


def test_a_finished_line_is_learned_and_its_words_are_offered(model, path):
    session = plain(model, path)
    assert any(reply.startswith("'Zorblax' is not in the vocabulary") for reply in typed(session, "our friend Zorblax"))
    assert not any(reply.startswith("'Zorblax' is not in the vocabulary") for reply in typed(session, "so Zorblax"))
    assert session.suggestions.menu("so zor")[0].word == "Zorblax"
    assert PersonalFile(path).read()[("our", "friend", "Zorblax")] == 1


def test_continuations_and_opened_texts_are_not_learned(model, path, tmp_path):
    (tmp_path / "draft.txt").write_text("An old line of Glimfeather.\n", encoding="utf-8")
    session = plain(model, path)
    typed(session, f":open {tmp_path / 'draft.txt'}", "had a general", ":go", "Zorblax", ":undo", ":redo")
    assert "council" in session.document
    assert [*PersonalFile(path).read()] == [("had",), ("had", "a"), ("had", "a", "general"), ("Zorblax",)]


def test_a_restored_draft_is_not_learned_again(model, path):
    stores = [DraftStore(path.parent / "state") for _ in range(2)]
    first = plain(model, path, stores[0])
    typed(first, "our friend Zorblax")
    first.set_aside()
    second = plain(model, path, stores[1])
    typed(second, ":restore 1", ":add again")
    second.learn()
    second.keep()
    stores[1].remove()
    assert PersonalFile(path).read() == {
        ("our",): 1, ("our", "friend"): 1, ("our", "friend", "Zorblax"): 1, ("friend", "Zorblax", "again"): 1,
    }  # fmt: skip


def write(model, path: Path, keys: str) -> str:
    """Press keys in the editor, and return the notes at its end."""
    notes = io.StringIO()
    display = SessionDisplay(io.StringIO(), notes)
    with create_pipe_input() as keyboard:
        keyboard.send_text(keys)
        run_editor(
            Predictor(model, personal=path), WritingSettings(words=3), None, display, input=keyboard,
            screen=DummyOutput(),
        )  # fmt: skip
    return notes.getvalue()


def test_the_editor_learns_finished_lines(model, path, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    write(model, path, f"our Zorblax\rhalf a li{QUIT}")
    assert PersonalFile(path).read() == {("our",): 1, ("our", "Zorblax"): 1}
    write(model, path, f"Zorblax\r{QUIT}")
    assert PersonalFile(path).read()[("Zorblax",)] == 1


def test_the_editor_shows_that_words_cannot_be_kept(model, path, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    file = PersonalFile(path, "words")
    file.add({("kept",): 1})
    before = path.read_bytes()
    monkeypatch.setattr("rnnwords.personal.file.replace_file", _no_space)
    assert "new words are not in the personal file: no space" in write(model, path, f"our Zorblax\r{QUIT}{QUIT}")
    assert path.read_bytes() == before


def _no_space(*arguments, **options):
    from rnnwords.errors import SaveError

    raise SaveError("no space")
