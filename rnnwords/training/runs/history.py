"""The history of a run, as it is read: one report per line of a file in the run directory."""

from dataclasses import fields
from pathlib import Path
from typing import Any

from rnnwords.config import shown
from rnnwords.errors import ModelError, ModelNotFoundError
from rnnwords.files import parse_json, read_bounded
from rnnwords.training.events import Report
from rnnwords.training.runs.run_directory import HISTORY

MAX_BYTES = 1 << 28  # of a history; a million reports
MAX_LOSS = 1e30
_FIELDS = {item.name for item in fields(Report)}
_OPTIONAL = {"accuracy", "validation_loss", "validation_accuracy"}  # None where a report has none
_RANGES = {
    "step": (0, 2**31), "epoch": (0.0, 2.0**31), "loss": (-1.0, MAX_LOSS), "accuracy": (0.0, 1.001),
    "learning_rate": (0.0, 1e6), "validation_loss": (-1.0, MAX_LOSS), "validation_accuracy": (0.0, 1.001),
    "words_per_second": (0.0, MAX_LOSS),
}  # fmt: skip


def history_path(path: Path) -> Path:
    """Return the history of the run that `path` names: a run directory, or a model file in one.

    Raises ModelNotFoundError.
    """
    directory = path if path.is_dir() else path.parent
    if (history := directory / HISTORY).exists():
        return history
    if not path.exists():
        raise ModelNotFoundError(f"expected a run directory, found nothing at {path}; train: rnnwords train TEXT")
    raise ModelNotFoundError(
        f"expected a run directory with {HISTORY}, found none in {directory}; a model file alone has no history, so "
        "name the directory that the training wrote"
    )


def read_history(path: Path) -> list[Report]:
    """Return the reports in the file of a history. A last line that is being written is left out.

    Raises ModelNotFoundError, ModelError.
    """
    lines = read_bounded(path, MAX_BYTES, "history").split(b"\n")[:-1]
    reports = [_report(line, f"history {path}, line {number:,}") for number, line in enumerate(lines, start=1)]
    if not reports:
        raise ModelError(f"expected reports in {path}, found none; the first comes after some steps of training")
    return reports


def _report(line: bytes, description: str) -> Report:
    values = parse_json(line, description)
    if not isinstance(values, dict):
        raise ModelError(f"{description}: expected an object, found {shown(values)}")
    values = {name: value for name, value in values.items() if name in _FIELDS}
    for name in _FIELDS - {"best", "words_per_second"}:
        if name not in values:
            raise ModelError(f"{description}: expected a report, found no {name}")
    for name, value in values.items():
        if not _is_valid(name, value):
            raise ModelError(f"{description}: expected a {name.replace('_', ' ')}, found {shown(value)}")
    return Report(**values)


def _is_valid(name: str, value: Any) -> bool:
    if name in _RANGES:
        low, high = _RANGES[name]
        kinds = (int,) if name == "step" else (int, float)
        return (value is None and name in _OPTIONAL) or (type(value) in kinds and low <= value <= high)
    return isinstance(value, bool if name == "best" else str)
