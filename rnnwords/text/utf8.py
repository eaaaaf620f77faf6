"""UTF-8 decoding of files, pipes and arguments: invalid bytes are an error with its position, or become U+FFFD."""

import os

from rnnwords.errors import CorpusError


def decode(data: bytes, encoding_errors: str, name: str, line: int = 1, byte: int = 1) -> str:
    """Return the text of bytes that begin at `line` and `byte` (both counted from 1) of the input `name`.

    Raises CorpusError with the position of the first invalid byte, unless `encoding_errors` is "replace".
    """
    try:
        return data.decode("utf-8", encoding_errors)
    except UnicodeDecodeError as error:
        before = data[: error.start]
        line += before.count(b"\n")
        byte = len(before) - before.rfind(b"\n") if b"\n" in before else byte + len(before)
        raise CorpusError(
            f"{name}, line {line}, byte {byte}: expected UTF-8, found 0x{data[error.start]:02x}; convert the file, or "
            "set `encoding_errors` to replace"
        ) from error


def decode_argument(argument: str) -> str:
    """Return a command-line argument decoded as UTF-8 in any locale; invalid bytes (surrogates) become U+FFFD."""
    try:
        return os.fsencode(argument).decode("utf-8", "replace")
    except UnicodeEncodeError:  # it did not come from a command line
        return argument.encode("utf-8", "replace").decode()
