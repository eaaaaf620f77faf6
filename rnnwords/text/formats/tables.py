"""One column of CSV files, and one field of JSON Lines: each text becomes a paragraph."""

import csv
import json
import re
from collections.abc import Iterator
from typing import Any

from rnnwords.errors import CorpusError
from rnnwords.text.formats.source import Source, ending

MAX_CELL = 64 << 20  # characters
SHOWN = 12  # names in a message
_SURROGATES = re.compile("[\ud800-\udfff]")


def texts_of_csv(source: Source) -> Iterator[str]:
    """Yield the texts of the column `text_column`, or of the only column."""
    lines = source.lines()
    first = next(lines, "")
    if first.lower().startswith("sep=") and len(first.rstrip("\n")) == 5:  # a line of Excel
        delimiter, first = first[4], next(lines, "")
    elif ending(source.name) == ".tsv":
        delimiter = "\t"
    else:
        delimiter = max(",;\t|", key=re.sub(r'"[^"]*"', "", first).count)

    def with_first() -> Iterator[str]:
        yield first
        yield from lines

    rows = csv.reader(with_first(), delimiter=delimiter, strict=True)
    others = csv.field_size_limit(MAX_CELL)  # one limit for all readers of the process
    try:
        index = _column(source, next(rows, []))
        for row in rows:
            if len(row) > index:
                yield _paragraph(row[index])
    except csv.Error as error:
        raise CorpusError(
            f"{source.name}, line {rows.line_num}: expected CSV with quotation marks in pairs, found an error: {error}"
        ) from error
    finally:
        csv.field_size_limit(others)


def _column(source: Source, header: list[str]) -> int:
    """Return the index of the column `text_column`."""
    names = [name.strip() for name in header]
    wanted = source.read.text_column
    if wanted is None:
        if len(names) == 1:
            return 0
        raise CorpusError(
            f"{source.name}: expected `text_column`, the name of the column with the text, found none; choose one of "
            f"{_shown(names)}"
        )
    for matches in ([wanted == name for name in names], [wanted.casefold() == name.casefold() for name in names]):
        if matches.count(True) == 1:
            return matches.index(True)
    found = "it twice" if wanted in names else f"only {_shown(names)}"
    raise CorpusError(f"{source.name}: expected a column {wanted!r}, found {found}; check `text_column`")


def texts_of_json_lines(source: Source) -> Iterator[str]:
    """Yield the texts of the field `text_field` of the object in each line; a.b is the field b of the object a."""
    for number, line in enumerate(source.lines(), 1):
        if not line.strip():
            continue
        place = f"{source.name}, line {number}"
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as error:
            why = "too much depth" if isinstance(error, RecursionError) else str(error).partition(":")[0]
            raise CorpusError(f"{place}: expected a JSON object, found {why[:80]}; correct the line") from error
        yield _paragraph(_field(place, value, source.read.text_field))


def _field(place: str, value: Any, name: str | None) -> str:
    if not isinstance(value, dict):
        raise CorpusError(f"{place}: expected a JSON object, found {_kind(value)}; pass a file with an object per line")
    if name is None:
        texts = [key for key, one in value.items() if isinstance(one, str)]
        if len(value) == 1 and texts:
            return str(value[texts[0]])
        raise CorpusError(
            f"{place}: expected `text_field`, the name of the field with the text, found none; choose one of "
            f"{_shown(texts or list(value))}"
        )
    found: Any = value.get(name)
    if name not in value:
        for part in name.split("."):
            if not isinstance(value, dict) or part not in value:
                raise CorpusError(
                    f"{place}: expected a field {name!r}, found {_shown(list(value))}; check `text_field`"
                )
            found = value = value[part]
    if not isinstance(found, str):
        raise CorpusError(f"{place}: expected a text in the field {name!r}, found {_kind(found)}; check `text_field`")
    return found


def _paragraph(text: str) -> str:
    """Return the text of a cell as a paragraph; blank lines separate paragraphs."""
    text = _SURROGATES.sub("\ufffd", text).replace("\0", "").replace("\r\n", "\n").replace("\r", "\n").strip()
    return text + "\n\n" if text else ""


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "a text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")


def _shown(names: list[str]) -> str:
    shown = ", ".join(repr(name[:40]) for name in names[:SHOWN])
    return (f"{shown} and {len(names) - SHOWN} more" if len(names) > SHOWN else shown) or "none"
