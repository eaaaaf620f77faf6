"""Row 46: a path of the language server that cannot be used, as option and as setting."""

import json
from typing import Any

import pytest

from tests.faults.paths import bad_paths
from tests.processes import ask
from tests.server.client import bytes_of, initialize, notification

# The bad paths of any option --model, of any --exclude, and of any --personal.
ENTRIES = (("predict", "model"), ("predict", "exclude"), ("repl", "personal"))
CASES = [case for case in bad_paths.cases(bad_paths.KINDS) if case[0] in ENTRIES]
# Of a setting, the slash after the name of a file is ignored, and ~ is the home directory.
NO_SETTINGS = [(("predict", "exclude"), "a file and a slash"), (("repl", "personal"), "an unexpanded home")]


@pytest.mark.parametrize(
    ("entry", "kind", "by_editor"),
    [(*case, by_editor) for case in CASES for by_editor in (False, True) if not (by_editor and case in NO_SETTINGS)],
)
def test_row_46_a_path_that_cannot_be_used_is_the_answer_of_the_language_server(
    entry, kind, by_editor, trained, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    *_, option, path = bad_paths.arguments_for(entry, kind, tmp_path, trained)
    before = bad_paths.names_in(tmp_path)
    options: Any = {"initializationOptions": {entry[1]: path}} if by_editor else {}
    arguments = () if by_editor else (option, path)
    arguments += ("--model", trained) if entry[1] != "model" else ()
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
