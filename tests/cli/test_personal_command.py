"""`--personal FILE` of repl, and `rnnwords personal`."""

import json
from pathlib import Path

import pytest

from rnnwords.personal.file import PersonalFile
from rnnwords.prediction.predictor import Predictor
from tests.models import chain, plain_vocabulary, random_model, saved
from tests.processes import ask

WRITTEN = b"My friend Zorblax was here.\nmy pin is 4711, Zorblax\nzorblax\n"
COUNTS = {"my": 1, "friend": 1, "zorblax": 1, "Zorblax": 2, "was": 1, "here": 1, ".": 1, "My": 1, "pin": 1, "is": 1}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return saved(chain(), tmp_path_factory.mktemp("model"))


@pytest.fixture
def path(tmp_path: Path, model: Path, capsys, monkeypatch) -> Path:
    """Return a personal file that repl has written."""
    path = tmp_path / "words.tsv"
    status, out, _ = ask(capsys, monkeypatch, "repl", "--model", model, "--personal", path, "-n", "2", stdin=WRITTEN)
    assert (status, out.count("\n")) == (0, 3)
    return path


def test_list_has_the_words_by_count_and_no_secret(capsys, monkeypatch, path):
    status, out, err = ask(capsys, monkeypatch, "personal", "list", "--personal", path)
    assert (status, err) == (0, "")
    assert out.startswith("Zorblax\t2\n")
    assert {word: int(count) for word, count in (line.split("\t") for line in out.splitlines())} == COUNTS
    assert "4711" not in path.read_text(encoding="utf-8")


def test_list_as_json_and_with_excluded_words(capsys, monkeypatch, tmp_path, path):
    _, out, _ = ask(capsys, monkeypatch, "personal", "list", "--personal", path, "--json")
    assert json.loads(out) == {"file": str(path), "counts": COUNTS}
    (tmp_path / "never.txt").write_text("ZORBLAX\n", encoding="utf-8")
    arguments = ("--personal", path, "--json", "--exclude", tmp_path / "never.txt")
    _, out, _ = ask(capsys, monkeypatch, "personal", "list", *arguments)
    assert json.loads(out)["counts"] == {word: n for word, n in COUNTS.items() if word.lower() != "zorblax"}


def test_forget_removes_a_word_in_any_case(capsys, monkeypatch, path):
    status, out, err = ask(capsys, monkeypatch, "personal", "forget", "ZORBLAX", "nothing", "--personal", path)
    assert (status, out) == (0, "Zorblax\t2\nzorblax\t1\n")
    assert err == f"not in {path}: nothing\nremoved 2 words from {path}\n"
    assert "zorblax" not in path.read_text(encoding="utf-8").lower()
    assert PersonalFile(path).read()[("was",)] == 1
    assert ask(capsys, monkeypatch, "personal", "forget", "Zorblax", "--personal", path, "--quiet") == (0, "", "")


def test_forget_and_exclude_find_a_word_in_each_unicode_form(capsys, monkeypatch, tmp_path):
    path = tmp_path / "words.tsv"
    PersonalFile(path, "whitespace").add({("cafe\u0301",): 1, ("other",): 1})  # of a model with --normalize none
    (tmp_path / "never.txt").write_text("caf\u00e9\n", encoding="utf-8")
    arguments = ("--personal", path, "--exclude", tmp_path / "never.txt")
    assert ask(capsys, monkeypatch, "personal", "list", *arguments) == (0, "other\t1\n", "")
    for word in ("Cafe\u0301", "caf\u00e9"):
        PersonalFile(path).add({("cafe\u0301",): 1})
        assert ask(capsys, monkeypatch, "personal", "forget", word, "--personal", path)[0] == 0
        assert PersonalFile(path).read() == {("other",): 1}


def test_clear_removes_everything(capsys, monkeypatch, path):
    status, out, err = ask(capsys, monkeypatch, "personal", "clear", "--personal", path, "--json")
    assert (status, json.loads(out)["counts"]) == (0, COUNTS)
    assert err == f"removed {len(COUNTS)} words from {path}\n"
    assert PersonalFile(path).read() == {}


def test_the_environment_names_the_file(capsys, monkeypatch, path, model):
    monkeypatch.setenv("RNNWORDS_PERSONAL", str(path))
    assert ask(capsys, monkeypatch, "personal", "list")[1].startswith("Zorblax\t2\n")
    ask(capsys, monkeypatch, "repl", "--model", model, stdin=b"Zorblax\n")
    assert ask(capsys, monkeypatch, "personal", "list")[1].startswith("Zorblax\t3\n")


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("list",), "expected --personal, found none"),
        (("forget", "--personal", "words.tsv"), "forget: expected words, found none"),
        (("clear", "a", "--personal", "words.tsv"), "clear: expected no word, found 'a'"),
        (("list", "--personal", "none.tsv"), "personal file none.tsv: expected a file, found none"),
        (("show", "--personal", "words.tsv"), "expected one of list, forget, clear"),
    ],
)
def test_wrong_usage(capsys, monkeypatch, tmp_path, arguments, problem):
    monkeypatch.chdir(tmp_path)
    status, out, err = ask(capsys, monkeypatch, "personal", *arguments)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert problem in err


def test_without_the_option_nothing_is_kept(capsys, monkeypatch, tmp_path, model):
    monkeypatch.chdir(tmp_path)
    assert ask(capsys, monkeypatch, "repl", "--model", model, stdin=WRITTEN)[0] == 0
    assert [*tmp_path.iterdir()] == []


def test_excluded_words_are_neither_learned_nor_offered(capsys, monkeypatch, tmp_path, model):
    path = tmp_path / "words.tsv"
    (tmp_path / "never.txt").write_text("zorblax\n", encoding="utf-8")
    arguments = ("repl", "--model", model, "--personal", path, "--exclude", tmp_path / "never.txt")
    ask(capsys, monkeypatch, *arguments, stdin=WRITTEN)
    assert "zorblax" not in path.read_text(encoding="utf-8").lower()
    PersonalFile(path).add({("Zorblax",): 100})
    predictor = Predictor.load(model, exclude=["zorblax"], personal=path)
    assert "Zorblax" in predictor.vocabulary.ids
    assert predictor.rank("a", prefix="Zorb") == []
    assert "Zorblax" not in [word for word, _ in predictor.rank("a", 1_000)]


@pytest.mark.parametrize("mode", ["windows", "stateful"])
def test_a_predictor_learns_words_and_their_contexts(tmp_path, mode):
    predictor = Predictor(random_model(plain_vocabulary(12, unk=True), mode=mode), personal=tmp_path / "words.tsv")
    assert predictor.rank("w1", prefix="zor") == []
    before = predictor.rank("w1 w2", 12)
    predictor.learn({("w1", "Zorblax"): 5, ("w1", "Zorblax", "w3"): 5})
    assert [word for word, _ in predictor.rank("w1", prefix="zor")] == ["Zorblax"]
    assert predictor.unknown("w1 Zorblax other") == ["other"]
    assert predictor.rank("w1 Zorblax", 1)[0].word == "w3"
    assert sum(share for _, share in predictor.rank("w1 w2", 12)) <= 1
    assert [word for word, _ in before] != [] == predictor.explain("w1 Zorblax").unknown
    assert len(list(predictor.generate("w1 Zorblax", 5))) == 5
    assert predictor.read_ahead("w1 Zorblax " * 20, 1_000)
