"""The tests in fresh environments: other Pythons, the lowest and the newest dependencies.

    python -m tests.environments pythons|lowest|newest

`pythons` takes the pinned versions, and the Pythons from 3.11 on that are on PATH, of pyenv, or named by their paths in
the variable PYTHONS. `lowest` takes the lower bounds of pyproject.toml. Environments are kept in build/environments/,
with the output of the tests. Prints a Markdown table; status 1 if a test failed.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.machine import table
from tests.texts import ROOT

PLACE = ROOT / "build" / "environments"
PINS = ROOT / "constraints.txt"
FIRST = 11  # the oldest Python that pyproject.toml allows is 3.11
DESCRIPTION = "import sys; print('.'.join(map(str, sys.version_info[:3])), sys.version_info.releaselevel)"
LISTED = ("tensorflow", "keras", "numpy", "click", "rich", "prompt_toolkit", "matplotlib")


def candidates() -> Iterator[str]:
    """Yield the paths of Pythons of this machine that may be new enough."""
    yield from os.environ.get("PYTHONS", "").split()
    yield sys.executable
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    yield from map(str, sorted(pyenv.glob("versions/3.*/bin/python")))
    for minor in range(FIRST, FIRST + 10):
        if path := shutil.which(f"python3.{minor}"):
            yield path


def pythons() -> dict[str, str]:
    """Return version -> path of one Python per minor version, from 3.11 on."""
    found: dict[tuple[int, int], tuple[str, str]] = {}
    for path in candidates():
        done = subprocess.run([path, "-c", DESCRIPTION], capture_output=True, text=True, check=False)
        if done.returncode == 0:  # a shim of pyenv may have no Python
            version = done.stdout.split()[0]
            major, minor = (int(part) for part in version.split(".")[:2])
            if (major, minor) >= (3, FIRST):
                found.setdefault((major, minor), (version, path))
    return dict(found[key] for key in sorted(found))


def lowest() -> str:
    """Return constraints: the lower bound of every dependency, and the pinned versions of the test tools."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    optional = project["optional-dependencies"]
    needed = [*project["dependencies"], *optional["plot"], *optional["onnx"]]
    bounds = [re.match(r"([\w-]+)>=([\d.]+)", one) for one in needed]
    tools = {re.split(r"[>=<]", one)[0] for one in optional["dev"]}
    pins = [pin for pin in PINS.read_text(encoding="utf-8").splitlines() if pin.partition("==")[0] in tools]
    return "\n".join([f"{bound[1]}=={bound[2]}" for bound in bounds if bound] + pins) + "\n"


class Environment:
    """A virtual environment with the program and its tests."""

    def __init__(self, name: str, python: str, constraints: str | None) -> None:
        self.name, self.place = name, PLACE / name
        self.python, self.constraints = python, constraints
        self.log = PLACE / f"{name}.log"

    def install(self) -> str:
        """Make the environment, and return an empty string or the reason why that failed."""
        PLACE.mkdir(parents=True, exist_ok=True)
        self._run(self.python, "-m", "venv", "--clear", self.place)
        file = PLACE / f"{self.name}.txt"
        file.write_text(self.constraints or "", encoding="utf-8")
        command = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-e", ".[dev]"]
        done = self._run(self.place / "bin" / "python", *command, PIP_CONSTRAINT=str(file))
        errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        return (errors or ["pip failed"])[-1] if done.returncode else ""

    def versions(self) -> str:
        """Return the versions of the packages that matter most."""
        done = self._run(self.place / "bin" / "python", "-m", "pip", "list", "--format", "json")
        found = {one["name"].lower().replace("-", "_"): one["version"] for one in json.loads(done.stdout)}
        return ", ".join(f"{name} {found[name]}" for name in LISTED if name in found)

    def test(self) -> dict[str, int]:
        """Run the tests of `make test`, and return the number of each outcome."""
        counts = {"passed": 0, "failed": 0, "error": 0, "skipped": 0}
        self.log.write_text("", encoding="utf-8")
        parallel = ["-n", "auto", "--maxprocesses", "4", "--dist", "loadfile"]
        for marks, more in (("not serial and not slow", parallel), ("serial and not slow", [])):
            command = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", marks, *more]
            done = self._run(self.place / "bin" / "python", *command)
            with open(self.log, "a", encoding="utf-8") as log:
                log.write(done.stdout + done.stderr)
            last = (done.stdout.splitlines() or [""])[-1]
            for number, what in re.findall(r"(\d+) (passed|failed|error|skipped)", last):
                counts[what] += int(number)
            if done.returncode and not counts["failed"]:
                counts["error"] += 1
        return counts

    def _run(self, *command: Any, **variables: str) -> "subprocess.CompletedProcess[str]":
        words = [str(word) for word in command]
        return subprocess.run(words, cwd=ROOT, env=os.environ | variables, capture_output=True, text=True, check=False)


def environments(kind: str) -> list[Environment]:
    """Return the environments of a kind."""
    if kind == "pythons":
        pins = PINS.read_text(encoding="utf-8")
        return [Environment(f"python-{version}", path, pins) for version, path in pythons().items()]
    return [Environment(kind, sys.executable, lowest() if kind == "lowest" else None)]


def main() -> None:
    """Test the environments of the kind that is named, and print the table."""
    print(table(["environment", "versions", "passed", "failed", "skipped", "seconds"], []), flush=True)
    bad = 0
    for environment in environments(sys.argv[1]):
        if reason := environment.install():
            print(f"| {environment.name} | cannot be installed: {reason} | | | | |", flush=True)
            bad += sys.argv[1] != "pythons"
            continue
        begun = time.perf_counter()
        counts = environment.test()
        failed = counts["failed"] + counts["error"]
        bad += failed
        cells = [counts["passed"], failed, counts["skipped"], round(time.perf_counter() - begun)]
        print(f"| {environment.name} | {environment.versions()} | " + " | ".join(map(str, cells)) + " |", flush=True)
    print(f"\nThe output of the tests is in {PLACE.relative_to(ROOT)}/*.log.")
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
