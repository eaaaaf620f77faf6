"""Training runs that tests interrupt, resume and compare: their commands, and what equal runs share."""

import json
import shutil
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.processes import LIMIT, checkpoints, killed_at_end, start, until
from tests.texts import FABLE

STEPS = 400
COMMON = (
    "--units", "8", "--embedding", "6", "--dropout", "0.4", "--validation-split", "0.2", "--patience", "100000",
    "--learning-rate", "0.01", "--seed", "5", "--precision", "float32", "--iterations", str(STEPS), "--log-every", "50",
    "--checkpoint-every", "7",
)  # fmt: skip
COMMANDS = {
    "windows": (
        "train", "fable.txt", *COMMON, "--layers", "1", "--batch-size", "20", "--ema", "0.99", "--model", "run",
    ),
    "stateful": (
        "train", "fable.txt", *COMMON, "--layers", "2", "--stateful", "--window", "5", "--batch-size", "4",
        "--variational", "--weight-dropout", "0.3", "--dropout-start", "0.1", "--model", "run",
    ),
    "bfloat16": (
        "train", "fable.txt", *COMMON, "--layers", "1", "--batch-size", "20", "--precision", "bfloat16",
        "--optimizer", "adamw", "--weight-decay", "0.1", "--schedule", "cosine", "--model", "run",
    ),
    "adaptive": (
        "train", "fable.txt", *COMMON, "--layers", "1", "--stateful", "--window", "5", "--batch-size", "3",
        "--units", "16", "--softmax", "adaptive", "--optimizer", "sgd", "--learning-rate", "0.3", "--model", "run",
    ),
}  # fmt: skip


def place(directory: Path) -> Path:
    """Return a directory with the text in it, so that every run has the same command."""
    directory.mkdir(exist_ok=True)
    shutil.copy(FABLE, directory / "fable.txt")
    return directory


def result(run: Path) -> tuple[bytes, list[dict[str, Any]], list[int]]:
    """Return what equal runs share: the model, the history without speeds, the steps of the checkpoints."""
    history = reports_of(run)
    for report in history:
        del report["words_per_second"]
    return (run / "model.safetensors").read_bytes(), history, checkpoints(run)


def reports_of(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "history.jsonl").read_text(encoding="utf-8").splitlines()]


def stopped(command: Sequence[str], there: Path, number: signal.Signals) -> "subprocess.CompletedProcess[str]":
    """Start a run and send it a signal once it has saved twice."""
    process = start(*command, cwd=there)
    with killed_at_end(process):
        until(lambda: len(checkpoints(there / "run")) == 2, process)
        process.send_signal(number)
        out, err = process.communicate(timeout=LIMIT)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)
