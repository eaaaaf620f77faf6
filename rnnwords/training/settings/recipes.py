"""Recipes: sets of settings with a name. A setting that the request gives has priority over the recipe.

tutorial: the LSTM word predictor of R. Atienza, "LSTM by Example using Tensorflow" (2017). The token id enters as one
number; two LSTM layers of 512 units; output weights initialized from a standard normal distribution; batches of one
window, four words apart; RMSProp 0.001; 50,000 iterations, a report every 1,000.
chapter: a text generator for a book. One layer of any cell reads the book as one stream; tokens of a vocabulary of up
to 20,000 enter as embeddings or one-hot vectors; each report shows generated text.
"""

import dataclasses
from dataclasses import dataclass
from typing import Any

from rnnwords.errors import UsageError
from rnnwords.training.settings.request import TrainRequest, given

BUDGETS = ("epochs", "iterations", "seconds")
_NO_CLIPPING = 1e6


@dataclass(frozen=True)
class Recipe:
    """Settings by the field of TrainRequest that they belong to."""

    network: dict[str, Any]
    training: dict[str, Any]
    eos: bool = False
    validation_split: float | None = None
    max_size: int | None = None
    min_count: int | None = None


RECIPES = {
    "tutorial": Recipe(
        {"input": "scalar", "cell": "lstm", "layers": 2, "units": 512, "window": 3, "tie": False, "softmax": "full"},
        {"output_init": "normal", "sampling_order": "strides", "short_windows": 0.0, "batch_size": 1,
         "optimizer": "rmsprop", "learning_rate": 1e-3, "schedule": "constant", "warmup": 0.0,
         "clip_norm": _NO_CLIPPING, "dropout": 0.0, "ema": 0.0, "precision": "float32", "iterations": 50_000,
         "log_every": 1_000, "patience": 1_000_000, "stop_at_max_accuracy": False, "sample": "tutorial"},
        validation_split=0.0, min_count=1,
    ),
    "chapter": Recipe(
        {"stateful": True, "window": 50, "layers": 1, "units": 512}, {"sample": "text"}, eos=True, max_size=20_000,
    ),
}  # fmt: skip


def with_recipe(request: TrainRequest) -> TrainRequest:
    """Return the request with the settings of its recipe, if it names one, where the request has none of its own.

    A budget replaces the budget of the recipe, a validation text its split, a vocabulary its limits and text settings.
    """
    if request.recipe is None:
        return request
    if request.recipe not in RECIPES:
        raise UsageError(f"`recipe`: expected one of {', '.join(RECIPES)}, found {request.recipe!r}")
    recipe, training = RECIPES[request.recipe], given(request.training)
    displaced = BUDGETS if set(BUDGETS) & set(training) else ()
    names = ["validation_split"] if request.validation is None else []
    text = request.text
    if request.vocabulary is None:
        names += ["max_size", "min_count"]
        text = dataclasses.replace(text, eos=text.eos or recipe.eos)
    limits: dict[str, Any] = {name: getattr(recipe, name) for name in names if getattr(request, name) is None}
    training = {name: value for name, value in recipe.training.items() if name not in displaced} | training
    return dataclasses.replace(
        request, network=recipe.network | given(request.network), training=training, text=text, **limits
    )
