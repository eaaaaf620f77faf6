"""The typed lines of earlier sessions."""

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path

from prompt_toolkit.history import FileHistory, History, InMemoryHistory

from rnnwords.files import reason

NO_HOME = "typed lines are not saved for the next session: there is no home directory; set HOME or XDG_STATE_HOME"


def open_history(directory: Path | None) -> tuple[History, str | None]:
    """Return the lines of earlier sessions, in a file that only its owner can read, and None.

    If the file cannot be written, return a history of this session only, and a note with the reason.
    """
    if directory is None:
        return InMemoryHistory(), NO_HOME
    path = directory / "history"
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NONBLOCK, 0o600))
        if not path.is_file():
            raise OSError("not a regular file")
    except OSError as error:
        return InMemoryHistory(), f"typed lines are not saved for the next session: {path}: {reason(error)}"
    return LineHistory(path), None


def remember_lines(history: History) -> None:
    """Let readline, if there is one, recall the lines of earlier sessions."""
    with contextlib.suppress(ImportError):
        import readline

        for line in reversed([*history.load_history_strings()]):
            if "\n" not in line:
                readline.add_history(line)


class LineHistory(FileHistory):
    """A history in a file. A line that cannot be read or written is left out, and the session goes on."""

    def load_history_strings(self) -> Iterable[str]:
        with contextlib.suppress(OSError):
            yield from super().load_history_strings()

    def store_string(self, string: str) -> None:
        with contextlib.suppress(OSError):
            super().store_string(string.encode(errors="replace").decode())
