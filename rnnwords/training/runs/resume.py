"""The settings of a resumed run: its identity, and their comparison with those of the command."""

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rnnwords.errors import ResumeError
from rnnwords.training.settings.config import TrainingConfig
from rnnwords.training.settings.request import FREE_SETTINGS


def run_identity(settings: Mapping[str, Any], training: Mapping[str, Any], precision: str) -> str:
    """Return the SHA-256, in hexadecimal, of all settings that decide the result of a run.

    Checkpoints are compared with it, so it must not change with the version of the program.
    """
    decisive = {name: value for name, value in training.items() if name not in FREE_SETTINGS or name == "seed"}
    known = {name: value for name, value in settings.items() if value is not None}
    return hashlib.sha256(json.dumps([known, decisive, precision], sort_keys=True).encode()).hexdigest()


# Network settings that earlier versions recorded with their defaults, as if they had been requested.
EARLIER_DEFAULTS = {"layers": 2, "units": 512}


def check_same_settings(
    directory: Path, before: Mapping[str, Any], now: Mapping[str, Any], seeds: tuple[Any, int | None]
) -> None:
    """Raise ResumeError, which names the first setting that differs with both values. `seeds` are those before and now.

    A seed of None now is the one before.
    """
    names = [*now, *sorted(set(before) - set(now))]
    names.sort(key=lambda name: name != "base")  # first, since network and text settings are those of the base
    pairs = {name: (before.get(name), now.get(name)) for name in names}
    for name, default in EARLIER_DEFAULTS.items():
        if pairs.get(name) == (default, None):
            del pairs[name]
    if seeds[1] is not None:
        pairs["seed"] = seeds
    for name, (old, new) in pairs.items():
        if old != new:
            raise ResumeError(
                f"{directory} holds a run with `{name}` {_shown(old)}, found `{name}` {_shown(new)}; "
                "name another `directory`, or start again with `restart`"
            )


def resumed_config(training: TrainingConfig, given: Mapping[str, Any]) -> TrainingConfig:
    """Return the settings of a resumed run: those of its checkpoint, with the free settings that are `given` now."""
    free = {name: given[name] for name in FREE_SETTINGS & set(given)}
    if "checkpoint_seconds" in free:
        free = {"checkpoint_every": None, **free}  # which would have priority over the time
    return dataclasses.replace(training, **free)


def _shown(value: Any) -> str:
    if value is None:
        return "not set"
    if isinstance(value, str):
        return value if len(value) < 60 else f"{value[:12]}..."
    return str(value)[:60]
