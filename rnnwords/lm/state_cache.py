"""An LRU cache of states by the ids read so far: a prompt that extends an earlier one is read only where it is new."""

import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import Generic

from rnnwords.lm.interface import LanguageModel, S

MAX_EXTENSION = 128  # words by which a prompt may extend a remembered one
MAX_STATES = 64  # states kept, or as many as have MAX_NUMBERS numbers
MAX_NUMBERS = 1 << 24


class StateCache(Generic[S]):
    """States of one language model by the ids that lead to them."""

    def __init__(self, lm: LanguageModel[S], max_states: int | None = None) -> None:
        self.lm = lm
        self.start = lm.initial_state()
        self.states: OrderedDict[tuple[int, ...], S] = OrderedDict()
        self.size = max(1, min(max_states or MAX_STATES, MAX_NUMBERS // lm.state_size))
        self.lock = threading.Lock()

    def state(self, ids: Sequence[int]) -> S:
        """Return the state after these ids from the beginning of a text."""
        key = tuple(ids)
        with self.lock:
            shortest = max(0, len(key) - MAX_EXTENSION)
            known = next((end for end in range(len(key), shortest, -1) if key[:end] in self.states), 0)
            start = self.states[key[:known]] if known else self.start
        state = self.lm.advance(start, key[known:])
        with self.lock:
            self.states[key] = state
            self.states.move_to_end(key)
            while len(self.states) > self.size:
                self.states.popitem(last=False)
        return state
