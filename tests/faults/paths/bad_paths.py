"""Every way a path reaches the program, and every kind of path that it must refuse.

The entry points come from the parameters of the commands, so that a new option that takes a path is found here.
"""

import contextlib
import os
import re
import socket
from collections.abc import Callable, Iterable
from pathlib import Path

import click

from rnnwords.cli import program
from tests.texts import FABLE, ROOT

PATH = "<path>"  # where the path goes in the arguments below
MODEL = "<model>"  # a whole model
Entry = tuple[str, str]  # command, name of the parameter

# Entry point -> arguments with which only the path can be wrong.
ARGUMENTS: dict[Entry, list[str]] = {
    ("build-vocab", "corpus"): ["build-vocab", "-o", "out.tsv", "--", PATH],
    ("build-vocab", "output"): ["build-vocab", str(FABLE), "-o", PATH],
    ("train", "corpus"): ["train", "--", PATH],
    ("train", "model"): ["train", str(FABLE), "--model", PATH],
    ("train", "teacher"): ["train", str(FABLE), "--teacher", PATH],
    ("train", "vocab"): ["train", str(FABLE), "--vocab", PATH],
    ("train", "base"): ["train", str(FABLE), "--from", PATH],
    ("train", "validation"): ["train", str(FABLE), "--validation", PATH],
    ("eval", "corpus"): ["eval", "--model", MODEL, "--", PATH],
    ("eval", "model"): ["eval", str(FABLE), "--model", PATH],
    ("eval", "train_text"): ["eval", str(FABLE), "--model", MODEL, "--baseline", "--train-text", PATH],
    ("eval", "compare"): ["eval", str(FABLE), "--model", MODEL, "--compare", PATH],
    ("eval", "plot"): ["eval", str(FABLE), "--model", MODEL, "--plot", PATH],
    ("generate", "model"): ["generate", "the mice", "--model", PATH],
    ("generate", "train_text"): ["generate", "the mice", "--model", MODEL, "--report", "--train-text", PATH],
    ("generate", "exclude"): ["generate", "the mice", "--model", MODEL, "--exclude", PATH],
    ("predict", "exclude"): ["predict", "the mice", "--model", MODEL, "--exclude", PATH],
    ("repl", "exclude"): ["repl", "--model", MODEL, "--exclude", PATH],
    ("repl", "personal"): ["repl", "--model", MODEL, "--personal", PATH],
    ("personal", "personal"): ["personal", "clear", "--personal", PATH],
    ("personal", "exclude"): ["personal", "list", "--personal", "words.tsv", "--exclude", PATH],
    ("predict", "model"): ["predict", "the mice", "--model", PATH],
    ("score", "model"): ["score", "the mice", "--model", PATH],
    ("score", "text"): ["score", str(FABLE), "--model", MODEL, "--", PATH],
    ("explain", "model"): ["explain", "the mice", "--model", PATH],
    ("explain", "plot"): ["explain", "the mice", "--model", MODEL, "--plot", PATH],
    ("repl", "model"): ["repl", "--model", PATH],
    ("repl", "file"): ["repl", "--model", MODEL, "--", PATH],
    ("info", "model"): ["info", "--model", PATH],
    ("export", "out"): ["export", "--format", "onnx", "--model", MODEL, "--", PATH],
    ("export", "model"): ["export", "out.onnx", "--model", PATH],
    ("forecast", "csv"): ["forecast", "--model", "run", "--", PATH],
    ("forecast", "test"): ["forecast", "numbers.csv", "--test", PATH],
    ("info", "plot"): ["info", "--history", "--model", MODEL, "--plot", PATH],
    ("forecast", "plot"): ["forecast", "numbers.csv", "--plot", PATH],
    ("forecast", "model"): ["forecast", "numbers.csv", "--model", PATH],
}
TEXT_ENTRIES = {("score", "text")}  # a path where a text is possible too, so its parameter is a string
ANSWERED = {
    ("lsp", "model"),
    ("lsp", "exclude"),
    ("lsp", "personal"),
}  # a path whose error is the answer to a message: test_language_server_model.py
NEW_FILES = {
    ("build-vocab", "output"), ("eval", "plot"), ("explain", "plot"), ("export", "out"), ("forecast", "plot"),
    ("info", "plot"),
}  # fmt: skip
NEW_DIRECTORIES = {("train", "model"), ("forecast", "model")}
TEXTS = {entry for entry in ARGUMENTS if entry[1] in ("corpus", "validation", "train_text", "csv", "test", "text")}
# Variables of the environment that the program reads: those that are paths, and all others.
PATH_VARIABLES = {"RNNWORDS_MODEL", "RNNWORDS_PERSONAL", "RNNWORDS_CACHE", "XDG_CACHE_HOME", "XDG_STATE_HOME", "HOME"}
OTHER_VARIABLES = {
    "DNNL_MAX_CPU_ISA", "MPLBACKEND", "MPLCONFIGDIR", "NO_COLOR", "ONEDNN_MAX_CPU_ISA", "OPENBLAS_NUM_THREADS",
    "ORT_DISABLE_TELEMETRY", "TERM",
    "TF_CPP_MIN_LOG_LEVEL", "TF_ENABLE_ONEDNN_OPTS",
}  # fmt: skip


def path_parameters() -> set[Entry]:
    """Return all parameters of all commands that take a path."""
    return {
        (name, parameter.name or "")
        for name, command in program.commands.items()
        for parameter in command.params
        if isinstance(parameter.type, click.Path)
    }


def variables_read() -> set[str]:
    """Return the variables of the environment that the source names."""
    pattern = re.compile(r"""environ(?:\.\w+\(|\[)\s*["'](\w+)["']|envvar=["'](\w+)["']""")
    sources = [path.read_text(encoding="utf-8") for path in (ROOT / "rnnwords").rglob("*.py")]
    return {name for source in sources for match in pattern.findall(source) for name in match if name}


Kind = Callable[[Path, str], str]  # directory of the test, ending that the name needs -> path


def _plain(path: str) -> Kind:
    return lambda here, ending: path + ending


def _fixed(path: str) -> Kind:
    return lambda here, ending: path


def _loop(here: Path, ending: str) -> str:
    (here / f"loop{ending}").symlink_to(f"loop{ending}")
    return f"loop{ending}"


def _dangling(here: Path, ending: str) -> str:
    (here / f"dangling{ending}").symlink_to("nowhere/at/all")
    return f"dangling{ending}"


def _pipe(here: Path, ending: str) -> str:
    os.mkfifo(here / f"pipe{ending}")
    return f"pipe{ending}"


def _socket(here: Path, ending: str) -> str:
    with contextlib.chdir(here), socket.socket(socket.AF_UNIX) as server:
        server.bind(f"socket{ending}")
    return f"socket{ending}"


def _directory(here: Path, ending: str) -> str:
    (here / f"directory{ending}").mkdir()
    (here / f"directory{ending}" / "notes").write_text("of somebody else", encoding="utf-8")
    return f"directory{ending}"


def _under_file(here: Path, ending: str) -> str:
    (here / "file").write_text("words", encoding="utf-8")
    return f"file/under.txt{ending}"


def _slash_after_file(here: Path, ending: str) -> str:
    (here / f"file{ending}").write_text("words", encoding="utf-8")
    return f"file{ending}/"


def _forbidden(here: Path, ending: str) -> str:
    (here / "forbidden").mkdir(exist_ok=True)
    (here / "forbidden").chmod(0)
    return f"forbidden/story.txt{ending}"


KINDS: dict[str, Kind] = {
    "a name of 300 bytes": _plain("x" * 300),
    "a name of 100 characters in 300 bytes": _plain("\u3042" * 100),
    "a path of 5,000 bytes": _plain("x/" * 2_500),
    "a megabyte": _plain("x" * 1_000_000),
    "a text": _plain("Once upon a time there was a miller, who had three sons. " * 20),
    "under a file": _under_file,
    "a file and a slash": _slash_after_file,
    "a link to itself": _loop,
    "a dangling link": _dangling,
    "a pipe": _pipe,
    "a socket": _socket,
    "an endless device": _fixed("/dev/zero"),
    "a full device": _fixed("/dev/full"),
    "the null device": _fixed("/dev/null"),
    "a directory": _directory,
    "the directory": _fixed("."),
    "the directory above": _fixed(".."),
    "the root": _fixed("/"),
    "under a missing directory": _plain("missing/story.txt"),
    "an unexpanded home": _plain("~/story.txt"),
    "empty": _fixed(""),
    "NUL": _plain("a\0b"),
    "not UTF-8": _plain(os.fsdecode(b"\xff\xfe.txt")),
    "no bytes": _plain("\ud800.txt"),
}
FORBIDDEN = {"under a forbidden directory": _forbidden}
ENDINGS = {"plot": ".png"}  # that names at an entry point need


def is_legitimate(entry: Entry, kind: str) -> bool:
    """Return whether such a path is no error: a new file or directory, or a pipe or device where one is possible."""
    if entry == ("repl", "file"):
        return kind == "not UTF-8"  # a new draft, of which nothing is written before it is saved
    if entry == ("repl", "personal"):
        return kind == "not UTF-8"  # a new file, which is written when there is something to keep
    if entry in NEW_FILES and entry[1] != "plot":
        return kind in ("a pipe", "the null device", "an endless device", "not UTF-8", "a text")
    if entry in NEW_FILES:
        return kind in ("a pipe", "not UTF-8", "a text")
    if entry in NEW_DIRECTORIES:
        return kind in ("under a missing directory", "an unexpanded home", "not UTF-8", "a dangling link")
    if kind == "the null device" and (entry == ("score", "text") or entry[1] == "exclude"):
        return True  # an empty text
    if kind == "a pipe" and entry[1] == "exclude":
        return True  # it waits for a writer
    # A pipe waits for a writer; the directory above has the files of other tests, some of which may be texts.
    return kind in ("a pipe", "the directory above") and entry in TEXTS


def cases(kinds: Iterable[str]) -> list[tuple[Entry, str]]:
    """Return every entry point with every kind of path that it must refuse."""
    return [(entry, kind) for entry in ARGUMENTS for kind in kinds if not is_legitimate(entry, kind)]


def arguments_for(entry: Entry, kind: str, here: Path, model: Path) -> list[str]:
    """Return the arguments of the program for a kind of path, made in the directory `here`, at an entry point."""
    (here / "numbers.csv").write_text("value\n" + "".join(f"{n % 7}\n" for n in range(100)), encoding="utf-8")
    path = (KINDS | FORBIDDEN)[kind](here, ENDINGS.get(entry[1], ""))
    places = {PATH: path, MODEL: str(model)}
    return [places.get(word, word) for word in ARGUMENTS[entry]]


def names_in(place: Path) -> set[str]:
    return {str(path.relative_to(place)) for path in place.rglob("*")}


def refused(status: int, out: str, err: str) -> list[str]:
    """Return what is wrong with the answer to a path that cannot be used."""
    problems = [] if status in (1, 2) else [f"status {status}"]
    problems += ["stdout is not empty"] * bool(out)
    problems += [f"{err.count(chr(10))} lines"] * (err.count("\n") != 1)
    problems += ["not an error line"] * (not err.startswith("Error: "))
    problems += [f"{len(err)} characters"] * (len(err) > 501)
    return problems


# Run commands in one process that has fewer rights; TensorFlow cannot be loaded.
ANSWER = """
import contextlib, io, json, os, sys
from pathlib import Path
from rnnwords.cli import run
from tests.faults.paths import bad_paths

sys.modules["tensorflow"] = None

def answer(place, arguments):
    out, err = io.TextIOWrapper(io.BytesIO(), encoding="utf-8"), io.StringIO()
    with contextlib.chdir(place), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        before = os.listdir()
        status = run(arguments)
    out.flush()
    made = sorted(set(os.listdir(place)) - set(before))
    return [status, out.buffer.getvalue().decode(), err.getvalue(), made]

"""
