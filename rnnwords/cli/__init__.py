"""The command line: one thin file a command. Each parses, calls one library function, and prints.

Data goes to stdout, notes and progress to stderr. Exit status: 0 ok, 1 failure, 2 wrong usage, 130 after Ctrl-C,
143 after SIGTERM, 141 when the reader of a pipe left.
"""

import contextlib
import io
import os
import sys
from collections.abc import Sequence
from typing import Any

import click

from rnnwords import __version__
from rnnwords.cli.build_vocab import build_vocab
from rnnwords.cli.completion import completion
from rnnwords.cli.eval import eval_command
from rnnwords.cli.explain import explain
from rnnwords.cli.forecast import forecast
from rnnwords.cli.generate import generate
from rnnwords.cli.info import info
from rnnwords.cli.output.terminal import SignalEnd, ended_in_order, safe
from rnnwords.cli.predict import predict
from rnnwords.cli.repl.command import repl as repl_command
from rnnwords.cli.score import score
from rnnwords.cli.train import train
from rnnwords.errors import RnnwordsError, SaveError


class _ReaderLeft(Exception):
    """The reader of a pipe left. Click would end the process with status 1, had it seen the BrokenPipeError."""


class _Program(click.Group):
    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:
            raise _ReaderLeft from error


@click.group(cls=_Program, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="rnnwords")
def program() -> None:
    """Learn from any text to predict its next word.

    \b
    rnnwords train story.txt            learn
    rnnwords generate "had a general"   go on from there
    rnnwords repl                       type, and see what could come next
    """


for _command in (build_vocab, train, eval_command, generate, predict, score, explain, repl_command, info, forecast, completion):
    program.add_command(_command)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the program and end the process with its exit status."""
    # numpy's own threads gain little on the products of one word, and when another process wants the cores they wait
    # for each other: then they are twenty times slower. Batches go to threads of our own (prediction.threads).
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    _settle_streams()
    with ended_in_order("SIGTERM"):
        status = run(arguments)
    if sys.stdout is not None:
        try:
            sys.stdout.flush()
        except BrokenPipeError:
            status = status or 141
            _discard_stdout()
        except OSError as error:
            status = status or _complain(SaveError(f"could not write to standard output: {error.strerror}"))
            _discard_stdout()
    sys.exit(status)


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the program; errors of the world become one line on stderr, bugs keep their traceback."""
    try:
        if sys.stdout is None:
            raise SaveError("standard output is closed; redirect it to a file or to /dev/null")
        status = program.main(list(arguments) if arguments is not None else None, "rnnwords", standalone_mode=False)
        return status if isinstance(status, int) else 0
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        return 0
    except click.ClickException as error:
        context = getattr(error, "ctx", None)
        hint = f" (see {context.command_path} --help)" if context is not None else ""
        _show(f"{error.format_message().rstrip('.')}{hint}")
        return error.exit_code
    except RnnwordsError as error:
        return _complain(error)
    except (KeyboardInterrupt, click.Abort):
        return 130
    except SignalEnd as end:
        _tell(f"Ended by {end.name}.")
        return end.status
    except _ReaderLeft:
        _discard_stdout()
        return 141
    except OSError as error:
        if error.filename is not None:
            raise
        _discard_stdout()
        return _complain(SaveError(f"could not write to standard output: {error.strerror}"))


def _settle_streams() -> None:
    """Texts are UTF-8 in a pipe or file, whatever the locale; what a stream cannot write is escaped, and a closed
    standard input or error reads as empty and swallows."""
    for stream, errors in ((sys.stdin, "replace"), (sys.stdout, "backslashreplace")):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding=None if stream.isatty() else "utf-8", errors=errors)
    if sys.stdin is None:
        sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115


def _complain(error: RnnwordsError) -> int:
    _show(str(error))
    return error.exit_status


def _show(message: str) -> None:
    _tell(f"Error: {safe(' '.join(message.split(chr(10))))}")


def _tell(line: str) -> None:
    with contextlib.suppress(OSError):
        click.echo(line, err=True)


def _discard_stdout() -> None:
    """Nobody can read what is still to be written; without this Python would complain about it as it ends."""
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
