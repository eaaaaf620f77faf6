"""Directories of texts: their files in natural order, and a note on what was left out."""

import os
import re
import stat
from collections import Counter
from pathlib import Path

from rnnwords.config import ReadConfig
from rnnwords.errors import CorpusError
from rnnwords.files import reason
from rnnwords.text.formats.registry import TABLES, is_text
from rnnwords.text.formats.source import ending

SHOWN = 5  # kinds in a note
RUN = "model.safetensors"  # a directory with this file is a run of this program, whose files are not texts


def files_in(directory: Path, read: ReadConfig) -> tuple[list[Path], str]:
    """Return the text files in a directory and those below it, and a note on them.

    Links are not followed, so the walk ends, and stays inside. Raises CorpusError if there is no text file, or if a
    directory cannot be read.
    """
    found: list[Path] = []
    left: Counter[str] = Counter()

    def refuse(error: OSError) -> None:
        raise CorpusError(f"cannot read {error.filename}: {reason(error)}") from error

    for parent, names, files in os.walk(directory, onerror=refuse):
        kept = []
        for name in names:
            why = _why_directory(os.path.join(parent, name), name)
            left[why] += bool(why)
            kept += [] if why else [name]
        names[:] = kept
        for name in files:
            path = Path(parent, name)
            why = _why_left_out(path, read)
            left[why] += bool(why)
            found += [] if why else [path]
    kinds = ", ".join(f"{count:,} {why}" for why, count in left.most_common(SHOWN) if count)
    total = left.total()
    kinds += ", and others" if len([why for why, count in left.items() if count]) > SHOWN else ""
    if not found:
        without = f"; left out: {kinds}" if total else ""
        raise CorpusError(
            f"{directory}: expected a directory with text files, found none whose name ends in .txt or another ending "
            f"of texts{without}; name the files"
        )
    found.sort(key=lambda path: natural(path.relative_to(directory)))
    note = f"read {len(found):,} file{'s' * (len(found) > 1)} in {directory}" + (f"; left out {kinds}" if total else "")
    return found, note


def natural(path: Path) -> list[list[tuple[int, int, str]]]:
    """Return the key by which chapter2 comes before chapter10, and a before B."""
    parts = ((name, re.split(r"([0-9]{1,18})", name)) for name in path.parts)
    return [
        [
            (0, int(part), "") if part.isascii() and part.isdecimal() else (1, 0, part.casefold())
            for part in pieces
            if part
        ]
        + [(-1, 0, name)]
        for name, pieces in parts
    ]


def _why_directory(path: str, name: str) -> str:
    """Return why a directory is left out, for a note; empty if it is read."""
    if name.startswith("."):
        return "hidden"
    if os.path.islink(path):
        return "links"
    return "runs" if os.path.lexists(os.path.join(path, RUN)) else ""


def _why_left_out(path: Path, read: ReadConfig) -> str:
    """Return why a file in a directory is left out, for a note; empty if it is read."""
    if path.name.startswith("."):
        return "hidden"
    try:
        mode = path.lstat().st_mode
    except OSError as error:
        raise CorpusError(f"cannot read {path}: {reason(error)}") from error
    if stat.S_ISLNK(mode):
        return "links"
    if not stat.S_ISREG(mode):
        return "pipes or devices"
    kind = ending(path.name)
    if not is_text(path.name):
        return kind[:20] if kind else "without an ending"
    setting = TABLES.get(kind)
    return f"{kind} without `{setting}`" if setting and getattr(read, setting) is None else ""
