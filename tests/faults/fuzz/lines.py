"""Lines on standard input: of the interactive mode with all its commands, and of predict and score."""

import json
import os
from functools import cache
from pathlib import Path

from tests.faults.fuzz.choices import Choices, folder
from tests.faults.fuzz.programs import answer, check_status
from tests.models import random_model, vocabulary_of
from tests.texts import CATS, ODD

COMMANDS = (
    ":help", ":set", ":temperature", ":temperature 0.5", ":temperature nan", ":top-k 0", ":top-k 3", ":settings",
    ":why", ":show", ":show 3", ":undo", ":undo 9", ":new", ":words 2", ":words -1", ":words " + "9" * 50, ":seed 1",
    ":x", ":", ":sample", ":beam 2", ":prefix t", "::", ": help", ":quit", ":why the", ":p the", ":top-p 0.5",
    ":oov skip", ":go", ":go 2", ":go x", ":redo", ":open", ":open missing/file", ":drafts", ":restore 1", ":discard 1",
    ":no-repeat-ngram 2", ":repetition-penalty 100", ":cache 5", ":interpolate auto",
)  # fmt: skip
PARTS = (*COMMANDS, "\n", "\n", "\n", "the cat", " sat", ".", "\r\n", "\0", " ", *ODD[0], *ODD[1])


@cache
def _model() -> str:
    path: Path = folder() / "good.safetensors"
    random_model(vocabulary_of(CATS, max_size=9), mode="stateful").save(path)
    return str(path)


def check(data: bytes) -> None:
    """Raise only on a finding. No line saves a file: a fuzzer must not choose where."""
    choices = Choices(data)
    kind = choices.below(4)
    text = choices.text(40, PARTS).encode("utf-8", "surrogateescape").replace(b"save", b"")
    if kind <= 1:
        os.environ["XDG_STATE_HOME"] = str(folder())
        check_status(*answer("repl", "--model", _model(), "-n", "3", "--quiet", stdin=text))
    elif kind == 2:
        nul = choices.one_of(((), ("-0",)))
        status, out, err = answer("predict", "--json", "--model", _model(), "--quiet", *nul, stdin=text)
        assert (status, err) == (0, ""), err
        assert all(len(json.loads(line)["predictions"]) for line in out.split("\n")[:-1])
    else:
        unit = choices.one_of(("token", "word", "line", "file"))
        status, out, err = answer("score", "-", "--unit", unit, "--model", _model(), "--quiet", stdin=text)
        check_status(status, out, err)
        assert status or out
