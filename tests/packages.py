"""Building wheel and source archive, and environments that have nothing but them and chosen packages."""

import importlib.metadata
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.processes import LIMIT, environment
from tests.texts import ROOT

PACKAGED = ("rnnwords", "tests", "corpora", "docs", "benchmarks", "pyproject.toml", "constraints.txt",
            "Makefile", "LICENSE", "README.md", "CHANGELOG.md", "CONTRIBUTING.md",
            ".gitignore")  # fmt: skip


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


def needed(requirements: Iterable[str]) -> set[str]:
    """Return the names of all packages that these requirements need here, from the installed metadata."""
    names: set[str] = set()
    waiting = [*requirements]
    while waiting:
        requirement = Requirement(waiting.pop())
        name = canonicalize_name(requirement.name)
        if name not in names and (requirement.marker is None or requirement.marker.evaluate({"extra": ""})):
            names.add(name)
            waiting += importlib.metadata.requires(name) or []
    return names


class Installed:
    """A virtual environment with a wheel, and packages of this environment: of these names, or all of them."""

    def __init__(self, place: Path, wheel: Path, names: Iterable[str] | None) -> None:
        self.bin = place / "bin"
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(place)], check=True)
        (site,) = place.glob("lib/python3*/site-packages")
        pip = [sys.executable, "-m", "pip", "--python", str(self.bin / "python"), "install", "-q"]
        subprocess.run([*pip, "--no-deps", "--no-index", str(wheel)], check=True, capture_output=True)
        packages = Path(str(importlib.metadata.distribution("numpy").locate_file("")))
        if names is not None:
            packages = _linked(place / "packages", names)
        # Paths in such a file come last, and .pth files in their directories are not read, as that of this source.
        (site / "packages.pth").write_text(f"{packages}\n", encoding="utf-8")

    def rnnwords(self, *arguments: str | Path, cwd: Path, input: str = "") -> "subprocess.CompletedProcess[str]":
        """Run the installed program."""
        return self._run(self.bin / "rnnwords", *arguments, cwd=cwd, input=input)

    def python(self, code: str, cwd: Path) -> str:
        """Run a script, and return its output."""
        return self._run(self.bin / "python", "-c", code, cwd=cwd).stdout

    def _run(self, *command: str | Path, cwd: Path, input: str = "") -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            command, cwd=cwd, env=environment(PYTHONPATH=None), input=input, capture_output=True, text=True,
            timeout=LIMIT, check=False,
        )  # fmt: skip


def _linked(place: Path, names: Iterable[str]) -> Path:
    """Return a directory with links to the files of these packages."""
    place.mkdir()
    for name in names:
        distribution = importlib.metadata.distribution(name)
        for top in {file.parts[0] for file in distribution.files or ()} - {"..", "__pycache__"}:
            (place / top).symlink_to(str(distribution.locate_file(top)))
    return place
