"""Whole processes, measured: training the fable against importing TensorFlow, asking against importing numpy.

    python benchmarks/startup.py [--repeats 7]

Trains the bundled fable in a temporary directory, then times each command and its yardstick in turns. Prints a Markdown
table of medians, with the peak memory of each command.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from machine import machine, table

FABLE = Path(__file__).parent.parent / "corpora" / "belling_the_cat.txt"
RNNWORDS = [sys.executable, "-m", "rnnwords"]
PROMPT = "had a general"


def run(command: list[str], directory: str) -> tuple[float, float]:
    """Seconds and peak megabytes of a whole process."""
    begun = time.perf_counter()
    process = subprocess.Popen(command, cwd=directory, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{command} failed with status {status}")
    return time.perf_counter() - begun, usage.ru_maxrss / 1024


def compared(what: str, asked: str, command: list[str], yardstick: str, directory: str, repeats: int) -> list[str]:
    """A row: the command against `python -c "import YARDSTICK"`, in turns."""
    ours, theirs, memory = [], [], 0.0
    for _ in range(repeats):
        seconds, megabytes = run(command, directory)
        ours.append(seconds)
        memory = max(memory, megabytes)
        theirs.append(run([sys.executable, "-c", f"import {yardstick}"], directory)[0])
    a, b = statistics.median(ours), statistics.median(theirs)
    return [what, asked, f"{a / b:.2f} x", f"{a:.2f} and {b:.2f} s", f"{memory:.0f} MB"]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=7)
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as directory:
        train = [*RNNWORDS, "train", str(FABLE), "--restart"]
        what, limit = "`train` on the fable, to the ceiling", "3.5 x of importing tensorflow"
        rows.append(compared(what, limit, train, "tensorflow", directory, min(options.repeats, 5)))
        for words, limit in (
            (["generate", PROMPT], "3 x of importing numpy, 100 MB"),
            (["predict", PROMPT], "3 x of importing numpy"),
            (["info"], "3 x of importing numpy"),
            (["--help"], "3 x of importing numpy"),
        ):
            command = [*RNNWORDS, *words]
            rows.append(compared(f"`{' '.join(words)}`", limit, command, "numpy", directory, options.repeats))
    print(f"{machine()}\n")
    print(table(["whole process", "asked at most", "measured", "both sides", "peak memory"], rows))


if __name__ == "__main__":
    main()
