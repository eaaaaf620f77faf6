"""A language client: in this process over bytes, or with the program in a child process over real pipes."""

import contextlib
import itertools
import json
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

from rnnwords.server.framing import MessageReader, framed
from rnnwords.server.loop import serve
from rnnwords.server.session import ServerSession
from rnnwords.server.settings import ServerSettings
from tests.processes import LIMIT, PROGRAM, environment, killed_at_end

URI = "file:///draft.txt"
Json = dict[str, Any]


def request(id: int | str, method: str, **params: Any) -> Json:
    return {"jsonrpc": "2.0", "id": id, "method": method, "params": params}


def notification(method: str, **params: Any) -> Json:
    return {"jsonrpc": "2.0", "method": method, "params": params}


def initialize(id: int = 0, **params: Any) -> Json:
    return request(id, "initialize", processId=None, rootUri=None, **{"capabilities": {}, **params})


def opened(text: str, uri: str = URI) -> Json:
    item = {"uri": uri, "languageId": "plaintext", "version": 1, "text": text}
    return notification("textDocument/didOpen", textDocument=item)


def changed(*changes: Json, uri: str = URI) -> Json:
    return notification("textDocument/didChange", textDocument={"uri": uri, "version": 2}, contentChanges=changes)


def span(line: int, start: int, end: int) -> Json:
    return {"start": {"line": line, "character": start}, "end": {"line": line, "character": end}}


def at(method: str, id: int | str, line: int, character: int, uri: str = URI, **params: Any) -> Json:
    position = {"line": line, "character": character}
    return request(id, f"textDocument/{method}", textDocument={"uri": uri}, position=position, **params)


def bytes_of(*messages: Json | bytes) -> bytes:
    """Return what transmits these messages; bytes are the content of a malformed one."""
    return b"".join(framed(one if isinstance(one, bytes) else json.dumps(one).encode()) for one in messages)


def transcript(model: Any, *messages: Json | bytes, settings: ServerSettings | None = None) -> tuple[list[Json], int]:
    """Return the responses to messages, and the exit status after them, of a server in this process."""
    session = ServerSession(settings or ServerSettings(), lambda chosen: model, lambda text: None)
    return exchange(session, [bytes_of(*messages)])


def exchange(session: ServerSession, pieces: Sequence[bytes]) -> tuple[list[Json], int]:
    """Return the responses to bytes that arrive in pieces, and the exit status after them."""
    sent: list[bytes] = []
    status = serve(session, pieces, sent.append)
    return [json.loads(content) for content in MessageReader().feed(b"".join(sent))], status


class EditorClient:
    """An editor that talks with `rnnwords lsp` in a child process."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self.process = process
        self.input: IO[bytes] = process.stdin
        self.output: IO[bytes] = process.stdout
        self.reader = MessageReader()
        self.ids = itertools.count(1)
        self.received: list[Json] = []

    def send(self, *messages: Json | bytes) -> None:
        self.input.write(bytes_of(*messages))
        self.input.flush()

    def receive(self) -> Json:
        """Return the next message of the server."""
        while not self.received:
            data = self.output.read1(65536)  # type: ignore[attr-defined]
            assert data, "the server has closed its output"
            self.received += [json.loads(content) for content in self.reader.feed(data)]
        return self.received.pop(0)

    def ask(self, message: Json) -> Any:
        """Send a request and return its result."""
        self.send(message)
        answer = self.receive()
        assert answer["id"] == message["id"]
        assert "error" not in answer, answer
        return answer["result"]

    def begin(self, text: str = "", **params: Any) -> Json:
        """Initialize the session, open a document, and return the capabilities."""
        result: Json = self.ask(initialize(**params))
        self.send(notification("initialized"), opened(text))
        return result

    def end(self) -> tuple[int, bytes]:
        """Shut the server down, and return its exit status and its stderr."""
        self.ask(request("last", "shutdown"))
        self.send(notification("exit"))
        return self.process.wait(LIMIT), self.stderr()

    def stderr(self) -> bytes:
        """Return what the server has written to stderr, at its end."""
        assert self.process.stderr is not None
        return self.process.stderr.read()


@contextlib.contextmanager
def editor(*arguments: str | Path, cwd: Path, **env: str | None) -> Iterator[EditorClient]:
    """Start `rnnwords lsp`, and yield the client of it."""
    process = subprocess.Popen(
        [*PROGRAM, "lsp", *map(str, arguments)], cwd=cwd, env=environment(**env),
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    with killed_at_end(process):
        yield EditorClient(process)
