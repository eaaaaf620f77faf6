"""Types of option values: numbers, times, and the kind of interpolation."""

import math
from typing import Any

import click
from click.shell_completion import CompletionItem

from rnnwords.config import INTERPOLATIONS

SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}  # in a unit of time


class Number(click.FloatRange):
    """A number in a range. Click's own type accepts NaN."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        number = float(super().convert(value, param, ctx))
        if math.isnan(number):
            self.fail(f"{number} is not in the range {self.min}<=x<={self.max}.", param, ctx)
        return number


class Duration(click.ParamType[float]):
    """A time span like 90s, 10m, 1.5h; a bare number is seconds."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, float):
            return value
        text = str(value).strip().lower()
        unit = SECONDS.get(text[-1:])
        try:
            seconds = float(text[:-1] if unit else text) * (unit or 1)
        except ValueError:
            seconds = -1.0
        if not 1 <= seconds <= 1e8:
            self.fail(f"expected a time of 1 second or more, such as 90s, 10m or 2h, found {value!r}", param, ctx)
        return seconds


class StepsOrTime(click.ParamType[int | float]):
    """A number of steps, or a time span with its unit."""

    name = "n|time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | float:
        if isinstance(value, (int, float)):
            return value
        if not str(value).isdecimal():
            return Duration().convert(value, param, ctx)
        if int(value) < 1:
            self.fail(f"expected 1 step or more, or a time such as 10m, found {value}", param, ctx)
        return int(value)


class Interpolation(click.ParamType[str | float]):
    """One of INTERPOLATIONS, or the weight of the network."""

    name = "interpolation"

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        return f"[{'|'.join(INTERPOLATIONS)}|WEIGHT]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str | float:
        if value in INTERPOLATIONS:
            return str(value)
        try:
            weight = float(value)
        except ValueError:
            weight = math.nan
        if not 0 <= weight <= 1:
            self.fail(f"expected {', '.join(INTERPOLATIONS)} or a number between 0 and 1, found {value!r}", param, ctx)
        return weight

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        return [CompletionItem(name) for name in INTERPOLATIONS if name.startswith(incomplete)]
