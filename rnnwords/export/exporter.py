"""`export`: write a trained model as a file of another format, and keep it only if it predicts the same.

The file is written in a temporary directory, opened again, and compared with `predict`. Only then it replaces the
target, as a whole.
"""

import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rnnwords.errors import ExportError, SaveError, UsageError
from rnnwords.export.contexts import draw_contexts
from rnnwords.export.formats import NGRAM, Exported, Format, format_of
from rnnwords.files import reason
from rnnwords.lm.interface import LanguageModel
from rnnwords.lm.parts import ngram_model
from rnnwords.model_file import ARRAYS_FORMAT
from rnnwords.prediction.predictor import Predictor
from rnnwords.prediction.scoring import batch_size
from rnnwords.saving import KEPT, check_replaceable, replace_file
from rnnwords.tensor_file import stored_format

READ = 1 << 20  # bytes copied at a time


@dataclass(frozen=True)
class ExportReport:
    """What was written."""

    path: Path
    format: str
    part: str  # of the model: network or n-gram
    bytes: int
    contexts: int  # after which the predictions were compared
    largest_difference: float  # of a probability from `predict`
    tolerance: float  # the largest difference that is allowed
    relative: bool  # whether both are shares of the best word's probability
    exact: bool  # whether the format's more exact settings were needed


def check_target(path: Path, format: str | None = None, settings: Iterable[str] = ()) -> Format:
    """Return the format of an exported file. Call it before long work.

    Raises UsageError for a name that fits no format, for settings that the format does not have, and for a model or
    checkpoint, which is never replaced; SaveError where no file can be written.
    """
    found = format_of(path, format)
    if unknown := sorted(set(settings) - set(found.settings)):
        raise UsageError(f"`{unknown[0]}`: expected a format that has this setting, found {found.name}")
    check_replaceable(path)
    if stored_format(path) not in (None, ARRAYS_FORMAT):
        raise UsageError(f"expected a name for the exported file, found a trained model: {path}; choose another name")
    return found


def export(predictor: Predictor, path: Path, format: str | None = None, **settings: Any) -> ExportReport:
    """Write the network of a model, or its n-gram as ARPA, to `path`; an existing file is replaced as a whole.

    `format` is that of `FORMATS`; None follows the ending of the path. `settings` are those of the format; where they
    are not given and the file predicts otherwise than `predict`, the more exact ones of the format are used. Raises
    UsageError for a format that `path` or the model does not fit, MissingDependencyError, SaveError, and ExportError if
    the written file predicts otherwise; then nothing is put in place.
    """
    kind = check_target(path, format, settings)
    module = kind.load()
    reference: LanguageModel[Any] = ngram_model(predictor.model) if kind.part == NGRAM else predictor.network
    attempts = [settings]
    if kind.exact and not set(kind.exact) & set(settings):
        attempts.append({**settings, **kind.exact})
    contexts: list[tuple[int, ...]] = []
    try:
        with tempfile.TemporaryDirectory(prefix="rnnwords-", ignore_cleanup_errors=True) as directory:
            written = Path(directory) / f"model{kind.ending}"
            for attempt in attempts:
                exported = _write(module, predictor, written, attempt)
                contexts = contexts or draw_contexts(reference)
                tolerance = getattr(exported, "tolerance", module.TOLERANCE)
                difference = largest_difference(reference, exported, contexts)
                if difference <= tolerance:
                    break
            relative = getattr(exported, "relative", False)
            if not difference <= tolerance:  # also for NaN
                raise ExportError(
                    f"expected the predictions of {path} within {tolerance:g} of the model, found a difference of "
                    f"{difference:.1g}{' relative to the best word' * relative}; "
                    f"{getattr(exported, 'advice', 'nothing was saved')}"
                )
            size = written.stat().st_size
            replace_file(path, _pieces(written))
    except OSError as error:  # replace_file raises SaveError, so this is about the temporary file
        place = f" in {tempfile.tempdir}" if tempfile.tempdir else ""
        raise SaveError(
            f"could not save {path}: {reason(error)}{place}, where temporary files are written; set TMPDIR to another "
            f"directory; {KEPT}"
        ) from error
    return ExportReport(
        path, kind.name, kind.part, size, len(contexts), difference, tolerance, relative, attempt is not settings
    )


def _write(module: Any, predictor: Predictor, path: Path, settings: Mapping[str, Any]) -> Exported:
    """Write the temporary file and open it again. Raises OSError where it cannot be written."""
    try:
        exported: Exported = module.write(predictor, path, **settings)
    except SaveError as error:  # which names the temporary file
        if isinstance(error.__cause__, OSError):
            raise error.__cause__ from None
        raise
    return exported


def largest_difference(lm: LanguageModel[Any], exported: Exported, contexts: Sequence[Sequence[int]]) -> float:
    """Return the largest difference between probabilities of a language model and of a written file, absolute or, if
    the file has `relative`, as a share of the best word's probability after the same context."""
    start, size = lm.initial_state(), batch_size(len(lm.vocabulary))
    relative = getattr(exported, "relative", False)
    differences = []
    for batch in (contexts[first : first + size] for first in range(0, len(contexts), size)):
        expected = np.exp(lm.log_probs([lm.advance(start, context) for context in batch]))
        found = exported.probabilities(batch)
        if found.shape != expected.shape:
            raise ExportError(
                f"expected probabilities of shape {expected.shape}, found {found.shape}; nothing was saved"
            )
        difference = np.abs(found - expected).max(axis=1)
        differences.append((difference / expected.max(axis=1) if relative else difference).max())
    return float(np.max(differences))


def _pieces(path: Path) -> Iterator[bytes]:
    with open(path, "rb") as stream:
        while data := stream.read(READ):
            yield data
