"""What benchmarks share: the machine and the versions they ran on, medians in turns, whole processes."""

import importlib.metadata
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


def machine() -> str:
    """Processor, cores, Python, and the versions of what does the work."""
    model = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    packages = ("tensorflow", "keras", "numpy")
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in packages)
    cores = len(os.sched_getaffinity(0))
    return f"{model}, {cores} cores; Python {platform.python_version()}, {versions}"


def table(head: list[str], rows: list[list[str]]) -> str:
    """A Markdown table."""
    return "\n".join("| " + " | ".join(row) + " |" for row in [head, ["---"] * len(head), *rows])


def in_turns(repeats: int, **sides: Callable[[], float]) -> dict[str, float]:
    """The median of each side, the sides measured in turns."""
    found: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(repeats):
        for name, side in sides.items():
            found[name].append(side())
    return {name: statistics.median(numbers) for name, numbers in found.items()}


def process(*command: object) -> Callable[[], float]:
    """Measures the seconds of a whole process."""

    def measure() -> float:
        begun = time.perf_counter()
        subprocess.run([str(word) for word in command], check=True, capture_output=True)
        return time.perf_counter() - begun

    return measure


def run_json(*command: object) -> dict[str, Any]:
    """The JSON that a command prints on its last line."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def report(*words: object) -> dict[str, Any]:
    """What a command of rnnwords reports, with the seconds from its start to its end as `wall`."""
    begun = time.perf_counter()
    found = run_json(sys.executable, "-m", "rnnwords", *words, "--json", "--quiet")
    return {**found, "wall": time.perf_counter() - begun}


PEAK = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024)
"""


def megabytes(*command: object) -> float:
    """The most memory that a process has resident, started by a small one: a child begins with its parent's."""
    words = [sys.executable, "-c", PEAK, *(str(word) for word in command)]
    return float(subprocess.run(words, check=True, capture_output=True, text=True).stdout)
