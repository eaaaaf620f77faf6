"""What a release needs: the form of the changelog, licences of the pinned packages, and a wheel of constant bytes."""

import datetime
import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from rnnwords.version import __version__
from tests.environments import lowest
from tests.texts import ROOT

PACKAGED = ("rnnwords", "tests", "corpora", "docs", "benchmarks", "pyproject.toml", "constraints.txt", "Makefile",
            "LICENSE", "README.md", "CHANGELOG.md", "CONTRIBUTING.md", ".gitignore")  # fmt: skip
CHANGES = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


def test_the_changelog_lists_versions_with_dates_newest_first() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    headings = re.findall(r"^## (.*)$", text, re.MULTILINE)
    parts = [re.fullmatch(r"\[(\d+\.\d+\.\d+)\] - (unreleased|\d{4}-\d\d-\d\d)", heading) for heading in headings]
    assert all(parts), headings
    versions, dates = zip(*(part.groups() for part in parts if part), strict=True)
    assert versions[0] == __version__
    assert sorted(versions, key=Version, reverse=True) == list(versions)
    assert "unreleased" not in dates[1:]
    released = [datetime.date.fromisoformat(date) for date in dates if date != "unreleased"]
    assert sorted(released, reverse=True) == released
    assert set(re.findall(r"^### (.*)$", text, re.MULTILINE)) <= CHANGES


def pins() -> dict[str, str]:
    """Return name -> version of every package in constraints.txt."""
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return {
        canonicalize_name(name): version for name, _, version in (line.partition("==") for line in lines) if version
    }


def needed() -> set[str]:
    """Return the names of all packages that the program itself needs, from the installed metadata."""
    names: set[str] = set()
    waiting = ["rnnwords"]
    while waiting:
        for text in importlib.metadata.requires(waiting.pop()) or []:
            requirement = Requirement(text)
            name = canonicalize_name(requirement.name)
            if name not in names and (requirement.marker is None or requirement.marker.evaluate({"extra": ""})):
                names.add(name)
                waiting.append(name)
    return names


def test_the_table_of_licences_lists_the_pinned_packages_that_the_program_needs() -> None:
    text = (ROOT / "docs" / "releasing.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([\w.-]+) \| ([\d.]+) \| ([^|]+) \|$", text, re.MULTILINE)
    listed = {canonicalize_name(name): version for name, version, _ in rows}
    assert {name: pins().get(name) for name in listed} == listed
    installed = {name: importlib.metadata.version(name) for name in listed}
    if installed != listed:
        pytest.skip("the installed packages are not those of constraints.txt")
    assert set(listed) == needed()


def test_every_dependency_has_a_lowest_version_to_test_and_an_upper_bound() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    tested = dict(line.split("==") for line in lowest().splitlines())
    for requirement in map(Requirement, project["dependencies"]):
        assert tested[requirement.name] in requirement.specifier
        assert "<" in {one.operator for one in requirement.specifier}
    assert tested["pytest"] == pins()["pytest"]


def build(place: Path, umask: int, seconds: int) -> dict[str, bytes]:
    """Build wheel and source archive in a copy whose files have this time, and return name -> content."""
    copy = place / "copy"
    for name in PACKAGED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            copy.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, copy)
    for item in copy.rglob("*"):
        item.chmod(0o777 & ~umask)
        os.utime(item, (seconds, seconds))
    command = [sys.executable, "-m", "hatchling", "build", "-d", str(place / "dist")]
    subprocess.run(command, cwd=copy, umask=umask, check=True, capture_output=True)
    return {item.name: item.read_bytes() for item in (place / "dist").iterdir()}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the directory of a wheel and a source archive."""
    place = tmp_path_factory.mktemp("built")
    build(place, 0o022, 10**9)
    return place / "dist"


def test_two_builds_in_other_directories_at_other_times_have_equal_bytes(built: Path, tmp_path: Path) -> None:
    files = {item.name: item.read_bytes() for item in built.iterdir()}
    assert set(files) == {f"rnnwords-{__version__}-py3-none-any.whl", f"rnnwords-{__version__}.tar.gz"}
    assert build(tmp_path / "elsewhere", 0o077, 17 * 10**8) == files


def test_the_wheel_contains_the_package_and_its_licence_only(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    package = {
        str(item.relative_to(ROOT)) for item in (ROOT / "rnnwords").rglob("*") if item.suffix in (".py", ".typed")
    }
    about = f"rnnwords-{__version__}.dist-info"
    described = {f"{about}/{name}" for name in ("METADATA", "WHEEL", "RECORD", "entry_points.txt", "licenses/LICENSE")}
    assert names == package | described
    assert "rnnwords/py.typed" in names


def test_the_source_archive_contains_what_the_tests_need(built: Path) -> None:
    (archive,) = built.glob("*.tar.gz")
    with tarfile.open(archive) as tar:
        names = {name.partition("/")[2].split("/")[0] for name in tar.getnames()}
    assert names == {*PACKAGED, "PKG-INFO"}


def test_the_wheel_installs_and_runs(built: Path, tmp_path: Path) -> None:
    pytest.importorskip("pip")
    (wheel,) = built.glob("*.whl")
    command = ["-m", "pip", "install", "--no-deps", "--no-index", "--target", str(tmp_path / "site"), str(wheel)]
    subprocess.run([sys.executable, *command], check=True, capture_output=True)
    done = subprocess.run(
        [tmp_path / "site" / "bin" / "rnnwords", "--version"], env={**os.environ, "PYTHONPATH": str(tmp_path / "site")},
        cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout == f"rnnwords, version {__version__}\n"
