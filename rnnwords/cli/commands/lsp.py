"""`rnnwords lsp`: a language server for editors, on stdin and stdout."""

import contextlib
import io
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from rnnwords.cli import options as shared
from rnnwords.cli.help import command
from rnnwords.cli.models import load_predictor
from rnnwords.cli.options import option
from rnnwords.cli.output.notes import note
from rnnwords.cli.types import Whole

if TYPE_CHECKING:
    from rnnwords.prediction.predictor import Predictor

READ_SIZE = 1 << 16  # bytes


@command(
    epilog="""
    \b
    Examples:
      rnnwords lsp --model models/story
      RNNWORDS_MODEL=models/story rnnwords lsp --interpolate off
    """
)
@shared.options(
    shared.model_option,
    option("-n --words", Whole(1, 1_000), "Number of words in a list.", default=10),
    option("--inline-words", Whole(1, 1_000), "Highest number of words of an inline completion.", default=32),
    shared.exclude_option,
    shared.personal_option,
    shared.interpolation_options,
    shared.adapt_option,
    shared.quiet_option,
)  # fmt: skip
def lsp(model: Path | None, exclude: Path | None, personal: Path | None, quiet: bool, **options: Any) -> int:
    """Offer next words in an editor, as a language server.

    The editor starts this command and exchanges messages with it on stdin and stdout (Language Server Protocol 3.18).
    While a text is written, it lists completions of the started word or the next words, with their probabilities, and
    continues the sentence as grey text if the editor supports inline completion.

    The words of the document fill a cache of 500 words, which raises the probability of words used recently; --cache 0
    turns it off. docs/editors.md has configurations of editors, and the same options as initializationOptions.
    """
    from rnnwords.server.loop import serve
    from rnnwords.server.session import ServerSession
    from rnnwords.server.settings import ServerSettings

    if options["cache"] is None:
        del options["cache"]
    settings = ServerSettings(**options, model=_text(model), exclude=_text(exclude), personal=_text(personal))

    def load(chosen: ServerSettings) -> "Predictor":
        settings = chosen.to_json() | {"exclude": _path(chosen.exclude), "personal": _path(chosen.personal)}
        return load_predictor(_path(chosen.model), quiet, settings, low_memory=True, noted=True)

    def log(text: str) -> None:
        for line in text.splitlines():
            note(line)

    if sys.stdin.isatty():
        note("waiting for an editor, which starts this command by itself: see docs/editors.md; Ctrl-D ends", quiet)
    session = ServerSession(settings, load, log)
    output = sys.stdout.buffer
    with contextlib.redirect_stdout(sys.stderr):  # stdout has messages only
        return serve(session, _arriving(), lambda data: _send(output, data))


def _text(path: Path | None) -> str | None:
    return None if path is None else os.fspath(path)


def _path(text: str | None) -> Path | None:
    """Return the path in a setting, in which no shell has replaced ~ if an editor has sent it."""
    return None if text is None else Path(os.path.expanduser(text))


class _Unbuffered(io.FileIO):
    """Standard input without a buffer: the lock of a buffer that a thread waits in would block the end of Python."""

    def read1(self, size: int, /) -> bytes:
        return self.read(size) or b""


def _arriving() -> Iterator[bytes]:
    """Yield the bytes of standard input as they arrive."""
    from rnnwords.text.reading.stdin import read_arriving

    stream: Any = sys.stdin.buffer
    with contextlib.suppress(OSError):  # in memory
        stream = _Unbuffered(sys.stdin.fileno(), closefd=False)
    yield from read_arriving(stream, READ_SIZE)


def _send(output: IO[bytes], data: bytes) -> None:
    output.write(data)
    output.flush()
