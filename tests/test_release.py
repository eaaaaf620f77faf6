"""What a release needs: the form of the changelog, licences of the pinned packages, and a wheel of constant bytes."""

import datetime
import email
import importlib.metadata
import itertools
import re
import tarfile
import tomllib
import zipfile
from collections import Counter
from email.message import Message
from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from rnnwords.requirements import MACHINES, NEWEST_PYTHON, TENSORFLOW
from rnnwords.version import __version__
from tests.environments import lowest
from tests.packages import PACKAGED, build, needed
from tests.texts import FABLE, FABLES, ROOT

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


def test_the_table_of_licences_lists_the_pinned_packages_that_the_program_needs() -> None:
    text = (ROOT / "docs" / "releasing.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([\w.-]+) \| ([\d.]+) \| ([^|]+) \|$", text, re.MULTILINE)
    listed = {canonicalize_name(name): version for name, version, _ in rows}
    assert {name: pins().get(name) for name in listed} == listed
    installed = {name: importlib.metadata.version(name) for name in listed}
    if installed != listed:
        pytest.skip("the installed packages are not those of constraints.txt")
    optional = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    assert set(listed) == needed(["rnnwords", *optional["plot"], *optional["onnx"]]) - {"rnnwords"}


def test_every_dependency_has_a_lowest_version_to_test_and_an_upper_bound() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    tested = dict(line.split("==") for line in lowest().splitlines())
    optional = project["optional-dependencies"]
    for requirement in map(Requirement, [*project["dependencies"], *optional["plot"], *optional["onnx"]]):
        assert tested[requirement.name] in requirement.specifier
        assert "<" in {one.operator for one in requirement.specifier}
    assert tested["pytest"] == pins()["pytest"]


def test_two_builds_in_other_directories_at_other_times_have_equal_bytes(built: Path, tmp_path: Path) -> None:
    files = {item.name: item.read_bytes() for item in built.iterdir()}
    assert set(files) == {f"rnnwords-{__version__}-py3-none-any.whl", f"rnnwords-{__version__}.tar.gz"}
    assert build(tmp_path / "elsewhere", 0o077, 17 * 10**8) == files


def test_the_wheel_contains_the_package_its_examples_and_its_licence_only(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        examples = {name: archive.read(name) for name in names if name.endswith(".txt") and "/corpora/" in name}
    files = {str(item.relative_to(ROOT)) for item in (ROOT / "rnnwords").rglob("*") if item.is_file()}
    package = {name for name in files if "__pycache__" not in name}
    about = f"rnnwords-{__version__}.dist-info"
    described = {f"{about}/{name}" for name in ("METADATA", "WHEEL", "RECORD", "entry_points.txt", "licenses/LICENSE")}
    assert names == package | described | examples.keys()
    assert examples == {f"rnnwords/corpora/{path.name}": path.read_bytes() for path in (FABLE, FABLES)}
    assert "rnnwords/py.typed" in names


def metadata(built: Path) -> Message:
    """Return the metadata of the wheel."""
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return email.message_from_bytes(archive.read(f"rnnwords-{__version__}.dist-info/METADATA"))


def test_metadata_describes_the_package(built: Path) -> None:
    found = metadata(built)
    assert found["License-Expression"] == "MIT"
    assert "language-model" in found["Keywords"].split(",")
    classifiers = found.get_all("Classifier", [])
    assert {f"Programming Language :: Python :: 3.{minor}" for minor in range(11, 15)} <= set(classifiers)
    assert {"Typing :: Typed", "Environment :: Console"} <= set(classifiers)
    assert all("https://" in url for url in found.get_all("Project-URL", []))
    assert set(found.get_all("Provides-Extra", [])) >= {"plot", "onnx", "dev"}


def test_the_description_has_no_link_or_picture_that_an_index_page_lacks(built: Path) -> None:
    found = metadata(built)
    assert found["Description-Content-Type"] == "text/markdown"
    text = found.get_payload()
    assert isinstance(text, str)
    parser = MarkdownIt().enable("table")
    inline = [child for token in parser.parse(text) for child in token.children or ()]
    addresses = [str(token.attrs.get("href", token.attrs.get("src", ""))) for token in inline]
    assert all(address.startswith("https://") for address in addresses if address)
    assert [token for token in inline if token.type in ("html_inline", "image")] == []
    assert "docs/training.md explains every choice" in text
    assert "generated:" not in text
    blocks = [
        Counter(
            token.type for token in parser.parse(one) if token.type in ("tr_open", "fence", "heading_open", "list_open")
        )
        for one in (text, (ROOT / "README.md").read_text(encoding="utf-8"))
    ]
    assert blocks[0] == blocks[1]


def test_tensorflow_is_needed_where_it_has_wheels() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    needs = {one.name: one.marker for one in map(Requirement, project["dependencies"]) if one.marker}
    assert set(needs) == set(TENSORFLOW)
    machines = [*MACHINES, ("linux", "armv7l"), ("linux", "ppc64le"), ("darwin", "x86_64"), ("win32", "AMD64")]
    for minor, (system, machine) in itertools.product(range(11, 16), machines):
        here = {"python_version": f"3.{minor}", "sys_platform": system, "platform_machine": machine}
        expected = (system, machine) in MACHINES and (3, minor) <= NEWEST_PYTHON
        assert {marker.evaluate(here) for marker in needs.values()} == {expected}, here


def test_requirements_of_prediction_are_the_dependencies_that_do_not_train() -> None:
    lines = (ROOT / "docs/requirements-predict.txt").read_text(encoding="utf-8").splitlines()
    listed = [line.lstrip("# ") for line in lines if ">=" in line]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert set(listed) == {one for one in project["dependencies"] if ";" not in one}
    assert [line for line in lines if line.startswith("# icu4py")]


def test_the_source_archive_contains_what_the_tests_need(built: Path) -> None:
    (archive,) = built.glob("*.tar.gz")
    with tarfile.open(archive) as tar:
        names = {name.partition("/")[2].split("/")[0] for name in tar.getnames()}
    assert names == {*PACKAGED, "PKG-INFO"}
