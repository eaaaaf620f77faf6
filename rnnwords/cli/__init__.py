"""The command line: one file per command, which parses, calls one library function, and prints the result.

Data goes to stdout, notes and progress to stderr. Exit status: 0 success, 1 failure, 2 wrong usage, 130 after Ctrl-C,
143 after SIGTERM, 129 after SIGHUP, 141 when the reader of a pipe has closed it.
"""

import contextlib
import errno
import logging
import os
import sys
from collections.abc import Sequence
from typing import Any

import click

from rnnwords.cli.commands.build_vocab import build_vocab
from rnnwords.cli.commands.completion import completion
from rnnwords.cli.commands.eval import eval_command
from rnnwords.cli.commands.explain import explain
from rnnwords.cli.commands.export import export
from rnnwords.cli.commands.forecast import forecast
from rnnwords.cli.commands.generate import generate
from rnnwords.cli.commands.info import info
from rnnwords.cli.commands.lsp import lsp
from rnnwords.cli.commands.personal import personal
from rnnwords.cli.commands.predict import predict
from rnnwords.cli.commands.score import score
from rnnwords.cli.commands.train import train
from rnnwords.cli.errors import system_message, usage_message
from rnnwords.cli.output.messages import one_line
from rnnwords.cli.output.streams import discard_stdout, prepare_streams, stdout_message
from rnnwords.cli.repl.command import repl as repl_command
from rnnwords.cli.signals import SignalEnd, signals_handled
from rnnwords.errors import RnnwordsError
from rnnwords.version import __version__

_WRITE_ERRORS = (errno.ENOSPC, errno.EFBIG, errno.EIO, errno.EBADF, errno.EDQUOT)


class _PipeClosed(Exception):
    """The reader of a pipe has closed it. Click would end the process with status 1 after a BrokenPipeError."""


class _Program(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)  # in the order in which they are used, not of the alphabet

    def make_context(self, *args: Any, **extra: Any) -> click.Context:
        try:
            return super().make_context(*args, **extra)  # prints for --help and --version
        except BrokenPipeError as error:
            raise _PipeClosed from error

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:
            raise _PipeClosed from error


@click.group(cls=_Program, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="rnnwords", help="Print the version and exit.")
def program() -> None:
    """Train recurrent neural networks that predict the next word of a text.

    \b
    Examples:
      rnnwords train --example fable     train on a fable
      rnnwords train story.txt           train on your text
      rnnwords predict "had a general"   list next words
      rnnwords generate "had a general"  continue a text
      rnnwords repl                      write a text
    """


for _command in (
    build_vocab, train, eval_command, generate, predict, score, explain, repl_command, lsp, personal, info, export,
    forecast, completion,
):  # fmt: skip
    program.add_command(_command)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the program and end the process with its exit status."""
    # numpy's own threads gain little on the matrix products of one word, and spin while other processes need the
    # cores, which makes them twenty times slower. Batches run on threads of prediction.parallel_map.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    os.environ["MPLBACKEND"] = "agg"  # plots are files; Matplotlib, which Keras imports, refuses an unknown value
    prepare_streams()
    with signals_handled():
        status = run(arguments)
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        status = status or 141
        discard_stdout()
    except OSError as error:
        status = status or _fail(stdout_message(error))
        discard_stdout()
    sys.exit(status)


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the program and return its exit status. An expected error is one line on stderr; a bug has a traceback."""
    # It warns where its own cache cannot be written. TensorFlow loads it, too.
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    try:
        status = program.main(list(arguments) if arguments is not None else None, "rnnwords", standalone_mode=False)
        return status if isinstance(status, int) else 0
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        return 0
    except click.ClickException as error:
        return _fail(usage_message(error), error.exit_code)
    except RnnwordsError as error:
        return _fail(str(error), error.exit_status)
    except (KeyboardInterrupt, click.Abort):
        return 130
    except SignalEnd as end:
        _print_to_stderr(f"Ended by {end.name}.")
        return end.status
    except _PipeClosed:
        discard_stdout()
        return 141
    except (OSError, MemoryError) as error:
        message = system_message(error)
        if isinstance(error, OSError) and error.filename is None and _stdout_fails(error):
            message = stdout_message(error)
            discard_stdout()
        return _fail(message)


def _stdout_fails(error: OSError) -> bool:
    """Return whether an error without a file name comes from stdout, whose writers are all over the program."""
    try:
        sys.stdout.flush()
    except OSError:
        return True
    return error.errno in _WRITE_ERRORS  # without a buffer there is nothing left to flush


def _fail(message: str, status: int = 1) -> int:
    """Print an error, as one line, and return the exit status."""
    _print_to_stderr(f"Error: {message}")
    return status


def _print_to_stderr(line: str) -> None:
    with contextlib.suppress(OSError):
        click.echo(one_line(line), err=True)
