"""The terms on which a text is judged. Two figures can be compared only where these are the same."""

import dataclasses
from typing import Any

from rnnwords.errors import UsageError
from rnnwords.evaluation.keystrokes import SHOWN
from rnnwords.lm.loading import MixedPredictor
from rnnwords.prediction.predictor import Predictor


def protocol(predictor: Predictor, literal_unk: bool = False) -> dict[str, Any]:
    """The terms by name, in words that a report can print; for a text with `literal_unk` of its own or without."""
    text, window = predictor.vocabulary.text, predictor.window
    first = f"the very first {'as behind a line end' if text.eos else 'by frequency in the training text'}"
    if window is None:
        context = "all words before it, state carried on through the text"
    elif window == 1:
        context = "the word before it"
    else:
        context = f"the {window} words before it"
        first = f"from the fewer words there are, {first}"
    if isinstance(predictor, MixedPredictor):
        context = ", ".join([f"{context} (network)", *_looking_back(predictor)])
    return {
        "tokenizer": text.tokenizer,
        "case": "lowercased" if text.lowercase else "kept",
        "line_ends": "counted as words" if text.eos else "not counted",
        "unseen_words": "read and scored as <unk>, never hits"
        if predictor.vocabulary.unk is not None
        else "without probability, which makes the loss infinite; left out of contexts, never hits",
        "unk": "a word of the text like any other" if literal_unk else "passed over where words are ranked",
        "log_base": "e",
        "context": context,
        "window": None if window is None else predictor.reach,
        "first_words": first,
        "keystrokes": f"a list of the {SHOWN} likeliest words with the letters so far, shown before the first letter "
        "and after each; one key takes a word and the space behind it (Trnka & McCoy 2008)",
        "files": "read as one text",
        "symbols": len(predictor.vocabulary),
    }


def _looking_back(predictor: MixedPredictor) -> list[str]:
    """The words that each part of a mixture beside the network sees."""
    blend, cache = predictor.mixture.blend, predictor.mixture.cache
    parts = [f"the last {blend.ngram.order - 1:,} ({blend.ngram.order}-gram)"] if blend else []
    return [*parts, f"the last {cache.size:,} (cache)"] if cache else parts


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
