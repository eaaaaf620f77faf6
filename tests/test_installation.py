"""The wheel in environments of its own, and the tests in the source archive. Nothing is downloaded."""

import re
import shlex
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from rnnwords.version import __version__
from tests.packages import Installed, needed
from tests.processes import QUICK, environment
from tests.texts import FABLE, ROOT

pytest.importorskip("pip")
pytestmark = pytest.mark.slow
LIGHT = [line for line in (ROOT / "docs/requirements-predict.txt").read_text().splitlines() if not line.startswith("#")]
TRAINS = {"tensorflow", "keras", "tensorboard"}
THAI = "\u0e09\u0e31\u0e19\u0e01\u0e34\u0e19\u0e02\u0e49\u0e32\u0e27"


@pytest.fixture(scope="module")
def light(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """Return an environment with the wheel and what docs/requirements-predict.txt names."""
    (wheel,) = built.glob("*.whl")
    return Installed(tmp_path_factory.mktemp("light") / "env", wheel, needed(LIGHT))


@pytest.fixture(scope="module")
def full(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """Return an environment with the wheel and all packages."""
    (wheel,) = built.glob("*.whl")
    return Installed(tmp_path_factory.mktemp("full") / "env", wheel, None)


def test_the_light_installation_has_the_wheel_and_no_package_that_trains(light: Installed, tmp_path: Path) -> None:
    assert not TRAINS & needed(LIGHT)
    code = "import rnnwords, importlib.util as u; print(rnnwords.__file__, *map(u.find_spec, {0}))"
    printed = light.python(code.format((*sorted(TRAINS), "matplotlib", "onnx", "icu4py")), cwd=tmp_path)
    assert printed.startswith(str(light.bin.parent / "lib"))
    assert printed.split()[1:] == ["None"] * 6


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--version"], f"version {re.escape(__version__)}"),
        (["predict", "had a general"], r"the +\d"),
        (["generate", "had a general", "-n", "3"], "had a general"),
        (["score", "had a general council"], "council"),
        (["explain", "had a general"], "general"),
        (["eval", str(FABLE)], "perplexity"),
        (["info"], "lstm"),
        (["repl"], ""),
        (["build-vocab", str(FABLE)], "the\t"),
        (["completion", "bash"], "rnnwords"),
        (["export", "--help"], r"\.onnx"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_the_light_installation_predicts(
    arguments: list[str], expected: str, light: Installed, run: Path, tmp_path: Path
) -> None:
    (tmp_path / "models" / "latest").write_text("tiny\n", encoding="utf-8")
    done = light.rnnwords(*arguments, cwd=tmp_path, input="had a general\n")
    assert done.returncode == 0, done.stderr
    assert re.search(expected, done.stdout), done.stdout


def test_the_light_installation_names_the_command_that_adds_what_trains(light: Installed, tmp_path: Path) -> None:
    done = light.rnnwords("train", "--example", "fable", *QUICK, cwd=tmp_path)
    assert done.returncode == 1
    error = done.stderr.splitlines()[-1]
    assert error.startswith("Error: training needs tensorflow, which is not installed; install it with: pip install ")
    packages = {one.name: one for one in map(Requirement, shlex.split(error.partition("pip install ")[2]))}
    assert packages.keys() == TRAINS
    assert all(one.specifier for one in packages.values())
    assert not (tmp_path / "models").exists()


@pytest.mark.parametrize(
    ("arguments", "command"),
    [
        (["explain", "had a general", "--plot", "x.png"], 'pip install "matplotlib<4,>=3.10.8"'),
        (["export", "x.onnx"], 'pip install "onnx<2,>=1.20"'),
    ],
)
def test_the_light_installation_names_commands_that_do_not_add_tensorflow(
    arguments: list[str], command: str, light: Installed, run: Path
) -> None:
    done = light.rnnwords(*arguments, "--model", run, cwd=run.parent)
    assert done.returncode == 1
    assert done.stderr.endswith(f"install it with: {command}\n")


def test_a_script_that_needs_icu4py_is_refused_with_the_command_that_adds_it(light: Installed, tmp_path: Path) -> None:
    (tmp_path / "thai.txt").write_text(THAI, encoding="utf-8")
    done = light.rnnwords("build-vocab", "thai.txt", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].endswith(
        'which is not installed; install it with: pip install "icu4py<2,>=1.1"'
    )


def test_the_wheel_trains_on_an_example_resumes_and_predicts(full: Installed, tmp_path: Path) -> None:
    for expected in ("Done after", "this run is complete"):
        done = full.rnnwords("train", "--example", "fable", *QUICK, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert expected in done.stderr
        assert "next: rnnwords generate " in done.stderr
    done = full.rnnwords("predict", "long ago ,", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert '"predictions": [{"word": ' in done.stdout
    assert full.rnnwords("train", "--example", "fables", "--epochs", "0", cwd=tmp_path).returncode == 2
    printed = full.python("import rnnwords; print(rnnwords.__file__)", cwd=tmp_path)
    assert printed.startswith(str(full.bin.parent / "lib"))


def test_tests_in_the_source_archive_run(built: Path, tmp_path: Path) -> None:
    (archive,) = built.glob("*.tar.gz")
    with tarfile.open(archive) as tar:
        if hasattr(tarfile, "data_filter"):  # from Python 3.11.4 on
            tar.extraction_filter = tarfile.data_filter
        tar.extractall(tmp_path)
    (source,) = tmp_path.iterdir()
    chosen = ("tests/text/test_vocabulary.py", "tests/prediction", "tests/test_model_file.py",
              "tests/test_release.py")  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "not serial and not slow", *chosen],
        cwd=source, env=environment(PYTHONPATH=None), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:]
    assert int(re.search(r"(\d+) passed", done.stdout)[1]) > 100  # type: ignore[index]
    where = subprocess.run(
        [sys.executable, "-c", "import rnnwords; print(rnnwords.__file__)"], cwd=source, capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    assert where.stdout.startswith(str(source))
