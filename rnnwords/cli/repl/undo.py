"""Undo and redo of a text, as the differences between its versions, which take little memory for long drafts too."""

from collections.abc import Callable
from dataclasses import dataclass, field

MAX_CHARACTERS = 10_000_000  # of all differences; the oldest are dropped


@dataclass(frozen=True)
class Change:
    """A part of a text that was replaced, and where the cursor was before."""

    start: int
    removed: str
    inserted: str
    cursor: int


def difference(before: str, after: str, cursor: int = 0) -> Change:
    """Return what changed between two versions of a text."""
    shorter = min(len(before), len(after))
    start = common_length(before, after)

    def same_end(low: int, high: int) -> bool:
        return before[len(before) - high : len(before) - low] == after[len(after) - high : len(after) - low]

    end = _common(same_end, shorter - start)
    return Change(start, before[start : len(before) - end], after[start : len(after) - end], cursor)


def common_length(one: str, other: str) -> int:
    """Return how many characters two texts have in common at their beginning."""
    return _common(lambda low, high: one[low:high] == other[low:high], min(len(one), len(other)))


def _common(same: Callable[[int, int], bool], limit: int) -> int:
    """Return up to where two texts are the same, by bisection: comparing slices is fast."""
    low, high = 0, limit
    while low < high:
        middle = (low + high + 1) // 2
        if same(low, middle):
            low = middle
        else:
            high = middle - 1
    return low


@dataclass
class UndoHistory:
    """The versions of a text. `text` is the newest one that was recorded."""

    text: str = ""
    cursor: int = 0
    done: list[Change] = field(default_factory=list)
    undone: list[Change] = field(default_factory=list)

    def record(self, text: str, cursor: int) -> None:
        """Add a version, unless it is the newest one; then only its cursor changes."""
        if text != self.text:
            self.done.append(difference(self.text, text, self.cursor))
            self.undone.clear()
            self.text = text
            self._shorten()
        self.cursor = cursor

    def undo(self, text: str, cursor: int) -> tuple[str, int] | None:
        """Return the version before `text`, and its cursor; None if there is none."""
        self.record(text, cursor)
        return self._step(self.done, self.undone)

    def redo(self, text: str, cursor: int) -> tuple[str, int] | None:
        """Return the version that was undone last, and its cursor; None if there is none."""
        self.record(text, cursor)
        return self._step(self.undone, self.done)

    def clear(self, text: str) -> None:
        """Begin with a text, and nothing to undo."""
        self.text, self.cursor, self.done, self.undone = text, len(text), [], []

    def copy(self) -> "UndoHistory":
        """Return the same versions, to go on from them later."""
        return UndoHistory(self.text, self.cursor, [*self.done], [*self.undone])

    def _step(self, changes: list[Change], others: list[Change]) -> tuple[str, int] | None:
        """Take the last of the changes back, and add what takes that back to the others."""
        if not changes:
            return None
        change = changes.pop()
        others.append(Change(change.start, change.inserted, change.removed, self.cursor))
        self.text = self.text[: change.start] + change.removed + self.text[change.start + len(change.inserted) :]
        self.cursor = change.cursor
        return self.text, self.cursor

    def _shorten(self) -> None:
        if len(self.done) % 64 == 0:
            total = 0
            for place in range(len(self.done) - 1, -1, -1):
                total += len(self.done[place].removed) + len(self.done[place].inserted)
                if total > MAX_CHARACTERS:
                    del self.done[: place + 1]
                    return
