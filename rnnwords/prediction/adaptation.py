"""Weights that adapt to what a user writes (dynamic evaluation): to finished lines, each once."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from rnnwords.lm.adaptive import AdaptiveWindows, adaptive_network
from rnnwords.lm.networks import StatefulNetwork, WindowedNetwork
from rnnwords.model_file import Model

MAX_WORDS = 2_000  # before the cursor, the most that are read when a document is opened


class LineAdaptation:
    """Adapts the weights of `network` to lines. Each distinct line is read once, also if it was removed since.

    `step` takes milliseconds, so a prediction can come between two of them.
    """

    def __init__(self, model: Model) -> None:
        """Raises UsageError for a model without fitted settings, ModelError if they are damaged."""
        self._reader: Any = adaptive_network(model)
        self.vocabulary = model.vocabulary
        self.network: WindowedNetwork | StatefulNetwork  # predicts with the adapted weights, which it does not change
        if isinstance(self._reader, AdaptiveWindows):
            self.network = self._reader.windows
        else:
            self.network = StatefulNetwork(self._reader.network, model.vocabulary)
        self.network.adaptation = self._reader.adaptation
        self.reset()

    def reset(self) -> None:
        """Return to the trained weights; lines that were read count as new."""
        self._state = self._reader.initial_state()
        self._reader.advance_each(self._state, ())
        self._seen: set[str] = set()
        self._lines: deque[str] = deque()
        self._steps: Iterator[Any] = iter(())

    def add(self, lines: Sequence[str]) -> None:
        """Read the last finished lines before the cursor, those that are new, in the next steps."""
        new, words = [], 0
        for line in reversed(lines):
            words += len(line.split())
            if words > MAX_WORDS:
                break
            if line.strip() and line not in self._seen:
                new.append(line)
        self.skip(new)
        self._lines.extend(reversed(new))

    def skip(self, lines: Iterable[str]) -> None:
        """Count lines as read, for example those that were generated."""
        self._seen.update(lines)

    def step(self) -> bool:
        """Read or adapt for some milliseconds; return whether there is more to do."""
        for state in self._steps:
            if state is None:
                return True
            self._state = state
        if not self._lines:
            return False
        self._steps = self._reader.read(self._state, self._ids(self._lines.popleft()))
        return True

    def _ids(self, line: str) -> list[int]:
        ids, unk = self.vocabulary.ids, self.vocabulary.unk_id
        read = (ids.get(word, unk) for word in self.vocabulary.tokenize(line))
        return [one for one in read if one is not None]
