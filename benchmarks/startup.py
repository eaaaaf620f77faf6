"""Whole processes, measured: training the fable against importing TensorFlow, asking against importing numpy.

    python benchmarks/startup.py [--repeats 7]

Trains the bundled fable in a temporary directory, then times each command and its yardstick in turns. Prints a Markdown
table of medians, with the peak memory of each command.
"""

import argparse
import contextlib
import sys
import tempfile
from pathlib import Path

from machine import in_turns, machine, megabytes, process, table

FABLE = Path(__file__).parent.parent / "corpora" / "belling_the_cat.txt"
RNNWORDS = [sys.executable, "-m", "rnnwords"]
PROMPT = "had a general"


def compared(what: str, asked: str, command: list[str], yardstick: str, repeats: int) -> list[str]:
    """A row: the command against `python -c "import YARDSTICK"`, in turns."""
    theirs = process(sys.executable, "-c", f"import {yardstick}")
    found = in_turns(repeats, ours=process(*command), theirs=theirs)
    ratio = f"{found['ours'] / found['theirs']:.2f} x"
    memory = f"{megabytes(*command):.0f} MB"
    return [what, asked, ratio, f"{found['ours']:.2f} and {found['theirs']:.2f} s", memory]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=7)
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as directory, contextlib.chdir(directory):
        train = [*RNNWORDS, "train", str(FABLE), "--restart"]
        what, limit = "`train` on the fable, to the ceiling", "3.5 x of importing tensorflow"
        rows.append(compared(what, limit, train, "tensorflow", min(options.repeats, 5)))
        for words, limit in (
            (["generate", PROMPT], "3 x of importing numpy, 100 MB"),
            (["predict", PROMPT], "3 x of importing numpy"),
            (["info"], "3 x of importing numpy"),
            (["--help"], "3 x of importing numpy"),
        ):
            command = [*RNNWORDS, *words]
            rows.append(compared(f"`{' '.join(words)}`", limit, command, "numpy", options.repeats))
    print(f"{machine()}\n")
    print(table(["whole process", "asked at most", "measured", "both sides", "peak memory"], rows))


if __name__ == "__main__":
    main()
