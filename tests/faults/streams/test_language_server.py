"""Row 65: malformed messages to the language server, and an editor that leaves."""

import pytest

from rnnwords.server.framing import framed
from tests.processes import LIMIT
from tests.server.client import at, editor, initialize, notification, opened, request


@pytest.mark.parametrize(
    ("stream", "code"),
    [(b"hello\r\n\r\n", b"-32700"), (b"Content-Length: -1\r\n\r\n", b"-32700"), (framed(b"{"), b"-32700"),
     (framed(b"[1]"), b"-32600"), (framed(b"[" * 100_000), b"-32700"), (b"Content-Length: 9\r\n\r\n{", b"")],
    ids=["no header", "negative", "no JSON", "no message", "deep", "cut"],
)  # fmt: skip
def test_row_65_a_malformed_message_is_answered_and_the_server_ends_with_the_input(stream, code, trained, tmp_path):
    with editor("--quiet", "--model", trained, cwd=tmp_path) as client:
        client.input.write(stream)
        client.input.close()
        assert client.process.wait(LIMIT) == 1
        out = client.output.read()
        assert code in out
        assert out.count(b"\r\n\r\n") == bool(code)
        assert client.stderr() == b""


@pytest.mark.parametrize("stream", ["output", "input"])
def test_row_65_an_editor_that_leaves_in_the_middle_of_its_requests_ends_the_server(stream, trained, tmp_path):
    messages = [initialize(), notification("initialized"), opened("the mice ")]
    messages += [at("inlineCompletion", number, 0, 9) for number in range(100)]
    with editor("--quiet", "--model", trained, cwd=tmp_path) as client:
        client.send(*messages)
        getattr(client, stream).close()
        if stream == "output":
            client.send(request("more", "shutdown"))
        assert client.process.wait(LIMIT) == 1
        assert client.stderr() == b""
