"""Predictions for many prompts at once: equal contexts are predicted once, the others sorted and in batches.

Sorted contexts share beginnings, each of which `network.forward_each` reads once. The answers are bit-equal to those of
single prompts, so that it does not matter how fast prompts arrive.
"""

from collections import defaultdict
from collections.abc import Sequence
from functools import partial
from typing import Any

from rnnwords.lm.interface import LanguageModel
from rnnwords.network.matmul import row_by_row
from rnnwords.prediction.parallel_map import parallel_map
from rnnwords.prediction.ranking import Answer, Ranker, entropy
from rnnwords.prediction.scoring import batch_size

MAX_BATCH = 1_024  # prompts per batch
EncodedPrompt = tuple[str, list[int], list[str]]  # a prompt, its ids, and its unknown words


def answer_each(
    lm: LanguageModel[Any], ranker: Ranker, prompts: Sequence[EncodedPrompt], k: int, prefix: str, exact: bool,
    threads: int,
) -> list[Answer]:  # fmt: skip
    """Return the answer to each prompt; see `Predictor.answer_each`."""
    places: defaultdict[tuple[int, ...], list[int]] = defaultdict(list)  # context -> places of its prompts
    for place, (_, ids, _) in enumerate(prompts):
        places[tuple(ids if lm.context_size is None else ids[-lm.context_size :])].append(place)
    answers: dict[int, Answer] = {}  # place of the prompt -> answer
    start = lm.initial_state()

    def answer(contexts: Sequence[tuple[int, ...]]) -> None:
        with row_by_row():
            log_probs = lm.log_probs([lm.advance(start, context) for context in contexts])
        ranked = ranker.rank(log_probs, k, prefix, exact)
        for context, predictions, nats in zip(contexts, ranked, entropy(log_probs).tolist(), strict=True):
            for place in places[context]:
                prompt, _, unknown = prompts[place]
                answers[place] = Answer(prompt, predictions, unknown, nats)

    order = sorted(places)
    size = batch_size(len(lm.vocabulary), MAX_BATCH)
    batches = [order[first : first + size] for first in range(0, len(order), size)]
    for _ in parallel_map((partial(answer, batch) for batch in batches), threads if len(batches) > 1 else 1):
        pass
    return [answers[place] for place in range(len(prompts))]
