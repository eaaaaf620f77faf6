"""What a session leaves behind: the lines that were typed, for the next one, and text that nobody saved."""

import os
from collections.abc import Iterable
from pathlib import Path

from prompt_toolkit.history import FileHistory, History, InMemoryHistory

from rnnwords.errors import SaveError
from rnnwords.files import reason, replace_file


def state_directory() -> Path:
    """Where programs keep what is neither settings nor data: $XDG_STATE_HOME/rnnwords, ~/.local/state/rnnwords."""
    base = os.environ.get("XDG_STATE_HOME", "")
    return Path(base if os.path.isabs(base) else os.path.expanduser("~/.local/state"), "rnnwords")


def open_history(path: Path) -> tuple[History, str | None]:
    """The lines of earlier sessions, in a file that its owner alone may read.

    Where it can't be written there is a history of this session only, and a note that says so.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NONBLOCK, 0o600))
        if not path.is_file():
            raise OSError("it is no regular file")
    except OSError as error:
        return InMemoryHistory(), f"lines are not kept for the next time: {path}: {reason(error)}"
    return KeptHistory(path), None


class KeptHistory(FileHistory):
    """A history that never ends the session: a line that can't be read or stored is left out."""

    def load_history_strings(self) -> Iterable[str]:
        try:
            yield from super().load_history_strings()
        except OSError:
            return

    def store_string(self, string: str) -> None:
        try:
            super().store_string(string.encode(errors="replace").decode())
        except OSError:
            return


def keep_text(text: str, path: Path) -> str:
    """Write unsaved text to `path`; a line that says where it is, or why it is lost."""
    try:
        replace_file(path, [text.encode(errors="backslashreplace"), b"\n"], kept="the text of this session is lost")
    except SaveError as error:
        return str(error)
    return f"the text was not saved; it is kept in {path}"
