"""Types of option values: paths, numbers, times, and the kind of interpolation."""

import math
import os
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from rnnwords.config import INTERPOLATIONS, shown

SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}  # in a unit of time
MAX_SECONDS = 100_000_000
MAX_STEPS = 10**9


class FilePath(click.Path):
    """The path of a file or directory, which need not exist. What uses it reports what is there instead."""

    def __init__(self, *, allow_dash: bool = False) -> None:
        super().__init__(path_type=Path, readable=False, allow_dash=allow_dash)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        path = os.fsdecode(value)
        try:
            possible = path and b"\0" not in os.fsencode(path)  # an empty path would be the current directory
        except UnicodeEncodeError:
            possible = False
        if not possible:
            self.fail(f"expected a path, found {shown(path)}", param, ctx)
        if path.endswith("/") and os.path.exists(file := path.rstrip("/") or "/") and not os.path.isdir(file):
            self.fail(f"expected a directory, found a file: {path}", param, ctx)
        return super().convert(value, param, ctx)


class Whole(click.IntRange):
    """A whole number in a range, in ASCII digits. Click's own type accepts the digits of every script."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if not str(value).isascii():
            self.fail(f"{value!r} is not a valid {self.name}.", param, ctx)
        return int(super().convert(value, param, ctx))


class Number(click.FloatRange):
    """A number in a range, in ASCII digits. Click's own type accepts those of every script, and NaN."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if not str(value).isascii():
            self.fail(f"{value!r} is not a valid {self.name}.", param, ctx)
        number = float(super().convert(value, param, ctx))
        if math.isnan(number):
            self.fail(f"{number} is not in the range {self.min}<=x<={self.max}.", param, ctx)
        return number


class Duration(click.ParamType[float]):
    """A time span like 90s, 10m, 1.5h; a bare number is seconds."""

    name = "time"
    expected = f"a time between 1 second and {MAX_SECONDS // SECONDS['d']:,} days, such as 90s, 10m or 2h"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, float):
            return value
        text = str(value).strip().lower()
        unit = SECONDS.get(text[-1:])
        try:
            seconds = float(text[:-1] if unit else text) * (unit or 1) if text.isascii() else math.nan
        except ValueError:
            seconds = math.nan
        if not 1 <= seconds <= MAX_SECONDS:
            self.fail(f"expected {self.expected}, found {shown(value)}", param, ctx)
        return seconds


class StepsOrTime(click.ParamType[int | float]):
    """A number of steps, or a time span with its unit."""

    name = "n|time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | float:
        if isinstance(value, (int, float)):
            return value
        digits = str(value)
        if not (digits.isascii() and digits.isdecimal()):
            return Duration().convert(value, param, ctx)
        if len(digits.lstrip("0")) > len(str(MAX_STEPS)) or not 1 <= int(digits) <= MAX_STEPS:
            self.fail(
                f"expected a number of steps between 1 and {MAX_STEPS:,}, or a time such as 10m, found {shown(value)}",
                param, ctx,
            )  # fmt: skip
        return int(digits)


class Interpolation(click.ParamType[str | float]):
    """One of INTERPOLATIONS, or the weight of the network."""

    name = "interpolation"

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        return f"[{'|'.join(INTERPOLATIONS)}|WEIGHT]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str | float:
        if value in INTERPOLATIONS:
            return str(value)
        try:
            weight = float(value) if str(value).isascii() else math.nan
        except ValueError:
            weight = math.nan
        if not 0 <= weight <= 1:
            kinds = ", ".join(INTERPOLATIONS)
            self.fail(f"expected {kinds} or a number between 0 and 1, found {shown(value)}", param, ctx)
        return weight

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        return [CompletionItem(name) for name in INTERPOLATIONS if name.startswith(incomplete)]
