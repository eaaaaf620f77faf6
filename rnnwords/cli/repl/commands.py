"""Commands of a session, lines that begin with a colon: settings, probabilities, undo, save.

A command may be shortened as long as it is unambiguous: `:temp 0.8`, `:q`. Each one is a function of the session and
its argument that yields replies; its docstring is its line in `:help`.
"""

import dataclasses
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

from rnnwords.cli.repl.session import Reply, WritingSession, WritingSettings, end_of
from rnnwords.config import check_value
from rnnwords.errors import RnnwordsError, UsageError
from rnnwords.prediction.completions import MIN_PROBABILITY, percent
from rnnwords.saving import replace_file

SessionCommand = Callable[[WritingSession, str], Iterator[Reply]]
SETTINGS = {  # name -> example, and what the command does
    "temperature": "0.8: sample words, rarer ones the higher it is; off: most probable word",
    "top-k": "40: sample from the 40 most probable words",
    "top-p": "0.9: sample from the fewest words with a total probability of 90 %",
    "repetition-penalty": "1.2: lower the probability of recent words",
    "words": "20: set the number of words that Enter adds",
    "seed": "7: set the random seed; the same seed repeats the same text",
}
_FIELDS = {item.name.replace("_", "-"): item for item in dataclasses.fields(WritingSettings)}
_QUOTE_LENGTH = 60  # characters of the document in a note


def parse(line: str) -> tuple[str, str] | None:
    """Return name and argument of a command; None for text, such as a colon that no letter follows."""
    match = re.fullmatch(r":([A-Za-z][\w-]*!?)(?:[ \t]+(.*?))?[ \t]*", line)
    return (match[1].lower().replace("_", "-"), match[2] or "") if match else None


def answer(session: WritingSession, line: str) -> Iterator[Reply]:
    """Yield the replies to a line. An error of the model or of a command is one of them, not an exception."""
    try:
        command = parse(line)
        yield from run(session, *command) if command else session.continue_line(line)
    except RnnwordsError as error:
        yield Reply("error", as_command(str(error)))


def as_command(message: str) -> str:
    """Return a message with each `setting` in backquotes replaced by the command that sets it."""
    return re.sub(r"`(\w+)`", lambda match: ":" + match[1].replace("_", "-"), message)


def run(session: WritingSession, name: str, argument: str) -> Iterator[Reply]:
    """Run a command. Raises UsageError for an unknown or ambiguous name or an invalid argument, and SaveError."""
    matches = [name] if name in COMMANDS else [other for other in COMMANDS if other.startswith(name)]
    if not matches:
        raise UsageError(f"unknown command :{name}; :help lists the commands")
    if len(matches) > 1:
        raise UsageError(f"ambiguous command :{name}; type {' or '.join(':' + other for other in matches)}")
    yield from COMMANDS[matches[0]](session, argument)


def help_lines() -> Iterator[tuple[str, str]]:
    """Yield each command as it is typed, and what it does."""
    for name, command in COMMANDS.items():
        usage, _, what = (command.__doc__ or "").partition(": ")
        yield f":{name} {usage}".rstrip(), what


def _help(session: WritingSession, argument: str) -> Iterator[Reply]:
    """: list the commands"""
    for usage, what in help_lines():
        yield Reply("data", f"{usage:<26} {what}")
    yield Reply("data", "The argument off resets a setting. Any other line is text, which the model continues.")


def _setting(name: str, usage: str) -> SessionCommand:
    def command(session: WritingSession, argument: str) -> Iterator[Reply]:
        if argument:
            change: dict[str, Any] = {name.replace("-", "_"): _value(name, argument)}
            session.settings = dataclasses.replace(session.settings, **change)
            if name == "seed":
                session.samples = 0
        yield Reply("note", f"{name} {_shown(session, name)}")

    command.__doc__ = usage
    return command


def _value(name: str, argument: str) -> int | float | None:
    """Return the value of a setting that `argument` names; `off` is its default. Raises UsageError."""
    item = _FIELDS[name]
    if argument == "off":
        return cast(int | float | None, item.default)
    whole = int in WritingSettings.accepted_types()[item.name]
    try:
        value = int(argument) if whole else float(argument)
    except ValueError:
        low, high = item.metadata["range"]
        number = "a whole number" if whole else "a number"
        raise UsageError(
            f"`{item.name}`: expected {number} between {low:,} and {high:,}, or off, found {argument[:40]!r}"
        ) from None
    check_value(WritingSettings, item, value)
    return value


def _shown(session: WritingSession, name: str) -> str:
    value = getattr(session.settings, name.replace("-", "_"))
    if name == "temperature" and session.settings.greedy:
        return "off: takes the most probable word"
    return "off" if value is None else str(value)


def _settings(session: WritingSession, argument: str) -> Iterator[Reply]:
    """: show all settings"""
    for name in SETTINGS:
        yield Reply("data", f"{name:<18} {_shown(session, name)}")


def _why(session: WritingSession, argument: str) -> Iterator[Reply]:
    """: show the probability of each word of the last text, and the most probable words in its place"""
    before, text = session.last_text()
    words = session.model.vocabulary.tokenize(text)
    if not words:
        raise UsageError("the text is empty; type some words first")
    width = min(24, max(map(len, words)))
    for word, probability, best in session.model.explain_steps(text, before=before):
        others = ", ".join(f"{other} {percent(share)}" for other, share in best if share >= MIN_PROBABILITY)
        yield Reply("data", f"{word:<{width}}  {percent(probability):>6}  {others}")


def _show(session: WritingSession, argument: str) -> Iterator[Reply]:
    """: show the whole text"""
    yield Reply("data", session.document)


def _undo(session: WritingSession, argument: str) -> Iterator[Reply]:
    """: remove the last continuation; again: the line before it"""
    if session.passages:
        yield Reply("note", f"removed: {_quoted(session.passages.pop().text)}")
    elif session.earlier:
        session.passages = session.earlier.pop()
    else:
        raise UsageError("nothing to undo")
    end = end_of(session.passages)
    yield Reply("note", f"the text is: {_quoted(end)}" if session.passages else "the text is empty")


def _new(session: WritingSession, argument: str) -> Iterator[Reply]:
    """: start an empty text; :undo restores the previous one"""
    if session.passages:
        session.earlier.append(session.passages)
        session.passages = []
    yield Reply("note", "new text")


def _quoted(text: str) -> str:
    """Return the end of a text, on one line."""
    line = " ".join(text.split())
    return line if len(line) <= _QUOTE_LENGTH else "\u2026" + line[-_QUOTE_LENGTH:]


def _save(session: WritingSession, argument: str, *, replace: bool = False) -> Iterator[Reply]:
    """FILE: save the text to a new file, or to the file it was saved to"""
    path = Path(os.path.expanduser(argument)).absolute() if argument else session.file
    if path is None:
        raise UsageError("expected a file name, found none; type :save story.txt")
    document = session.document
    if not document:
        raise UsageError("the text is empty; type some words first")
    if "\0" in argument or os.path.isdir(path):
        raise UsageError(f"expected a file name, found {argument[:80]!r}")
    if os.path.lexists(path) and not (replace or path == session.file):
        raise UsageError(f"{argument} exists; :save! {argument} replaces it")
    text = document if document.endswith("\n") else document + "\n"
    replace_file(path, [text.encode(errors="backslashreplace")], kept="the text is still here, unsaved")
    session.file, session.saved = path, document
    yield Reply("note", f"saved {path}: {len(document.split()):,} words")


def _save_over(session: WritingSession, argument: str) -> Iterator[Reply]:
    """FILE: save the text and replace an existing file"""
    return _save(session, argument, replace=True)


def _quit(session: WritingSession, argument: str) -> Iterator[Reply]:
    """: end the session, like Ctrl-D on an empty line"""
    yield Reply("end", "")


COMMANDS: dict[str, SessionCommand] = {
    **{name: _setting(name, usage) for name, usage in SETTINGS.items()},
    "settings": _settings, "why": _why, "show": _show, "undo": _undo, "new": _new, "save": _save, "save!": _save_over,
    "help": _help, "quit": _quit,
}  # fmt: skip
