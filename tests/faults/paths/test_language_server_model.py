"""Row 46: a model of the language server that cannot be used, as option and as setting of the editor."""

import json
from typing import Any

import pytest

from tests.faults.paths import bad_paths
from tests.processes import ask
from tests.server.client import bytes_of, initialize, notification

ENTRY = ("predict", "model")  # whose bad paths are those of any option --model
KINDS = [kind for entry, kind in bad_paths.cases(bad_paths.KINDS) if entry == ENTRY]


@pytest.mark.parametrize("by_editor", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_row_46_a_model_that_cannot_be_used_is_the_answer_of_the_language_server(
    kind, by_editor, trained, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    path = bad_paths.arguments_for(ENTRY, kind, tmp_path, trained)[-1]
    before = bad_paths.names_in(tmp_path)
    options: Any = {"initializationOptions": {"model": path}} if by_editor else {}
    arguments = () if by_editor else ("--model", path)
    messages = bytes_of(initialize(**options), notification("exit"))
    status, out, err = ask(capsys, monkeypatch, "lsp", *arguments, stdin=messages)
    if status == 2:  # refused as an argument
        assert bad_paths.refused(status, out, err) == []
        return
    error = json.loads(out.partition("\r\n\r\n")[2])["error"]
    assert (status, error["code"], error["data"]) == (1, -32803, {"retry": False})
    assert len(err.splitlines()) == 1, err
    assert "Traceback" not in err
    assert len(error["message"]) <= 500
    assert bad_paths.names_in(tmp_path) == before
