"""`rnnwords repl`: the command, and the two ways of reading lines without drawing.

On a terminal, `editor` draws. From a pipe, or on a plain terminal, lines are read and answered one by one. With
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

import click

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
    from rnnwords.cli.repl.line_session import LineSession
    from rnnwords.cli.repl.session import WritingModel, WritingSettings
    from rnnwords.text.reading.stdin import BufferedStream

SETTINGS = ("words", "temperature", "top_k", "top_p", "seed")


@command(
    epilog="""
    \b
    Examples:
      rnnwords repl --model models/story
      rnnwords repl draft.txt
      printf 'had a general\\n:why\\n' | rnnwords repl
    """
)
@click.argument("file", required=False, type=shared.PATH)
@shared.options(
    shared.model_option,
    option("-n --words", Whole(1, 100_000), "Number of words of a continuation.", default=32),
    option("--temperature", Number(0.001, 100), "Sample words; a higher temperature gives rarer words.  "
           "[default: take the most probable word]"),
    shared.sampling_options,
    shared.exclude_option,
    shared.personal_option,
    shared.interpolation_options,
    shared.adapt_option,
    shared.seed_option,
    option("--plain", bool, "Write without drawing, for screen readers: suggestions are numbered lines."),
    option("--tutorial", bool, "Prompt for one window of words, such as '3 words: ', and print one line."),
    shared.quiet_option,
)  # fmt: skip
def repl(file: Path | None, model: Path | None, plain: bool, tutorial: bool, quiet: bool, **options: Any) -> None:
    """Write interactively, with suggestions and continuations by the model.

    Grey text is the most probable continuation: Tab or Right accepts it, Alt-Right accepts one word. A menu lists the
    next words with their probabilities. Enter ends the line; Alt-Enter or :go lets the model continue. :help lists the
    commands; Ctrl-Q ends.

    FILE is a text to write on in, which need not exist; :save saves it, with its line ends as they are. Unsaved text is
    kept while you write, also if the terminal is closed, and the next session offers it.

    If stdin is not a terminal, each line is answered by one line on stdout.
    """
    from rnnwords.cli.repl.session import WritingSettings

    if tutorial and file is not None:
        raise UsageError("expected a file or `tutorial`, found both; leave one out")
    settings = WritingSettings(**{name: options[name] for name in SETTINGS})
    predictor = load_predictor(model, quiet, options)
    run_repl(predictor, settings, file=file, plain=plain, tutorial=tutorial, quiet=quiet)


def run_repl(
    model: "WritingModel", settings: "WritingSettings", *, file: Path | None = None, input: TextIO | None = None,
    output: TextIO | None = None, notes: TextIO | None = None, plain: bool = False, tutorial: bool = False,
    quiet: bool = False,
) -> None:  # fmt: skip
    """Edit a text on a terminal; else read lines and answer them, until the input ends or :quit.

    `output` receives the text; `notes` receives prompts, notes and errors. The default is the streams of the process.
    """
    from rnnwords.cli.repl.display import SessionDisplay
    from rnnwords.cli.repl.line_session import LineSession

    input, output, notes = input or sys.stdin, output or sys.stdout, notes or sys.stderr
    if tutorial:
        session = LineSession(model, settings)
        display = SessionDisplay(output, notes, quiet=quiet, paragraphs=False)
        window = model.context_size
        prompt = "words: " if window is None else f"{window} word{'s' if window > 1 else ''}: "
        _read_and_answer(input, display, prompt, lambda line: _continue_words(session, display, line))
        return
    display = SessionDisplay(output, notes, quiet=quiet, paragraphs=output.isatty())
    own_streams = input is sys.stdin and output is sys.stdout
    if not input.isatty():
        session = LineSession(model, settings)
        if file is not None:
            session.open(file)
        _read_and_answer(input, display, "", lambda line: _answer_line(session, display, line))
    elif plain or not own_streams or plain_terminal(input) or plain_terminal(output):
        _run_plain(model, settings, file, input, display)
    else:
        from rnnwords.cli.repl.editor.app import run_editor

        run_editor(model, settings, file, display)


def _run_plain(
    model: "WritingModel", settings: "WritingSettings", file: Path | None, input: TextIO, display: "SessionDisplay"
) -> None:
    """Write line by line, without drawing."""
    from rnnwords.cli.repl import plain
    from rnnwords.cli.repl.history import open_history, remember_lines
    from rnnwords.cli.repl.keeping import opening_notes, text_kept
    from rnnwords.cli.repl.kept_drafts import DraftStore, state_directory

    session = plain.PlainSession(model, settings, DraftStore(state_directory()))
    history, trouble = open_history(state_directory())
    remember_lines(history)

    def respond(line: str) -> bool:
        if line.strip():
            history.append_string(line)
        goes_on = display.show(session.answer(line))
        display.end_line()
        trouble = session.trouble
        session.keep()
        if session.trouble and session.trouble != trouble:
            display.error(session.trouble)
        return goes_on

    with text_kept(session, display):
        display.show(opening_notes(session, file))
        if trouble:
            display.note(trouble)
        display.note(plain.HELP)
        _read_and_answer(input, display, "> ", respond)


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


def _answer_line(session: "LineSession", display: "SessionDisplay", line: str) -> bool:
    """Answer one line. On a pipe each text gets exactly one line, so that a coprocess stays in step."""
    from rnnwords.cli.repl.commands import answer as answer_command
    from rnnwords.cli.repl.commands import as_command, parse
    from rnnwords.cli.repl.session import Reply

    if command := parse(line):
        return display.show(answer_command(session, *command))
    try:
        display.show(session.continue_line(line))
    except RnnwordsError as error:
        display.show([Reply("error", as_command(str(error)))])
    display.end_line(always=not display.live)
    return True


def _continue_words(session: "LineSession", display: "SessionDisplay", line: str) -> bool:
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
