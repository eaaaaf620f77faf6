"""Positions of LSP: a line, and a place in it, counted in UTF-16 code units or in those that the editor offers."""

from collections.abc import Callable, Iterable
from typing import NamedTuple, Self

from rnnwords.server.messages import INVALID_PARAMS, Params, ResponseError, field


class Position(NamedTuple):
    """A position as a message has it, both from 0."""

    line: int
    character: int  # code units

    @classmethod
    def of(cls, params: Params, name: str = "position") -> Self:
        """Return the position that is the field `name` of the parameters. Raises InvalidParams."""
        value = field(params, name, dict)
        position = cls(field(value, "line", int), field(value, "character", int))
        if min(position) < 0:
            raise ResponseError(INVALID_PARAMS, f"{name}: expected numbers from 0, found {tuple(position)}")
        return position

    def back(self, units: int) -> Self:
        """Return the position that many code units before in the same line."""
        return self._replace(character=self.character - units)

    def to_json(self) -> Params:
        """Return the position as a message has it."""
        return self._asdict()


def span(start: Position, end: Position) -> Params:
    """Return a range as a message has it."""
    return {"start": start.to_json(), "end": end.to_json()}


DEFAULT = "utf-16"
UNITS: dict[str, Callable[[str], int]] = {  # encoding -> code units of a text; a lone surrogate is one of UTF-16
    "utf-8": lambda text: len(text.encode("utf-8", "surrogatepass")),
    "utf-16": lambda text: len(text.encode("utf-16-le", "surrogatepass")) // 2,
    "utf-32": len,
}


def negotiated(offered: object) -> str:
    """Return the first encoding of the client's list that is supported; without one, that of the protocol."""
    names: Iterable[object] = offered if isinstance(offered, list) else ()
    return next((name for name in names if isinstance(name, str) and name in UNITS), DEFAULT)


def index_of(line: str, character: int, encoding: str) -> int:
    """Return the index of the character at a number of code units: within a character its start, after the end it."""
    if line.isascii():
        return min(character, len(line))
    units, start, end = UNITS[encoding], 0, len(line)
    while start < end:  # a bisection: a line may have a million characters
        middle = (start + end + 1) // 2
        width = units(line[start:middle])
        if width <= character:
            start, character = middle, character - width
        else:
            end = middle - 1
    return start


def units_of(text: str, encoding: str) -> int:
    """Return the number of code units of a text."""
    return len(text) if text.isascii() else UNITS[encoding](text)
