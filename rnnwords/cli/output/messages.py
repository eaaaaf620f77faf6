"""The form of everything on stderr that is one message: one line of at most 500 characters, safe on a terminal.

A message may hold names, words and values from files that others made. Where it is built, long values are shortened
(`config.shown`), so that it is complete; this limit is for all that is not.
"""

from rnnwords.cli.output.terminal import safe

MAX_MESSAGE = 500  # characters
END = 200  # of them for the end of a longer message, which says what to do
_CUT = " ... "


def one_line(message: str, limit: int = MAX_MESSAGE) -> str:
    """Return a message as one line of at most `limit` characters: of a longer one, its beginning and its end."""
    start = limit - END - len(_CUT)
    if len(message) > limit:  # before it is escaped, since it may have millions of characters
        message = message[:limit] + _CUT + message[-limit:]
    line = safe(message.replace("\n", " "))
    return line if len(line) <= limit else line[:start] + _CUT + line[-END:]
