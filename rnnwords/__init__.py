"""rnnwords learns from any text to predict its next word."""

from typing import TYPE_CHECKING

from rnnwords.errors import RnnwordsError

if TYPE_CHECKING:
    from rnnwords.prediction.predictor import Predictor

__version__ = "0.1.0"
__all__ = ["Predictor", "RnnwordsError", "__version__"]


def __getattr__(name: str) -> object:
    """`Predictor` is fetched when first asked for, so that `rnnwords --help` need not wait for numpy."""
    if name == "Predictor":
        from rnnwords.prediction.predictor import Predictor

        return Predictor
    raise AttributeError(f"module 'rnnwords' has no attribute {name!r}")
