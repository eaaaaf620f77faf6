"""JSON on stdout: one object per line, without NaN or infinity."""

import json
from typing import Any

import click

from rnnwords.cli.output.terminal import is_safe

_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode


def json_line(value: Any) -> str:
    """Return a JSON value as one line of UTF-8; escaped are only control characters and lone surrogates."""
    text = _encode(value)
    return text if is_safe(text) else "".join(c if is_safe(c) else f"\\u{ord(c):04x}" for c in text)


def print_json(value: Any) -> None:
    """Print a JSON value."""
    click.echo(json_line(value))
