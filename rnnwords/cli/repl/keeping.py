"""The beginning and the end of a session on a terminal: its file, and the unsaved texts, earlier ones and its own."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from rnnwords.cli.repl.display import SessionDisplay
from rnnwords.cli.repl.file_commands import draft_lines, open_file
from rnnwords.cli.repl.session import Reply, WritingSession


def opening_notes(session: WritingSession, file: Path | None) -> Iterator[Reply]:
    """Open the file, if there is one, and yield what the session begins with. Raises UsageError and SaveError."""
    if file is not None:
        yield from open_file(session, str(file))
    if session.drafts:
        yield Reply("data", "unsaved text of earlier sessions:")
        yield from draft_lines(session.drafts)


@contextlib.contextmanager
def text_kept(session: WritingSession, display: SessionDisplay) -> Iterator[None]:
    """At the end, keep the text if it is not saved, and note where."""
    try:
        yield
    finally:
        if (learning := session.learn()) is not None:
            learning.result()
        path = session.set_aside()
        trouble = session.store.trouble if session.store else None
        if trouble:
            copy = f"an earlier copy is in {path}" if path else "no copy could be kept"
            display_safely(display, f"the text was not saved, and what was written last is lost: {trouble}; {copy}")
        elif path is not None:
            name = f"{session.file.path}" if session.file else "the text"
            offered = session.store is not None and path.parent == session.store.directory
            then = "; the next session offers it" if offered else ""
            display_safely(display, f"{name} was not saved; a copy is in {path}{then}")
        if session.personal_trouble:
            display_safely(display, session.personal_trouble)


def display_safely(display: SessionDisplay, note: str) -> None:
    """Write a note, unless the terminal is closed."""
    with contextlib.suppress(OSError):
        display.note(note)
