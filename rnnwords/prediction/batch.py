"""Many prompts at once: sorted, read in batches, ranked in batches, put back into order.

Sorted, prompts that begin alike stand together, and a batch reads each beginning once (see `network.batches`).
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

from rnnwords.network.forward_each import read_each
from rnnwords.network.recurrent import Floats, Network
from rnnwords.prediction.parallel import side_by_side
from rnnwords.prediction.ranking import Answer, entropy

if TYPE_CHECKING:
    from rnnwords.prediction.predictor import Predictor

CELLS = 1 << 22  # scores that a batch may hold: 16 MB; half as many gates


def scores_each(
    network: Network, contexts: Sequence[tuple[int, ...]]
) -> Iterator[tuple[Sequence[tuple[int, ...]], Floats]]:
    """Contexts of one word or more -> some of them at a time, with (B, V) natural log-probabilities after each."""
    outputs = read_each(network, contexts)
    rows = max(1, CELLS // network.config.vocabulary_size)
    for start in range(0, len(contexts), rows):
        part = slice(start, start + rows)
        yield contexts[part], network.scores(outputs[part])


def answer_each(
    predictor: "Predictor", prompts: Sequence[str], k: int, prefix: str, oov: str | None, threads: int
) -> list[Answer]:
    """See `Predictor.answer_each`."""
    encoded = [predictor.encode(prompt, oov) for prompt in prompts]
    places: defaultdict[tuple[int, ...], list[int]] = defaultdict(list)  # context -> where it is asked for
    for place, (ids, _) in enumerate(encoded):
        places[predictor.led_in(ids)].append(place)
    answers: dict[int, Answer] = {}  # place of the prompt -> answer

    def keep(contexts: Sequence[tuple[int, ...]], scores: Floats) -> None:
        ranked = predictor.ranked(scores, k, prefix)
        for context, predictions, nats in zip(contexts, ranked, entropy(scores).tolist(), strict=True):
            for place in places[context]:
                answers[place] = Answer(prompts[place], predictions, encoded[place][1], nats)

    def work(contexts: Sequence[tuple[int, ...]]) -> None:
        for part, scores in predictor.scores_each(contexts):
            keep(part, scores)

    if () in places:
        keep([()], predictor.context().log_probabilities()[None])
    order = sorted(context for context in places if context)
    config = predictor.model.network
    size = max(1, CELLS // (2 * config.gates * config.units))
    batches = [order[start : start + size] for start in range(0, len(order), size)]
    for _ in side_by_side((partial(work, batch) for batch in batches), threads if len(batches) > 1 else 1):
        pass
    return [answers[place] for place in range(len(prompts))]
