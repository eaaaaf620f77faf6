"""What the page states about its model, as far as the model file has it."""

import math
from typing import Any

from rnnwords.export.html.weights import Precision
from rnnwords.model_file import Model

CELLS = {"lstm": "LSTM", "gru": "GRU", "simple": "simple recurrent"}


def summary(model: Model) -> str:
    """Return one sentence about a model."""
    words = model.training.get("words")
    text = f" of a text of {words:,} words" if words else ""
    weights = model.network.weight_count
    return f"A recurrent network with {weights:,} parameters predicts the next word, in the style{text}."


def facts(model: Model, precision: Precision, name: str | None) -> list[tuple[str, str]]:
    """Return terms and their values."""
    network, training, vocabulary = model.network, model.training, model.vocabulary
    layers = f"{network.layers} {CELLS[network.cell]} layer{'s' * (network.layers > 1)} of {network.units:,} units"
    context = "all words before" if network.stateful else f"the last {network.window:,} words"
    rows: list[tuple[str, str | None]] = [
        ("Model", name),
        ("Network", f"{layers}; {model.network.weight_count:,} parameters, here as {precision}"),
        ("Reads", context),
        ("Vocabulary", f"{len(vocabulary):,} tokens"),
        ("Training text", _training_text(training)),
        ("Perplexity", _metric(training, "perplexity", "{:,.4g}")),
        ("Accuracy", _metric(training, "accuracy", "{:.1%}")),
    ]
    return [(term, value) for term, value in rows if value]


def _training_text(training: dict[str, Any]) -> str | None:
    words = training.get("words")
    return f"{words:,} words" if words else None


def _metric(training: dict[str, Any], name: str, form: str) -> str | None:
    metrics = training.get("metrics", {})
    value, text, words = metrics.get(name), metrics.get("of"), metrics.get("words")
    if type(value) not in (int, float) or not math.isfinite(value):
        return None
    where = [f"on {words:,} words" if type(words) is int else "", f"of the {text}" if isinstance(text, str) else ""]
    return " ".join([form.format(value).replace("%", " %"), *filter(None, where)])
