"""Charts of curves in a terminal, drawn with braille characters, or in ASCII."""

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby, pairwise
from typing import NamedTuple

MIN_PLOT = 10  # columns between the axes, at least
_BRAILLE = 0x2800
_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))  # bits of a braille character, by row and column

Point = tuple[float, float]


class Curve(NamedTuple):
    """A curve: its name in the legend, its points in order of x, and how it is drawn."""

    name: str
    points: Sequence[Point]
    sign: str  # at each cell of the curve; empty: a line of dots, as fine as the output allows
    colour: str  # a name of Click's


class Axis(NamedTuple):
    """A vertical axis: its name, and its values as text."""

    name: str
    text: Callable[[float], str]


class ChartStyle(NamedTuple):
    """How charts are drawn."""

    braille: bool  # else in ASCII
    colour: Callable[[str, str], str]  # returns a text in a colour

    @property
    def axes(self) -> tuple[str, str, str, str, str]:
        """Left axis, with and without a number; right axis with a number; corner; line below."""
        return ("\u2524", "\u2502", "\u251c", "\u2514", "\u2500") if self.braille else ("+", "|", "+", "+", "-")


def chart(
    curves: Sequence[Curve], left: Axis, right: Axis | None, below: tuple[str, str], size: tuple[int, int],
    style: ChartStyle,
) -> Iterator[str]:  # fmt: skip
    """Yield a chart as lines: names of axes and curves, curves between labelled axes, labels of the first and last x.

    Each curve covers those before it. `size` is the width of all and the number of lines between names and labels. The
    right axis shows the values of the left one in another unit.
    """
    width, height = size
    xs, ys = zip(*(point for curve in curves for point in curve.points), strict=True)
    low, high = min(ys), max(ys)
    if low == high:  # the curve is a line in the middle
        low, high = low - (abs(low) or 1.0) / 2, high + (abs(high) or 1.0) / 2
    levels = {row: high - (high - low) * row / (height - 1) for row in (0, (height - 1) // 2, height - 1)}
    labels = {row: left.text(level) for row, level in levels.items()}
    other = {row: f" {right.text(level)}" for row, level in levels.items()} if right else {}
    margin = max(map(len, labels.values()))
    columns = max(MIN_PLOT, width - margin - 2 - max(map(len, other.values()), default=-1) - 1)
    canvas = _Canvas(columns, height, (min(xs), max(xs)), (low, high), style.braille)
    for curve in curves:
        canvas.draw(curve)
    yield from _title(curves, left, right, width, style)
    tick, axis, other_tick, corner, line = style.axes
    for row, cells in enumerate(canvas.lines(style.colour)):
        begin = f"{labels.get(row, ''):>{margin}} {tick if row in labels else axis}"
        yield begin + (f"{cells}{other_tick}{other[row]}" if row in other else cells.rstrip())
    yield " " * (margin + 1) + corner + line * columns
    first, last = below
    space = columns - len(first) - len(last)
    yield " " * (margin + 2) + (f"{first}{' ' * space}{last}" if space > 0 else last.rjust(columns)).rstrip()


def _title(curves: Sequence[Curve], left: Axis, right: Axis | None, width: int, style: ChartStyle) -> Iterator[str]:
    """Yield the names of axes and curves, on two lines where one is too short."""
    line = chr(_BRAILLE + 0x12) * 2 if style.braille else ".."
    legend = ", ".join(f"{curve.sign or line} {curve.name}" for curve in curves)
    coloured = ", ".join(f"{style.colour(curve.sign or line, curve.colour)} {curve.name}" for curve in curves)
    other = right.name if right else ""
    if (space := width - len(f"{left.name}: {legend}{other}")) > 1:
        yield f"{left.name}: {coloured}{' ' * space}{other}".rstrip()
    else:
        yield f"{left.name}{f' (right: {other})' if other else ''}"
        yield coloured


class _Canvas:
    """A grid of characters on which curves are drawn; later ones cover earlier ones."""

    def __init__(self, width: int, height: int, x: tuple[float, float], y: tuple[float, float], braille: bool) -> None:
        """`x` and `y` are the lowest and the highest value on each axis."""
        self.width, self.height, self.x, self.y, self.braille = width, height, x, y, braille
        self.cells = [[(" ", "")] * width for _ in range(height)]  # characters and their colours

    def draw(self, curve: Curve) -> None:
        """Draw a curve."""
        across, down = (2, 4) if self.braille and not curve.sign else (1, 1)
        dots: dict[tuple[int, int], int] = {}
        for column, row in self._pixels(curve.points, self.width * across, self.height * down):
            place = row // down, column // across
            dots[place] = dots.get(place, 0) | _DOTS[row % 4][column % 2]
        for (row, column), bits in dots.items():
            self.cells[row][column] = (curve.sign or (chr(_BRAILLE + bits) if self.braille else "."), curve.colour)

    def lines(self, colour: Callable[[str, str], str]) -> Iterator[str]:
        """Yield the lines of the grid."""
        for cells in self.cells:
            runs = groupby(cells, key=lambda cell: cell[1])
            yield "".join(
                colour(text, name) if name else text
                for name, text in ((name, "".join(character for character, _ in run)) for name, run in runs)
            )

    def _pixels(self, points: Sequence[Point], width: int, height: int) -> Iterator[tuple[int, int]]:
        """Yield the pixels (column, row) of the lines between points, all of them connected."""
        places = [(_place(x, self.x, width), height - 1 - _place(y, self.y, height)) for x, y in points]
        yield from places[:1]
        for (column, row), (next_column, next_row) in pairwise(places):
            steps = max(abs(next_column - column), abs(next_row - row))
            for step in range(1, steps + 1):
                share = step / steps
                yield round(column + share * (next_column - column)), round(row + share * (next_row - row))


def _place(value: float, limits: tuple[float, float], size: int) -> int:
    low, high = limits
    return min(size - 1, max(0, round((value - low) / (high - low) * (size - 1)))) if high > low else size // 2
