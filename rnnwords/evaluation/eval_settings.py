"""The settings of an evaluation that its figures depend on. Two figures compare only if these are equal."""

from typing import Any

from rnnwords.evaluation.keystrokes import LISTED
from rnnwords.lm.describe import parts_of
from rnnwords.lm.interface import LanguageModel
from rnnwords.lm.networks import NetworkModel


def eval_settings(lm: LanguageModel[Any], literal_unk: bool = False) -> dict[str, Any]:
    """Return the settings by name, in words that a report can print. `literal_unk`: the text contains <unk> itself."""
    text = lm.vocabulary.text
    network, ngram, cache = parts_of(lm)
    first = f"the first word from {'a line end' if text.eos else 'unigram frequencies of the training text'}"
    size = network.context_size
    if adapts := isinstance(network, NetworkModel) and network.adaptation is not None:
        size = None if network.network.config.stateful else network.prompt_size
    if size is None:
        context = "all words before it, state carried through the text"
    elif size == 1:
        context = "the word before it"
    else:
        context = f"the {size} words before it"
        first = f"less context at the start, {first}"
    if ngram or cache or adapts:
        context += " (network)"
    if adapts:
        context += ", all words before it (its weights)"
    if ngram:
        context += f", the last {ngram.order - 1:,} ({ngram.order}-gram)"
    if cache:
        context += f", the last {cache.size:,} (cache)"
    return {
        "tokenizer": text.tokenizer, "case": "lowercased" if text.lowercase else "kept",
        "line_ends": "counted as words" if text.eos else "not counted",
        "unseen_words": "without probability, which makes the loss infinite; left out of contexts, never hits"
        if lm.vocabulary.unk_id is None else "read and scored as <unk>, never hits",
        "unk": "a word of the text like any other" if literal_unk else "left out where words are ranked",
        "log_base": "e", "context": context, "window": lm.context_size, "first_words": first,
        "keystrokes": f"a list of the {LISTED} most probable words with the letters so far, shown before the first "
        "letter and after each; one key takes a word and the space after it (Trnka & McCoy 2008)",
        "files": "read as one text", "symbols": len(lm.vocabulary),
    }  # fmt: skip
