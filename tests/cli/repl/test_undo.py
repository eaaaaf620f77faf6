"""Tests of undo: any versions are restored, and a long text takes little memory."""

from hypothesis import given
from hypothesis import strategies as st

from rnnwords.cli.repl.undo import MAX_CHARACTERS, UndoHistory, common_length, difference


@given(st.text("ab\n", max_size=12), st.text("ab\n", max_size=12))
def test_a_difference_leads_from_one_text_to_the_other(before: str, after: str) -> None:
    change = difference(before, after)
    assert before[: change.start] + change.inserted + before[change.start + len(change.removed) :] == after
    assert not (change.removed and change.inserted and change.removed[0] == change.inserted[0])
    assert before[: common_length(before, after)] == after[: common_length(before, after)]


@given(st.lists(st.text("ab", max_size=6), max_size=8), st.data())
def test_undo_and_redo_walk_through_all_versions(texts: list[str], data: st.DataObject) -> None:
    history = UndoHistory()
    versions = [""]
    for text in texts:
        history.record(text, len(text))
        if text != versions[-1]:
            versions.append(text)
    at, cursor = len(versions) - 1, 0
    for forward in data.draw(st.lists(st.booleans(), max_size=20)):
        found = history.redo(versions[at], cursor) if forward else history.undo(versions[at], cursor)
        step = 1 if forward else -1
        if 0 <= at + step < len(versions):
            at += step
            assert found is not None
            assert found[0] == versions[at]
            cursor = found[1]
        else:
            assert found is None


def test_a_change_after_undo_ends_what_can_be_redone() -> None:
    history = UndoHistory()
    history.record("one", 3)
    history.undo("one", 3)
    assert history.redo("two", 3) is None
    assert history.undo("two", 3) == ("", 0)


def test_versions_of_a_long_text_take_little_memory() -> None:
    history = UndoHistory()
    text = "they had a general council of mice\n" * 30_000
    history.clear(text)
    for number in range(1_000):
        text = text[:500_000] + f"word{number} " + text[500_000:]
        history.record(text, 500_000)
    assert sum(len(change.removed) + len(change.inserted) for change in history.done) < 20_000
    for number in range(200):
        history.record(text * (1 + number % 2), 0)
    assert sum(len(change.removed) + len(change.inserted) for change in history.done) < 8 * MAX_CHARACTERS
