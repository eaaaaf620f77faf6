"""Files of a session: the typed lines, for the next session, and text that was not saved."""

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path

from prompt_toolkit.history import FileHistory, History, InMemoryHistory

from rnnwords.errors import SaveError
from rnnwords.files import reason, replace_file


def state_directory() -> Path:
    """Return the directory of the state of the program: $XDG_STATE_HOME/rnnwords, else ~/.local/state/rnnwords."""
    base = os.environ.get("XDG_STATE_HOME", "")
    return Path(base if os.path.isabs(base) else os.path.expanduser("~/.local/state"), "rnnwords")


def open_history(path: Path) -> tuple[History, str | None]:
    """Return the lines of earlier sessions, in a file that only its owner can read, and None.

    If the file cannot be written, return a history of this session only, and a note with the reason.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NONBLOCK, 0o600))
        if not path.is_file():
            raise OSError("not a regular file")
    except OSError as error:
        return InMemoryHistory(), f"typed lines are not saved for the next session: {path}: {reason(error)}"
    return LineHistory(path), None


class LineHistory(FileHistory):
    """A history in a file. A line that cannot be read or written is left out, and the session goes on."""

    def load_history_strings(self) -> Iterable[str]:
        with contextlib.suppress(OSError):
            yield from super().load_history_strings()

    def store_string(self, string: str) -> None:
        with contextlib.suppress(OSError):
            super().store_string(string.encode(errors="replace").decode())


def keep_text(text: str, path: Path) -> str:
    """Write unsaved text to `path`. Return a note with the path, or with the reason why the text is lost."""
    try:
        replace_file(path, [text.encode(errors="backslashreplace"), b"\n"], kept="the text of this session is lost")
    except SaveError as error:
        return str(error)
    return f"the text was not saved; a copy is in {path}"
