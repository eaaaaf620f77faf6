"""Tests of `rnnwords completion`: a script for each shell, and completions without a model or numpy."""

import shutil
import subprocess
import sys

import pytest

from rnnwords.cli.completion import SHELLS
from tests.processes import LIMIT, ask, environment, without


@pytest.mark.parametrize("shell", SHELLS)
def test_completion_prints_a_script(capsys, monkeypatch, shell):
    if shell == "bash" and shutil.which("bash") is None:
        pytest.skip("Click runs bash to find its version")
    status, out, err = ask(capsys, monkeypatch, "completion", shell)
    assert (status, err) == (0, "")
    assert "_RNNWORDS_COMPLETE" in out
    assert out.endswith("\n")


@pytest.mark.parametrize("shell", SHELLS)
def test_the_script_is_valid_in_its_shell(tmp_path, shell):
    if shutil.which(shell) is None:
        pytest.skip(f"needs {shell}")
    script = without("numpy", "completion", shell, cwd=tmp_path).stdout
    read = subprocess.run([shell, "-n"], input=script, capture_output=True, text=True, check=False)
    assert (read.returncode, read.stderr) == (0, "")


def test_completion_for_an_unknown_shell_is_refused(capsys, monkeypatch):
    status, out, err = ask(capsys, monkeypatch, "completion", "tcsh")
    assert (status, out) == (2, "")
    assert "expected one of bash, zsh, fish, found 'tcsh'" in err


@pytest.mark.parametrize(
    ("words", "offered"),
    [("sc", "score"), ("score --un", "--unit"), ("score --unit ", "line"), ("predict --oov ", "skip"),
     ("completion ", "fish")],
)  # fmt: skip
def test_words_are_completed_without_numpy(tmp_path, words, offered):
    before, _, started = words.rpartition(" ")
    env = environment(
        _RNNWORDS_COMPLETE="bash_complete", COMP_WORDS=f"rnnwords {words}", COMP_CWORD=str(len(before.split()) + 1)
    )
    script = (
        "import sys; sys.modules['numpy'] = None\n"  # importing it raises
        "from rnnwords.cli import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], env=env, cwd=tmp_path, capture_output=True, text=True, timeout=LIMIT,
        check=False,
    )  # fmt: skip
    assert done.stderr == ""
    assert f"plain,{offered}" in done.stdout.splitlines()
    assert all(line.removeprefix("plain,").startswith(started) for line in done.stdout.splitlines())
