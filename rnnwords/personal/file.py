"""The personal file: text settings as a comment, then `count<TAB>words`, one line per entry, the newest last.

People may read and edit it. Only its owner can read a new one. It is replaced as a whole, under a lock, with what
another process has added meanwhile. A file of another program, or a damaged one, is never written to.
"""

import contextlib
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from rnnwords.config import shown
from rnnwords.errors import ModelError, ModelNotFoundError, SaveError, UsageError
from rnnwords.files import parse_json, read_bounded, reason
from rnnwords.lm.personal import ORDER
from rnnwords.personal.entries import Entries, Entry, add, pruned, without, word_counts
from rnnwords.saving import KEPT, check_replaceable, lock_file, replace_file

MAX_ENTRIES = 50_000  # about as many words of text as an author writes in a novel; 25 MB in memory
MAX_BYTES = 1 << 25
MAX_DIGITS = 12  # of a count
MAX_COUNT = 10**MAX_DIGITS - 1  # higher ones are written as this
LOCK_SECONDS = 3.0  # for which another process may hold the lock
VERSION = 1
_HEADER = "# rnnwords-personal "
_EXPLANATION = "# count, tab, up to 3 words: how often the last one was written after the others; lines can be removed"
_Status = tuple[int, int, int]


class PersonalFile:
    """The entries in a file, which need not exist yet. Another thread may not use it at the same time."""

    def __init__(self, path: Path, tokenizer: str | None = None) -> None:
        """With `tokenizer`, a file whose words another one has made is refused."""
        self.path, self.tokenizer = path, tokenizer
        self._known: tuple[_Status, Entries] | None = None  # as it was read or written last

    def read(self, *, must_exist: bool = False) -> Entries:
        """Return the entries, which the caller must not change. Raises UsageError for another file or a damaged one.

        Raises SaveError for a new file that could not be written; with `must_exist`, ModelNotFoundError.
        """
        try:
            status = _status(os.stat(self.path))
            if self._known is not None and self._known[0] == status:
                return self._known[1]
        except (OSError, ValueError):  # the same as when it is opened
            status = None
        try:
            data = read_bounded(self.path, MAX_BYTES, "personal file")
        except ModelNotFoundError:
            if must_exist:
                raise
            check_replaceable(self.path)
            return {}
        except ModelError as error:
            raise UsageError(str(error)) from error
        entries = self._parsed(data)
        if status is not None:
            self._known = status, entries
        return entries

    def add(self, new: Mapping[Entry, int]) -> Entries:
        """Add entries, and return all. Raises UsageError as `read` does, and SaveError; the file is then as it was."""

        def added(entries: Entries) -> Entries:
            add(entries, new)
            return pruned(entries, MAX_ENTRIES)

        return self._replace(added)

    def remove(self, is_removed: Callable[[str], bool]) -> list[tuple[str, int]]:
        """Remove words, and return them with their counts, most frequent first. Raises what `add` raises.

        What was counted after such a word stays, without it.
        """
        if without(entries := self.read(must_exist=True), is_removed) == entries:
            return []
        found: list[tuple[str, int]] = []

        def removed(entries: Entries) -> Entries:
            found.extend((word, count) for word, count in word_counts(entries) if is_removed(word))
            return without(entries, is_removed)

        self._replace(removed)
        return found

    def _replace(self, change: Callable[[Entries], Entries]) -> Entries:
        """Replace the entries by changed ones, and return them."""
        with self._locked():
            changed = change(dict(self.read()))
            entries = {entry: min(count, MAX_COUNT) for entry, count in changed.items()}
            replace_file(self.path, [self._bytes(entries)])
            with contextlib.suppress(OSError):
                self._known = _status(os.stat(self.path)), entries
        return entries

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """Hold the lock of the file, which is created empty if there is none. Raises SaveError.

        The lock is that of the opened file. If it was replaced before the lock was there, the new one is opened.
        """
        end = time.monotonic() + LOCK_SECONDS
        try:
            while True:
                descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)
                try:
                    locked = lock_file(descriptor)
                    if locked and os.path.samestat(os.fstat(descriptor), os.stat(self.path)):
                        yield
                        return
                except FileNotFoundError:  # somebody has removed it
                    pass
                finally:
                    os.close(descriptor)
                if time.monotonic() > end:
                    raise SaveError(f"could not save {self.path}: another process uses it; {KEPT}")
                time.sleep(0.01)
        except OSError as error:
            raise SaveError(f"could not save {self.path}: {reason(error)}; {KEPT}") from error

    def _bytes(self, entries: Entries) -> bytes:
        header = _HEADER + json.dumps({"version": VERSION, "tokenizer": self.tokenizer})
        lines = (f"{count}\t{' '.join(entry)}" for entry, count in entries.items())
        return ("\n".join([header, _EXPLANATION, *lines]) + "\n").encode()

    def _parsed(self, data: bytes) -> Entries:
        """Return the entries in the content of a file; an empty one has none. Raises UsageError."""
        if not data:
            return {}
        try:
            header, *lines = data.decode("utf-8-sig").replace("\r\n", "\n").split("\n")
        except UnicodeDecodeError as error:
            place = data[: error.start].count(b"\n") + 1
            raise UsageError(f"personal file {self.path}, line {place:,}: expected UTF-8, found other bytes") from error
        self._check_header(header)
        entries: Entries = {}
        for number, line in enumerate(lines, start=2):
            if line and not line.startswith("#"):
                digits, _, text = line.partition("\t")
                words = tuple(text.split(" "))
                is_count = digits.isascii() and digits.isdigit() and len(digits) <= MAX_DIGITS
                if not is_count or not 1 <= len(words) <= ORDER or text.split() != [*words]:
                    raise UsageError(
                        f"personal file {self.path}, line {number:,}: expected count<TAB>words with 1 to {ORDER} "
                        f"words, found {shown(line)}; correct the line, or remove it"
                    )
                if count := int(digits):  # somebody has set it to 0, to remove it
                    entries[words] = entries.get(words, 0) + count
        return entries

    def _check_header(self, line: str) -> None:
        """Check the first line of a file, and take over its tokenizer. Raises UsageError."""
        if not line.startswith(_HEADER):
            raise UsageError(
                f"expected a personal file of rnnwords, found something else: {self.path}; pass the name of a new file"
            )
        name = f"personal file {self.path}, line 1"
        try:
            settings = parse_json(line.removeprefix(_HEADER), name)
        except ModelError as error:
            raise UsageError(str(error)) from error
        version = settings.get("version") if isinstance(settings, dict) else None
        if version != VERSION:
            raise UsageError(f"{name}: expected version {VERSION}, found {shown(version)}; it needs another rnnwords")
        found = settings.get("tokenizer")
        if self.tokenizer is None:
            self.tokenizer = found if isinstance(found, str) else None
        elif found != self.tokenizer:
            raise UsageError(
                f"{name}: expected words of the tokenizer {self.tokenizer}, which the model has, found {shown(found)}; "
                "pass another file for this model"
            )


def _status(found: os.stat_result) -> _Status:
    return found.st_mtime_ns, found.st_size, found.st_ino
