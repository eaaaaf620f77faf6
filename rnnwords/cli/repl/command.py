"""`rnnwords repl`: a prompt that finishes sentences.

This file chooses between three ways to talk and holds the two plain ones. On a terminal, `repl_terminal` draws. From a
pipe, or where drawing is not wanted, lines are read and answered one by one. `--classic` is the prompt of the tutorial.
"""

import builtins
import contextlib
import io
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click

from rnnwords.cli.interpolation_options import mixed, mixing_options
from rnnwords.cli.options import load_predictor, model_option, plain_terminal, quiet_option, seed_option
from rnnwords.errors import RnnwordsError

if TYPE_CHECKING:
    from rnnwords.cli.repl.display import Display
    from rnnwords.cli.repl.session import Predictor, Session, Settings


@click.command(
    epilog="""
    \b
    Example:
      rnnwords repl --model models/story
      printf 'had a general\\n:why\\n' | rnnwords repl
    """
)
@model_option
@click.option("-n", "--words", type=int, default=32, show_default=True, help="Words that Enter adds.")
@click.option("--temperature", type=float, help="Draw words by chance, bolder the higher. Default: the most probable.")
@click.option("--top-k", type=int, help="Draw from the K most probable words only.")
@click.option("--top-p", type=float, help="Draw from the most probable words that make up the share P only.")
@mixing_options
@seed_option
@click.option("--classic", is_flag=True, help="The prompt of the tutorial: a window of words in, one line out.")
@quiet_option
def repl(
    model: Path | None,
    words: int,
    temperature: float | None,
    top_k: int | None,
    top_p: float | None,
    seed: int | None,
    classic: bool,
    quiet: bool,
    **mixing: Any,
) -> None:
    """Write with the model: it finishes your sentences.

    Grey text is what will likely follow: Tab or Right takes it, Alt-Right takes one word. A menu shows the next words
    with their probabilities. Enter lets the model write on. :help lists the commands, Ctrl-D ends.

    With stdin piped, each line is answered with one line on stdout.
    """
    from rnnwords.cli.repl.session import Settings

    settings = Settings(temperature=temperature, top_k=top_k, top_p=top_p, words=words, seed=seed)
    predictor = mixed(load_predictor(model, quiet), mixing, quiet)
    run_repl(predictor, settings, classic=classic, quiet=quiet)


def run_repl(
    predictor: "Predictor",
    settings: "Settings",
    *,
    input: TextIO | None = None,
    output: TextIO | None = None,
    notes: TextIO | None = None,
    history_path: Path | None = None,
    classic: bool = False,
    quiet: bool = False,
) -> None:
    """Read lines and answer them until the input ends or :quit.

    `output` takes the text, `notes` prompts, notes and errors; the streams of the process if none are given.
    """
    from rnnwords.cli.repl.display import Display
    from rnnwords.cli.repl.session import Session

    input, output, notes = input or sys.stdin, output or sys.stdout, notes or sys.stderr
    session = Session(predictor, settings)
    if classic:
        display = Display(output, notes, quiet=quiet, paragraphs=False)
        window = predictor.window
        prompt = "words: " if window is None else f"{window} word{'s' if window > 1 else ''}: "
        _converse(input, display, prompt, lambda line: _continue_words(session, display, line))
        return
    display = Display(output, notes, quiet=quiet, paragraphs=output.isatty())
    own = input is sys.stdin and output is sys.stdout
    if own and not (plain_terminal(input) or plain_terminal(output)):
        from rnnwords.cli.repl.terminal_app import run_terminal

        run_terminal(session, display, history_path)
    else:
        prompt = "> " if input.isatty() else ""
        _converse(input, display, prompt, lambda line: _answer_line(session, display, line))


def _converse(input: TextIO, display: "Display", prompt: str, respond: Callable[[str], bool]) -> None:
    """Ask, read, respond, until the input ends or a response says that it was the last.

    On a terminal Ctrl-C cancels the line or the response, and only that.
    """
    if isinstance(input, io.TextIOWrapper):
        input.reconfigure(errors="replace")  # bytes that are no text become U+FFFD
    if input.isatty():
        with contextlib.suppress(ImportError):
            import readline  # noqa: F401 -- input() then edits the line
    while True:
        try:
            line = _read(input, display, prompt)
            if line is None or not respond(line):
                return
        except KeyboardInterrupt:
            if not input.isatty():
                raise
            display.ask("\n")
        display.end_line()


def _read(input: TextIO, display: "Display", prompt: str) -> str | None:
    """The next line without its end; None at the end of the input. The prompt is no data."""
    if input is sys.stdin and display.output is sys.stdout and input.isatty() and display.live:
        try:
            return builtins.input(prompt)
        except EOFError:
            line = ""
    else:
        if prompt and (input.isatty() or not display.quiet):
            display.ask(prompt)
        line = input.readline()
    if not line and prompt and not display.quiet:
        display.ask("\n")  # whatever comes next has a line of its own
    return line.removesuffix("\n") if line else None


def _answer_line(session: "Session", display: "Display", line: str) -> bool:
    """Answer one line; on a pipe each text gets exactly one line back, so that both sides stay in step."""
    from rnnwords.cli.repl.commands import answer, parse

    goes_on = display.show(answer(session, line))
    display.end_line(always=parse(line) is None and not display.live)
    return goes_on


def _continue_words(session: "Session", display: "Display", line: str) -> bool:
    """The tutorial's answer: the typed words and those that follow, on one line. Nothing of it is remembered."""
    predictor = session.predictor
    symbols = predictor.vocabulary.tokenize(line)
    unknown = session.unknown(line)
    if not symbols or (predictor.window is not None and len(symbols) != predictor.window):
        wanted = predictor.window or "some"
        display.complain(f"{wanted} words are needed, marks like , and . counted; got {len(symbols)}")
    elif unknown:
        display.complain("; ".join(predictor.vocabulary.unknown_message(word) for word in unknown))
    else:
        try:
            display.show(session.continue_alone(line.strip()))
        except RnnwordsError as error:
            display.complain(str(error))
    return True
