"""The personal file: its content, and merging with what others have written meanwhile."""

import stat

import numpy as np
import pytest

from rnnwords.config import TextConfig
from rnnwords.errors import ModelNotFoundError
from rnnwords.lm.loading import network_model
from rnnwords.personal import file as personal_file
from rnnwords.personal.file import MAX_COUNT, PersonalFile
from rnnwords.personal.part import PersonalPart
from tests.models import plain_vocabulary, random_model

ENTRIES = {("a",): 2, ("a", "b"): 1, ("a", "b", "c"): 1}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "words.tsv"


def test_a_file_is_plain_text_that_only_its_owner_can_read(path):
    PersonalFile(path, "words").add(ENTRIES)
    lines = path.read_text(encoding="utf-8").splitlines()
    assert lines[0] == '# rnnwords-personal {"version": 1, "tokenizer": "words"}'
    assert lines[1].startswith("# count")
    assert lines[2:] == ["2\ta", "1\ta b", "1\ta b c"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert PersonalFile(path).read() == ENTRIES


def test_reading_creates_no_file(path):
    assert PersonalFile(path, "words").read() == {}
    assert not path.exists()
    with pytest.raises(ModelNotFoundError):
        PersonalFile(path).remove(lambda word: True)


def test_an_edited_file_is_read(path):
    PersonalFile(path, "words").add(ENTRIES)
    text = path.read_text(encoding="utf-8").replace("1\ta b c\n", "# mine\n\n7\tz")
    path.write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    assert PersonalFile(path, "words").read() == {("a",): 2, ("a", "b"): 1, ("z",): 7}


def test_a_count_of_0_is_none(path):
    PersonalFile(path, "words").add(ENTRIES)
    path.write_text(path.read_text(encoding="utf-8").replace("2\ta\n", "0\ta\n0\tz\n"), encoding="utf-8")
    assert PersonalFile(path).read() == {("a", "b"): 1, ("a", "b", "c"): 1}
    assert np.isfinite(part(path).model.log_probs([part(path).model.initial_state()])).all()


def test_a_count_stays_readable_when_it_grows(path):
    PersonalFile(path, "words").add({("a",): MAX_COUNT, ("a", "b"): 1})
    for _ in range(2):
        PersonalFile(path, "words").add({("a",): 1})
        assert PersonalFile(path).read() == {("a", "b"): 1, ("a",): MAX_COUNT}


def test_two_writers_keep_the_words_of_both(path):
    one, other = PersonalFile(path, "words"), PersonalFile(path, "words")
    one.add({("a",): 1, ("b",): 1})
    other.add({("b",): 2})
    assert one.add({("a",): 1}) == {("b",): 3, ("a",): 2}
    assert other.read() == {("b",): 3, ("a",): 2}
    assert [*other.read()] == [("b",), ("a",)]  # the newest last


def test_the_mode_of_an_existing_file_stays(path):
    PersonalFile(path, "words").add(ENTRIES)
    path.chmod(0o640)
    PersonalFile(path, "words").add(ENTRIES)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_the_number_of_entries_is_limited(path, monkeypatch):
    monkeypatch.setattr(personal_file, "MAX_ENTRIES", 20)
    file = PersonalFile(path, "words")
    for number in range(100):
        file.add({("always",): 1, ("a", "b", f"c{number}"): 1, ("x", f"y{number % 3}"): 1})
    assert len(file.read()) <= 20
    assert file.read()[("always",)] == 100
    assert ("a", "b", "c99") in file.read()


def part(path):
    vocabulary = plain_vocabulary(8, unk=True)
    return PersonalPart(path, network_model(random_model(vocabulary)), vocabulary, lambda word: False)


def test_sessions_learn_from_each_other_and_forget_what_is_removed(path):
    one, other = part(path), part(path)
    one.learn({("zorb",): 1})
    one.save()
    other.learn({("glim",): 1})
    other.save()
    other.learn({})
    assert {"zorb", "glim"} <= set(other.model.vocabulary.words)
    PersonalFile(path).remove(lambda word: word == "zorb")
    for session in (one, other):
        session.save()
        session.learn({})
        assert "zorb" not in session.model.vocabulary.ids
        assert "glim" in session.model.vocabulary.ids
    assert PersonalFile(path).read() == {("glim",): 1}


def test_words_that_cannot_be_saved_are_saved_the_next_time(path):
    session = part(path)
    session.learn({("zorb",): 1})
    path.mkdir()
    session.save()
    assert str(path) in (session.trouble or "")
    path.rmdir()
    session.learn({("zorb",): 1})
    session.save()
    assert session.trouble is None
    assert PersonalFile(path).read() == {("zorb",): 2}


def test_a_model_in_lower_case_reads_words_with_capitals(path):
    PersonalFile(path, "words").add({("Zorb",): 1, ("zorb",): 1})
    vocabulary = plain_vocabulary(8, unk=True, text=TextConfig(lowercase=True))
    found = PersonalPart(path, network_model(random_model(vocabulary)), vocabulary, lambda word: False).model
    assert found.vocabulary.words[8:] == ["zorb"]
    assert found.counts.unknown is not None
    assert (found.counts.unknown.ids.tolist(), found.counts.unknown.counts.tolist()) == ([8], [2])
