"""Logs of chats: the time before each message is left out; the name of its author stays, as in a play."""

import re
from collections.abc import Iterator

from rnnwords.text.formats.source import Source

_CLOCK = r"\d{1,2}[:.]\d{2}(?:[:.]\d{2})?(?:[.,]\d{1,3})?(?:[ \u00a0\u202f]?[AaPp]\.?[ \u00a0]?[Mm]\.?)?"
_DATE = r"(?:\d{1,4}[./-]\d{1,2}[./-]\d{1,4}\.?|\d{1,2}[ -]\w{3,9}\.?[ -]\d{2,4}|\w{3,9} \d{1,2},? \d{4})"
_STAMP = rf"(?:{_DATE}(?:,|T|,? at)?[ \u00a0]?)?{_CLOCK}"
_MARK = re.compile(
    rf"(?P<start>[\u200e\u200f]*)(?:\[{_STAMP}\]|\({_STAMP}\)|<{_STAMP}>|{_STAMP}(?=[ \t]))"
    r"[ \t]*(?:[-\u2013\u2014|][ \t]+)?[\u200e\u200f]*"
)
_SPEAKER = re.compile(r"(?:<[^<>\n]{1,40}>|\* ?\w|[^\s:.!?<>][^:!?<>\n]{0,39}:)(?:\s|$)")
_MEDIA = re.compile(r"(?:[^:\n]{1,40}:\s*)?[\u200e\u200f]*<[^<>\n]+>\s*")  # in place of a picture or sound
LONGEST = 120  # characters of a time and a speaker


def is_chat(head: str) -> bool:
    """Return whether most lines at the start of a text begin with a time and a speaker, as in logs of chats."""
    lines = [line for line in head.split("\n") if line.strip()]
    return len(lines) > 1 and 2 * sum(map(_is_message, lines)) > len(lines)


def _is_message(line: str) -> bool:
    mark = _MARK.match(line[:LONGEST])
    return bool(mark and _SPEAKER.match(line, mark.end()))


def text_of_chat(source: Source) -> Iterator[str]:
    """Yield the messages without their times; lines in place of pictures are left out."""
    for line in source.lines():
        if mark := _MARK.match(line[:LONGEST]):
            message = line[mark.end() :]
            if not _MEDIA.fullmatch(message):
                yield message
        else:
            yield line
