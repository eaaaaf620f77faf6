"""What several commands share: options, notes, finding the model, progress bars."""

import json
import math
import os
import re
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from rnnwords.cli.output.terminal import is_safe, safe
from rnnwords.config import TOKENIZERS, TextConfig
from rnnwords.errors import ModelNotFoundError
from rnnwords.prediction.choices import OOV_POLICIES

if TYPE_CHECKING:
    from rnnwords.prediction.predictor import Predictor

F = TypeVar("F", bound=Callable[..., Any])
MODELS = Path("models")
LATEST = MODELS / "latest"

model_option = click.option(
    "--model", type=click.Path(path_type=Path), envvar="RNNWORDS_MODEL", show_envvar=True,
    help="A run directory or a model.safetensors.  [default: the model trained last]",
)  # fmt: skip
quiet_option = click.option("--quiet", is_flag=True, help="No notes on stderr.")
json_option = click.option("--json", "as_json", is_flag=True, help="JSON instead of text.")
seed_option = click.option(
    "--seed", type=click.IntRange(0, 2**32 - 1), help="Makes chance repeatable.  [default: drawn, and told]"
)
oov_option = click.option(
    "--oov", type=click.Choice(OOV_POLICIES),
    help="What a word of the prompt that the model does not know becomes: unk, the symbol <unk>; skip, nothing; "
    "error, the end, naming near words.  [default: unk; for a model without <unk>: error, in a stream skip]",
)  # fmt: skip
nul_option = click.option(
    "-0", "nul", is_flag=True, help="Prompts on stdin end in NUL instead of a line end, so they can hold line ends."
)
train_text_option = click.option(
    "--train-text", type=click.Path(path_type=Path, allow_dash=True), multiple=True, metavar="FILE",
    help="The text that the model was trained on, which its file does not hold. May stand several times.",
)  # fmt: skip
corpus_argument = click.argument("corpus", nargs=-1, required=True, type=click.Path(path_type=Path, allow_dash=True))


class Number(click.FloatRange):
    """A number within limits. Click's own type lets NaN pass, which lies nowhere."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        number = float(super().convert(value, param, ctx))
        if math.isnan(number):
            self.fail(f"{number} is not in the range {self.min}<=x<={self.max}.", param, ctx)
        return number


def quoted(words: Sequence[str]) -> str:
    """A command line that can be pasted into a shell; words that need it in double quotes, where these are safe."""
    return " ".join(
        f'"{word}"' if shlex.quote(word) != word and not re.search(r'["$`\\!]', word) else shlex.quote(word)
        for word in words
    )


def text_options(function: F) -> F:
    """The options that say how text becomes symbols."""
    for option in (
        click.option("--encoding-errors", type=click.Choice(["strict", "replace"]), default="strict",
                     help="What to do with bytes that are not UTF-8.  [default: strict]"),
        click.option("--eos", is_flag=True, help="Make each line end a symbol, <eos>."),
        click.option("--lowercase", is_flag=True, help="Lowercase all text."),
        click.option("--tokenizer", type=click.Choice(TOKENIZERS), default="words", show_default=True,
                     help="words: punctuation apart, any script. whitespace: the text is split already."),
        click.option("--min-count", type=click.IntRange(1), metavar="N", help="Cut words that occur less often."),
        click.option("--max-size", type=click.IntRange(1, 1_000_000), metavar="N",
                     help="Keep the N commonest symbols at most."),
    ):  # fmt: skip
        function = option(function)
    return function


def text_config(options: dict[str, Any]) -> TextConfig:
    """The text settings out of a command's options."""
    return TextConfig(tokenizer=options["tokenizer"], lowercase=options["lowercase"], eos=options["eos"])


def note(message: str, quiet: bool = False) -> None:
    """A line on stderr that is no error."""
    if not quiet:
        click.echo(safe(message), err=True)


_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode


def json_line(value: Any) -> str:
    """A JSON value on one line, UTF-8 unescaped but for controls and what no encoding can write; without NaN."""
    text = _encode(value)
    return text if is_safe(text) else "".join(c if is_safe(c) else f"\\u{ord(c):04x}" for c in text)


def print_json(value: Any) -> None:
    """Print it."""
    click.echo(json_line(value))


def drawn_seed(seed: int | None, quiet: bool) -> int:
    """The seed that was given, or one drawn and told."""
    if seed is None:
        seed = int.from_bytes(os.urandom(4))
        note(f"seed {seed}", quiet)
    return seed


def find_model(model: Path | None, quiet: bool) -> Path:
    """The model file that a command should use. Raises ModelNotFoundError, which says how to train one."""
    path = model
    if path is None:
        try:
            path = MODELS / os.fsdecode(LATEST.read_bytes()).removesuffix("\n")
        except OSError:
            raise ModelNotFoundError(
                "no model was named, and none was trained here yet; train one with: rnnwords train TEXT"
            ) from None
    if path.is_dir():
        path = path / "model.safetensors"
    if not path.exists():
        raise ModelNotFoundError(f"there is no model at {path}; train one with: rnnwords train TEXT --model DIRECTORY")
    if model is None:
        note(f"model {path}", quiet)
    return path


def load_predictor(model: Path | None, quiet: bool) -> "Predictor":
    """The predictor of the model that was named, or trained last."""
    path = find_model(model, quiet)
    from rnnwords.prediction.predictor import Predictor

    return Predictor.load(path)


def clean(text: str) -> str:
    """An argument as text that can be written. It is UTF-8, whatever the locale; bytes that are not become U+FFFD."""
    try:
        return os.fsencode(text).decode("utf-8", "replace")
    except UnicodeEncodeError:  # it did not come from a command line
        return text.encode("utf-8", "replace").decode()


def oov_policy(oov: str | None, predictor: "Predictor", from_pipe: bool) -> str | None:
    """What an unknown word becomes: as asked; else <unk>; without one an error, or in a stream left out."""
    if oov is None and not from_pipe and predictor.vocabulary.unk is None:
        return "error"
    return oov


def cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def plain_terminal(stream: Any) -> bool:
    """Whether `stream` should get plain text: it is no terminal, or the user wants none of its powers."""
    if stream is None:
        return True
    wants_none = os.environ.get("NO_COLOR") or os.environ.get("TERM", "") in ("", "dumb")
    return bool(wants_none) or not stream.isatty()


@contextmanager
def byte_progress(quiet: bool) -> Iterator[Callable[[str, int | None], Callable[[int], None] | None]]:
    """Bars of bytes with rate and time left, on a terminal; nothing elsewhere."""
    if quiet or plain_terminal(sys.stderr):
        yield lambda what, size: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True) as progress:

        def start(what: str, size: int | None) -> Callable[[int], None]:
            task = progress.add_task(what, total=size)
            return lambda done: progress.advance(task, done)

        yield start
