"""Transcripts of a server in this process: life cycle, documents, errors, cancellation."""

import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from rnnwords.errors import ModelNotFoundError, UsageError
from rnnwords.server.loop import serve
from rnnwords.server.session import ServerSession
from rnnwords.server.settings import ServerSettings
from tests.cli.repl.fake import FakeModel
from tests.server.client import (
    URI,
    Json,
    at,
    bytes_of,
    changed,
    exchange,
    initialize,
    notification,
    opened,
    request,
    span,
    transcript,
)

END = (request("end", "shutdown"), notification("exit"))


def run(*messages: Json | bytes) -> list[Json]:
    """Return the responses of a whole session between initialize and exit, without theirs."""
    answers, status = transcript(FakeModel(), initialize(), notification("initialized"), *messages, *END)
    assert status == 0
    assert answers[-1] == {"jsonrpc": "2.0", "id": "end", "result": None}
    return answers[1:-1]


def labels(answer: Json) -> list[str]:
    return [item["label"] for item in answer["result"]["items"]]


def code(answer: Json) -> tuple[Any, int]:
    return answer["id"], answer["error"]["code"]


def test_initialize_states_the_capabilities() -> None:
    [answer, _], status = transcript(FakeModel(), initialize(), *END)
    assert status == 0
    capabilities = answer["result"]["capabilities"]
    assert capabilities["positionEncoding"] == "utf-16"
    assert capabilities["textDocumentSync"] == {"openClose": True, "change": 2}
    assert " " in capabilities["completionProvider"]["triggerCharacters"]
    assert capabilities["inlineCompletionProvider"] is True
    assert answer["result"]["serverInfo"]["name"] == "rnnwords"


def test_changes_of_a_document_change_the_words() -> None:
    answers = run(
        opened("they "), at("completion", 1, 0, 5),
        changed({"range": span(0, 5, 5), "text": "had a "}), at("completion", 2, 0, 11),
        changed({"text": "the mice"}), at("completion", 3, 0, 8),
    )  # fmt: skip
    assert [labels(answer) for answer in answers] == [["had"], ["general", "mouse", "genius"], [".", "said"]]


def test_documents_are_independent() -> None:
    other = "file:///other.txt"
    answers = run(
        opened("they "), opened("had a ", other), at("completion", 1, 0, 5), at("completion", 2, 0, 6, other),
        notification("textDocument/didClose", textDocument={"uri": URI}), at("completion", 3, 0, 6, other),
        at("completion", 4, 0, 5),
    )  # fmt: skip
    assert labels(answers[0]) == ["had"]
    assert labels(answers[1]) == labels(answers[2]) == ["general", "mouse", "genius"]
    assert code(answers[3]) == (4, -32602)


def test_unknown_requests_are_errors_and_unknown_notifications_ignored() -> None:
    answers = run(
        request(1, "textDocument/hover"), notification("$/setTrace", value="off"), notification("workspace/unknown"),
        request("x", "$/unknown"), {"jsonrpc": "2.0", "id": 5, "result": None},
    )  # fmt: skip
    assert [code(answer) for answer in answers] == [(1, -32601), ("x", -32601)]


def test_malformed_messages_are_answered_and_the_session_goes_on() -> None:
    answers = run(b"{", b"[]", b'{"jsonrpc": "2.0", "id": 3}', opened("they "), at("completion", 4, 0, 5))
    assert [code(answer) for answer in answers[:3]] == [(None, -32700), (None, -32600), (3, -32600)]
    assert labels(answers[3]) == ["had"]


@pytest.mark.parametrize(
    "params",
    [
        {}, {"textDocument": URI}, {"textDocument": {"uri": 3}}, {"textDocument": {"uri": URI}},
        {"textDocument": {"uri": URI}, "position": {"line": -1, "character": 0}},
        {"textDocument": {"uri": "file:///not-open"}, "position": {"line": 0, "character": 0}},
    ],
)  # fmt: skip
@pytest.mark.parametrize("method", ["completion", "inlineCompletion"])
def test_invalid_parameters_are_errors(method: str, params: Json) -> None:
    [answer] = run(opened("they "), request(1, f"textDocument/{method}", **params))
    assert code(answer) == (1, -32602)


def test_invalid_notifications_are_logged_and_leave_the_documents() -> None:
    logged: list[str] = []
    session = ServerSession(ServerSettings(), lambda settings: FakeModel(), logged.append)
    unknown = changed({"text": ""}, uri="file:///not-open")
    messages = (
        initialize(), opened("they "), notification("textDocument/didOpen"), unknown, changed({"range": 3, "text": ""}),
        changed({"range": span(0, 0, 0)}), at("completion", 1, 0, 5), *END,
    )  # fmt: skip
    answers, status = exchange(session, [bytes_of(*messages)])
    assert (status, len(answers), labels(answers[1])) == (0, 3, ["had"])
    assert [line.partition(":")[0] for line in logged] == ["textDocument/didOpen", *3 * ["textDocument/didChange"]]


def test_requests_before_initialize_and_after_shutdown_are_errors() -> None:
    answers, status = transcript(
        FakeModel(), opened("they "), request(1, "shutdown"), at("completion", 2, 0, 5), initialize(3), initialize(4),
        request(5, "shutdown"), opened("they "), at("completion", 6, 0, 5), notification("exit"),
    )  # fmt: skip
    assert status == 0
    assert [code(answer) for answer in answers if "error" in answer] == [
        (1, -32002), (2, -32002), (4, -32600), (6, -32600),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("messages", "status"),
    [
        ([notification("exit")], 1),
        ([initialize(), notification("exit")], 1),
        ([initialize(), request(1, "shutdown"), notification("exit")], 0),
        ([initialize(), request(1, "shutdown")], 0),
        ([initialize()], 1),
        ([], 1),
    ],
    ids=["only exit", "exit without shutdown", "exit", "leaves after shutdown", "leaves", "never comes"],
)
def test_the_exit_status_is_0_only_after_shutdown(messages: list[Json], status: int) -> None:
    assert transcript(FakeModel(), *messages)[1] == status


def test_a_header_without_a_length_is_answered_and_ends_the_session() -> None:
    session = ServerSession(ServerSettings(), lambda settings: FakeModel(), lambda text: None)
    answers, status = exchange(session, [bytes_of(initialize()), b"Content-Length: x\r\n\r\n{}", bytes_of(*END)])
    assert status == 1
    assert code(answers[1]) == (None, -32700)
    assert len(answers) == 2


def test_an_editor_that_reads_no_more_ends_the_session() -> None:
    def closed(data: bytes) -> None:
        raise BrokenPipeError

    session = ServerSession(ServerSettings(), lambda settings: FakeModel(), lambda text: None)
    assert serve(session, [bytes_of(initialize(), at("completion", 1, 0, 0))], closed) == 1


def test_a_model_that_cannot_be_loaded_is_an_error_of_initialize() -> None:
    def load(settings: ServerSettings) -> FakeModel:
        if settings.model != "good":
            raise ModelNotFoundError("expected `model`, found none")
        return FakeModel()

    logged: list[str] = []
    session = ServerSession(ServerSettings(), load, logged.append)
    again = initialize(1, initializationOptions={"model": "good"})
    answers, status = exchange(session, [bytes_of(initialize(), again, *END)])
    assert answers[0]["error"] == {
        "code": -32803, "message": "expected `model`, found none", "data": {"retry": False}
    }  # fmt: skip
    assert logged == ["expected `model`, found none"]
    assert "capabilities" in answers[1]["result"]
    assert status == 0


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ([], "initializationOptions: expected an object, found []"),
        ({"wrods": 3}, "initializationOptions: expected settings among interpolate, cache, cache_weight, "),
        ({"wrods": 3}, ", found 'wrods'"),
        ({"words": 0}, "`words`: expected a whole number between 1 and 1,000, found 0"),
        ({"cache": "many"}, "`cache`: expected a whole number between 0 and 10,000"),
        ({"interpolate": "yes"}, "`interpolate`: expected"),
        ({"model": 3}, "`model`: expected text, found 3"),
        ({"model": ""}, "`model`: expected a path, found ''"),
        ({"exclude": ""}, "`exclude`: expected a path, found ''"),
    ],
)  # fmt: skip
def test_invalid_options_are_an_error_of_initialize(options: object, problem: str) -> None:
    answers, _ = transcript(FakeModel(), initialize(initializationOptions=options))
    assert code(answers[0]) == (0, -32803)
    assert problem in answers[0]["error"]["message"]


def test_a_model_that_cannot_continue_logs_one_line_without_a_traceback() -> None:
    model, logged = FakeModel(), list[str]()
    model.failure = UsageError("expected a word to choose from, found all 2 excluded")
    session = ServerSession(ServerSettings(), lambda settings: model, logged.append)
    exchange(session, [bytes_of(initialize(), notification("initialized"), *END)])
    assert logged == ["initialized: expected a word to choose from, found all 2 excluded"]


def test_options_of_the_editor_replace_those_of_the_command_line() -> None:
    seen: list[ServerSettings] = []
    base = ServerSettings(words=3, model="a", cache=7)
    session = ServerSession(base, lambda settings: seen.append(settings) or FakeModel(), lambda text: None)  # type: ignore[func-returns-value]
    options = {"words": 1, "interpolate": 0.5, "inline_words": 2}
    answers, _ = exchange(
        session, [bytes_of(initialize(initializationOptions=options), opened("had a "), at("completion", 1, 0, 6))]
    )
    assert seen == [ServerSettings(words=1, model="a", cache=7, interpolate=0.5, inline_words=2)]
    assert labels(answers[1]) == ["general"]


def test_a_bug_is_an_internal_error_and_the_session_goes_on() -> None:
    model, logged = FakeModel(), list[str]()
    model.failure = ZeroDivisionError("broken")
    session = ServerSession(ServerSettings(), lambda settings: model, logged.append)
    answers, status = exchange(session, [bytes_of(initialize(), opened("they "), at("completion", 1, 0, 5), *END)])
    assert code(answers[1]) == (1, -32603)
    assert answers[1]["error"]["message"] == "ZeroDivisionError: broken"
    assert "Traceback" in logged[0]
    assert status == 0


# --- cancellation -----------------------------------------------------------------------------------------------


class SlowModel(FakeModel):
    """Generates a word, and then waits until the test lets it go on."""

    def __init__(self) -> None:
        super().__init__()
        self.begun, self.go_on = threading.Event(), threading.Event()

    def generate(self, prompt: str = "", n: int = 32, **options: Any) -> Iterator[str]:
        yield " a"
        if n > 1:
            self.begun.set()
            assert self.go_on.wait(60)
            yield " b"


def test_a_running_and_a_waiting_request_are_cancelled_and_an_answered_one_is_not() -> None:
    model = SlowModel()
    cancelled: list[object] = []

    def arriving() -> Iterator[bytes]:
        yield bytes_of(initialize(), opened("they "), at("completion", 1, 0, 5), at("inlineCompletion", 2, 0, 5))
        assert model.begun.wait(60)
        yield bytes_of(at("completion", "three", 0, 5), at("completion", 4, 0, 5))
        ids: list[object] = [1, 2, "three", "3", None, [], 99]
        for id in ids:
            yield bytes_of(notification("$/cancelRequest", id=id))
            cancelled.append(id)
        yield bytes_of(notification("$/cancelRequest"))
        model.go_on.set()
        yield bytes_of(*END)

    sent: list[bytes] = []
    session = ServerSession(ServerSettings(), lambda settings: model, lambda text: None)
    assert serve(session, arriving(), sent.append) == 0
    answers = [json.loads(data.partition(b"\r\n\r\n")[2]) for data in sent]
    assert len(cancelled) == 7
    assert [code(answer) for answer in answers if "error" in answer] == [(2, -32800), ("three", -32800)]
    assert [answer["id"] for answer in answers if "result" in answer] == [0, 1, 4, "end"]
