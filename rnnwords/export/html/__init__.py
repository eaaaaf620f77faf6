"""Export as one HTML page that writes with the model: it opens from disk, in any browser, without a network."""

from pathlib import Path

from rnnwords.errors import UsageError
from rnnwords.export.html.assembly import page
from rnnwords.export.html.weights import PRECISIONS
from rnnwords.export.html.written_page import WrittenPage
from rnnwords.prediction.predictor import Predictor

# Of a probability: with 16 bits absolute, with 8 bits relative to that of the best word, so that flat predictions of a
# large vocabulary are compared as strictly as sure ones. Errors of trained networks are in docs/export.md.
TOLERANCES = {"int8": 0.02, "float16": 1e-3}
TOLERANCE = max(TOLERANCES.values())


def write(predictor: Predictor, path: Path, weights: str = "int8", name: str | None = None) -> WrittenPage:
    """Write the page, and open it again. Equal models give equal bytes.

    `weights` is their precision, int8 or float16; `name` is that of the model, which the page shows. Raises UsageError
    for another precision.
    """
    if weights not in PRECISIONS:
        raise UsageError(f"`weights`: expected one of {', '.join(PRECISIONS)}, found {weights}")
    content = page(predictor.model, weights, name, predictor.vocabulary.excluded)
    path.write_bytes(content.encode())
    return WrittenPage(path, TOLERANCES[weights], relative=weights == "int8")
