"""Choices that follow from bytes, so that a fuzzer of bytes can change structures."""

import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")


class Choices:
    """Numbers, values and texts that follow from bytes; zeros after their end."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def below(self, limit: int) -> int:
        """Return a number from 0 to `limit` - 1."""
        size = 1 if limit <= 1 << 8 else 2 if limit <= 1 << 16 else 4
        part = self.data[self.at : self.at + size]
        self.at += size
        return int.from_bytes(part, "little") % limit

    def one_of(self, values: Any) -> Any:
        """Return one of the values."""
        return values[self.below(len(values))]

    def some(self, most: int) -> bytes:
        """Return up to `most` of the next bytes."""
        size = self.below(most + 1)
        part = self.data[self.at : self.at + size]
        self.at += size
        return part

    def rest(self) -> bytes:
        """Return all bytes that are left."""
        part, self.at = self.data[self.at :], len(self.data)
        return part

    def text(self, most: int, parts: Any = ()) -> str:
        """Return a text of up to `most` of the `parts` and of characters from the bytes, lone surrogates included."""
        found = []
        for _ in range(self.below(most + 1)):
            if self.at >= len(self.data):
                break
            if parts and self.below(2):
                found.append(self.one_of(parts))
            else:
                found.append(self.some(6).decode("utf-8", self.one_of(("surrogateescape", "replace", "ignore"))))
        return "".join(found)


@cache
def folder() -> Path:
    """Return a directory that lasts as long as the process, in memory where that is possible."""
    memory = Path("/dev/shm")
    made = tempfile.TemporaryDirectory(prefix="rnnwords-fuzz-", dir=memory if memory.is_dir() else None)
    _kept.append(made)
    return Path(made.name)


_kept: list[Any] = []  # it is removed when it is garbage


def json_places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield each container in a JSON value with each of its keys or indices."""
    items: list[tuple[Any, Any]] = list(enumerate(value)) if isinstance(value, list) else []
    items += value.items() if isinstance(value, dict) else []
    for key, inner in items:
        yield value, key
        yield from json_places(inner)
