"""What is offered while one types: menu, grey text, unknown words, as functions of the line."""

import pytest

from rnnwords.cli.repl.session import Session, Settings, Step
from rnnwords.cli.repl.suggestions import Suggestions, Unknown
from rnnwords.config import TextConfig
from rnnwords.errors import UsageError
from rnnwords.text.tokenizer import UNK
from tests.cli.repl.test_session import HOSTILE, Fake


def suggest(predictor: Fake | None = None, document: str = "") -> Suggestions:
    session = Session(predictor or Fake(), Settings())
    session.steps.append(Step(document, 1))
    return Suggestions(session)


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
def test_suggestions(line: str, menu: list[tuple[str, float, int]], ghost: str) -> None:
    found = suggest()
    assert [(text, round(share, 4), replaced) for _, share, text, replaced in found.menu(line)] == menu
    assert found.ghost(line) == ghost


def test_suggestions_go_on_from_the_document() -> None:
    found = suggest(document="they had a")
    assert [choice.text for choice in found.menu("")] == ["general", "mouse", "genius"]
    assert found.ghost("").startswith("general council")
    assert found.menu(", ")[0].text == " said"
    assert found.session.context(",") == "they had a,"


def test_a_chosen_word_is_finished() -> None:
    predictor = Fake(["they're"])
    found = suggest(predictor)
    predictor.next[""] = {"they": 0.5, "they're": 0.5}
    assert [choice.text for choice in found.menu("they")] == ["they", "they're"]
    assert found.started("they'") == ("", "they'")
    found.finished = "they"
    assert [choice.text for choice in found.menu("they")] == [" had"]
    assert found.ghost("they").startswith(" had a")


def test_lower_case_models_complete_capitals() -> None:
    found = suggest(Fake(text=TextConfig(lowercase=True)))
    assert [(choice.text, choice.replaced) for choice in found.menu("Had A G")] == [("general", 1), ("genius", 1)]
    assert found.unknown("Had A GENERAL XYZ ") == [Unknown("xyz", 14, 17)]


def test_predictions_are_remembered_and_stale_ones_given_up() -> None:
    predictor = Fake()
    found = suggest(predictor)
    assert found.menu("had a g") == found.menu("had a g")
    assert predictor.asked == [("had a ", "g")]
    assert found.ghost("had a ", lambda: False) == ""
    assert predictor.generated == []
    answers = iter([True, True, False])
    assert found.ghost("had a ", lambda: next(answers)) == ""
    assert found.ghost("had a ").startswith("general council of")
    assert len(predictor.generated) == 2
    found.ghost("had a ")
    assert len(predictor.generated) == 2


def test_trouble_is_told_and_not_remembered() -> None:
    predictor = Fake()
    found = suggest(predictor)
    predictor.failure = UsageError("out of order")
    assert (found.menu("had "), found.ghost("had "), found.trouble) == ([], "", "out of order")
    predictor.failure = None
    assert found.menu("had ")
    assert found.trouble == ""


def test_hostile_words_are_never_grey_text() -> None:
    predictor = Fake([HOSTILE, UNK])
    found = suggest(predictor)
    predictor.next = {"had": {UNK: 0.6, HOSTILE: 0.4}, "a": {"general": 1.0}, "general": {HOSTILE: 1.0}}
    assert found.ghost("had ") == ""
    assert found.ghost("a ") == "general"
    assert [choice.word for choice in found.menu("had ")] == [HOSTILE]


def test_unknown_words_are_found_where_they_stand() -> None:
    found = suggest()
    assert found.unknown("had xyz a qqq ") == [Unknown("xyz", 4, 7), Unknown("qqq", 10, 13)]
    assert found.unknown("had gen") == []  # still on its way to general
    assert found.unknown("had genx") == [Unknown("genx", 4, 8)]
    assert found.unknown("gen had") == [Unknown("gen", 0, 3)]
    assert found.unknown(":genx") == []
    assert found.near_known("genral") is None
    assert found.near("genral") == ["general"] == found.near_known("genral")
