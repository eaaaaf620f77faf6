"""The command that `train` prints last: a shell runs it, and it continues words of the text."""

import shlex
import subprocess

import pytest

from rnnwords.cli.reports.training.next_command import next_command
from rnnwords.training.suggestion import repeats
from tests.processes import PROGRAM, QUICK, environment, here, matched
from tests.texts import FABLES

HEBREW = "\u05d4\u05d7\u05ea\u05d5\u05dc \u05d9\u05e9\u05d1 \u05e2\u05dc \u05d4\u05e9\u05d8\u05d9\u05d7. "
KINDS = {
    "quotation marks and a dollar sign": ('"$5", he said, "it\'s `so` \\ much!" ' * 8, []),
    "a dash first": ("--help is -x what they said ! " * 8, ["--tokenizer", "whitespace"]),
    "Hebrew": (HEBREW * 8, []),
    "Chinese": ("\u6211\u4eec\u90fd\u662f\u4e2d\u56fd\u4eba\u3002" * 8, []),
    "rare words first": ("zyxw vuts rqpo " + "the cat sat on the mat . " * 8, ["--min-count", "2"]),
    "lowercase": ("The Cat sat on the MAT. " * 8, ["--lowercase"]),
    "one rare word after another": (" ".join(f"r{number} x" for number in range(40)), ["--min-count", "2"]),
    "line ends": ("- one two three.\n- four five six.\n" * 8, ["--eos"]),
    "validation text": (FABLES.read_text(encoding="utf-8")[:6000], ["--validation-split", "0.1", "--min-count", "2"]),
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_a_shell_runs_the_command_which_continues_known_words_of_the_text(kind, tmp_path, capfd):
    text, options = KINDS[kind]
    (tmp_path / "text.txt").write_text(text, encoding="utf-8")
    assert here("train", "text.txt", *QUICK, *options, cwd=tmp_path) == 0
    command = matched(capfd.readouterr().err, r"^next: rnnwords (generate .*)$")[1]
    done = subprocess.run(
        ["sh", "-c", f'"$@" {command}', "sh", *PROGRAM], cwd=tmp_path, env=environment(HOME="never"),
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "vocabulary" not in done.stderr  # no note on an unknown word
    assert "<unk>" not in done.stdout
    words = shlex.split(command)
    prompt = words[-1] if "--" in words else words[1]
    assert prompt in (text.lower() if "--lowercase" in options else text)
    assert done.stdout.startswith(prompt)
    if kind == "validation text":
        assert "--temperature" in command
        words = done.stdout.split()
        assert repeats([words.index(word) for word in words]) == 0


def test_words_of_any_kind_reach_the_program_through_a_shell():
    for prompt in (
        "plain",
        "two words",
        "it's",
        'a "b"',
        "$HOME `date` \\",
        "!x",
        "-x",
        "--",
        "*",
        "m\u00e4use",
        "a;b|c>d",
    ):
        for settings in ({}, {"temperature": 0.8, "top_p": 0.9, "no_repeat_ngram": 4}):
            script = f'rnnwords() {{ printf "%s\\n" "$@"; }}; {next_command(prompt, None, settings)}'
            done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
            given = ["--temperature", "0.8", "--top-p", "0.9", "--no-repeat-ngram", "4"] if settings else []
            dashed = prompt.startswith("-")
            expected = ["generate", *given, "--", prompt] if dashed else ["generate", prompt, *given]
            assert done.stdout.splitlines() == expected


def test_without_a_prompt_generate_draws_a_word():
    assert next_command("", None, {"temperature": 1.0}) == "rnnwords generate --temperature 1"


def test_another_default_model_is_not_continued(trained, tmp_path, capfd, monkeypatch):
    (tmp_path / "text.txt").write_text("the cat sat on the mat . " * 8, encoding="utf-8")
    monkeypatch.setenv("RNNWORDS_MODEL", str(trained))
    assert here("train", "text.txt", *QUICK, cwd=tmp_path) == 0
    assert "next: rnnwords generate --model models/text " in capfd.readouterr().err
