"""The terms on which a text is judged. Two figures can be compared only where these are the same."""

import dataclasses
from typing import Any

from rnnwords.errors import UsageError
from rnnwords.prediction.predictor import Predictor


def protocol(predictor: Predictor) -> dict[str, Any]:
    """The terms by name, in words that a report can print."""
    text, window = predictor.vocabulary.text, predictor.window
    first = f"the very first {'as behind a line end' if text.eos else 'by frequency in the training text'}"
    if window is None:
        context = "all words before it, state carried on through the text"
    elif window == 1:
        context = "the word before it"
    else:
        context = f"the {window} words before it"
        first = f"from the fewer words there are, {first}"
    return {
        "tokenizer": text.tokenizer,
        "case": "lowercased" if text.lowercase else "kept",
        "line_ends": "counted as words" if text.eos else "not counted",
        "unseen_words": "read and scored as <unk>, never hits"
        if predictor.vocabulary.unk is not None
        else "without probability, which makes the loss infinite; left out of contexts, never hits",
        "log_base": "e",
        "context": context,
        "window": window,
        "first_words": first,
        "files": "read as one text",
        "symbols": len(predictor.vocabulary),
    }


def with_context(predictor: Predictor, words: int) -> Predictor:
    """The same network, seeing fewer words: what it is worth after a short prompt. Its weights are those of any window.

    Raises UsageError for a mixture, a model without a window, and more words than it has.
    """
    if predictor.terms:
        raise UsageError("--context is for the network alone; leave --blend and --cache out")
    if predictor.window is None:
        raise UsageError("--context is for models that see a window; this one carries its state on")
    if words > predictor.window:
        raise UsageError(f"this model sees {predictor.window} words; --context can be that at most, got {words}")
    network = dataclasses.replace(predictor.model.network, window=words)
    return Predictor(dataclasses.replace(predictor.model, network=network))
