"""Look-up of the model of a command, and its predictor with n-gram and cache as the options say."""

import os
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rnnwords.cli.output.notes import note
from rnnwords.config import InterpolationConfig
from rnnwords.errors import ModelNotFoundError

if TYPE_CHECKING:
    from rnnwords.prediction.predictor import Predictor

MODELS = Path("models")
LATEST = MODELS / "latest"  # a file with the name of the run directory trained last


def find_model(model: Path | None, quiet: bool) -> Path:
    """Return the model file of the option --model, else that of the model trained last. Raises ModelNotFoundError."""
    path = model
    if path is None:
        try:
            path = MODELS / os.fsdecode(LATEST.read_bytes()).removesuffix("\n")
        except OSError:
            raise ModelNotFoundError(
                "expected `model`, found none, and no model was trained here; train one with: rnnwords train TEXT"
            ) from None
    from rnnwords.model_file import model_path

    path = model_path(path)
    if model is None:
        note(f"model {path}", quiet)
    return path


def load_predictor(model: Path | None, quiet: bool, options: Mapping[str, Any] = {}) -> "Predictor":
    """Return the predictor of a model, with n-gram and cache interpolated as the options of the command say."""
    path = find_model(model, quiet)
    from rnnwords.prediction.predictor import Predictor

    predictor = Predictor.load(path, interpolation_config(options))
    if predictor.lm is not predictor.network:
        from rnnwords.lm.describe import describe, summary

        note(f"interpolated: {summary(describe(predictor.lm))}", quiet)
    return predictor


def interpolation_config(options: Mapping[str, Any]) -> InterpolationConfig:
    """Return the interpolation that the options of a command configure."""
    names = {item.name for item in fields(InterpolationConfig)} & options.keys()
    return InterpolationConfig(**{name: options[name] for name in names})
