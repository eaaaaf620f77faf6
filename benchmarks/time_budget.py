"""`train --time`: the size that it chooses, against the default size of the text and 2 x 512, in equal time.

    python benchmarks/time_budget.py TEXT... [--minutes 1 3] [--seed 1] [--work DIRECTORY]

The perplexities are those of the second half of the validation text, which nothing else uses; the budget includes
start-up and post-training. Nothing else must run on the machine. Takes three times the sum of the minutes per text.
"""

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from machine import machine, table

FIXED = {"2 x 512": ["--layers", "2", "--units", "512", "--embedding", "512"],
         "1 x 512": ["--layers", "1", "--units", "512", "--embedding", "256"]}  # fmt: skip
LINES = {
    "network": r"^network: .*?, (\d+ x \w+ \d+)", "epochs": r"^step [\d,]+  epoch ([\d.]+)",
    "alone": r"perplexity of the network ([\d.,]+)", "whole": r"of the whole predictor ([\d.,]+)",
    "kneser": r"of the Kneser-Ney \S+ ([\d.,]+)",
}  # fmt: skip


def row(text: Path, minutes: float, name: str, options: list[str], seed: int, directory: Path) -> list[str]:
    """Return the row of one training."""
    command = [sys.executable, "-m", "rnnwords", "train", str(text), "--time", f"{minutes:g}m", "--seed", str(seed),
               "--model", str(directory), "--restart", "--plain", *options]  # fmt: skip
    err = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    found = {key: re.findall(pattern, err, re.MULTILINE)[-1:] for key, pattern in LINES.items()}
    values = {key: (value or ["?"])[0].rstrip(".,") for key, value in found.items()}
    return [text.name, f"{minutes:g}", name, *values.values()]


def main() -> None:
    """Measure and print Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("texts", type=Path, nargs="+")
    parser.add_argument("--minutes", type=float, nargs="+", default=[1, 3])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--work", type=Path, help="directory for the models")
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory(dir=options.work) as work:
        for text in options.texts:
            for minutes in options.minutes:
                for name, size in {"by `--time`": [], **FIXED}.items():
                    rows.append(row(text, minutes, name, size, options.seed, Path(work, "run")))
                    print("| " + " | ".join(rows[-1]) + " |", file=sys.stderr, flush=True)
    head = ["text", "minutes", "size", "network", "epochs", "network alone", "whole predictor", "Kneser-Ney"]
    print(f"{machine()}\n\n{table(head, rows)}")


if __name__ == "__main__":
    main()
