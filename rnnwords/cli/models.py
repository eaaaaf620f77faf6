"""Look-up of the model of a command, and its predictor with n-gram and cache as the options say."""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from rnnwords.cli.errors import with_options
from rnnwords.cli.output.notes import note
from rnnwords.config import InterpolationConfig, shown
from rnnwords.errors import ModelError, ModelNotFoundError
from rnnwords.files import read_bounded

if TYPE_CHECKING:
    from rnnwords.prediction.predictor import Predictor

MODELS = Path("models")
LATEST = MODELS / "latest"  # a file with the name of the run directory trained last
_INTERPOLATION = tuple(item.name for item in fields(InterpolationConfig))
MAX_NAME = 255  # bytes of the name of a file or directory, on all common file systems


def find_model(model: Path | None, quiet: bool) -> Path:
    """Return the model file of the option --model, else that of the model trained last. Raises ModelNotFoundError."""
    from rnnwords.model_file import model_path

    path = model_path(model or MODELS / latest_run())
    if model is None:
        note(f"model {path}", quiet)
    return path


def latest_run() -> str:
    """Return the name of the run directory trained last. Raises ModelNotFoundError, ModelError for another content."""
    try:
        name = os.fsdecode(read_bounded(LATEST, MAX_NAME + 1, "the name of the latest model,")).removesuffix("\n")
        if is_run_name(name):
            return name
        problem = f"{LATEST}: expected the name of a directory in {MODELS}, found {shown(name)}"
    except ModelNotFoundError:
        raise ModelNotFoundError(
            "expected `model`, found none, and no model was trained here; train one with: rnnwords train TEXT, or "
            "rnnwords train --example fable"
        ) from None
    except ModelError as error:
        problem = str(error)
    raise ModelError(f"{problem}; set `model`, or remove {LATEST} and train again")


def is_run_name(name: str) -> bool:
    """Return whether `name` can be that of a run directory under models/: neither empty nor a path to elsewhere."""
    return name not in ("", ".", "..", LATEST.name) and not set("/\0") & set(name)


def run_name(name: str) -> str:
    """Return a name for a run directory: a longer one than file systems have is cut, and a digest of it is added."""
    encoded = os.fsencode(name)
    if len(encoded) <= MAX_NAME:
        return name
    digest = hashlib.sha256(encoded).hexdigest()[:8]
    return f"{encoded[: MAX_NAME - len(digest) - 1].decode('utf-8', 'ignore')}-{digest}"


def load_predictor(
    model: Path | None, quiet: bool, options: Mapping[str, Any] = {}, *, low_memory: bool = False, noted: bool = False
) -> "Predictor":
    """Return the predictor of a model, with n-gram and cache interpolated as the options of the command say.

    A note names what is interpolated if an option that was typed decides it, and always if it is to be `noted`.
    The file that the option `exclude` names contains words that are never offered.
    """
    path, listed = find_model(model, quiet), options.get("exclude")
    from rnnwords.prediction.predictor import Predictor

    exclude: list[str] = []
    if listed is not None:
        from rnnwords.text.exclusion import read_words

        exclude = read_words(Path(listed))
    predictor = Predictor.load(path, interpolation_config(options), low_memory, exclude, options.get("personal"))
    if unknown := predictor.excluded.note():
        note(with_options(unknown), quiet)
    lm = predictor.personal.base if predictor.personal else predictor.lm
    if (predictor.adaptation or lm is not predictor.network) and (noted or _typed_interpolation()):
        from rnnwords.lm.describe import describe, summary

        note(f"interpolated: {summary(describe(lm))}", quiet)
    return predictor


def _typed_interpolation() -> bool:
    """Return whether an option that decides what is interpolated was typed."""
    context = click.get_current_context(silent=True)
    sources = map(context.get_parameter_source, _INTERPOLATION) if context else ()
    return any(source not in (None, ParameterSource.DEFAULT) for source in sources)


def interpolation_config(options: Mapping[str, Any]) -> InterpolationConfig:
    """Return the interpolation that the options of a command configure."""
    return InterpolationConfig(**{name: options[name] for name in _INTERPOLATION if name in options})
