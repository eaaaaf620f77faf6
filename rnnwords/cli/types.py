"""Options that are spans of time."""

from typing import Any

import click


class Duration(click.ParamType[float]):
    """A time span like 90s, 10m, 1.5h; a bare number is seconds."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, float):
            return value
        text = str(value).strip().lower()
        unit = {"s": 1, "m": 60, "h": 3600, "d": 86400}.get(text[-1:])
        try:
            seconds = float(text[:-1] if unit else text) * (unit or 1)
        except ValueError:
            seconds = -1.0
        if not 1 <= seconds <= 1e8:
            self.fail(f"expected a time like 90s, 10m or 2h, of 1 second or more; got {value!r}", param, ctx)
        return seconds


class StepsOrTime(click.ParamType[int | float]):
    """A number of iterations, or a time span with its unit."""

    name = "n|time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | float:
        if isinstance(value, (int, float)):
            return value
        if str(value).isdecimal():
            return click.IntRange(1).convert(value, param, ctx)
        return Duration().convert(value, param, ctx)
