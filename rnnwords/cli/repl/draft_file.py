"""The file of a draft: its text, and the form that saving keeps: byte-order mark, line ends, last line end."""

import codecs
import contextlib
import hashlib
import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path

from rnnwords.errors import UsageError
from rnnwords.files import check_name, reason
from rnnwords.saving import check_replaceable, replace_file

MAX_BYTES = 16 << 20  # of a draft; each key changes a copy of its text
KEPT = "the text is still here, unsaved"
_ENCODINGS = {codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
_LINE_END = re.compile(r"\r\n|\r|\n")


@dataclass
class FileForm:
    """How a file writes its text. The text itself has \\n; of several kinds of line ends, each stays as it is."""

    mark: bytes = b""
    encoding: str = "utf-8"
    line_end: str = "\n"
    last_line_ends: bool = True

    def encode(self, text: str) -> bytes:
        """Return the bytes of a text. Where the last line of the file ended, that of the text does too."""
        if text and self.last_line_ends and not text.endswith(("\n", "\r")):
            text += "\n"
        if self.line_end != "\n":
            text = text.replace("\n", self.line_end)
        return self.mark + text.encode(self.encoding, "backslashreplace")


def decode(data: bytes, name: str) -> tuple[str, FileForm]:
    """Return the text of a file and its form. Raises UsageError for bytes that are no text."""
    mark = next((mark for mark in _ENCODINGS if data.startswith(mark)), b"")
    encoding = _ENCODINGS.get(mark, "utf-8")
    try:
        text = data[len(mark) :].decode(encoding)
    except UnicodeDecodeError as error:
        line = data[: error.start + len(mark)].count(b"\n") + 1
        raise UsageError(
            f"{name}: expected a text in {encoding.upper()}, found other bytes in line {line:,}; convert it to UTF-8"
        ) from error
    if "\0" in text:
        raise UsageError(f"{name}: expected a text, found a NUL character, as in binary data")
    kinds = set(_LINE_END.findall(text)) if "\r" in text else {"\n"}
    line_end = kinds.pop() if len(kinds) == 1 else "\n"
    if line_end != "\n":
        text = text.replace(line_end, "\n")
    return text, FileForm(mark, encoding, line_end, not text or text.endswith(("\n", "\r")))


class DraftFile:
    """A file that a draft is read from and saved to. What others write to it meanwhile is never overwritten unasked."""

    def __init__(self, path: Path, form: FileForm | None = None) -> None:
        """Without opening it: a file at `path` counts as somebody else's."""
        self.path = path
        self.form = form or FileForm()
        self.known: bytes | None = None  # digest of the content that was read or saved; None: no file
        self._status: tuple[int, ...] | None = None  # of the file when it had this content; None: not looked up

    @classmethod
    def open(cls, path: Path) -> tuple[str, "DraftFile"]:
        """Return the text of a file, which is empty for one that does not exist yet, and the file.

        Raises UsageError if it cannot be read, SaveError for a new one that could not be written.
        """
        file = cls(path)
        data = file._read()
        if data is None:
            check_replaceable(path)
            return "", file
        text, file.form = decode(data, str(path))
        file.known = digest(data)
        return text, file

    def save(self, text: str, *, replace: bool = False) -> None:
        """Replace the file, whole or not at all. Raises SaveError.

        Raises UsageError if it is read-only, or was changed since it was read or saved here, except with `replace`.
        """
        if not replace and (trouble := self._refusal()):
            raise UsageError(f"{self.path.name} {trouble}; :save! replaces it, :save OTHER keeps both")
        data = self.form.encode(text)
        replace_file(self.path, [data], kept=KEPT)
        self.known, self._status = digest(data), None

    def is_changed(self) -> bool:
        """Return whether the file has another content than was read or saved here. A removed one has not.

        Another thread may save at the same time: nothing is changed here but a cached status.
        """
        try:
            status = self._stat()
            if status is None or status == self._status:
                return False
            data = self._read()
        except (UsageError, OSError):
            return True
        if data is not None and digest(data) != self.known:
            return True
        self._status = status
        return False

    def _refusal(self) -> str:
        """Return why the file is not replaced without a request, if it is so."""
        if self.is_changed():
            return "was changed by another program"
        with contextlib.suppress(FileNotFoundError):
            if not (os.stat(self.path).st_mode & 0o222 and os.access(self.path, os.W_OK)):  # root may write any
                return "is read-only"
        return ""

    def _stat(self) -> tuple[int, ...] | None:
        try:
            found = os.stat(self.path)
        except FileNotFoundError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino

    def _read(self) -> bytes | None:
        """Return the content; None if there is no file. Does not block, as opening a pipe would. Raises UsageError."""
        try:
            check_name(self.path)
            with open(self.path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as stream:
                status = os.fstat(stream.fileno())
                if not stat.S_ISREG(status.st_mode):
                    raise UsageError(f"{self.path}: expected a text file, found another kind")
                if status.st_size > MAX_BYTES:
                    raise UsageError(f"{self.path}: expected at most {MAX_BYTES:,} bytes, found {status.st_size:,}")
                return stream.read()
        except FileNotFoundError:
            return None
        except IsADirectoryError:
            raise UsageError(f"{self.path}: expected a text file, found a directory") from None
        except OSError as error:
            raise UsageError(f"cannot read {self.path}: {reason(error)}") from error


def digest(data: bytes) -> bytes:
    """Return a short value that no other content has."""
    return hashlib.sha256(data).digest()
