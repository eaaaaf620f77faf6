"""Tests of suggestions: menu, ghost text and unknown words as functions of the line."""

import pytest

from rnnwords.cli.repl.suggestions import Suggestions, UnknownSpan, context_after
from rnnwords.config import TextConfig
from rnnwords.errors import UsageError
from rnnwords.text.tokens.tokenizer import UNK
from tests.cli.repl.fake import HOSTILE, FakeModel


def suggest(model: FakeModel | None = None) -> Suggestions:
    return Suggestions(model or FakeModel())


@pytest.mark.parametrize(
    ("line", "menu", "ghost"),
    [
        ("", [("they", 0.7, 0), ("had", 0.3, 0)], "they had a general council of mice."),
        ("h", [("had", 1.0, 1)], "ad a general council of mice. they had"),
        ("had", [(" a", 0.9, 0), (" the", 0.1, 0)], " a general council of mice. they had"),
        ("had ", [(" a", 0.9, 1), (" the", 0.1, 1)], "a general council of mice. they had a"),
        ("had a g", [("general", 0.8571, 1), ("genius", 0.1429, 1)], "eneral council of mice. they had a general"),
        ("general", [(" council", 0.7, 0), (",", 0.3, 0)], " council of mice. they had a general"),
        ("mice ", [(".", 0.9, 1), (" said", 0.0996, 1)], "said said said said said said said said said"),
        ("mice .", [(" they", 1.0, 0)], " they had a general council of mice."),
        ("had xyz", [], ""),
        ("had xyz ", [(" said", 0.6, 1), (" they", 0.4, 1)], "said said said said said said said said said"),
        (":h", [], ""),
        (":", [], ""),
    ],
)
def test_menu_and_ghost_text_of_a_line(line: str, menu: list[tuple[str, float, int]], ghost: str) -> None:
    found = suggest()
    assert [(text, round(share, 4), replaced) for _, share, text, replaced in found.menu(line)] == menu
    assert found.ghost(line) == ghost


def test_suggestions_continue_the_document() -> None:
    found, before = suggest(), "they had a\n"
    assert [choice.text for choice in found.menu("", before)] == ["general", "mouse", "genius"]
    assert found.ghost("", before).startswith("general council")
    assert found.menu(", ", before)[0].text == " said"
    assert context_after(before)(",") == "they had a\n,"


def test_an_accepted_word_is_not_completed_further() -> None:
    model = FakeModel(["they're"])
    found = suggest(model)
    model.next[""] = {"they": 0.5, "they're": 0.5}
    assert [choice.text for choice in found.menu("they")] == ["they", "they're"]
    assert found.started("they'") == ("", "they'")
    found.finished = "they"
    assert [choice.text for choice in found.menu("they")] == [" had"]
    assert found.ghost("they").startswith(" had a")


def test_lowercase_models_complete_words_with_capitals() -> None:
    found = suggest(FakeModel(text=TextConfig(lowercase=True)))
    assert [(choice.text, choice.replaced) for choice in found.menu("Had A G")] == [("General", 1), ("Genius", 1)]
    assert found.unknown("Had A GENERAL XYZ ") == [UnknownSpan("xyz", 14, 17)]


def test_suggestions_are_cached_and_stop_when_not_needed() -> None:
    model = FakeModel()
    found = suggest(model)
    assert found.menu("had a g") == found.menu("had a g")
    assert model.ranked == [("had a ", "g")]
    assert found.ghost("had a ", needed=lambda: False) == ""
    assert model.generated == []
    needed = iter([True, True, False])
    assert found.ghost("had a ", needed=lambda: next(needed)) == ""
    assert found.ghost("had a ").startswith("general council of")
    assert len(model.generated) == 2
    found.ghost("had a ")
    assert len(model.generated) == 2


def test_an_error_of_the_model_is_reported_and_not_cached() -> None:
    model = FakeModel()
    found = suggest(model)
    model.failure = UsageError("out of order")
    assert (found.menu("had "), found.ghost("had "), found.trouble) == ([], "", "out of order")
    model.failure = None
    assert found.menu("had ")
    assert found.trouble == ""


def test_words_with_control_characters_are_never_ghost_text() -> None:
    model = FakeModel([HOSTILE, UNK])
    found = suggest(model)
    model.next = {"had": {UNK: 0.6, HOSTILE: 0.4}, "a": {"general": 1.0}, "general": {HOSTILE: 1.0}}
    assert found.ghost("had ") == ""
    assert found.ghost("a ") == "general"
    assert [choice.word for choice in found.menu("had ")] == [HOSTILE]


def test_unknown_words_have_their_positions_and_similar_words() -> None:
    found = suggest()
    assert found.unknown("had xyz a qqq ") == [UnknownSpan("xyz", 4, 7), UnknownSpan("qqq", 10, 13)]
    assert found.unknown("had gen") == []  # may become general
    assert found.unknown("had genx") == [UnknownSpan("genx", 4, 8)]
    assert found.unknown("gen had") == [UnknownSpan("gen", 0, 3)]
    assert found.unknown(":genx") == []
    assert found.similar_cached("genral") is None
    assert found.similar("genral") == ["general"] == found.similar_cached("genral")


def test_started_words_are_completed_in_their_case_and_whole_words_are_followed() -> None:
    found = suggest(FakeModel(["General"]))
    assert [(choice.text, choice.replaced) for choice in found.menu("had a Ge")] == [("General", 2), ("Genius", 2)]
    assert found.ghost("had a Ge").startswith("neral")
    assert [choice.text for choice in found.menu("had a general")] == [" council", ","]


def test_unknown_words_of_a_long_line_are_whole_words() -> None:
    line = "xylophones " * 300
    assert {span.word for span in suggest().unknown(line)} == {"xylophones"}
