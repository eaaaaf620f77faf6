"""Row 37: control characters in texts, models and names never reach a terminal unescaped."""

import subprocess

import pytest

from tests.models import small_model
from tests.processes import PROGRAM, QUICK, environment, in_terminal, rnnwords

HOSTILE = {
    "title": "\x1b]0;owned\x07", "clipboard": "\x1b]52;c;aGk=\x07", "colour": "\x1b[35;44m", "C1": "\x9b31m\x9dx\x9c",
    "bidi": "\u202eabc\u2066", "backspace": "a\x08\x08b", "delete": "\x7f", "start of heading": "\x01", "bell": "\x07",
}  # fmt: skip

RAW = ["\x1b]", "\x1b[35;44m", "\x07", "\x08", "\x7f", "\x01", "\x9b", "\x9d", "\x9c", "\u202e", "\u2066"]


def check_safe(seen: bytes) -> None:
    for raw in RAW:
        assert raw.encode() not in seen, (raw, seen)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """Return a directory with a text and a model of words with control characters."""
    there = tmp_path_factory.mktemp("hostile")
    words = list(HOSTILE.values())
    (there / "hostile.txt").write_text(" ".join(words * 5) + "\n", encoding="utf-8")
    small_model([*words, "the", "cat", "bell"]).save(there / "model.safetensors")
    return there


@pytest.mark.parametrize(
    "arguments",
    [
        ["generate", "the cat", "-n", "30"],
        ["generate", "the cat", "-n", "30", "--temperature", "5", "--seed", "1"],
        ["generate", "the cat", "-n", "30", "--raw"],
        ["generate", "the cat", "-n", "30", "--json"],
        ["generate", HOSTILE["clipboard"]],
        ["predict", "the cat", "-k", "12"],
        ["predict", "the cat", "-k", "12", "--json"],
        ["predict", HOSTILE["title"]],
        ["predict", "the", "--prefix", HOSTILE["colour"]],
        ["info"],
        ["info", "--json"],
        ["eval", "hostile.txt"],
    ],
    ids=lambda arguments: ascii(" ".join(arguments)),
)
def test_row_37_a_terminal_gets_no_control_characters_of_a_model(arguments, hostile):
    status, seen = in_terminal(*arguments, "--model", "model.safetensors", cwd=hostile)
    assert status in (0, 2)
    assert seen
    check_safe(seen)


@pytest.mark.parametrize("command", ["build-vocab", "train", "eval", "predict"])
def test_row_37_a_terminal_gets_no_control_characters_of_a_file_name(command, hostile):
    name = HOSTILE["title"] + "\u202e.txt"
    arguments = ["the cat", "--model", name] if command == "predict" else [name]
    status, seen = in_terminal(command, *arguments, cwd=hostile, env=environment(RNNWORDS_MODEL="model.safetensors"))
    assert status == 2
    check_safe(seen)
    assert b"owned" in seen


def test_row_37_a_terminal_gets_no_control_characters_of_a_vocabulary(hostile):
    status, seen = in_terminal("build-vocab", "hostile.txt", "--tokenizer", "whitespace", cwd=hostile)
    assert status == 0
    check_safe(seen)
    assert rb"\x1b]0;owned\x07" in seen


def test_row_37_a_terminal_gets_no_control_characters_of_a_text_in_training(hostile, tmp_path):
    arguments = ["hostile.txt", "--tokenizer", "whitespace", *QUICK, "--log-every", "1", "--model", tmp_path / "run"]
    status, seen = in_terminal("train", *arguments, cwd=hostile)
    assert status == 0, seen
    check_safe(seen)
    assert rb"\x1b]52;c;aGk=\x07" in seen


def test_row_37_a_pipe_gets_control_characters_only_with_raw(hostile):
    arguments = [
        "generate",
        "the cat",
        "-n",
        "60",
        "--temperature",
        "20",
        "--seed",
        "2",
        "--model",
        "model.safetensors",
    ]
    escaped = rnnwords(*arguments, cwd=hostile).stdout
    raw = rnnwords(*arguments, "--raw", cwd=hostile).stdout
    check_safe(escaped.encode())
    assert "\x1b]52;c;aGk=\x07" in raw


def test_row_37_a_pipe_gets_the_vocabulary_unescaped(hostile):
    done = subprocess.run(
        [*PROGRAM, "build-vocab", "hostile.txt", "--tokenizer", "whitespace", "--quiet"],
        cwd=hostile, env=environment(), capture_output=True, check=True,
    )  # fmt: skip
    assert HOSTILE["clipboard"].encode() + b"\t5\n" in done.stdout
