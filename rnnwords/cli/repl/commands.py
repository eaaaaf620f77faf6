"""Commands of a session, lines that begin with a colon: settings, probabilities, undo; files are in `file_commands`.

A command may be shortened as long as it is unambiguous: `:temp 0.8`, `:q`.
"""

import contextlib
import dataclasses
import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, cast

from rnnwords.cli.repl import file_commands
from rnnwords.cli.repl.session import Reply, WritingSession, WritingSettings, number_of
from rnnwords.config import check_value
from rnnwords.errors import RnnwordsError, UsageError
from rnnwords.prediction.completions import MIN_PROBABILITY, percent

NO_REPEAT = "no-repeat-ngram"


class Command(NamedTuple):
    """What a command does. Without `usage` it takes no argument; `missing` is the error without a needed one."""

    run: Callable[[WritingSession, str], Iterator[Reply]]
    usage: str
    what: str
    missing: str = ""


SETTINGS = {  # name -> example, and what the command does
    "temperature": ("0.8", "sample words, rarer ones the higher it is; off: most probable word"),
    "top-k": ("40", "sample from the 40 most probable words"),
    "top-p": ("0.9", "sample from the fewest words with a total probability of 90 %"),
    "repetition-penalty": ("1.2", "lower the probability of recent words"),
    NO_REPEAT: ("3", "never repeat a sequence of 3 words"),
    "words": ("20", "set the number of words of a continuation"),
    "seed": ("7", "set the random seed; the same seed repeats the same text"),
}
_FIELDS = {item.name.replace("_", "-"): item for item in dataclasses.fields(WritingSettings)}


def parse(line: str) -> tuple[str, str] | None:
    """Return name and argument of a command; None for text, such as a colon that no letter follows."""
    match = re.fullmatch(r":([A-Za-z][\w-]*!?)(?:[ \t]+(.*?))?[ \t]*", line)
    return (match[1].lower().replace("_", "-"), match[2] or "") if match else None


def as_command(message: str) -> str:
    """Return a message with each `setting` in backquotes replaced by the command that sets it."""
    return re.sub(r"`(\w+)`", lambda match: ":" + match[1].replace("_", "-"), message)


def resolved(name: str) -> str:
    """Return the whole name of a command. Raises UsageError for an unknown or ambiguous one."""
    matches = [name] if name in COMMANDS else [other for other in COMMANDS if other.startswith(name)]
    if not matches:
        raise UsageError(f"unknown command :{name[:40]}; :help lists the commands")
    if len(matches) > 1:
        raise UsageError(f"ambiguous command :{name}; type {' or '.join(':' + other for other in matches)}")
    return matches[0]


def answer(session: WritingSession, name: str, argument: str) -> Iterator[Reply]:
    """Yield the replies to a command. An error of the model or of the command is one of them, not an exception."""
    try:
        yield from run(session, name, argument)
    except RnnwordsError as error:
        yield Reply("error", as_command(str(error)))


def run(session: WritingSession, name: str, argument: str) -> Iterator[Reply]:
    """Run a command. Raises UsageError for an unknown or ambiguous name or an invalid argument, and SaveError."""
    name = resolved(name)
    command = COMMANDS[name]
    if argument and not command.usage:
        raise UsageError(f":{name}: expected no argument, found {argument[:40]!r}")
    if not argument and command.missing:
        raise UsageError(command.missing)
    yield from command.run(session, argument)


def help_lines() -> Iterator[tuple[str, str]]:
    """Yield each command as it is typed, and what it does."""
    for name, command in COMMANDS.items():
        yield f":{name} {command.usage}".rstrip(), command.what


def _help(session: WritingSession, argument: str) -> Iterator[Reply]:
    for usage, what in help_lines():
        yield Reply("data", f"{usage:<26} {what}")
    yield Reply("data", "The argument off resets a setting. A line with a space before the colon is text.")


def _setting(name: str) -> Callable[[WritingSession, str], Iterator[Reply]]:
    def command(session: WritingSession, argument: str) -> Iterator[Reply]:
        if argument:
            change: dict[str, Any] = {name.replace("-", "_"): _value(name, argument)}
            session.settings = dataclasses.replace(session.settings, **change)
            if name == "seed":
                session.samples = 0
        yield Reply("note", f"{name} {_shown(session, name)}")

    return command


def _value(name: str, argument: str) -> int | float | None:
    """Return the value of a setting that `argument` names; `off` is its default. Raises UsageError."""
    item = _FIELDS[name]
    if argument == "off":
        return cast(int | float | None, item.default)
    value: int | float | str = argument[:40]  # refused unless it is a number
    with contextlib.suppress(ValueError):
        value = int(argument) if int in WritingSettings.accepted_types()[item.name] else float(argument)
    check_value(WritingSettings, item, value)
    return cast(int | float, value)


def _shown(session: WritingSession, name: str) -> str:
    value = getattr(session.settings, name.replace("-", "_"))
    if name == "temperature" and session.settings.greedy:
        return "off: takes the most probable word"
    if name == NO_REPEAT and value is None and session.settings.greedy and session.avoids_loops:
        return "off: 4 words while the most probable word is taken"
    return "off" if value is None else str(value)


def _settings(session: WritingSession, argument: str) -> Iterator[Reply]:
    for name in SETTINGS:
        yield Reply("data", f"{name:<18} {_shown(session, name)}")


def _why(session: WritingSession, argument: str) -> Iterator[Reply]:
    before, text = session.last_text()
    words = session.model.vocabulary.tokenize(text)
    if not words:
        raise UsageError("the text is empty; type some words first")
    width = min(24, max(map(len, words)))
    for word, probability, best in session.model.explain_steps(text, before=before):
        others = ", ".join(f"{other} {percent(share)}" for other, share in best if share >= MIN_PROBABILITY)
        yield Reply("data", f"{word:<{width}}  {percent(probability):>6}  {others}")


def _show(session: WritingSession, argument: str) -> Iterator[Reply]:
    yield Reply("data", session.document)


def _undo(session: WritingSession, argument: str) -> Iterator[Reply]:
    return session.undo()


def _redo(session: WritingSession, argument: str) -> Iterator[Reply]:
    return session.redo()


def words_of(argument: str) -> int | None:
    """Return the number of words that the argument of `:go` names; None without one. Raises UsageError."""
    if not argument:
        return None
    return number_of("a number of words", argument, _FIELDS["words"].metadata["range"][1])


def _go(session: WritingSession, argument: str) -> Iterator[Reply]:
    return session.go(words_of(argument))


def _quit(session: WritingSession, argument: str) -> Iterator[Reply]:
    yield Reply("end", "")


COMMANDS: dict[str, Command] = {
    "go": Command(_go, "[WORDS]", "let the model continue"),
    "open": Command(file_commands.open_file, "FILE", "write on in a file, which need not exist",
                    "expected a file name, found none; type :open story.txt"),
    "save": Command(file_commands.save, "[FILE]", "save the text to a new file, or to its own"),
    "save!": Command(file_commands.save_over, "[FILE]", "save the text and replace an existing file"),
    "undo": Command(_undo, "", "take back the last change"),
    "redo": Command(_redo, "", "repeat what :undo took back"),
    "new": Command(file_commands.new, "", "start an empty text; :undo restores the previous one"),
    "drafts": Command(file_commands.drafts, "", "list the unsaved texts of earlier sessions"),
    "restore": Command(file_commands.restore, "N", "write on in unsaved text N of the list",
                       "expected the number of a text, found none; :drafts lists them"),
    "discard": Command(file_commands.discard, "N", "remove unsaved text N of the list",
                       "expected the number of a text, found none; :drafts lists them"),
    "why": Command(_why, "", "show the probability of each word of the line, and the most probable ones in its place"),
    "show": Command(_show, "", "show the whole text"),
    **{name: Command(_setting(name), usage, what) for name, (usage, what) in SETTINGS.items()},
    "settings": Command(_settings, "", "show all settings"),
    "help": Command(_help, "", "list the commands"),
    "quit": Command(_quit, "", "end the session; unsaved text is kept"),
}  # fmt: skip
