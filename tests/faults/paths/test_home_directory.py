"""Row 47: a home directory that is missing or cannot be written, and a user that the system does not have."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.faults.paths import bad_paths
from tests.processes import QUICK, rnnwords
from tests.texts import FABLE, ROOT

HOMELESS = f"""{bad_paths.ANSWER}
from rnnwords.text import prepare
prepare.CACHE_FROM = 0  # so that the cache is used
place, model, text = map(Path, sys.argv[1:])
commands = [
    ["build-vocab", str(text), "-o", "words.tsv"], ["train", str(text), "--model", "run"], ["info"], ["predict", "the"],
    ["generate", "the"], ["score", "the"], ["explain", "the", "--plot", "gates.png"],
    ["eval", str(text), "--plot", "eval.png"], ["completion", "bash"],
]
answers = []
for command in commands:
    given = [] if command[0] in ("build-vocab", "train", "completion") else ["--model", str(model)]
    answers.append([command, *answer(place, command + given)])
print(json.dumps(answers))
"""

# How the home directory is missing -> variables; the place of the test is formatted into them.
HOMES: dict[str, dict[str, str]] = {
    "unset": {},
    "read-only": {"HOME": "{}/forbidden"},
    "missing": {"HOME": "{}/forbidden/home"},
    "empty": {"HOME": ""},
    "a tilde": {"HOME": "~"},
    "a file": {"HOME": "/dev/null"},
    "unwritable caches": {
        "HOME": "{}/forbidden", "XDG_CACHE_HOME": "{}/forbidden/cache", "RNNWORDS_CACHE": "{}/forbidden/texts",
        "MPLCONFIGDIR": "{}/forbidden/plots", "XDG_STATE_HOME": "{}/forbidden/state",
    },
}  # fmt: skip

QUICK_HOMES = ("unset", "read-only", "unwritable caches")
USER = 54_321  # that no machine has


def as_unknown_user(place: Path) -> Sequence[str]:
    """Return a command prefix with which a process belongs to a user that the system does not have, and may read all.

    `place` becomes its own. Skip the test where that is impossible.
    """
    command = (
        "setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", "--inh-caps=-all,+dac_read_search",
        "--ambient-caps=-all,+dac_read_search",
    )  # fmt: skip
    if os.geteuid() != 0 or shutil.which("setpriv") is None:
        pytest.skip("needs root and setpriv to become an unknown user")
    if subprocess.run([*command, "true"], capture_output=True, check=False).returncode:
        pytest.skip("setpriv cannot become an unknown user here")
    os.chown(place, USER, USER)
    return command


def without_home(home: str, place: Path) -> dict[str, str]:
    """Return the variables of a process without the usual home directory."""
    (place / "forbidden").mkdir(mode=0o500)
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL", "PYTHONPATH") if name in os.environ}
    return kept | {name: value.format(place) for name, value in HOMES[home].items()}


@pytest.mark.parametrize(
    "home", [home if home in QUICK_HOMES else pytest.param(home, marks=pytest.mark.slow) for home in HOMES]
)
def test_row_47_commands_work_without_a_home_directory_for_an_unknown_user(home, trained, tmp_path):
    environment = without_home(home, tmp_path)
    done = subprocess.run(
        [*as_unknown_user(tmp_path), sys.executable, "-c", HOMELESS, tmp_path, trained, FABLE],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    for command, status, out, err, _ in json.loads(done.stdout):
        if command[0] == "train":
            assert (status, out) == (1, "")
            assert err.splitlines()[-1].startswith("Error: training needs tensorflow, which is not installed")
        else:
            assert status == 0, (command, err)
            assert re.fullmatch(r"((model|plot|wrote|204 words,|seed) .*\n)*", err), (command, err)
    assert set(os.listdir(tmp_path)) == {"forbidden", "words.tsv", "gates.png", "eval.png"}
    assert os.listdir(tmp_path / "forbidden") == []


@pytest.mark.slow
@pytest.mark.parametrize("home", ["unset", "read-only", "a tilde"])
def test_row_47_training_works_without_a_home_directory_and_makes_no_tilde(home, tmp_path):
    environment = without_home(home, tmp_path)
    (tmp_path / "story.txt").write_bytes(FABLE.read_bytes())
    done = rnnwords(
        "train", "story.txt", *QUICK, "--quiet", cwd=tmp_path, env=environment, before=as_unknown_user(tmp_path)
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert set(os.listdir(tmp_path)) == {"forbidden", "story.txt", "models"}
