"""JSON-RPC: valid messages, and the error for each kind of invalid one."""

import json
from typing import Any

import pytest

from rnnwords.server import messages
from rnnwords.server.messages import Message, ResponseError, parse


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"id": 1, "method": "a", "params": {"b": 2}}, Message("a", {"b": 2}, 1)),
        ({"id": "x", "method": "a"}, Message("a", {}, "x")),
        ({"method": "a", "params": None}, Message("a", {}, None)),
        ({"id": 1, "result": None}, None),
        ({"id": 1, "error": {"code": 1, "message": ""}}, None),
    ],
)
def test_messages_are_parsed_and_responses_ignored(content: dict[str, Any], message: Message | None) -> None:
    assert parse(json.dumps({"jsonrpc": "2.0", **content}).encode()) == message


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b'{"jsonrpc": NaN}', b"\xff{}", b"[" * 50_000, b'{"id": ' + b"9" * 5_000 + b"}", b"{}{}"],
    ids=["empty", "unfinished", "NaN", "not UTF-8", "deep", "many digits", "two"],
)
def test_invalid_json_is_a_parse_error_without_an_id(content: bytes) -> None:
    with pytest.raises(ResponseError) as error:
        parse(content)
    assert (error.value.code, error.value.id) == (messages.PARSE_ERROR, None)


@pytest.mark.parametrize(
    ("content", "id"),
    [
        (b"[]", None), (b"3", None), (b"null", None), (b"{}", None),
        (b'{"id": 4, "method": "a"}', 4),
        (b'{"jsonrpc": "1.0", "id": "x", "method": "a"}', "x"),
        (b'{"jsonrpc": "2.0", "id": 4}', 4),
        (b'{"jsonrpc": "2.0", "id": 4, "method": 5}', 4),
        (b'{"jsonrpc": "2.0", "id": null, "method": "a"}', None),
        (b'{"jsonrpc": "2.0", "id": true, "method": "a"}', None),
        (b'{"jsonrpc": "2.0", "id": 4.5, "method": "a"}', None),
        (b'{"jsonrpc": "2.0", "id": 4, "method": "a", "params": [1]}', 4),
        (b'[{"jsonrpc": "2.0", "id": 4, "method": "a"}]', None),
    ],
)  # fmt: skip
def test_json_of_another_form_is_an_invalid_request_with_the_id_if_there_is_one(content: bytes, id: Any) -> None:
    with pytest.raises(ResponseError) as error:
        parse(content)
    assert (error.value.code, error.value.id) == (messages.INVALID_REQUEST, id)


def test_lone_surrogates_survive_and_leave_as_ascii() -> None:
    message = parse(b'{"jsonrpc": "2.0", "method": "a", "params": {"text": "\\ud83d"}}')
    assert message is not None
    assert message.params == {"text": "\ud83d"}
    assert json.loads(messages.result(1, message.params))["result"] == {"text": "\ud83d"}
