"""UTF-8 decoding of files, pipes and arguments: invalid bytes are an error with its position, or become U+FFFD.

NUL bytes are an error in files and pipes: they show that the data is not a text, or a text in another encoding.
"""

import os
import re

from rnnwords.errors import CorpusError


def decode(data: bytes, encoding_errors: str, name: str, line: int = 1, byte: int = 1) -> str:
    """Return the text of bytes that begin at `line` and `byte` (both counted from 1) of the input `name`.

    Raises CorpusError with the position of the first invalid byte, unless `encoding_errors` is "replace".
    """
    try:
        return data.decode("utf-8", encoding_errors)
    except UnicodeDecodeError as error:
        position = place(data[: error.start], name, line, byte)
        raise CorpusError(f"{position}: expected UTF-8, found {_found(data, error.start, name)}") from error


def _found(data: bytes, at: int, name: str) -> str:
    """Return the invalid byte, the encoding that it probably shows, and what to do."""
    from rnnwords.text.formats.encodings import likely_remedy

    remedy = likely_remedy(data, at, name)
    otherwise = f"{remedy}; or" if remedy else "; correct the file, or"
    return f"0x{data[at]:02x}{otherwise} set `encoding_errors` to replace"


def refuse_nul(data: bytes, name: str, line: int = 1, byte: int = 1) -> None:
    """Raise CorpusError with the position of the first NUL byte, if there is one: no text contains any.

    The bytes begin at `line` and `byte` of the input `name`.
    """
    if (at := data.find(b"\0")) >= 0:
        raise CorpusError(
            f"{place(data[:at], name, line, byte)}: expected a text, found a NUL byte, as in binary data; convert the "
            "file to UTF-8 text, or remove its NUL bytes, as with tr -d '\\000'"
        )


def place(before: bytes, name: str, line: int, byte: int) -> str:
    """Return the position after the bytes `before`, which begin at `line` and `byte` of the input `name`."""
    line, byte = after(before, line, byte)
    return f"{name}, line {line}, byte {byte}"


def after(data: bytes, line: int, byte: int) -> tuple[int, int]:
    """Return the line and the byte in it, both counted from 1, after bytes that begin at `line` and `byte`."""
    return line + data.count(b"\n"), len(data) - data.rfind(b"\n") if b"\n" in data else byte + len(data)


def decode_argument(argument: str) -> str:
    """Return a command-line argument decoded as UTF-8 in any locale; invalid bytes (surrogates) become U+FFFD."""
    try:
        return os.fsencode(argument).decode("utf-8", "replace")
    except UnicodeEncodeError:  # it did not come from a command line
        return argument.encode("utf-8", "replace").decode()


def lines_of(text: str) -> list[str]:
    """Return the lines of a text with their ends, which are \\n only."""
    return re.findall(r"[^\n]*\n|[^\n]+", text)
