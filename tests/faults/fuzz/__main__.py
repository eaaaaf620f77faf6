"""Fuzz the targets: python -m tests.faults.fuzz [TARGET ...] [--seconds N].

Each target runs in a process of its own: with atheris, guided by coverage, where it is installed (as by `make fuzz`);
else with bytes from Hypothesis. Findings are made short and kept in corpus/TARGET/, where `make test`
replays them.
"""

import argparse
import subprocess
import sys
from pathlib import Path

from tests.faults.fuzz.targets import TARGETS

ROOT = Path(__file__).parents[3]


def main() -> int:
    """Run the targets one after the other; return 1 if there was a finding."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.fuzz", description=__doc__.partition("\n\n")[0])
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"any of {', '.join(TARGETS)}; default: all")
    parser.add_argument("--seconds", type=float, default=120, help="time per target, default 120")
    options = parser.parse_args()
    if unknown := set(options.targets) - set(TARGETS):
        parser.error(f"expected any of {', '.join(TARGETS)}, found {', '.join(sorted(unknown))}")
    failed = 0
    for target in options.targets or TARGETS:
        words = [sys.executable, "-W", "error", "-m", "tests.faults.fuzz.engine", target, str(options.seconds)]
        failed += subprocess.run(words, cwd=ROOT, check=False).returncode != 0
    return min(1, failed)


if __name__ == "__main__":
    sys.exit(main())
