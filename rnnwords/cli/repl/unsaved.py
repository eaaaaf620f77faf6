"""Text of a session that was not saved: it is kept in a file, which the next session names."""

import contextlib
import os
import secrets
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from rnnwords.cli.repl.display import SessionDisplay
from rnnwords.cli.repl.session import WritingSession
from rnnwords.files import reason


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


@contextlib.contextmanager
def unsaved_text_kept(session: WritingSession, display: SessionDisplay, directory: Path | None) -> Iterator[None]:
    """Note the unsaved texts of earlier sessions, and at the end write the one of this session, if there is one."""
    if note := _earlier_texts(directory):
        display.note(note)
    try:
        yield
    finally:
        if session.document != session.saved:
            note = keep_text(session.document, directory)
            with contextlib.suppress(OSError):  # the terminal is closed
                display.note(note)


def _earlier_texts(directory: Path | None) -> str | None:
    """Return a note with the newest unsaved text of earlier sessions, and how many there are."""
    texts: list[Path] = []
    with contextlib.suppress(OSError):
        texts = sorted(directory.glob("unsaved-*.txt")) if directory else []
    if not texts:
        return None
    others = f", and {len(texts) - 1:,} older in the same directory" if len(texts) > 1 else ""
    return f"unsaved text of an earlier session: {texts[-1]}{others}; move it to keep it, remove it to end this note"


def keep_text(text: str, directory: Path | None) -> str:
    """Write unsaved text to a new file, and return a note with its path, or with the reason why the text is lost.

    If the directory is missing or cannot be written, the file is in the directory of temporary files.
    """
    data = text.encode(errors="backslashreplace") + b"\n"
    for place in (directory, Path(tempfile.gettempdir())):
        if place is not None:
            try:
                place.mkdir(mode=0o700, parents=True, exist_ok=True)
                return f"the text was not saved; a copy is in {_write_new(data, place)}"
            except OSError as error:
                failure = f"the text was not saved, and is lost: {place}: {reason(error)}"
    return failure


def _write_new(data: bytes, directory: Path) -> Path:
    """Write a file that only its owner can read, under a dated name that no other file has. Raises OSError."""
    name = f"unsaved-{time.strftime('%Y-%m-%d-%H%M%S')}-{secrets.token_hex(4)}.txt"
    path = directory / name
    with open(path, "xb", opener=lambda file, flags: os.open(file, flags, 0o600)) as stream:
        try:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        except OSError:
            path.unlink()
            raise
    return path
