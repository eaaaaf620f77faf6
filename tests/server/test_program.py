"""`rnnwords lsp` in a child process: real pipes, exit statuses, signals, and what each stream contains."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.models import chain, saved
from tests.processes import BLOCKED, HEAVY, LIMIT, PROGRAM, environment, killed_at_end
from tests.server.client import EditorClient, at, bytes_of, changed, editor, initialize, notification, request, span


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return saved(chain(), tmp_path_factory.mktemp("model"))


def labels(result: dict) -> list[str]:  # type: ignore[type-arg]
    return [item["label"] for item in result["items"]]


def test_a_text_is_typed_letter_by_letter(model: Path, tmp_path: Path) -> None:
    with editor("--model", model, cwd=tmp_path) as client:
        client.begin("the mice\n")
        typed = "had a general"
        for place, letter in enumerate(typed):
            client.send(changed({"range": span(1, place, place), "text": letter}))
            seen = labels(client.ask(at("completion", place, 1, place + 1)))
            assert len(seen) <= 10
            if typed[:place].endswith(" a g"):
                assert seen[0] == "general"
        items = client.ask(at("inlineCompletion", "inline", 1, len(typed)))["items"]
        assert items[0]["insertText"].endswith("take.")
        status, err = client.end()
    assert status == 0
    assert err == b"interpolated: cache of 500 words, weight 0.1, sharpness 0.005 (default, not fitted)\n"


def test_the_model_is_that_of_the_variable_or_of_the_options_of_the_editor(model: Path, tmp_path: Path) -> None:
    with editor("--cache", "0", cwd=tmp_path, RNNWORDS_MODEL=str(model)) as client:
        client.begin("had a ")
        assert labels(client.ask(at("completion", 1, 0, 6)))[0] == "general"
        assert client.end() == (0, b"")
    options = {"model": str(model), "words": 1}
    with editor("--quiet", cwd=tmp_path, RNNWORDS_MODEL="/missing") as client:
        client.begin("had a ", initializationOptions=options)
        assert labels(client.ask(at("completion", 1, 0, 6))) == ["general"]
        assert client.end() == (0, b"")


def test_a_missing_model_is_the_answer_to_initialize(tmp_path: Path) -> None:
    with editor(cwd=tmp_path) as client:
        client.send(initialize())
        error = client.receive()["error"]
        assert error["code"] == -32803
        assert "train one with: rnnwords train TEXT" in error["message"]
        client.send(notification("exit"))
        assert client.process.wait(LIMIT) == 1
        assert len(client.stderr().splitlines()) == 1


@pytest.mark.parametrize("begun", [False, True])
def test_the_end_of_stdin_ends_the_server_quietly(begun: bool, model: Path, tmp_path: Path) -> None:
    with editor("--quiet", "--model", model, cwd=tmp_path) as client:
        if begun:
            client.begin("had a ")
        client.input.close()
        assert client.process.wait(LIMIT) == 1
        assert client.output.read() == b""
        assert client.stderr() == b""


def test_a_closed_stdout_ends_the_server_quietly(model: Path, tmp_path: Path) -> None:
    with editor("--quiet", "--model", model, cwd=tmp_path) as client:
        client.begin("had a ")
        client.output.close()
        client.send(at("completion", 1, 0, 6))
        assert client.process.wait(LIMIT) == 1
        assert client.stderr() == b""


def test_garbage_on_stdin_is_answered_by_a_parse_error(model: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [*PROGRAM, "lsp", "--model", str(model)], input=b"hello\r\n\r\n", capture_output=True, cwd=tmp_path,
        env=environment(), timeout=LIMIT, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert b'"code":-32700' in done.stdout
    assert done.stderr == b""


@pytest.mark.parametrize(("name", "status"), [("SIGTERM", 143), ("SIGINT", 130)])
def test_signals_end_the_server_while_it_waits(name: str, status: int, model: Path, tmp_path: Path) -> None:
    with editor("--quiet", "--model", model, cwd=tmp_path) as client:
        client.begin()
        client.ask(at("completion", 1, 0, 0))
        client.process.send_signal(signal.Signals[name])
        assert client.process.wait(LIMIT) == status
        assert b"Traceback" not in client.stderr()


def test_neither_tensorflow_nor_packages_of_the_terminal_are_imported(model: Path, tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", BLOCKED, f"{HEAVY},rich,prompt_toolkit,matplotlib", "lsp", "--model", str(model)],
        cwd=tmp_path, env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    with killed_at_end(process):
        client = EditorClient(process)
        client.begin("had a ")
        assert labels(client.ask(at("completion", 1, 0, 6)))[0] == "general"
        assert client.end()[0] == 0


def test_many_messages_in_one_write_are_answered_in_order(model: Path, tmp_path: Path) -> None:
    with editor("--model", model, cwd=tmp_path) as client:
        client.begin("had a ")
        client.input.write(bytes_of(*(at("completion", id, 0, 6) for id in range(300)), request("x", "unknown")))
        client.input.flush()
        answers = [client.receive() for _ in range(301)]
        assert [answer["id"] for answer in answers] == [*range(300), "x"]
        assert client.end()[0] == 0
