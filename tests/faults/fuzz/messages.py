"""Messages to the language server: sessions with any methods, parameters and bytes, in any order."""

import json
from functools import cache
from typing import Any

from rnnwords.prediction.predictor import Predictor
from rnnwords.server.framing import framed
from rnnwords.server.messages import INTERNAL_ERROR
from rnnwords.server.session import ServerSession
from rnnwords.server.settings import ServerSettings
from tests.faults.fuzz.choices import Choices
from tests.models import random_model, vocabulary_of
from tests.server.client import URI, at, changed, exchange, initialize, notification, opened, request
from tests.texts import CATS, ODD

METHODS = ("completion", "inlineCompletion", "didChange", "didOpen", "didClose", "hover", "")
PARTS = ("the cat ", "sat", ". ", "\n", "\r", "\r\n", "    ", "\U0001f600", "t", *ODD[0], *ODD[1])
NUMBERS: tuple[Any, ...] = (0, 1, 2, 3, 5, 9, -1, 2**31, 10**30, 0.5, None, "1", True, [], {})
OPTIONS: tuple[Any, ...] = ({}, {"words": 3}, {"words": 0}, {"cache": 9}, {"model": "\0"}, {"x": 1}, [], None, 3)


@cache
def _model() -> Predictor:
    return Predictor(random_model(vocabulary_of(CATS, max_size=9), mode="stateful"), ServerSettings())


def _message(choices: Choices) -> bytes:
    kind = choices.below(8)
    number = choices.one_of(NUMBERS[:6]) if choices.below(4) else choices.one_of(NUMBERS)
    place = {"line": choices.below(4), "character": number}
    message: Any
    if kind == 0:
        return choices.one_of((framed(choices.some(30)), framed(b'{"jsonrpc":"2.0","id":1}'), choices.some(30)))  # type: ignore[no-any-return]
    if kind == 1:
        message = opened(choices.text(20, PARTS))
    elif kind <= 3:
        span = choices.one_of((None, number, {"start": place}, *3 * ({"start": place, "end": {**place, "line": 2}},)))
        message = changed({"range": span, "text": choices.one_of((choices.text(6, PARTS), number))})
    elif kind <= 5:
        message = at(choices.one_of(METHODS), choices.below(3), place["line"], number)
        if choices.below(3) == 0:
            selected = choices.one_of((number, {"text": "cat", "range": {"start": place, "end": place}}))
            message["params"]["context"] = {"selectedCompletionInfo": selected}
    elif kind == 6:
        message = notification("$/cancelRequest", id=number)
    else:
        method = choices.one_of(("shutdown", "exit", "initialize", "initialized", "$/x"))
        message = request(choices.below(3), method, textDocument={"uri": choices.one_of((URI, number))})
    return framed(json.dumps(message).encode())


def check(data: bytes) -> None:
    """Raise only on a finding: a bug that is answered as an internal error is one."""
    choices = Choices(data)
    stream = [framed(json.dumps(initialize(initializationOptions=choices.one_of(OPTIONS))).encode())]
    stream.append(framed(json.dumps(opened(choices.text(20, PARTS))).encode()))
    while choices.at < len(data):
        stream.append(_message(choices))
    logged: list[str] = []
    session = ServerSession(ServerSettings(), lambda settings: _model(), logged.append)
    answers, status = exchange(session, stream)
    assert status in (0, 1)
    assert [text for text in logged if "Traceback" in text] == []
    for answer in answers:
        assert answer["jsonrpc"] == "2.0"
        assert ("result" in answer) != ("error" in answer)
        assert "error" not in answer or answer["error"]["code"] != INTERNAL_ERROR, answer
