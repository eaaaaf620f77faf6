"""An LRU cache of states by the ids read so far: a prompt that extends an earlier one is read only where it is new."""

import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import Generic

from rnnwords.lm.interface import LanguageModel, S

MAX_EXTENSION = 128  # words by which a prompt may extend a remembered one
MARGIN = 8  # last words that are not read ahead, since they may still be corrected
MAX_STATES = 64  # states kept, or as many as have MAX_NUMBERS numbers
MAX_NUMBERS = 1 << 24


class StateCache(Generic[S]):
    """States of one language model by the ids that lead to them."""

    def __init__(self, lm: LanguageModel[S], max_states: int | None = None) -> None:
        self.lm = lm
        self.start = lm.initial_state()
        self.states: OrderedDict[tuple[int, ...], S] = OrderedDict()
        self.size = max(1, min(max_states or MAX_STATES, MAX_NUMBERS // lm.state_size))
        self.ahead: tuple[tuple[int, ...], S] = (), self.start  # the ids that were read ahead, and the state after them
        self.lock = threading.Lock()

    def state(self, ids: Sequence[int]) -> S:
        """Return the state after these ids from the beginning of a text."""
        key = tuple(ids)
        with self.lock:
            known, start = self._longest_known(key)
        state = self.lm.advance(start, key[known:])
        self._keep(key, state)
        return state

    def read_ahead(self, ids: Sequence[int], count: int) -> bool:
        """Read up to `count` more of these ids, without the last few; return whether the state after them is known.

        Calls in a row with the same ids, or with some added at the end, go on where the last one stopped.
        """
        key = tuple(ids)[:-MARGIN]
        with self.lock:
            known, start = self._longest_known(key)
            last, state = self.ahead
            if known < len(last) <= len(key) and key[: len(last)] == last:
                known, start = len(last), state
        read = key[: known + count]
        if known < len(key):
            self.ahead = read, self.lm.advance_each(start, read[known:])[-1]
        if len(read) < len(key):
            return False
        if known < len(key):
            self._keep(*self.ahead)
        return True

    def clear(self) -> None:
        """Drop all states, for example those of weights that have changed."""
        with self.lock:
            self.states.clear()
            self.ahead = (), self.start

    def _longest_known(self, key: tuple[int, ...]) -> tuple[int, S]:
        """Return how many of these ids a remembered state has read, and that state."""
        shortest = max(0, len(key) - MAX_EXTENSION)
        known = next((end for end in range(len(key), shortest, -1) if key[:end] in self.states), 0)
        return known, self.states[key[:known]] if known else self.start

    def _keep(self, key: tuple[int, ...], state: S) -> None:
        with self.lock:
            self.states[key] = state
            self.states.move_to_end(key)
            while len(self.states) > self.size:
                self.states.popitem(last=False)
