"""Dynamic evaluation: perplexity of models on texts, with trained and with adapted weights, and words per second.

    python benchmarks/adaptation.py MODEL TEXT [MODEL TEXT ...]

The texts should be neither training nor validation text. The models have adaptation, which training fits on validation
text; each part that a model has is interpolated with both weights.
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import sys
from pathlib import Path
from typing import Any

import numpy as np
from machine import machine

from rnnwords.config import InterpolationConfig
from rnnwords.evaluation.report import evaluate
from rnnwords.model_file import Model, model_path

CACHE = 500  # words


def configurations(model: Model) -> dict[str, InterpolationConfig]:
    """Return what the model can be interpolated with."""
    parts = {"network": InterpolationConfig("off"), f"with a cache of {CACHE} words": InterpolationConfig("off", CACHE)}
    if model.interpolation and model.interpolation.ngram_order:
        parts["with n-gram"] = InterpolationConfig("fixed")
        parts["with n-gram and cache"] = InterpolationConfig("fixed", CACHE)
    return parts


def row(path: Path, text: Path, name: str, config: InterpolationConfig) -> str:
    """Return a row of the table."""
    figures: list[dict[str, Any]] = [
        evaluate(path, text, interpolation=InterpolationConfig(**{**config.to_json(), "adapt": adapt}))
        for adapt in (False, True)
    ]
    static, adapted = (one["perplexity"] for one in figures)
    speeds = (f"{one['words_per_second']:,.0f}" for one in figures)
    change = f"{100 * (adapted / static - 1):+.1f} %"
    return f"| {text.name} | {name} | {static:.2f} | {adapted:.2f} | {change} | {' | '.join(speeds)} |"


def main() -> None:
    """Print the table of the pairs of models and texts in the arguments."""
    arguments = [Path(one) for one in sys.argv[1:]]
    if not arguments or len(arguments) % 2:
        sys.exit(__doc__)
    print(f"{machine()}; numpy {np.__version__}\n")
    print("| text | model | perplexity | adapted | change | words/s | adapted words/s |\n|---|---|---|---|---|---|---|")
    for path, text in zip(arguments[::2], arguments[1::2], strict=True):
        for name, config in configurations(Model.load(model_path(path))).items():
            print(row(path, text, name, config), flush=True)


if __name__ == "__main__":
    main()
