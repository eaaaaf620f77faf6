"""Helpers of the benchmarks: machine and versions, medians of alternating measurements, whole processes."""

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
    """Return processor, cores, and the versions of Python and the numeric libraries."""
    model = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    packages = ("tensorflow", "keras", "numpy")
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in packages)
    cores = len(os.sched_getaffinity(0))
    return f"{model}, {cores} core{'s' * (cores > 1)}; Python {platform.python_version()}, {versions}"


def table(head: list[str], rows: list[list[str]]) -> str:
    """Return a Markdown table."""
    return "\n".join("| " + " | ".join(row) + " |" for row in [head, ["---"] * len(head), *rows])


def print_rows(head: list[str], rows: list[list[str]], as_json: bool) -> None:
    """Print the machine and the rows of a table, as Markdown or as JSON."""
    if as_json:
        print(json.dumps({"machine": machine(), "rows": [dict(zip(head, row, strict=True)) for row in rows]}))
    else:
        print(f"{machine()}\n\n{table(head, rows)}")


def unsupported(what: str, target: str, reason: str) -> list[str]:
    """Return a row of a measurement that the processor does not support."""
    return [what, target, "not supported by this processor", reason]


def in_turns(repeats: int, **sides: Callable[[], float]) -> dict[str, float]:
    """Return the median of each side; the sides are measured in alternation."""
    values: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(repeats):
        for name, side in sides.items():
            values[name].append(side())
    return {name: statistics.median(numbers) for name, numbers in values.items()}


def process(*command: object) -> Callable[[], float]:
    """Return a function that measures the seconds of a whole process."""

    def measure() -> float:
        begun = time.perf_counter()
        subprocess.run([str(word) for word in command], check=True, capture_output=True)
        return time.perf_counter() - begun

    return measure


def run_json(*command: object) -> dict[str, Any]:
    """Return the JSON that a command prints on its last line."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=True)
    printed: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return printed


def report(*words: object) -> dict[str, Any]:
    """Return the JSON report of an rnnwords command, with the seconds of the whole process as `wall`."""
    begun = time.perf_counter()
    printed = run_json(sys.executable, "-m", "rnnwords", *words, "--json", "--quiet")
    return {**printed, "wall": time.perf_counter() - begun}


PEAK = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024)
"""


def megabytes(*command: object) -> float:
    """Return the peak memory of a process. A small parent starts it, since a child inherits its parent's peak."""
    words = [sys.executable, "-c", PEAK, *(str(word) for word in command)]
    return float(subprocess.run(words, check=True, capture_output=True, text=True).stdout)
