"""Recipes: settings that belong together, taken as a whole by their name. An option that is given wins over them.

tutorial: the story predictor as published (R. Atienza, "LSTM by Example using Tensorflow", 2017). A word enters as its
rank, one number; two LSTM layers of 512 units; standard normal numbers as first weights of the output; one window at a
time, in strides of four words; RMSProp 0.001; 50,000 iterations, a report each 1,000.
chapter: the book generator. One layer of any cell reads the book as one stream, words of a vocabulary of up to 20,000
enter by an embedding or as they are (--input one-hot), and each report shows a text that the network writes.
"""

from typing import Any

_NO_CLIPPING = 1e6

# recipe -> setting -> value: options of the command line, and settings that only recipes have
RECIPES: dict[str, dict[str, Any]] = {
    "tutorial": {
        "input": "scalar", "cell": "lstm", "layers": 2, "units": 512, "window": 3, "tie": False, "softmax": "full",
        "output_start": "normal", "holdout": 0.0, "min_count": 1, "order": "strides", "short_windows": 0.0,
        "batch_size": 1, "optimizer": "rmsprop", "learning_rate": 1e-3, "schedule": "constant", "warmup": 0.0,
        "clip_norm": _NO_CLIPPING, "dropout": 0.0, "precision": "float32", "iterations": 50_000, "log_every": 1_000,
        "patience": 1_000_000, "to_ceiling": False, "sample": "classic",
    },
    "chapter": {
        "stateful": True, "window": 50, "layers": 1, "units": 512, "max_size": 20_000, "eos": True,
        "sample": "text",
    },
}  # fmt: skip
_BUDGETS = {"epochs", "iterations", "time"}
# option -> options of a recipe that mean nothing beside it
_DISPLACED = {**dict.fromkeys(_BUDGETS, _BUDGETS), "valid": {"holdout"}, "vocab": {"max_size", "min_count", "eos"}}


def with_recipe(name: str, given: set[str], options: dict[str, Any]) -> dict[str, Any]:
    """The options with what the recipe says in place of every default; those in `given` stay as they are."""
    kept = given.union(*(_DISPLACED.get(option, set()) for option in given))
    return options | {option: value for option, value in RECIPES[name].items() if option not in kept}
