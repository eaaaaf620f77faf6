"""Messages of JSON-RPC 2.0: requests, notifications, responses, and their errors."""

import json
from typing import Any, NamedTuple

from rnnwords.config import shown

Id = int | str
Params = dict[str, Any]

# Error codes of JSON-RPC, and of LSP from SERVER_NOT_INITIALIZED on.
PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
INTERNAL_ERROR = -32603
SERVER_NOT_INITIALIZED = -32002
REQUEST_FAILED = -32803
REQUEST_CANCELLED = -32800

MAX_ERROR = 500  # characters of an error's message


class ResponseError(Exception):
    """The error that answers a message. `id` is None where the message has none that could be read."""

    def __init__(self, code: int, message: str, id: Id | None = None, data: Any = None) -> None:
        super().__init__(message)
        self.code, self.message, self.id, self.data = code, message, id, data


class Message(NamedTuple):
    """A request, or without `id` a notification."""

    method: str
    params: Params
    id: Id | None = None


def parse(content: bytes) -> Message | None:
    """Return a message from its JSON; None for a response, since this server sends no requests.

    Raises ResponseError: ParseError for invalid JSON, InvalidRequest for any other JSON.
    """
    try:
        value = json.loads(content.decode("utf-8"), parse_constant=_refuse)
    except RecursionError:
        raise ResponseError(PARSE_ERROR, "the message is not valid JSON: expected less depth") from None
    except ValueError as error:
        raise ResponseError(PARSE_ERROR, f"the message is not valid JSON: {str(error)[:200]}") from None
    if not isinstance(value, dict):
        raise ResponseError(INVALID_REQUEST, f"expected an object, found {shown(value)}")
    id = value.get("id")
    known = id if isinstance(id, int | str) and not isinstance(id, bool) else None
    if value.get("jsonrpc") != "2.0":
        raise ResponseError(INVALID_REQUEST, f"jsonrpc: expected '2.0', found {shown(value.get('jsonrpc'))}", known)
    if "method" not in value and ("result" in value or "error" in value):
        return None
    method, params = value.get("method"), value.get("params", {})
    if not isinstance(method, str):
        raise ResponseError(INVALID_REQUEST, f"method: expected text, found {shown(method)}", known)
    if "id" in value and known is None:
        raise ResponseError(INVALID_REQUEST, f"id: expected a whole number or text, found {shown(id)}")
    if params is None:
        params = {}
    if not isinstance(params, dict):  # LSP has no parameters by position
        raise ResponseError(INVALID_REQUEST, f"params: expected an object, found {shown(params)}", known)
    return Message(method, params, known)


def _refuse(name: str) -> None:
    raise ValueError(f"expected a number, found {name}")


def result(id: Id | None, value: Any) -> bytes:
    """Return the JSON of a successful response."""
    return _json({"jsonrpc": "2.0", "id": id, "result": value})


def failure(error: ResponseError, id: Id | None = None) -> bytes:
    """Return the JSON of an error response, to the message `id` or else to that of the error."""
    message = error.message
    if len(message) > MAX_ERROR:  # it may name a path or word of any length; its end says what to do
        message = f"{message[: MAX_ERROR // 2]} ... {message[5 - MAX_ERROR // 2 :]}"
    body = {"code": error.code, "message": message}
    if error.data is not None:
        body["data"] = error.data
    return _json({"jsonrpc": "2.0", "id": error.id if id is None else id, "error": body})


def _json(value: Params) -> bytes:
    return json.dumps(value, separators=(",", ":"), allow_nan=False).encode()  # ASCII: lone surrogates are escaped


def field(params: Params, name: str, kind: type) -> Any:
    """Return a field of the parameters. Raises InvalidParams if it is missing or of another type."""
    value = params.get(name)
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        expected = {dict: "an object", list: "a list", str: "text", int: "a whole number"}[kind]
        raise ResponseError(INVALID_PARAMS, f"{name}: expected {expected}, found {shown(value)}")
    return value
