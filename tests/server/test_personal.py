"""The language server with a personal file: text that is saved in the editor is learned, once."""

from pathlib import Path

import pytest

from rnnwords.personal.file import PersonalFile
from rnnwords.prediction.predictor import Predictor
from tests.models import chain
from tests.server.client import URI, Json, at, changed, initialize, notification, opened, request, span, transcript

SAVED = notification("textDocument/didSave", textDocument={"uri": URI})
CLOSED = notification("textDocument/didClose", textDocument={"uri": URI})
TEXT = "We met Zorblax today.\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "words.tsv"


def run(path: Path, *messages: Json) -> list[Json]:
    """Return the answers to messages between initialization and end."""
    model = Predictor(chain(), personal=path)
    answers, status = transcript(model, initialize(), *messages, request("end", "shutdown"), notification("exit"))
    assert status == 0
    assert answers[0]["result"]["capabilities"]["textDocumentSync"] == {"openClose": True, "change": 2, "save": True}
    return answers[1:-1]


def labels(answer: Json) -> list[str]:
    return [item["label"] for item in answer["result"]["items"]]


def test_a_new_word_is_offered_after_the_text_is_saved(path):
    answers = run(
        path, opened(""), changed({"text": TEXT + "Zor"}), at("completion", 1, 1, 3), SAVED,
        changed({"text": TEXT + "we met zo"}), at("completion", 2, 1, 9),
    )  # fmt: skip
    assert "Zorblax" not in labels(answers[0])
    assert labels(answers[1])[0] == "Zorblax"
    assert run(path, opened("zo"), at("completion", 1, 0, 2))[0]["result"]["items"][0]["label"] == "Zorblax"


def test_only_what_was_typed_is_learned_and_only_once(path):
    old = "An old line of Glimfeather.\n"
    run(path, opened(old), SAVED, changed({"range": span(1, 0, 0), "text": TEXT}), SAVED, SAVED, CLOSED,
        opened(old + TEXT), SAVED, changed({"range": span(1, 0, 0), "text": "So "}), SAVED)  # fmt: skip
    entries = PersonalFile(path).read()
    assert entries[("We", "met", "Zorblax")] == 1
    assert entries[("So",)] == entries[("So", "We")] == 1
    assert not any("Glimfeather" in entry for entry in entries)


def test_text_that_is_not_saved_is_not_learned(path):
    run(path, opened(""), changed({"text": TEXT}), changed({"text": ""}), SAVED, changed({"text": TEXT}), CLOSED)
    assert not path.exists()


def test_without_a_personal_file_saving_does_nothing():
    answers, status = transcript(
        Predictor(chain()), initialize(), opened(TEXT), SAVED, request("end", "shutdown"), notification("exit")
    )
    assert status == 0
    assert "save" not in answers[0]["result"]["capabilities"]["textDocumentSync"]
