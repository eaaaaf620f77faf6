"""Experiments for the default settings: one setting changed at a time, evaluated on validation text.

    python benchmarks/defaults.py TEXT [--stateful] [--extra "--max-size 10000"] [--settings "--dropout 0.3" ...]
        >> benchmarks/results/defaults.md

Trains one model per row: `rnnwords train TEXT --seed 1` with the row's options. The last tenth of the text is the
validation text.
"""

import argparse
import json
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from machine import machine, table

WINDOWS = [
    "",
    "--dropout 0.3",
    "--dropout 0.6",
    "--learning-rate 0.001",
    "--learning-rate 0.002",
    "--batch-size 64",
    "--batch-size 256",
    "--no-tie",
    "--ema 0.999",
    "--label-smoothing 0.05",
    "--weight-decay 0.1",
    "--schedule one-cycle",
    "--schedule constant",
    "--optimizer rmsprop --learning-rate 0.001",
]
STATEFUL = [
    "",
    "--dropout 0.3",
    "--learning-rate 10",
    "--learning-rate 30",
    "--optimizer adamw",
    "--variational",
    "--batch-size 20",
    "--batch-size 40",
    "--epochs 24",
    "--schedule one-cycle",
    "--ema 0.999",
]


def main() -> None:
    """Run the rows, and print each when it is complete."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("text", type=Path)
    parser.add_argument("--stateful", action="store_true")
    parser.add_argument("--extra", default="", help="options for every row")
    parser.add_argument("--settings", action="append", help="options of one row, replaces all rows; repeatable")
    options = parser.parse_args()
    every = ["--stateful"] * options.stateful + shlex.split(options.extra)
    print(f"\n{options.text.name}, {' '.join(every) or 'windows of 3'}; {machine()}\n")
    print(table(["setting", "seconds", "steps", "validation perplexity", "validation accuracy"], []), flush=True)
    for row in options.settings or (STATEFUL if options.stateful else WINDOWS):
        with tempfile.TemporaryDirectory() as directory:
            command = [sys.executable, "-m", "rnnwords", "train", str(options.text), "--model", f"{directory}/run"]
            command += ["--seed", "1", "--json", "--quiet", *every, *shlex.split(row)]
            begun = time.monotonic()
            done = subprocess.run(command, capture_output=True, text=True)
            seconds = time.monotonic() - begun
        if done.returncode:
            print(f"| {row} | failed: {done.stderr.strip()[-200:]} | | | |", flush=True)
            continue
        report = json.loads(done.stdout)
        figures = f"{report['step']:,} | {report['perplexity']:.2f} | {report['accuracy']:.1%}"
        print(f"| {row or 'defaults'} | {seconds:.0f} | {figures} |", flush=True)


if __name__ == "__main__":
    main()
