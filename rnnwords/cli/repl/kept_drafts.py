"""Unsaved text: it is kept in dated files while it is written, and later sessions list and restore it.

A kept draft is removed in three cases only: its text was saved to a file; a newer one begins with all of its text; the
user discards it. So no text is lost, and none is ever overwritten by that of another session.
"""

import contextlib
import os
import re
import secrets
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple

from rnnwords.errors import SaveError, UsageError
from rnnwords.files import reason
from rnnwords.saving import lock_file, replace_file

PATTERN = "unsaved-*.txt"
_DATE = re.compile(r"unsaved-(\d{4}-\d\d-\d\d)-(\d\d)(\d\d)\d\d-")


def state_directory() -> Path | None:
    """Return the directory of the state of the program: $XDG_STATE_HOME/rnnwords, else ~/.local/state/rnnwords.

    None if HOME is not absolute, or missing for a user without an entry in the password database.
    """
    state = os.environ.get("XDG_STATE_HOME", "")
    if not os.path.isabs(state):
        home = os.path.expanduser("~") if os.environ.get("HOME") != "" else ""
        if not os.path.isabs(home):
            return None
        state = os.path.join(home, ".local", "state")
    return Path(state, "rnnwords")


class Origin(NamedTuple):
    """The file that a text belongs to, and the digest of its content when it was read or saved; None: no file yet."""

    path: Path
    known: bytes | None = None


@dataclass(frozen=True)
class KeptDraft:
    """An unsaved text of an earlier session."""

    path: Path
    text: str
    origin: Origin | None = None

    @property
    def title(self) -> str:
        """Date and time, file, number of words, and the beginning of the text."""
        date = _DATE.match(self.path.name)
        when = f"{date[1]} {date[2]}:{date[3]}" if date else self.path.name
        start = " ".join(self.text[:200].split())
        start = start if len(start) <= 40 else start[:40].rsplit(" ", 1)[0] + " \u2026"
        name = f", {self.origin.path.name}" if self.origin else ""
        return f"{when}{name}, {counted(len(self.text.split()))}: {start}"

    def remove(self) -> None:
        """Remove the draft. Raises OSError."""
        _remove(self.path)


def counted(words: int) -> str:
    """Return a number of words: 1 word, 1,200 words."""
    return f"{words:,} word{'' if words == 1 else 's'}"


class DraftStore:
    """The kept drafts in a directory, and the one of this session, which is locked as long as the session lasts.

    If the directory is missing or cannot be written, the file is in the directory of temporary files.
    """

    def __init__(self, directory: Path | None) -> None:
        self.directory = directory
        self.path: Path | None = None  # of the draft of this session, once there is one
        self.trouble: str | None = None  # why the last text could not be kept
        self._text = ""
        self._origin: Origin | None = None
        self._locked: BinaryIO | None = None
        self._writing = threading.Lock()

    def earlier(self) -> list[KeptDraft]:
        """Return the drafts of sessions that have ended, newest first."""
        found = []
        with contextlib.suppress(OSError):
            for path in sorted(self.directory.glob(PATTERN) if self.directory else (), reverse=True):
                with contextlib.suppress(OSError):
                    if path != self.path and path.is_file() and not path.is_symlink() and not _in_use(path):
                        text = path.read_bytes().decode(errors="replace").removesuffix("\n")
                        found.append(KeptDraft(path, text, _origin_of(path)))
        return found

    def update(self, text: str, origin: Origin | None = None) -> None:
        """Keep a text that belongs to a file, unless it is kept already.

        An error is in `trouble`; the text kept before stays.
        """
        with self._writing:
            lost = self.path is not None and not self.path.exists()  # somebody has removed it
            if (text, origin) == (self._text, self._origin) and not lost:
                return
            data = text.encode(errors="backslashreplace") + b"\n"
            try:
                if self.path is None or lost:
                    self.path = None
                    self.path = self._new(data, origin)
                else:
                    if origin != self._origin:
                        _write_origin(self.path, origin)
                    replace_file(self.path, [data])
                self._lock()
            except (OSError, SaveError) as error:
                cause = error.__cause__ if isinstance(error.__cause__, OSError) else error
                self.trouble = reason(cause) if isinstance(cause, OSError) else str(error)
            else:
                self._text, self._origin, self.trouble = text, origin, None

    def remove(self) -> None:
        """Remove the draft of this session, since its text is saved or empty."""
        with self._writing:
            path, self.path, self._text = self.path, None, ""
            self._origin = self.trouble = None
            self._unlock()
            if path is not None:
                with contextlib.suppress(OSError):
                    _remove(path)

    def set_aside(self) -> Path | None:
        """End the draft of this session, which stays for later ones; return its path."""
        with self._writing:
            path, text, self.path, self._text = self.path, self._text, None, ""
            self._origin = None
            self._unlock()
        if path is not None:
            for draft in self.earlier():
                if draft.path != path and text.startswith(draft.text):
                    with contextlib.suppress(OSError):
                        draft.remove()
        return path

    @staticmethod
    def discard(draft: KeptDraft) -> None:
        """Remove a draft. Raises UsageError."""
        try:
            draft.remove()
        except OSError as error:
            raise UsageError(f"could not remove {draft.path}: {reason(error)}") from error

    def _new(self, data: bytes, origin: Origin | None) -> Path:
        """Write a file under a dated name that no other file has, and return its path. Raises OSError and SaveError."""
        if self.directory is not None:
            with contextlib.suppress(OSError, SaveError):
                return _write_new(data, origin, self.directory)
        return _write_new(data, origin, Path(tempfile.gettempdir()))

    def _lock(self) -> None:
        self._unlock()
        if self.path is not None:
            with contextlib.suppress(OSError):
                self._locked = open(self.path, "rb")  # noqa: SIM115 -- open as long as the session
                lock_file(self._locked.fileno())

    def _unlock(self) -> None:
        if self._locked is not None:
            self._locked.close()
            self._locked = None


def _beside(path: Path) -> Path:
    """Return the path of the file that names the origin of a draft."""
    return path.with_suffix(".file")


def _origin_of(path: Path) -> Origin | None:
    with contextlib.suppress(OSError, ValueError):
        if _beside(path).is_file():
            known, _, name = _beside(path).read_bytes().partition(b"\n")
            return Origin(Path(os.fsdecode(name)), bytes.fromhex(known.decode("ascii")) or None)
    return None


def _remove(path: Path) -> None:
    """Remove a draft. Raises OSError."""
    path.unlink(missing_ok=True)
    _beside(path).unlink(missing_ok=True)


def _write_origin(path: Path, origin: Origin | None) -> None:
    """Write which file a draft belongs to. Raises OSError and SaveError."""
    if origin is None:
        _beside(path).unlink(missing_ok=True)
    else:
        known = (origin.known or b"").hex().encode()
        replace_file(_beside(path), [known, b"\n", os.fsencode(origin.path)], follow_links=False)


def _write_new(data: bytes, origin: Origin | None, directory: Path) -> Path:
    """Write a new draft that only its owner can read, after the name of its file. Raises OSError and SaveError."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = directory / f"unsaved-{time.strftime('%Y-%m-%d-%H%M%S')}-{secrets.token_hex(4)}.txt"
    _write_origin(path, origin)
    try:
        with open(path, "xb", opener=lambda file, flags: os.open(file, flags, 0o600)) as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
    except OSError:
        _remove(path)
        raise
    return path


def _in_use(path: Path) -> bool:
    """Return whether a running session has locked the file."""
    with open(path, "rb") as stream:
        return not lock_file(stream.fileno())
