"""`rnnwords repl`: the command, and the two ways of reading lines without drawing.

On a terminal, `terminal_app` draws. From a pipe, or on a plain terminal, lines are read and answered one by one. With
--tutorial, each line is a window of words.
"""

import builtins
import contextlib
import errno
import sys
from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO, cast

from rnnwords.cli import options as shared
from rnnwords.cli.help import command
from rnnwords.cli.models import load_predictor
from rnnwords.cli.options import option
from rnnwords.cli.output.terminal import plain_terminal
from rnnwords.cli.stdin import MAX_LINE, line_too_long, waiting_lines
from rnnwords.cli.types import Number, Whole
from rnnwords.errors import CorpusError, RnnwordsError, UsageError
from rnnwords.files import reason

if TYPE_CHECKING:
    from rnnwords.cli.repl.display import SessionDisplay
    from rnnwords.cli.repl.session import WritingModel, WritingSession, WritingSettings
    from rnnwords.text.reading.stdin import BufferedStream

SETTINGS = ("words", "temperature", "top_k", "top_p", "seed")


@command(
    epilog="""
    \b
    Examples:
      rnnwords repl --model models/story
      printf 'had a general\\n:why\\n' | rnnwords repl
    """
)
@shared.options(
    shared.model_option,
    option("-n --words", Whole(1, 100_000), "Number of words that Enter adds.", default=32),
    option("--temperature", Number(0.001, 100), "Sample words; a higher temperature gives rarer words.  "
           "[default: take the most probable word]"),
    shared.sampling_options,
    shared.interpolation_options,
    shared.seed_option,
    option("--tutorial", bool, "Prompt for one window of words, such as '3 words: ', and print one line."),
    shared.quiet_option,
)  # fmt: skip
def repl(model: Path | None, tutorial: bool, quiet: bool, **options: Any) -> None:
    """Write interactively, with suggestions and continuations by the model.

    Grey text is the most probable continuation: Tab or Right accepts it, Alt-Right accepts one word. A menu lists the
    next words with their probabilities. Enter lets the model continue. :help lists the commands; Ctrl-D ends.

    If stdin is not a terminal, each line is answered by one line on stdout.
    """
    from rnnwords.cli.repl.session import WritingSettings

    settings = WritingSettings(**{name: options[name] for name in SETTINGS})
    run_repl(load_predictor(model, quiet, options), settings, tutorial=tutorial, quiet=quiet)


def run_repl(
    model: "WritingModel", settings: "WritingSettings", *, input: TextIO | None = None, output: TextIO | None = None,
    notes: TextIO | None = None, tutorial: bool = False, quiet: bool = False,
) -> None:  # fmt: skip
    """Read lines and answer them until the input ends or :quit.

    `output` receives the text; `notes` receives prompts, notes and errors. The default is the streams of the process.
    """
    from rnnwords.cli.repl.display import SessionDisplay
    from rnnwords.cli.repl.session import WritingSession

    input, output, notes = input or sys.stdin, output or sys.stdout, notes or sys.stderr
    session = WritingSession(model, settings)
    if tutorial:
        display = SessionDisplay(output, notes, quiet=quiet, paragraphs=False)
        window = model.context_size
        prompt = "words: " if window is None else f"{window} word{'s' if window > 1 else ''}: "
        _read_and_answer(input, display, prompt, lambda line: _continue_words(session, display, line))
        return
    display = SessionDisplay(output, notes, quiet=quiet, paragraphs=output.isatty())
    own_streams = input is sys.stdin and output is sys.stdout
    if own_streams and not (plain_terminal(input) or plain_terminal(output)):
        from rnnwords.cli.repl.terminal_app import run_terminal

        run_terminal(session, display)
    elif input.isatty():
        from rnnwords.cli.repl.unsaved import state_directory, unsaved_text_kept

        with unsaved_text_kept(session, display, state_directory()):
            _read_and_answer(input, display, "> ", lambda line: _answer_line(session, display, line))
    else:
        _read_and_answer(input, display, "", lambda line: _answer_line(session, display, line))


def _read_and_answer(input: TextIO, display: "SessionDisplay", prompt: str, respond: Callable[[str], bool]) -> None:
    """Read lines and respond, until the input ends or a response returns False.

    On a terminal, Ctrl-C cancels only the line or the response.
    """
    if input.isatty():
        with contextlib.suppress(ImportError):
            import readline  # noqa: F401 -- input() then edits the line
        read = partial(_typed_line, input, display, prompt)
    else:
        lines = chain.from_iterable(waiting_lines(stream=cast("BufferedStream", input.buffer)))
        read = partial(_piped_line, lines, display, prompt)
    while True:
        try:
            line = read()
            if line is None and prompt and not display.quiet:
                display.prompt("\n")  # the shell's prompt begins on a new line
            if line is None or not respond(line):
                return
        except KeyboardInterrupt:
            if not input.isatty():
                raise
            display.prompt("\n")
        display.end_line()


def _typed_line(input: TextIO, display: "SessionDisplay", prompt: str) -> str | None:
    """Return the next line of a terminal without its end; None at the end of the input. The prompt is not data."""
    if input is sys.stdin and display.output is sys.stdout and display.live:
        try:
            return builtins.input(prompt)
        except (EOFError, OSError):  # Ctrl-D, or the terminal is closed
            return None
    display.prompt(prompt)
    try:
        line = input.readline(MAX_LINE + 1)
    except OSError as error:
        if error.errno != errno.EIO:  # of a terminal that is closed
            raise CorpusError(f"cannot read standard input: {reason(error)}") from error
        return None
    if len(line) > MAX_LINE:
        raise line_too_long()
    return line.removesuffix("\n") if line else None


def _piped_line(lines: Iterator[str], display: "SessionDisplay", prompt: str) -> str | None:
    """Return the next line; None at the end of the input."""
    if prompt and not display.quiet:
        display.prompt(prompt)
    return next(lines, None)


def _answer_line(session: "WritingSession", display: "SessionDisplay", line: str) -> bool:
    """Answer one line. On a pipe each text gets exactly one line, so that a coprocess stays in step."""
    from rnnwords.cli.repl.commands import answer, parse

    goes_on = display.show(answer(session, line))
    display.end_line(always=parse(line) is None and not display.live)
    return goes_on


def _continue_words(session: "WritingSession", display: "SessionDisplay", line: str) -> bool:
    """Print the typed words and their continuation on one line, independently of earlier lines."""
    model = session.model
    words, expected = model.vocabulary.tokenize(line), model.context_size
    unknown = session.unknown(line)
    try:
        if not words or (expected is not None and len(words) != expected):
            raise UsageError(f"expected {expected or 'some'} words, counting punctuation marks, found {len(words)}")
        if unknown:
            raise UsageError("; ".join(model.vocabulary.unknown_message(word) for word in unknown))
        display.show(session.continue_alone(line.strip()))
    except RnnwordsError as error:
        display.error(str(error))
    return True
