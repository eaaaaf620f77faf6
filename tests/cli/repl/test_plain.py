"""Tests of writing without drawing: transcripts of typed lines."""

from pathlib import Path

import pytest

from rnnwords.cli.repl.kept_drafts import DraftStore
from rnnwords.cli.repl.plain import PlainSession
from rnnwords.cli.repl.session import WritingSettings
from rnnwords.errors import UsageError
from rnnwords.prediction.completions import NO_REPEAT_NGRAM
from tests.cli.repl.fake import FakeModel


def typed(session: PlainSession, *lines: str) -> list[str]:
    """Return the replies to the last line."""
    found: list[str] = []
    for line in lines:
        found = [reply.text if reply.kind != "error" else f"Error: {reply.text}" for reply in session.answer(line)]
    return found


@pytest.fixture
def session() -> PlainSession:
    return PlainSession(FakeModel(), WritingSettings(words=3))


def test_a_line_is_followed_by_numbered_suggestions(session: PlainSession) -> None:
    assert typed(session, "they had a") == ["1 general 60 %", "2 mouse 30 %", "3 genius 10 %"]
    assert session.document == "they had a"


def test_the_number_of_a_suggestion_adds_it_to_the_line(session: PlainSession) -> None:
    assert typed(session, "they had a", ":3") == ["they had a genius", "1 said 60 %", "2 they 40 %"]
    assert typed(session, ":7") == ["Error: expected the number of a suggestion, 1 to 2, found '7'"]
    assert typed(session, ":0")[0].startswith("Error: expected the number of a suggestion")
    assert session.document == "they had a genius"


def test_the_next_line_begins_a_new_one_and_an_empty_one_stays_empty(session: PlainSession) -> None:
    typed(session, "they had", "", "mice", "")
    assert session.document == "they had\n\nmice\n"
    typed(session, "of")
    assert session.document == "they had\n\nmice\n\nof"


def test_go_and_add_continue_the_last_line(session: PlainSession) -> None:
    assert "".join(typed(session, "had a", ":go")) == " general council of"
    assert typed(session, ":add mice")[0] == "had a general council of mice"
    assert typed(session, ":go 1") == ["."]
    assert session.document == "had a general council of mice."
    assert typed(session, ":add") == ["Error: expected words, found none; type :add and some words"]


def test_continuations_repeat_no_sequence_of_four_words(session: PlainSession) -> None:
    typed(session, "had a", ":go", ":temperature 1", ":go")
    model = session.model
    assert isinstance(model, FakeModel)
    assert [call["no_repeat_ngram"] for call in model.generated] == [NO_REPEAT_NGRAM, None]


def test_lines_are_listed_shown_and_replaced(session: PlainSession) -> None:
    typed(session, "they had", "mice")
    assert typed(session, ":line") == ["1 they had", "2 mice"]
    assert typed(session, ":line 2") == ["mice"]
    assert typed(session, ":line 1 a general") == ["a general"]
    assert session.document == "a general\nmice"
    for line in (":line 3", ":line 0 x", ":line x"):
        assert typed(session, line)[0].startswith("Error: expected the number of a line, 1 to 2, found")


def test_undo_and_redo_walk_through_the_changes(session: PlainSession) -> None:
    typed(session, "they had", "mice", ":go", ":line 1 a")
    documents = []
    for line in (":undo", ":undo", ":undo", ":undo", ":redo"):
        typed(session, line)
        documents.append(session.document)
    assert documents == ["they had\nmice. they had", "they had\nmice", "they had", "", "they had"]
    assert typed(session, ":undo", ":undo") == ["Error: nothing to undo"]


def test_unknown_words_are_noted_and_errors_of_the_model_are_lines(session: PlainSession) -> None:
    assert typed(session, "had genral")[0] == "'genral' is not in the vocabulary of 13 tokens; similar words: general"
    model = session.model
    assert isinstance(model, FakeModel)
    model.failure = UsageError("out of order")
    assert typed(session, "they had the") == ["Error: out of order"]
    assert session.document == "had genral\nthey had the"


def test_a_file_goes_on_where_it_ended(session: PlainSession, tmp_path: Path) -> None:
    for content, expected in ((b"one\r\n", b"one\r\nmice\r\n"), (b"one", b"one\nmice"), (b"", b"mice\n")):
        path = tmp_path / "draft.txt"
        path.write_bytes(content)
        session.open(path)
        typed(session, "mice", ":save")
        assert path.read_bytes() == expected


def test_help_lists_every_command_and_unsaved_text_is_kept(tmp_path: Path) -> None:
    session = PlainSession(FakeModel(), WritingSettings(), DraftStore(tmp_path))
    shown = "\n".join(typed(session, ":help"))
    assert all(f"\n{name} " in f"\n{shown}" for name in (":1", ":add", ":line", ":go", ":save", ":restore"))
    typed(session, "they had")
    session.keep()
    assert [path.read_text() for path in tmp_path.glob("unsaved-*.txt")] == ["they had\n"]
    session.set_aside()


@pytest.mark.parametrize("number", ["0000000019", "9" * 400, "\u0669", "-1", "1.0", "0"])
def test_numbers_that_there_are_not_are_errors(number: str, session: PlainSession) -> None:
    typed(session, "they had", "a general")
    assert typed(session, f":line {number}")[0].startswith("Error: expected the number of a line, 1 to 2, found ")


def test_a_suggestion_without_any_text_to_suggest_for_is_an_error(session: PlainSession) -> None:
    session.suggestions.model.next = {"": {}}  # type: ignore[attr-defined]
    assert typed(session, ":1") == ["Error: expected words, found none; type some, and suggestions follow"]
