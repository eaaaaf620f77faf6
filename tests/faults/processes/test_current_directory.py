"""Row 43: modules and settings in the current directory are never imported, by the program or by its workers."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from rnnwords.config import TextConfig
from rnnwords.text.counting import count_words
from tests.processes import TINY, environment, rnnwords
from tests.texts import FABLE, FABLES, ROOT, write

# What `python -m` itself imports before the first line of the package, depending on the Python and its .pth files.
IMPORTED_FIRST = {
    "collections",
    "contextlib",
    "functools",
    "importlib",
    "keyword",
    "operator",
    "reprlib",
    "types",
    "warnings",
}

CANARIES = {*sys.stdlib_module_names, "numpy", "keras", "tensorflow", "tensorboard", "click", "rich", "matplotlib"}
CANARIES |= {"safetensors", "prompt_toolkit", "sitecustomize", "usercustomize", "org", "java", "__main__"}
CANARIES |= {"distutils"}  # of Python 3.11

COMMANDS = {
    "build-vocab": ["long.txt", "--quiet"], "eval": [str(FABLE)], "explain": ["had a general"],
    "generate": ["had a general"], "info": [], "predict": ["had a general"], "repl": [], "score": ["had a general"],
    "completion": ["bash"], "train": [str(FABLE), *TINY, "--quiet"],
}  # fmt: skip


@pytest.fixture
def canaries(tmp_path: Path) -> Path:
    """Return a directory of modules that all leave a trace when they are imported."""
    place = tmp_path / "place"
    place.mkdir()
    for name in CANARIES:
        write(place / f"{name}.py", f"open({str(tmp_path / 'imported')!r}, 'a').write('{name} ')\n")
    for name in ("distutils", "numpy", "keras", "logging"):
        (place / name).mkdir()
        shutil.copy(place / f"{name}.py", place / name / "__init__.py")
    write(place / "long.txt", FABLES.read_bytes() * (9_000_000 // FABLES.stat().st_size))
    return place


@pytest.mark.parametrize(
    "command", [pytest.param(name, marks=pytest.mark.slow) if name == "train" else name for name in COMMANDS]
)
def test_row_43_python_m_imports_nothing_from_the_current_directory(command, canaries, trained, tmp_path):
    for name in IMPORTED_FIRST:
        (canaries / f"{name}.py").unlink()
    model = [] if command in ("build-vocab", "completion") else ["--model", tmp_path / "new"]
    model = ["--model", trained] if model and command != "train" else model
    done = rnnwords(command, *COMMANDS[command], *model, cwd=canaries, env=environment(PYTHONPATH=None))
    assert (done.returncode, (tmp_path / "imported").exists()) == (0, False), done.stderr


@pytest.mark.parametrize("command", ["build-vocab", "predict"])
def test_row_43_the_command_imports_nothing_from_the_current_directory(command, canaries, trained, tmp_path):
    program = Path(sys.executable).parent / "rnnwords"
    if not program.exists():
        pytest.skip("needs the installed command")
    (canaries / "rnnwords").mkdir()
    shutil.copy(canaries / "json.py", canaries / "rnnwords" / "__init__.py")
    model = ["--model", trained] if command == "predict" else []
    done = subprocess.run(
        [program, command, *COMMANDS[command], *model],
        cwd=canaries, env=environment(PYTHONPATH=None), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, (tmp_path / "imported").exists()) == (0, False), done.stderr


def test_row_43_a_package_in_the_current_directory_still_runs(tmp_path):
    """A checkout that is not installed: its directory stays on the path of imports, as the last one."""
    shutil.copytree(ROOT / "rnnwords", tmp_path / "rnnwords", ignore=shutil.ignore_patterns("__pycache__"))
    write(tmp_path / "json.py", "raise SystemExit('imported from the current directory')")
    done = rnnwords("--version", cwd=tmp_path, env=environment(PYTHONPATH=None))
    assert (done.returncode, done.stderr) == (0, "")


def test_row_43_plots_read_no_settings_from_the_current_directory(trained, tmp_path):
    pytest.importorskip("matplotlib")
    pictures = []
    for name in ("empty", "settings", "FIFO"):
        (tmp_path / name).mkdir()
        if name == "FIFO":
            os.mkfifo(tmp_path / name / "matplotlibrc")
        elif name == "settings":
            write(
                tmp_path / name / "matplotlibrc", b"lines.linewidth: 30\naxes.facecolor: black\ntext.usetex: True\n\xff"
            )
        done = rnnwords("explain", "had a general", "--model", trained, "--plot", "plot.svg", cwd=tmp_path / name)
        assert done.returncode == 0, done.stderr
        pictures.append((tmp_path / name / "plot.svg").read_bytes())
    assert pictures[0] == pictures[1] == pictures[2]


def test_row_43_worker_processes_import_nothing_from_the_current_directory(tmp_path, long_text, monkeypatch, started):
    for name in {*sys.stdlib_module_names, "rnnwords", "numpy", "sitecustomize", "usercustomize", "org"}:
        write(tmp_path / f"{name}.py", f"open({str(tmp_path / 'imported')!r}, 'a').write('{name} ')")
    monkeypatch.chdir(tmp_path)
    for path in (None, str(tmp_path), "", ".:"):
        monkeypatch.setenv("PYTHONPATH", path) if path is not None else monkeypatch.delenv("PYTHONPATH", raising=False)
        assert count_words(long_text, TextConfig()).counts["mice"] == 340_000
    assert len(started) == 8
    assert not (tmp_path / "imported").exists()
