"""What to try first with a new model: a prompt from its text, and settings whose continuation does not loop."""

import itertools
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from rnnwords.errors import RnnwordsError
from rnnwords.generation.writer import SENTENCE_ENDS, GenerationRequest
from rnnwords.prediction.predictor import Predictor
from rnnwords.text.encoded import EncodedText
from rnnwords.text.tokens.tokenizer import EOS, UNK
from rnnwords.text.vocabulary import Vocabulary

PROMPT_WORDS = 3
PROMPT_LENGTH = 60  # characters: the command stays on a line
SEARCHED = 20_000  # words at the beginning of the text
TRIED = 1_000  # prompts of each kind
CONTINUATION = 32  # words, as many as `generate` writes by default
REPEATED = 4  # words: a continuation that repeats so many in a row loops
SEEDS = 3
# In this order. Greedy text is the same each time, so it comes first.
ATTEMPTS: tuple[dict[str, Any], ...] = ({}, {"temperature": 0.8, "top_p": 0.9}, {"temperature": 1.0, "top_p": 0.95})
WITHOUT_REPEATS: dict[str, Any] = {"temperature": 0.8, "top_p": 0.9, "no_repeat_ngram": REPEATED}  # cannot loop
MANY_WEIGHTS = 30_000_000  # of which the attempts take about 3 seconds on one core; a larger network makes none


def find_prompt(text: EncodedText, vocabulary: Vocabulary) -> tuple[str, tuple[int, ...]]:
    """Return a prompt of at most PROMPT_WORDS, and the ids of the text from there on, CONTINUATION words after it.

    The prompt is a part of the text in which every word is known and which is read as these words when it is typed.
    Beginnings of sentences are preferred, those with a word before those with a mark. Empty if there is none.
    """
    ids = text[:SEARCHED].tolist()
    words = vocabulary.decode(ids)
    starts = [at for at in range(len(ids)) if at == 0 or words[at - 1] in SENTENCE_ENDS]
    with_word = [at for at in range(len(ids)) if any(char.isalnum() for char in words[at])]
    kinds = ((sorted({*starts} & {*with_word}), starts, with_word), (range(len(ids)),))
    for kind, length in itertools.product(kinds, range(PROMPT_WORDS, 0, -1)):
        for places in kind:
            if found := _first(places, words, length, vocabulary):
                at, prompt = found
                return prompt, tuple(text[at : at + length + CONTINUATION].tolist())
    return "", ()


def _first(places: Iterable[int], words: Sequence[str], length: int, vocabulary: Vocabulary) -> tuple[int, str] | None:
    """Return the first of the places with `length` words that can be typed, and their text."""
    parts = ((at, words[at : at + length]) for at in places if at + length <= len(words))
    known = ((at, part) for at, part in parts if UNK not in part and EOS not in part)
    for at, part in itertools.islice(known, TRIED):
        prompt = "".join(vocabulary.pieces(part))
        if len(prompt) <= PROMPT_LENGTH and prompt.isprintable() and vocabulary.tokenize(prompt) == part:
            return at, prompt
    return None


def settings_without_loops(model: Path, prompt: str, passage: Sequence[int]) -> dict[str, Any]:
    """Return the first settings of `generate` whose continuations of the prompt do not loop, from a few attempts.

    `passage` is what the text has there: a continuation may repeat as much as it does. Continuations are generated,
    unless the network is so large that this takes long. Never raises: the model is complete without it.
    """
    try:
        predictor = Predictor.load(model, low_memory=True)
        if predictor.model.network.weight_count > MANY_WEIGHTS:
            return WITHOUT_REPEATS
        begin, allowed = predictor.encode(prompt)[0], repeats(passage)
        for settings in ATTEMPTS:
            requests = [GenerationRequest(words=CONTINUATION, seed=seed, **settings) for seed in range(SEEDS)]
            texts = (predictor.write(prompt, one).ids for one in (requests if settings else requests[:1]))
            if all(repeats([*begin, *ids]) <= allowed for ids in texts):
                return settings
    except (RnnwordsError, OSError, MemoryError):
        return {}
    return WITHOUT_REPEATS


def repeats(ids: Sequence[int]) -> int:
    """Return how many sequences of REPEATED ids occurred before."""
    grams = [tuple(ids[at : at + REPEATED]) for at in range(len(ids) - REPEATED + 1)]
    return len(grams) - len(set(grams))
