"""The formats of exported files: ending and name, the module that writes each, and the interface of those modules.

A module has `TOLERANCE`, the largest allowed difference of a probability from `predict`, and
`write(predictor, path, **settings)`, which writes a complete file, opens it again, and returns it as `Exported`. It is
imported when its format is chosen, so that no format loads the packages of another one.
"""

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from rnnwords.errors import UsageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from rnnwords.prediction.predictor import Predictor

    Floats = NDArray[np.floating[Any]]

NETWORK, NGRAM = "network", "n-gram"  # the parts of a model


class Exported(Protocol):
    """A written file, opened again.

    It may have a `tolerance` of its own, which replaces that of the module; `relative`, true if that is a share of the
    best word's probability; and `advice`, the end of the message about a larger difference.
    """

    def probabilities(self, contexts: Sequence[Sequence[int]]) -> "Floats":
        """Return (N, V) probabilities of the next word after each of N contexts, computed from the file alone.

        A context has one id or more, those of a text from its beginning, as `Predictor.state` takes them: where line
        ends are tokens, the <eos> before the first word is not in it. It may be longer than the window.
        """


class FormatModule(Protocol):
    """A module that writes files of one format."""

    TOLERANCE: float

    def write(self, predictor: "Predictor", path: Path, **settings: Any) -> Exported:
        """Write a complete file at `path`, whose name has the ending of the format, and open it again."""


@dataclass(frozen=True)
class Format:
    """A format of exported files."""

    name: str
    ending: str
    module: str
    part: str = NETWORK  # what of the model is exported, and compared
    settings: tuple[str, ...] = ()  # keyword arguments of `write`
    exact: Mapping[str, Any] = field(
        default_factory=dict
    )  # settings for models whose predictions the default ones change

    def load(self) -> Any:
        """Return the module, a `FormatModule`."""
        return importlib.import_module(self.module)


FORMATS = (
    Format("keras", ".keras", "rnnwords.export.keras"),
    Format("onnx", ".onnx", "rnnwords.export.onnx"),
    Format("arpa", ".arpa", "rnnwords.export.arpa", NGRAM),
    Format("arrays", ".safetensors", "rnnwords.export.arrays"),
    Format("html", ".html", "rnnwords.export.html", settings=("weights", "name"), exact={"weights": "float16"}),
)
NAMES = tuple(one.name for one in FORMATS)


def format_of(path: Path, name: str | None = None) -> Format:
    """Return the format of a name, else that of the ending of a path.

    Raises UsageError for an unknown ending or name, and where both are given and differ.
    """
    by_name = {one.name: one for one in FORMATS}
    by_ending = {one.ending: one for one in FORMATS}
    found = by_ending.get(path.suffix.lower())
    if name is None:
        if found is None:
            raise UsageError(f"expected a name that ends in {', '.join(by_ending)}, found {path}; or set `format`")
        return found
    if name not in by_name:
        raise UsageError(f"`format`: expected one of {', '.join(by_name)}, found {name}")
    if found not in (None, by_name[name]):
        raise UsageError(
            f"`format` {name}: expected a name that ends in {by_name[name].ending}, found {path}; leave `format` out, "
            "or change the name"
        )
    return by_name[name]
