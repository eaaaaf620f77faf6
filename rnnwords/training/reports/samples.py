"""What a report shows of a network: a guess beside the text's own word, or a few lines that it writes.

Each style takes a network, its vocabulary, (T + 1,) ids of the text (a window and the word after it) and a generator.
"""

from collections.abc import Callable

import numpy as np

from rnnwords.network.recurrent import Ids, Network
from rnnwords.text.tokenizer import detokenize
from rnnwords.text.vocabulary import Vocabulary

SHOWN = 8  # words of a window at most
WRITTEN = 30  # words of a sample text
TEMPERATURE = 0.8


def word(network: Network, vocabulary: Vocabulary, ids: Ids, generator: np.random.Generator) -> str:
    """`had a general -> council (council)`: words of the text, the network's next word, and the text's own."""
    best = vocabulary.words[_best(network, ids)]
    return f"{' '.join(vocabulary.decode(ids[-SHOWN - 1 : -1]))} -> {best} ({vocabulary.words[int(ids[-1])]})"


def classic(network: Network, vocabulary: Vocabulary, ids: Ids, generator: np.random.Generator) -> str:
    """`['had', 'a', 'general'] - [council] vs [council]`: the same as the tutorial prints it, the text's own first."""
    best = vocabulary.words[_best(network, ids)]
    return f"{vocabulary.decode(ids[-SHOWN - 1 : -1])} - [{vocabulary.words[int(ids[-1])]}] vs [{best}]"


def text(network: Network, vocabulary: Vocabulary, ids: Ids, generator: np.random.Generator) -> str:
    """Words that the network goes on with, drawn by chance, after the window."""
    written: list[int] = []
    outputs, state = network.read(ids[None, :-1])
    for _ in range(WRITTEN):
        scores = network.scores(outputs)[0].astype(np.float64) / TEMPERATURE
        if vocabulary.unk is not None and len(vocabulary) > 1:
            scores[vocabulary.unk] = -np.inf
        chances = np.exp(scores - scores.max())
        written.append(int(generator.choice(len(chances), p=chances / chances.sum())))
        if network.config.stateful:
            outputs, state = network.read(np.array([written[-1:]]), state)
        else:
            outputs, _ = network.read(np.array([[*ids[:-1], *written][-network.config.window :]]))
    return detokenize(vocabulary.decode(written), vocabulary.text)


def _best(network: Network, ids: Ids) -> int:
    return int(network.scores(network.read(ids[None, :-1])[0])[0].argmax())


SAMPLE: dict[str, Callable[[Network, Vocabulary, Ids, np.random.Generator], str]] = {
    "word": word,
    "classic": classic,
    "text": text,
}
