"""Plots as files, drawn by matplotlib, which is loaded with the first figure. No window is opened."""

import atexit
import contextlib
import io
import logging
import os
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rnnwords.errors import MissingDependencyError, UsageError
from rnnwords.requirements import extra_command
from rnnwords.saving import check_replaceable, replace_file

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# ending -> metadata of the file: nothing that changes from run to run, so that equal runs give equal bytes
METADATA: dict[str, dict[str, Any]] = {
    ".png": {"Software": None},
    ".svg": {"Date": None, "Creator": None},
    ".pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}
# Names in SVG have a fixed salt instead of a random one; $ in a label is a dollar sign.
SETTINGS: dict[Any, Any] = {"svg.hashsalt": "rnnwords", "text.parse_math": False}


def check_plot(path: Path) -> None:
    """Raise UsageError or SaveError unless a plot can be saved under this name. Call it before long work."""
    if path.suffix.lower() not in METADATA:
        raise UsageError(f"`plot`: expected a name that ends in {', '.join(METADATA)}, found {path}")
    if os.path.isdir(path) or not os.path.isdir(path.parent):
        raise UsageError(f"`plot`: expected a file in an existing directory, found {path}")
    check_replaceable(path)


def new_figure(width: float, height: float) -> "Figure":
    """Return an empty figure of this size in inches. Raises MissingDependencyError without matplotlib."""
    logging.getLogger("matplotlib").setLevel(logging.ERROR)  # it logs the path of its font cache
    try:
        _give_settings_a_place()
        with _outside_the_current_directory():
            import matplotlib
        from matplotlib.figure import Figure
    except ModuleNotFoundError as error:
        raise MissingDependencyError(
            f"a plot needs {error.name}, which is not installed; install it with: {extra_command('plot', 'matplotlib')}"
        ) from error
    matplotlib.rcParams.update(SETTINGS)
    return Figure(figsize=(width, height), dpi=100, layout="constrained")


def _give_settings_a_place() -> None:
    """Let matplotlib keep its settings in a temporary directory if the user has no home; before 3.11 it would fail."""
    if "MPLCONFIGDIR" not in os.environ and not os.path.isabs(os.path.expanduser("~")):
        os.environ["MPLCONFIGDIR"] = directory = tempfile.mkdtemp(prefix="rnnwords-")
        atexit.register(shutil.rmtree, directory, ignore_errors=True)


@contextlib.contextmanager
def _outside_the_current_directory() -> Iterator[None]:
    """Change the current directory for a while: when matplotlib is imported, it reads a file `matplotlibrc` there."""
    try:
        here = os.open(os.curdir, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:  # it may not be read, or has been deleted
        yield
        return
    try:
        os.chdir("/")
        yield
    finally:
        os.fchdir(here)
        os.close(here)


def save_figure(figure: "Figure", path: Path) -> None:
    """Write a figure as PNG, SVG or PDF, by the ending of the name; an existing file is replaced as a whole.

    Raises UsageError for any other ending, SaveError.
    """
    check_plot(path)
    ending = path.suffix.lower()
    picture = io.BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")  # shown as a box
        figure.savefig(picture, format=ending[1:], metadata=METADATA[ending])
    replace_file(path, [picture.getvalue()])
