"""The lines of a session that begin with a colon: settings, a look at the probabilities, undo, save.

A command may be shortened as long as it stays the only one: `:temp 0.8`, `:q`. Each one is a function of the session
and its argument that yields replies; its docstring is its line in `:help`.
"""

import dataclasses
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

from rnnwords.cli.repl.session import Reply, Session, Settings, end_of
from rnnwords.config import check_value
from rnnwords.errors import RnnwordsError, UsageError
from rnnwords.files import replace_file

Command = Callable[[Session, str], Iterator[Reply]]
SETTINGS = ("temperature", "top-k", "top-p", "repetition-penalty", "words", "seed")
_FIELDS = {item.name.replace("_", "-"): item for item in dataclasses.fields(Settings)}
FAINT = 0.001  # less probable words are not shown
_SHOWN = 60  # characters of the document that a note quotes


def parse(line: str) -> tuple[str, str] | None:
    """Name and argument of a command; None for text. A colon with a space before it, or no letter after it, is text."""
    match = re.fullmatch(r":([A-Za-z][\w-]*!?)(?:[ \t]+(.*?))?[ \t]*", line)
    return (match[1].lower().replace("_", "-"), match[2] or "") if match else None


def answer(session: Session, line: str) -> Iterator[Reply]:
    """What is to be shown for one line. A failure of the predictor or of a command is one line of it, no exception."""
    try:
        command = parse(line)
        yield from run(session, *command) if command else session.write_on(line)
    except RnnwordsError as error:
        yield Reply("error", str(error))


def run(session: Session, name: str, argument: str) -> Iterator[Reply]:
    """Carry out a command. Raises UsageError for one that does not exist or takes another argument, and SaveError."""
    found = [name] if name in COMMANDS else [other for other in COMMANDS if other.startswith(name)]
    if len(found) != 1:
        what = f"may be {' or '.join(':' + other for other in found)}" if found else "is no command; :help lists them"
        raise UsageError(f":{name} {what}")
    yield from COMMANDS[found[0]](session, argument)


def help_lines() -> Iterator[tuple[str, str]]:
    """Each command as it is typed, and what it does."""
    for name, command in COMMANDS.items():
        usage, _, what = (command.__doc__ or "").partition(": ")
        yield f":{name} {usage}".rstrip(), what


def _help(session: Session, argument: str) -> Iterator[Reply]:
    """: this list"""
    for usage, what in help_lines():
        yield Reply("data", f"{usage:<26} {what}")
    yield Reply("data", "A setting is taken back by off. All else is text, which the model writes on.")


def _setting(name: str, usage: str) -> Command:
    def command(session: Session, argument: str) -> Iterator[Reply]:
        if argument:
            change: dict[str, Any] = {name.replace("-", "_"): _value(name, argument)}
            session.settings = dataclasses.replace(session.settings, **change)
            if name == "seed":
                session.drawn = 0
        yield Reply("note", f"{name} {_shown(session, name)}")

    command.__doc__ = usage
    return command


def _value(name: str, argument: str) -> int | float | None:
    """The value that `argument` names for a setting, in its range; `off` is its default."""
    item = _FIELDS[name]
    if argument == "off":
        return cast(int | float | None, item.default)
    whole = "int" in str(item.type)
    try:
        value = int(argument) if whole else float(argument)
    except ValueError:
        low, high = item.metadata["range"]
        number = "whole number" if whole else "number"
        raise UsageError(
            f"{name} must be a {number} between {low:,} and {high:,}, or off; got {argument[:40]!r}"
        ) from None
    check_value(item, value)
    return value


def _shown(session: Session, name: str) -> str:
    value = getattr(session.settings, name.replace("-", "_"))
    if name == "temperature" and session.settings.greedy:
        return "off: the most probable word is taken"
    return "off" if value is None else str(value)


def _settings(session: Session, argument: str) -> Iterator[Reply]:
    """: all settings"""
    for name in SETTINGS:
        yield Reply("data", f"{name:<18} {_shown(session, name)}")


def _why(session: Session, argument: str) -> Iterator[Reply]:
    """: how probable each word of the last text was, and what was expected there"""
    before, text = session.last_text()
    symbols = session.predictor.vocabulary.tokenize(text)
    if not symbols:
        raise UsageError("nothing is written yet: type some words first")
    width = min(24, max(map(len, symbols)))
    for word, probability, expected in session.predictor.explain_steps(text, before=before):
        best = ", ".join(f"{other} {percent(share)}" for other, share in expected if share >= FAINT)
        yield Reply("data", f"{word:<{width}}  {percent(probability):>5}  {best}")


def percent(share: float) -> str:
    """A probability as people read it: 62 %, 3.1 %, <0.1 %."""
    if 0 < share < 0.001:
        return "<0.1 %"
    return f"{share * 100:.1f} %" if share < 0.0995 else f"{share * 100:.0f} %"


def _show(session: Session, argument: str) -> Iterator[Reply]:
    """: the whole text"""
    yield Reply("data", session.document)


def _undo(session: Session, argument: str) -> Iterator[Reply]:
    """: take back what was generated last; once more, the line before it"""
    if session.steps:
        yield Reply("note", f"taken back: {_quoted(session.steps.pop().text)}")
    elif session.earlier:
        session.steps = session.earlier.pop()
    else:
        raise UsageError("nothing is left to take back")
    yield Reply("note", f"the text is: {_quoted(end_of(session.steps))}" if session.steps else "the text is empty")


def _new(session: Session, argument: str) -> Iterator[Reply]:
    """: start afresh with an empty text; :undo brings the old one back"""
    if session.steps:
        session.earlier.append(session.steps)
        session.steps = []
    yield Reply("note", "a new text")


def _quoted(text: str) -> str:
    """The end of a text, on one line."""
    line = " ".join(text.split())
    return line if len(line) <= _SHOWN else "\u2026" + line[-_SHOWN:]


def _save(session: Session, argument: str) -> Iterator[Reply]:
    """FILE: write the text to a file that is not there yet, or was saved before"""
    yield from _write(session, argument, replace=False)


def _save_over(session: Session, argument: str) -> Iterator[Reply]:
    """FILE: the same, over a file that is there"""
    yield from _write(session, argument, replace=True)


def _write(session: Session, argument: str, *, replace: bool) -> Iterator[Reply]:
    path = Path(os.path.expanduser(argument)).absolute() if argument else session.file
    if path is None:
        raise UsageError("where to? Give a file: :save story.txt")
    document = session.document
    if not document:
        raise UsageError("nothing is written yet: type some words first")
    if "\0" in argument or path.is_dir():
        raise UsageError(f"{argument[:80]!r} is no file that could be written")
    if os.path.lexists(path) and not (replace or path == session.file):
        raise UsageError(f"{argument} is there already; :save! {argument} replaces it")
    text = document if document.endswith("\n") else document + "\n"
    replace_file(path, [text.encode(errors="backslashreplace")], kept="the text is still here, unsaved")
    session.file, session.saved = path, document
    yield Reply("note", f"saved {path}: {len(document.split()):,} words")


def _quit(session: Session, argument: str) -> Iterator[Reply]:
    """: end, as Ctrl-D does on an empty line"""
    yield Reply("end", "")


COMMANDS: dict[str, Command] = {
    "temperature": _setting("temperature", "0.8: draw words by chance, bolder the higher; off: the most probable word"),
    "top-k": _setting("top-k", "40: draw from the 40 most probable words only"),
    "top-p": _setting("top-p", "0.9: draw from the most probable words that make up 90 % only"),
    "repetition-penalty": _setting("repetition-penalty", "1.2: shun words that were written just before"),
    "words": _setting("words", "20: write 20 words at a time"),
    "seed": _setting("seed", "7: draw the same words again"),
    "settings": _settings,
    "why": _why,
    "show": _show,
    "undo": _undo,
    "new": _new,
    "save": _save,
    "save!": _save_over,
    "help": _help,
    "quit": _quit,
}
