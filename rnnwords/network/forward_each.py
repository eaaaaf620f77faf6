"""Many contexts at once, each from a clean state: those that begin alike are read together.

The contexts form a tree, whose nodes are their beginnings. It is walked level by level, one batch a level, so that each
distinct beginning is read once, whatever the lengths: on running text with a window of three words this saves half of
the work. The outputs are those of `Network.read`, up to the order in which a product adds.

Shapes as in `network.arrays`; N nodes of a level, P of the level above.
"""

from collections.abc import Sequence

import numpy as np

from rnnwords.network.recurrent import Floats, Ids, Network, State


def read_each(network: Network, contexts: Sequence[Sequence[int]]) -> Floats:
    """B contexts of one word or more -> (B, H): the output of the last layer after each."""
    lengths = np.array([len(context) for context in contexts])  # (B,)
    words = np.zeros((len(contexts), lengths.max()), np.int64)  # (B, T), filled up with zeros
    for row, context in zip(words, contexts, strict=True):
        row[: len(context)] = context
    places = np.zeros(len(contexts), np.int64)  # (B,) the node of the level above at which each context stands
    outputs = np.empty((len(contexts), network.config.units), np.float32)
    state: State | None = None
    for t in range(words.shape[1]):
        going = np.flatnonzero(lengths > t)
        beginnings = places[going] * network.config.vocabulary_size + words[going, t]
        nodes, places[going] = np.unique(beginnings, return_inverse=True)
        parents, ids = np.divmod(nodes, network.config.vocabulary_size)
        state = _step(network, ids, parents, state)
        ended = lengths == t + 1
        outputs[ended] = state[-1][0][places[ended]]
    return outputs


def _step(network: Network, ids: Ids, parents: Ids, state: State | None) -> State:
    """(N,) words, the place (N,) of each one's parent among P, and the parents' state -> the state of the N nodes."""
    x = network.input_products(ids[:, None])[:, 0]  # (N, GH)
    if state is not None:  # parents whose contexts have ended are left behind
        used, parents = np.unique(parents, return_inverse=True)
        state = tuple(tuple(part[used] for part in layer) for layer in state)
    states: list[tuple[Floats, ...]] = []
    for number, cell in enumerate(network.cells):
        if number:
            x = cell.input_product(states[-1][0])
        if state is None:
            states.append(cell.apply(x, None, None))
        else:  # the product with the recurrent kernel is the parent's: it serves all its children
            before = cell.recurrent_product(state[number])[parents]
            states.append(cell.apply(x, before, tuple(part[parents] for part in state[number])))
    return tuple(states)
