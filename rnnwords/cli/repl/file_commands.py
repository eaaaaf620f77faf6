"""Commands about the file of the text, and about the unsaved texts of earlier sessions."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from rnnwords.cli.repl.draft_file import DraftFile
from rnnwords.cli.repl.kept_drafts import DraftStore, KeptDraft, counted
from rnnwords.cli.repl.session import Reply, WritingSession, number_of
from rnnwords.errors import UsageError

MAX_LISTED = 9  # unsaved texts, the newest ones


def open_file(session: WritingSession, argument: str) -> Iterator[Reply]:
    """Write on in a file."""
    path = _path(argument)
    yield from _kept(session.open(path))
    words = counted(len(session.document.split()))
    yield Reply("note", f"opened {path}: {words}" if os.path.exists(path) else f"new file: {path}")


def save(session: WritingSession, argument: str, *, replace: bool = False) -> Iterator[Reply]:
    """Save the text."""
    path = _path(argument) if argument else None
    file = session.file
    if path is not None and (file is None or path != file.path):
        if os.path.lexists(path) and not replace:
            raise UsageError(f"{argument} exists; :save! {argument} replaces it")
        file = DraftFile(path, file.form if file else None)
    if file is None:
        raise UsageError("expected a file name, found none; type :save story.txt")
    if not session.document and not session.saved:
        raise UsageError("the text is empty; type some words first")
    session.save(file, replace=replace)
    yield Reply("note", f"saved {file.path}: {counted(len(session.document.split()))}")


def save_over(session: WritingSession, argument: str) -> Iterator[Reply]:
    """Save the text, and replace an existing file."""
    return save(session, argument, replace=True)


def new(session: WritingSession, argument: str) -> Iterator[Reply]:
    """Start an empty text."""
    yield from _kept(session.set_aside())
    session.set_document("", undoable=True)
    session.file, session.saved = None, ""
    yield Reply("note", "new text")


def drafts(session: WritingSession, argument: str) -> Iterator[Reply]:
    """List the unsaved texts of earlier sessions."""
    session.drafts = _store(session).earlier()
    if not session.drafts:
        yield Reply("note", "no unsaved text of an earlier session")
    yield from draft_lines(session.drafts)


def draft_lines(found: list[KeptDraft]) -> Iterator[Reply]:
    """Yield a line for each of the newest unsaved texts, and what to do with them."""
    for number, draft in enumerate(found[:MAX_LISTED], start=1):
        yield Reply("data", f"{number}  {draft.title}")
    if len(found) > MAX_LISTED:
        yield Reply("data", f"and {len(found) - MAX_LISTED:,} older in {found[0].path.parent}")
    if found:
        yield Reply("data", ":restore 1 writes on in the first, :discard 1 removes it")


def restore(session: WritingSession, argument: str) -> Iterator[Reply]:
    """Write on in an unsaved text; the one before is kept."""
    draft = _numbered(session, argument)
    yield from _kept(session.restore(draft))
    how = f":save writes them to {session.file.path}" if session.file else ":save FILE saves them"
    yield Reply("note", f"restored {counted(len(draft.text.split()))}; {how}")


def discard(session: WritingSession, argument: str) -> Iterator[Reply]:
    """Remove an unsaved text."""
    draft = _numbered(session, argument)
    DraftStore.discard(draft)
    yield Reply("note", f"removed: {draft.title}")
    session.drafts = _store(session).earlier()
    yield from draft_lines(session.drafts)


def _numbered(session: WritingSession, argument: str) -> KeptDraft:
    """Return the unsaved text with a number of the list that was shown last. Raises UsageError."""
    if not session.drafts:
        session.drafts = _store(session).earlier()
    if not session.drafts:
        raise UsageError("no unsaved text of an earlier session")
    return session.drafts[number_of("the number of a text", argument, len(session.drafts)) - 1]


def _store(session: WritingSession) -> DraftStore:
    if session.store is None:
        raise UsageError("unsaved texts are kept on a terminal only")
    return session.store


def _kept(path: Path | None) -> Iterator[Reply]:
    if path is not None:
        yield Reply("note", f"the text before was not saved; a copy is in {path}")


def _path(argument: str) -> Path:
    if "\0" in argument or not argument:
        raise UsageError(f"expected a file name, found {argument[:80]!r}")
    path = Path(os.path.expanduser(argument)).absolute()
    if os.path.isdir(path):
        raise UsageError(f"expected a file name, found a directory: {argument[:80]}")
    if _is_pipe(path):  # opening it could wait forever
        raise UsageError(f"expected a file name, found a named pipe: {argument[:80]}")
    return path


def _is_pipe(path: Path) -> bool:
    """Return whether a path names a pipe. Path.is_fifo raises OSError for a path that is too long."""
    try:
        return stat.S_ISFIFO(os.stat(path).st_mode)
    except OSError:
        return False
