"""Row 46: every kind of path that cannot be used, in every argument and option."""

import json

import pytest

from tests.faults.paths import bad_paths
from tests.faults.paths.without_tensorflow import never_called
from tests.processes import ask, matched, only_error, rnnwords, run_python, without_privileges
from tests.texts import FABLE


@pytest.mark.parametrize(
    ("entry", "kind"), bad_paths.cases(bad_paths.KINDS), ids=lambda one: one if isinstance(one, str) else "-".join(one)
)
def test_row_46_a_path_that_cannot_be_used_is_one_line_and_makes_nothing(
    entry, kind, trained, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("rnnwords.training.session.tensorflow_required", never_called)
    arguments = bad_paths.arguments_for(entry, kind, tmp_path, trained)
    before = bad_paths.names_in(tmp_path)
    status, out, err = ask(capsys, monkeypatch, *arguments)
    assert bad_paths.refused(status, out, err) == [], err
    assert bad_paths.names_in(tmp_path) == before


FORBIDDEN = f"""{bad_paths.ANSWER}
answers = []
for number, (entry, kind) in enumerate(bad_paths.cases(bad_paths.FORBIDDEN)):
    place = Path(sys.argv[1], str(number))
    place.mkdir()
    arguments = bad_paths.arguments_for(entry, kind, place, Path(sys.argv[2]))
    answers.append([entry, *answer(place, arguments)])
print(json.dumps(answers))
"""


def test_row_46_a_path_under_a_forbidden_directory_is_one_line_and_makes_nothing(trained, tmp_path):
    done = run_python(FORBIDDEN, tmp_path, trained, before=without_privileges())
    assert done.returncode == 0, done.stderr
    answers = json.loads(done.stdout)
    assert len(answers) == len(bad_paths.ARGUMENTS)
    for entry, status, out, err, made in answers:
        assert (bad_paths.refused(status, out, err), made) == ([], []), (entry, err)
        assert "Permission denied" in err, (entry, err)


def test_row_46_a_text_in_the_place_of_a_file_is_named_as_such(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for command in ("train", "build-vocab"):
        status, out, err = ask(capsys, monkeypatch, command, "Once upon a time, there was a cat. " * 30)
        assert (status, out) == (2, "")
        assert err.endswith("File name too long; if it is the text itself, save it in a file, or pipe it to -\n")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("missing.txt", r"^Error: expected a file, found nothing at missing\.txt; if it is a text, add --text$"),
        ("x" * 300 + ".txt", r"File name too long; if it is a text, add --text$"),
        ("loop", r"^Error: cannot read loop: Too many levels"),
        ("fable/x.txt", r"^Error: cannot read fable/x\.txt: Not a directory; if it is a text, add --text$"),
        ("/dev/zero", r"found a device: /dev/zero"),
        (".", r"^Error: \.: expected a directory with text files, found none"),
    ],
)
def test_row_46_a_single_argument_of_score_that_is_a_file_name_is_one_line(
    text, pattern, trained, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "fable").touch()
    status, out, err = ask(capsys, monkeypatch, "score", text, "--model", trained)
    assert bad_paths.refused(status, out, err) == []
    assert matched(err, pattern)


@pytest.mark.parametrize("text", ["the " * 30_000, "." * 100_000 + "!", "./" * 50_000 + "?", "the\0cat", "", " "])
def test_row_46_a_single_argument_of_score_that_is_a_text_is_scored(text, trained, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    status, _, err = ask(capsys, monkeypatch, "score", text, "--model", trained, "--unit", "file")
    assert (status, err) == (0, "")


@pytest.mark.parametrize("device", ["/dev/zero", "/dev/full"])
def test_row_46_an_endless_device_as_standard_input_is_one_line(device, tmp_path):
    with open(device, "rb") as stream:
        done = rnnwords("build-vocab", "-", cwd=tmp_path, stdin=stream)
    assert bad_paths.refused(done.returncode, done.stdout, done.stderr) == []


@pytest.mark.parametrize("command", ["predict", "generate", "info", "eval"])
def test_row_46_a_missing_model_is_an_error_with_the_command_that_trains_one(command, tmp_path):
    arguments = {"eval": [str(FABLE)], "info": []}.get(command, ["the mice"])
    only_error(rnnwords(command, *arguments, cwd=tmp_path), 2, "train one with: rnnwords train TEXT")
    done = rnnwords(command, *arguments, "--model", "none", cwd=tmp_path)
    only_error(done, 2, "expected a model, found nothing at none; train one with: rnnwords train TEXT")
