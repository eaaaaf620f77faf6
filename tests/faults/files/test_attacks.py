"""Rows 34, 35 and 37: the exploits in attacks/ fail: no code runs, no command hangs, words are only printed."""

import io
import json
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.faults.files.attacks import code, names, paths
from tests.models import saved, small_model
from tests.processes import TINY, ask, contents, in_terminal, in_time, matched, rnnwords
from tests.texts import CATS, FABLE, write

GOOD = "good.safetensors"

READERS = [
    ["predict", "the cat", "--model", "FILE"], ["info", "--model", "FILE"], ["generate", "the cat", "--model", "FILE"],
    ["eval", "text.txt", "--model", "FILE"], ["eval", "text.txt", "--model", GOOD, "--compare", "FILE"],
    ["score", "the cat sat", "--model", "FILE"], ["explain", "the cat", "--model", "FILE"], ["repl", "--model", "FILE"],
]  # fmt: skip

OTHERS = [
    ["train", "text.txt", "--vocab", "FILE", "--model", "run"], ["train", "FILE", "--model", "run"],
    ["forecast", "FILE", "--model", "run"], ["forecast", "numbers.csv", "--test", "FILE", "--model", "run"],
    ["eval", "FILE", "--model", GOOD], ["score", "FILE", "--model", GOOD],
    ["generate", "the", "--model", GOOD, "--report", "--train-text", "FILE"],
    ["eval", "text.txt", "--model", GOOD, "--baseline", "--train-text", "FILE"], ["build-vocab", "FILE"],
]  # fmt: skip

MAX_SECONDS = 60


@pytest.fixture
def there(tmp_path, monkeypatch):
    """Return a working directory with a good model, a text and numbers."""
    small_model(("the", "cat", "sat", ".", "<unk>")).save(tmp_path / GOOD)
    write(tmp_path / "text.txt", CATS)
    write(tmp_path / "numbers.csv", "Open\n" + "".join(f"{number}\n" for number in range(100)))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def exploits(there: Path, canary: Path) -> list[Path]:
    """Return the paths of all exploits."""
    (there / "attacks").mkdir()
    made = [write(there / "attacks" / name, content) for name, content in code.files(canary)]
    code.saved_model(there / "attacks" / "saved_model", canary)
    return [*made, there / "attacks" / "saved_model"]


@pytest.mark.parametrize("words", READERS, ids=" ".join)
def test_row_35_no_exploit_given_as_a_model_runs(words, there, capsys, monkeypatch):
    canary = there / "canary"
    for path in exploits(there, canary):
        status, out, err = ask(
            capsys, monkeypatch, *[word.replace("FILE", str(path)) for word in words], stdin=b"the cat\n"
        )
        assert (status, out, err.count("\n")) == (2 if path.is_dir() else 1, "", 1), (path.name, err)
        assert "is damaged: " in err or "expected a model, found nothing at" in err
        assert not canary.exists(), path.name


@pytest.mark.parametrize("words", OTHERS, ids=" ".join)
def test_row_35_no_exploit_given_as_a_text_vocabulary_or_csv_runs(words, there, capsys, monkeypatch):
    """Some are refused and some are texts without a known word; none is opened as what it is."""
    canary = there / "canary"
    for path in exploits(there, canary):
        if words[0] == "train" and path.suffix in (".yaml", ".py") and "--vocab" not in words:
            continue  # a text, which would be trained
        status, _, err = ask(capsys, monkeypatch, *[word.replace("FILE", str(path)) for word in words])
        assert status in (0, 1, 2), err
        assert "Traceback" not in err
        assert not canary.exists(), path.name


@pytest.mark.parametrize("words", READERS, ids=" ".join)
def test_row_35_no_exploit_next_to_a_model_runs(words, there, capsys, monkeypatch):
    canary = there / "canary"
    exploits(there, canary)
    run = there / "attacks"
    write(run / "model.safetensors", (there / GOOD).read_bytes())
    monkeypatch.chdir(run)
    write(run / "text.txt", CATS)
    write(run / GOOD, (there / GOOD).read_bytes())
    assert ask(capsys, monkeypatch, *[word.replace("FILE", ".") for word in words], stdin=b"")[0] == 0
    assert not canary.exists()


def test_row_35_no_exploit_in_a_run_directory_runs(run, tmp_path):
    canary = tmp_path / "canary"
    content = dict(code.files(canary))
    for name in (
        "model.pkl",
        "model.keras",
        "checkpoints/step-0000000900.pkl",
        "checkpoints/step-0000000900.safetensors",
    ):
        write(run / name, content.get(Path(name).name, content["model.pkl"]))
    assert rnnwords("predict", "the mice", "--model", run, cwd=tmp_path).returncode == 0
    done = rnnwords("train", FABLE, *TINY, "--model", run, cwd=tmp_path)
    assert not canary.exists()
    assert done.returncode == 0, done.stderr
    matched(done.stderr, r"^Warning: checkpoint .*step-0000000900\.safetensors is damaged: ")
    matched(done.stderr, "this run is complete")


def test_row_35_each_exploit_runs_code_where_its_file_is_opened_as_its_format_asks_for(tmp_path):
    """Otherwise the other tests of row 35 could not fail."""
    canary = tmp_path / "canary"

    def fired():
        made = canary.exists()
        if made:
            canary.rmdir()
        return made

    content = dict(code.files(canary))
    pickle.loads(content["model.pkl"])
    assert fired()
    np.load(io.BytesIO(content["model.npy"]), allow_pickle=True)
    assert fired()
    np.load(io.BytesIO(content["model.npz"]), allow_pickle=True)["weights"]
    assert fired()
    exec(content["model.py"], {})
    assert fired()


@pytest.mark.slow
def test_row_35_the_keras_exploit_runs_code_where_it_is_loaded_without_safe_mode(tmp_path):
    path = write(tmp_path / "model.keras", code.keras_lambda(tmp_path / "canary"))
    script = "import sys, keras; keras.saving.load_model(sys.argv[1], safe_mode=False)"
    subprocess.run([sys.executable, "-c", script, str(path)], check=False, capture_output=True)
    assert (tmp_path / "canary").exists()


@pytest.mark.parametrize("words", READERS, ids=" ".join)
def test_row_34_endless_silent_and_looped_paths_given_as_a_model_are_refused(words, there, capsys, monkeypatch):
    for name, path in paths.paths(there):
        with in_time(MAX_SECONDS):
            status, out, err = ask(capsys, monkeypatch, *[word.replace("FILE", str(path)) for word in words], stdin=b"")
        assert status in (1, 2), (name, err)
        assert (out, err.count("\n")) == ("", 1), (name, err)


def test_row_34_tensors_with_the_names_of_paths_are_refused_and_write_nothing(there, capsys, monkeypatch):
    files = [write(there / f"{number}.safetensors", content) for number, (_, content) in
             enumerate(names.tensors_named_as_paths(there / "base"))]  # fmt: skip
    before = contents(there)
    for path in files:
        status, out, err = ask(capsys, monkeypatch, "predict", "the", "--model", path)
        assert (status, out, err.count("\n")) == (1, "", 1)
        assert "tensor output/bias: expected shape" in err
    assert contents(there) == before
    assert not Path("/canary").exists()


@pytest.mark.parametrize("terminal", [False, True])
def test_row_37_words_special_to_shells_and_markup_are_printed_unchanged(terminal, there):
    saved(names.model_of_words(), there)
    arguments = ["predict", "the", "-k", "100", "--model", "model.safetensors"]
    if terminal:
        status, seen = in_terminal(*arguments, cwd=there)
        out = seen.decode()
    else:
        done = rnnwords(*arguments, cwd=there)
        status, out = done.returncode, done.stdout
        found = json.loads(rnnwords(*arguments, "--json", cwd=there).stdout)["predictions"]
        assert {one["word"] for one in found} == set(names.WORDS)
    assert status == 0
    for word in names.WORDS:
        assert word.replace("\x1b", "\\x1b") in out, word


@pytest.mark.parametrize("name", [word for word in names.WORDS if "/" not in word and word[0] != "-"])
def test_row_37_file_names_special_to_shells_and_markup_are_printed_unchanged(name, there, capsys, monkeypatch):
    for words in (["predict", "the", "--model", f"./{name}"], ["eval", f"./{name}", "--model", GOOD]):
        status, out, err = ask(capsys, monkeypatch, *words)
        assert (status, out) == (2, "")
        assert name in err


@pytest.mark.slow
def test_row_37_words_special_to_shells_and_markup_are_trained_on_unchanged(there):
    write(there / "words.txt", (" ".join(names.WORDS) + "\n") * 5)
    status, seen = in_terminal(
        "train", "words.txt", "--tokenizer", "whitespace", *TINY, "--log-every", "1", "--model", "run", cwd=there
    )
    assert status == 0, seen
    assert not (there / "canary").exists()
