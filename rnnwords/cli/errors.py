"""Error messages for users: names of settings become the options of the command, as they were typed."""

import os
import re
from typing import Any

import click

from rnnwords.config import shown
from rnnwords.files import reason

# Setting -> parameter of the commands, where their names differ.
PARAMETERS = {
    "checkpoint_seconds": "checkpoint_every", "directory": "model", "mode": "stateful", "seconds": "time",
    "test_split": "test", "text": "corpus", "vocabulary": "vocab",
}  # fmt: skip
TYPED = "rnnwords.typed"  # key of `Context.meta`: the arguments of the command
_REFUSED = re.compile(r"(.*) is not (?:in the range|a valid|one of) .*", re.DOTALL)  # messages of Click


def with_options(message: str, context: click.Context | None = None) -> str:
    """Return a message with each `setting` in backquotes replaced by its option, or by the name of its argument.

    An option of the command in `context` is named as it was typed: -n or --words. A setting that no command has as an
    option keeps its backquotes. Without `context` that of the running command counts.
    """
    context = context or click.get_current_context(silent=True)
    return re.sub(r"`(\w+)`", lambda match: option_name(match[1], context) or match[0], message)


def option_name(setting: str, context: click.Context | None) -> str | None:
    """Return the option for a setting: one of the running command, else one of another command; None if none has it."""
    if context is None:
        return None
    program = context.find_root().command
    others = program.commands.values() if isinstance(program, click.Group) else ()
    for command in (context.command, *others):
        for parameter in command.params:
            if parameter.name == PARAMETERS.get(setting, setting):
                return typed_name(parameter, context)
    return None


def typed_name(parameter: click.Parameter, context: click.Context | None) -> str:
    """Return the spelling of an option that was typed, else its long one; of an argument, its name in the help."""
    if isinstance(parameter, click.Argument):
        return parameter.make_metavar(context or click.Context(click.Command(None))).strip("[].")
    typed = context.meta.get(TYPED, ()) if context else ()
    # Long names first: a value such as -nan begins like the short name -n.
    for name in sorted((*parameter.opts, *parameter.secondary_opts), key=len, reverse=True):
        is_long = name.startswith("--")
        if any(word == name or word.startswith(f"{name}=" if is_long else name) for word in typed):
            return name
    return max(parameter.opts, key=len)


def usage_message(error: click.ClickException) -> str:
    """Return the message of an error of Click in the form of this program: "--top-k: expected ..., found ..."."""
    message = _without_stop(error.format_message())
    context = getattr(error, "ctx", None)
    if isinstance(error, click.BadParameter) and error.param is not None:
        name = typed_name(error.param, context)
        if isinstance(error, click.MissingParameter):
            message = f"expected {name}, found none"
        else:
            refused = _REFUSED.fullmatch(error.message)
            found = f"expected {_expected(error.param.type)}, found {refused[1]}" if refused else error.message
            message = f"{name}: {_without_stop(found)}"
        message += _dash_hint(name, context) if re.fullmatch("-[^-]", name) else ""
    elif isinstance(error, click.BadParameter):
        message = _without_stop(error.message)
    elif isinstance(error, click.NoSuchOption):
        message += _dash_hint(error.option_name, context)
    return message if context is None else f"{message} (see {context.command_path} --help)"


def _dash_hint(option: str, context: click.Context | None) -> str:
    """Return the remedy for an argument that begins like an option; empty where a whole option was typed."""
    if context is None:
        return ""
    typed = next((word for word in context.meta.get(TYPED, ()) if word.startswith(option)), option)
    argument = next((one for one in context.command.params if isinstance(one, click.Argument)), None)
    if argument is None or re.fullmatch("-[A-Za-z]|--[a-z-]+(=.*)?", typed):
        return ""
    return f"; if {shown(typed)} is {typed_name(argument, context)}, write it last, after --"


def system_message(error: OSError | MemoryError) -> str:
    """Return the message for what the system refused where nothing more specific was raised."""
    if isinstance(error, MemoryError):
        return "not enough memory; close other programs, or use a smaller text, batch or network"
    if error.filename is None or isinstance(error.filename, int):
        return f"the operating system refused an operation: {reason(error)}"
    return f"cannot use {os.fsdecode(error.filename)}: {reason(error)}"


def _without_stop(message: str) -> str:
    return message if message.endswith("...") else message.rstrip(".")


def _expected(kind: click.ParamType[Any]) -> str:
    if isinstance(kind, click.Choice):
        return f"one of {', '.join(map(str, kind.choices))}"
    number = "a whole number" if isinstance(kind, type(click.INT)) else "a number"
    if not isinstance(kind, click.IntRange | click.FloatRange):
        return number
    limits = f"of {kind.min:,} or more" if kind.max is None else f"between {kind.min:,} and {kind.max:,}"
    return f"{number} {limits}"
