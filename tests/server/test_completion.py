"""Lists and inline completions: words, ranges in code units, ranks, and what the document changes."""

from typing import Any

import pytest

from rnnwords.prediction.predictor import Predictor
from rnnwords.server.settings import ServerSettings
from tests.cli.repl.fake import FakeModel
from tests.models import chain, plain_vocabulary, random_model
from tests.server.client import Json, at, initialize, opened, span, transcript


def complete(text: str, line: int, character: int, model: Any = None, **settings: Any) -> list[Json]:
    """Return the items of a completion."""
    messages = (initialize(), opened(text), at("completion", 1, line, character))
    [_, answer], _ = transcript(model or FakeModel(), *messages, settings=ServerSettings(**settings))
    assert answer["result"]["isIncomplete"] is True
    items: list[Json] = answer["result"]["items"]
    return items


def continued(text: str, line: int, character: int, model: Any = None, **context: Any) -> list[Json]:
    """Return the items of an inline completion."""
    message = at("inlineCompletion", 1, line, character, context={"triggerKind": 2, **context})
    [_, answer], _ = transcript(model or FakeModel(), initialize(), opened(text), message)
    items: list[Json] = answer["result"]["items"]
    return items


def edits(items: list[Json]) -> list[tuple[str, Json]]:
    return [(item["textEdit"]["newText"], item["textEdit"]["range"]) for item in items]


def test_a_started_word_is_replaced_and_words_are_sorted_by_rank() -> None:
    items = complete("they had a ge", 0, 13)
    assert edits(items) == [("general", span(0, 11, 13)), ("genius", span(0, 11, 13))]
    assert [item["detail"] for item in items] == ["86 %", "14 %"]
    assert [item["sortText"] for item in items] == sorted(item["sortText"] for item in items)
    assert {item["filterText"] for item in items} == {"ge"}


def test_next_words_are_inserted_after_a_typed_space_which_a_punctuation_mark_removes() -> None:
    items = complete("a general ", 0, 10)
    assert edits(items) == [("council", span(0, 10, 10)), (",", span(0, 10, 10))]
    assert [item.get("additionalTextEdits") for item in items] == [None, [{"range": span(0, 9, 10), "newText": ""}]]
    assert [item.get("filterText") for item in items] == [None, None]
    assert [item["label"] for item in items] == ["council", ","]


def test_a_next_word_brings_its_space_after_a_whole_word() -> None:
    assert edits(complete("they had", 0, 8)) == [(" a", span(0, 8, 8)), (" the", span(0, 8, 8))]


@pytest.mark.parametrize("text", ["they had\n", "they had\r\n", "they had\n    "])
def test_a_line_begins_without_a_space_and_keeps_its_indentation(text: str) -> None:
    place = len(text.rpartition("\n")[2])
    assert edits(complete(text, 1, place)) == [("a", span(1, place, place)), ("the", span(1, place, place))]


def test_case_and_typing_errors_are_those_of_prefixes() -> None:
    model = Predictor(chain())
    assert complete("they had a Ge", 0, 13, model)[0]["label"] == "General"
    [item] = complete("they had a genreal", 0, 18, model)
    assert edits([item]) == [("general", span(0, 11, 18))]
    assert item["filterText"] == "genreal"  # so that the editor does not drop it


@pytest.mark.parametrize(
    ("encoding", "before", "typed"), [("utf-16", 6, 2), ("utf-8", 9, 2), ("utf-32", 5, 2), (None, 6, 2)]
)
def test_ranges_count_the_code_units_of_the_encoding(encoding: str | None, before: int, typed: int) -> None:
    general = {} if encoding is None else {"general": {"positionEncodings": [encoding]}}
    text = "\U0001f600\u00e9 a ge rest"
    messages = (
        initialize(capabilities=general),
        opened("they had a\n" + text),
        at("completion", 1, 1, before + typed),
    )
    [first, answer], _ = transcript(FakeModel(), *messages)
    assert first["result"]["capabilities"]["positionEncoding"] == encoding or encoding is None
    expected = span(1, before, before + typed)
    assert [item["textEdit"]["range"] for item in answer["result"]["items"]] == 2 * [expected]


def test_a_position_after_the_text_is_its_end() -> None:
    assert edits(complete("they had a ge", 7, 99)) == edits(complete("they had a ge", 0, 13))


def test_the_number_of_words_is_a_setting() -> None:
    assert len(complete("had a ", 0, 6, words=2)) == 2


def test_an_unknown_word_and_an_empty_document_have_an_answer() -> None:
    assert complete("had a zzzz", 0, 10) == []
    assert [item["label"] for item in complete("", 0, 0)] == ["they", "had"]


def test_words_of_the_document_become_more_probable() -> None:
    """The cache of the model contains the words before the cursor, in earlier lines too."""
    settings = ServerSettings(cache_weight=0.5)
    model = Predictor(random_model(plain_vocabulary(50)), settings)

    def probability(text: str) -> float:
        [_, answer], _ = transcript(
            model, initialize(), opened(text + "w1 w2 "), at("completion", 1, text.count("\n"), 6), settings=settings
        )
        items = {item["label"]: item["detail"] for item in answer["result"]["items"]}
        return float(items["w40"].removesuffix(" %")) if "w40" in items else 0

    assert probability("w40 w40 w40\nw40 w40\n") > 30 > probability("w3 w4 w5\nw6 w7\n")


@pytest.mark.parametrize("mode", ["windows", "stateful"])
def test_low_memory_changes_no_prediction(mode: str) -> None:
    model = random_model(plain_vocabulary(30), mode=mode)
    for prompt in ("w1", "w1 w2 w3", "w1 w2 w3 w4 w5", ""):
        frugal = Predictor(model, low_memory=True).rank(prompt, 30)
        whole = Predictor(model).rank(prompt, 30)
        assert dict(frugal) == pytest.approx(dict(whole), rel=1e-5)


# --- inline completion ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "inserted"),
    [
        ("they had a gen", "eral council to consider what measures they could take."),
        ("they had a ", "general council to consider what measures they could take."),
        ("they had a", " general council to consider what measures they could take."),
    ],
)
def test_an_inline_completion_ends_with_the_sentence(text: str, inserted: str) -> None:
    assert continued(text, 0, len(text), Predictor(chain())) == [{"insertText": inserted}]


@pytest.mark.parametrize(("text", "place"), [("they had a gzz", 14), ("they had a general", 6)])
def test_nothing_continues_an_unknown_word_or_the_middle_of_one(text: str, place: int) -> None:
    assert continued(text, 0, place) == []


def test_a_word_that_is_selected_in_the_list_comes_first() -> None:
    selected = {"range": span(0, 11, 13), "text": "genius"}
    [item] = continued("they had a ge", 0, 13, selectedCompletionInfo=selected)
    assert item["range"] == selected["range"]
    assert item["insertText"].startswith("genius ")


def test_the_length_of_an_inline_completion_is_a_setting() -> None:
    message = at("inlineCompletion", 1, 0, 4)
    settings = ServerSettings(inline_words=2)
    [_, answer], _ = transcript(FakeModel(), initialize(), opened("they"), message, settings=settings)
    assert answer["result"]["items"] == [{"insertText": " had a"}]
