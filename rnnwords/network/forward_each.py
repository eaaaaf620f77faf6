"""Outputs of many contexts, computed as a prefix tree: contexts with a common beginning share its steps.

The tree is processed level by level, one batch per level, so each distinct beginning is computed once, whatever the
lengths. On running text with a window of three words this saves half of the work. The outputs equal those of
`Network.forward` except for the order of summation in the products.

Shapes as in `network.cells`; N nodes of a level, P nodes of the previous level.
"""

from collections.abc import Sequence

import numpy as np

from rnnwords.network.recurrent import Floats, Ids, Network, State


def forward_each(network: Network, contexts: Sequence[Sequence[int]], state: State | None = None) -> Floats:
    """Return the output (B, H) of the last layer after each of B contexts of one id or more, from `state` (one row)."""
    lengths = np.array([len(context) for context in contexts])  # (B,)
    ids = np.zeros((len(contexts), lengths.max()), np.int64)  # (B, T), padded with zeros
    for row, context in zip(ids, contexts, strict=True):
        row[: len(context)] = context
    nodes_of = np.zeros(len(contexts), np.int64)  # (B,) node of each context in the previous level
    outputs = np.empty((len(contexts), network.config.units), np.float32)
    for t in range(ids.shape[1]):
        active = np.flatnonzero(lengths > t)
        prefixes = nodes_of[active] * network.config.vocabulary_size + ids[active, t]
        nodes, nodes_of[active] = np.unique(prefixes, return_inverse=True)
        parents, node_ids = np.divmod(nodes, network.config.vocabulary_size)
        state = _step(network, node_ids, parents, state)
        ended = lengths == t + 1
        outputs[ended] = state[-1][0][nodes_of[ended]]
    return outputs


def _step(network: Network, ids: Ids, parents: Ids, state: State | None) -> State:
    """Return the state of N nodes from ids (N,), indices (N,) of their parents, and the state of P parents."""
    x = network.input_products(ids[:, None])[:, 0]  # (N, GH)
    if state is not None:  # parents without children are dropped
        used, parents = np.unique(parents, return_inverse=True)
        state = tuple(tuple(part[used] for part in layer) for layer in state)
    states: list[tuple[Floats, ...]] = []
    for number, cell in enumerate(network.cells):
        if number:
            x = cell.input_product(states[-1][0])
        if state is None:
            states.append(cell.apply(x, None, None))
        else:  # children share the recurrent product of their parent
            recurrent = cell.recurrent_product(state[number])[parents]
            states.append(cell.apply(x, recurrent, tuple(part[parents] for part in state[number])))
    return tuple(states)
