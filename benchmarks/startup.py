"""Time and memory of whole processes, against processes that only import TensorFlow or numpy.

    python benchmarks/startup.py [--repeats 7]

Trains the bundled fable in a temporary directory, and measures each command and its reference in alternation. Prints a
Markdown table of medians, with the peak memory of each command.
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


def compared(what: str, target: str, command: list[str], library: str, repeats: int) -> list[str]:
    """Return a row: the command against `python -c "import LIBRARY"`."""
    theirs = process(sys.executable, "-c", f"import {library}")
    seconds = in_turns(repeats, ours=process(*command), theirs=theirs)
    ratio = f"{seconds['ours'] / seconds['theirs']:.2f} x"
    memory = f"{megabytes(*command):.0f} MB"
    return [what, target, ratio, f"{seconds['ours']:.2f} and {seconds['theirs']:.2f} s", memory]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=7)
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as directory, contextlib.chdir(directory):
        train = [*RNNWORDS, "train", str(FABLE), "--restart"]
        what, limit = "`train` on the fable, until it is learned completely", "3.5 x of importing tensorflow"
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
    print(table(["process", "target", "measured", "seconds", "peak memory"], rows))


if __name__ == "__main__":
    main()
