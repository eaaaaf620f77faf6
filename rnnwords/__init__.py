"""Recurrent neural networks that learn from a text to predict its next word.

`train` makes a model file from text files, `Predictor` predicts and generates with it, `evaluate` measures it.
"""

from rnnwords.errors import RnnwordsError
from rnnwords.version import __version__

TYPE_CHECKING = False  # as in `typing`; with `python -m`, that import could find a file in the current directory
if TYPE_CHECKING:
    from rnnwords.config import InterpolationConfig
    from rnnwords.evaluation.report import evaluate
    from rnnwords.prediction.predictor import Predictor
    from rnnwords.training.settings.request import TrainRequest
    from rnnwords.training.train import train


__all__ = ["InterpolationConfig", "Predictor", "RnnwordsError", "TrainRequest", "__version__", "evaluate", "train"]

_HOME = {  # name -> module that defines it; imported on first use, so that `rnnwords --help` does not load numpy
    "InterpolationConfig": "rnnwords.config",
    "Predictor": "rnnwords.prediction.predictor",
    "TrainRequest": "rnnwords.training.settings.request",
    "evaluate": "rnnwords.evaluation.report",
    "train": "rnnwords.training.train",
}


def __getattr__(name: str) -> object:
    if name in _HOME:
        import importlib

        return getattr(importlib.import_module(_HOME[name]), name)
    raise AttributeError(f"module 'rnnwords' has no attribute {name!r}")
