"""Tests of `rnnwords completion`: a script for each shell, and completions without a model or numpy."""

import os
import shlex
import shutil
import subprocess
import sys

import click
import pytest

from rnnwords.cli import program
from rnnwords.cli.commands.completion import SHELLS
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


# --- the scripts in real shells ---------------------------------------------------------------------------------

# Shell -> how the script is loaded, and its answer printed: `word<TAB>description` or `word` per line.
IN_SHELL = {
    "fish": 'source ./script; complete -C "rnnwords {typed}"',
    "bash": "source ./script; COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); "
    '_rnnwords_completion rnnwords; printf "%s\\n" "${{COMPREPLY[@]}}"',
    "zsh": "compdef() {{ }}; compadd() {{ print -rl -- ${{(P@)argv[-1]}} }}; "
    "_describe() {{ print -rl -- ${{${{(P@)3}}/:/$'\\t'}} }}; source ./script; "
    "words=({words}); CURRENT=$#words; _rnnwords_completion",
}


@pytest.fixture(params=IN_SHELL)
def completed(request, tmp_path):
    """Return the function from what was typed after the program to the lines that a shell offers."""
    shell = request.param
    if shutil.which(shell) is None:
        pytest.skip(f"needs {shell}")
    (tmp_path / "bin").mkdir()
    program_file = tmp_path / "bin" / "rnnwords"
    program_file.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m rnnwords "$@"\n', encoding="utf-8")
    program_file.chmod(0o755)
    (tmp_path / "script").write_text(without("numpy", "completion", shell, cwd=tmp_path).stdout, encoding="utf-8")
    env = environment(
        PATH=f"{program_file.parent}{os.pathsep}{os.environ['PATH']}", HOME=str(tmp_path), XDG_CONFIG_HOME=None
    )

    def complete(typed):
        options = ["-f"] if shell == "zsh" else []
        words = shlex.join(["rnnwords", *typed.split(" ")])
        done = subprocess.run(
            [shell, *options, "-c", IN_SHELL[shell].format(typed=typed, words=words)], cwd=tmp_path, env=env,
            capture_output=True, text=True, timeout=LIMIT, check=False,
        )  # fmt: skip
        assert done.stderr == ""
        return dict(line.partition("\t")[::2] for line in done.stdout.splitlines())

    return shell, complete


def test_a_real_shell_shows_whole_descriptions_of_commands_and_options(completed):
    shell, complete = completed
    commands = complete("")
    assert set(commands) == set(program.commands)
    options = complete("predict --ex")
    assert set(options) == {"--exact", "--exclude"}
    if shell != "bash":  # which shows no descriptions
        assert commands == {name: one.get_short_help_str(1_000) for name, one in program.commands.items()}
        helps = {one.opts[-1]: one.help for one in program.commands["predict"].params if isinstance(one, click.Option)}
        assert options == {name: helps[name] for name in options}


def test_a_real_shell_offers_values(completed):
    _, complete = completed
    assert set(complete("score --unit ")) == {"token", "word", "line", "file"}
    assert "skip" in complete("predict --oov s")
