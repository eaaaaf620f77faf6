"""Plots as files. matplotlib is loaded when the first figure is made, never before; no window is ever opened."""

import io
import logging
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rnnwords.errors import MissingDependencyError, UsageError
from rnnwords.files import replace_file

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# ending -> what is written beside the picture: nothing that changes from run to run, so equal runs give equal bytes
METADATA: dict[str, dict[str, Any]] = {
    ".png": {"Software": None},
    ".svg": {"Date": None, "Creator": None},
    ".pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}
# Names in SVG come from a fixed salt instead of chance; a $ in a label is a dollar.
SETTINGS: dict[Any, Any] = {"svg.hashsalt": "rnnwords", "text.parse_math": False}


def check_plot(path: Path) -> None:
    """Raise UsageError unless a plot can be saved under this name: asked before hours of work, not behind them."""
    if path.suffix.lower() not in METADATA:
        raise UsageError(f"{path}: a plot's name ends in {', '.join(METADATA)}; got {path.suffix or 'no ending'}")
    if path.is_dir() or not path.parent.is_dir():
        raise UsageError(f"{path}: expected a file in a directory that exists")


def new_figure(width: float, height: float) -> "Figure":
    """An empty figure of this size in inches. Raises MissingDependencyError without matplotlib."""
    logging.getLogger("matplotlib").setLevel(logging.ERROR)  # it tells where it keeps its fonts
    try:
        import matplotlib
        from matplotlib.figure import Figure
    except ModuleNotFoundError as error:
        raise MissingDependencyError(
            f"a plot needs {error.name}, which is not installed; install it with: pip install matplotlib"
        ) from error
    matplotlib.rcParams.update(SETTINGS)
    return Figure(figsize=(width, height), dpi=100, layout="constrained")


def save_figure(figure: "Figure", path: Path) -> None:
    """Write a figure as PNG, SVG or PDF, by the ending of the name, whole or not at all.

    Raises UsageError for any other ending, SaveError.
    """
    check_plot(path)
    ending = path.suffix.lower()
    picture = io.BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")  # shown as a box
        figure.savefig(picture, format=ending[1:], metadata=METADATA[ending])
    replace_file(path, [picture.getvalue()])
