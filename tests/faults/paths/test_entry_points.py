"""Row 46: paths in variables, in the library and in a session, and errors of the operating system from anywhere."""

import errno
from collections.abc import Callable
from pathlib import Path

import pytest

from rnnwords import Predictor
from rnnwords.errors import RnnwordsError
from rnnwords.evaluation.report import evaluate
from rnnwords.saving import replace_file
from rnnwords.text.reading.corpus import Corpus
from rnnwords.text.vocabulary import Vocabulary
from tests.faults.paths import bad_paths
from tests.faults.paths.without_tensorflow import STOPPED, no_tensorflow
from tests.processes import ask
from tests.texts import FABLE


@pytest.mark.parametrize("path", ["a\0b", "\ud800"])
def test_row_46_the_library_refuses_a_path_that_no_file_can_have(path, tmp_path):
    calls: list[Callable[[], object]] = [
        lambda: Predictor.load(path), lambda: Corpus([Path(path)]), lambda: Vocabulary.load(Path(path)),
        lambda: replace_file(tmp_path / path, [b"x"]), lambda: evaluate(path, FABLE),
    ]  # fmt: skip
    for call in calls:
        with pytest.raises(RnnwordsError):
            call()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", [kind for kind in bad_paths.KINDS if kind not in ("a text", "not UTF-8", "a pipe")])
def test_row_46_save_in_a_session_answers_any_kind_of_path_with_one_line(kind, trained, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    path = bad_paths.KINDS[kind](tmp_path, "")
    before = bad_paths.names_in(tmp_path)
    lines = f"the cat\n:save {path}\n:save! {path}\nthe mice\n".encode(
        errors="surrogateescape" if "\ud800" not in path else "replace"
    )
    status, out, err = ask(capsys, monkeypatch, "repl", "--model", trained, stdin=lines)
    assert status == 0
    assert out.count("\n") == 2  # the answers to the texts
    notes = [line for line in err.splitlines() if line.startswith(("Error: ", "saved "))]
    assert len(notes) == len(err.splitlines()) == 2, err
    assert max(map(len, notes)) <= 500
    assert bad_paths.names_in(tmp_path) <= before | {"?.txt", "~"}


# The environment of a process can hold no others.
@pytest.mark.parametrize("kind", [kind for kind in bad_paths.KINDS if kind not in ("NUL", "no bytes", "a megabyte")])
@pytest.mark.parametrize("variable", sorted(bad_paths.PATH_VARIABLES | {"TMPDIR"}))
def test_row_46_a_variable_with_any_kind_of_path_is_one_line_or_has_no_influence(
    variable, kind, trained, tmp_path, monkeypatch, capsys
):
    path = bad_paths.KINDS[kind](tmp_path, "")
    monkeypatch.setenv(variable, path)
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.setattr("rnnwords.text.prepare.CACHE_FROM", 0)
    monkeypatch.setattr("rnnwords.training.session.tensorflow_required", no_tensorflow)
    monkeypatch.chdir(tmp_path)
    before = bad_paths.names_in(tmp_path)
    if variable == "RNNWORDS_MODEL":
        for arguments in (["predict", "the"], ["info"]):
            assert bad_paths.refused(*ask(capsys, monkeypatch, *arguments)) == []
    else:
        status, _, err = ask(capsys, monkeypatch, "train", FABLE, "--model", "run", "--quiet")
        assert (status, err) == (1, STOPPED)
        assert ask(capsys, monkeypatch, "explain", "the", "--model", trained, "--plot", "x.png", "--quiet")[0] == 0
        assert ask(capsys, monkeypatch, "build-vocab", "-", "--quiet", stdin=b"the cat")[0] == 0
        if paths_are_directories(kind):
            return
    assert {name.partition("/")[0] for name in bad_paths.names_in(tmp_path) - before} <= {
        "x.png",
        "missing",
        "~",
        "\udcff\udcfe.txt",
    }


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (PermissionError(errno.EACCES, "Permission denied", "some/file"), "cannot use some/file: Permission denied"),
        (OSError(errno.ENAMETOOLONG, "File name too long", b"\xff"), r"cannot use \udcff: File name too long"),
        (OSError(errno.EIO, "Input/output error", "x" * 5_000), "xxx: Input/output error"),
        (OSError(errno.ENOENT, "No such file", 7), "the operating system refused an operation: No such file"),
        (OSError("no reason"), "the operating system refused an operation: no reason"),
        (BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable"), "an operation: Resource temporarily"),
        (OSError(errno.ENOSPC, "No space left on device"), "could not write to standard output: No space left"),
        (MemoryError(), "not enough memory; close other programs"),
    ],
)
def test_row_46_an_error_of_the_system_from_anywhere_is_one_line(error, line, monkeypatch, capsys):
    monkeypatch.setattr("rnnwords.model_file.model_path", raising(error))
    monkeypatch.setattr("rnnwords.cli.discard_stdout", lambda: None)
    status, out, err = ask(capsys, monkeypatch, "info", "--model", "any")
    assert (status, bad_paths.refused(status, out, err)) == (1, [])
    assert line in err


def test_row_46_an_error_of_the_program_keeps_its_traceback(monkeypatch, capsys):
    monkeypatch.setattr("rnnwords.model_file.model_path", raising(ValueError("a bug")))
    with pytest.raises(ValueError, match="a bug"):
        ask(capsys, monkeypatch, "info", "--model", "any")


def raising(error: Exception) -> Callable[..., object]:
    def model_path(*arguments: object) -> object:
        raise error

    return model_path


def paths_are_directories(kind: str) -> bool:
    """Return whether such a path is a directory, or can become one, in which a cache may be made."""
    return kind in ("a directory", "the directory", "the directory above", "a dangling link", "a text")


def test_row_46_every_parameter_and_variable_that_is_a_path_is_covered():
    assert bad_paths.path_parameters() == (set(bad_paths.ARGUMENTS) - bad_paths.TEXT_ENTRIES) | bad_paths.ANSWERED
    assert bad_paths.variables_read() == bad_paths.PATH_VARIABLES | bad_paths.OTHER_VARIABLES
