"""The command that a finished training suggests."""

from collections.abc import Mapping
from pathlib import Path

from rnnwords.cli.output.notes import command_line


def next_command(prompt: str, model: Path | None, settings: Mapping[str, float]) -> str:
    """Return the command that continues a prompt by the `settings` of `generate`; without one, it draws a word.

    `model` is None for the default model.
    """
    command = ["rnnwords", "generate", *([] if model is None else ["--model", str(model)])]
    options = [word for name, value in settings.items() for word in (f"--{name.replace('_', '-')}", f"{value:g}")]
    if prompt.startswith("-"):
        words = [*command, *options, "--", prompt]
    else:
        words = [*command, *([prompt] if prompt else []), *options]
    return command_line(words, "rnnwords generate --help")
