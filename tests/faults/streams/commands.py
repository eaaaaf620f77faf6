"""Commands that write to stdout, and their output without times."""

import re

from tests.processes import TINY
from tests.texts import FABLE

# Name -> arguments of a command that writes to stdout.
WRITING = {
    "help": ["--help"],
    "build-vocab": ["build-vocab", str(FABLE)],
    "build-vocab --json": ["build-vocab", str(FABLE), "--json"],
    "eval": ["eval", str(FABLE)],
    "eval --json": ["eval", str(FABLE), "--json"],
    "generate": ["generate", "the mice"],
    "generate --json": ["generate", "the mice", "--json"],
    "predict": ["predict", "the mice"],
    "predict --json": ["predict", "the mice", "--json"],
    "info": ["info"],
    "info --json": ["info", "--json"],
    "score": ["score", str(FABLE)],
    "score --json": ["score", str(FABLE), "--json"],
    "explain": ["explain", "the mice"],
    "completion": ["completion", "bash"],
    "train --json": ["train", str(FABLE), *TINY, "--json"],  # of a run that is complete
}


def without_times(output: str) -> str:
    return re.sub(r'"[a-z0-9_]*_(ms|second)": [^,}]*', "", output)
