"""`--blend` and `--cache`, alike in every command that asks a model; off, nothing is as it was not before."""

import json
import math

import pytest

from rnnwords.config import TextConfig
from rnnwords.files import digest_of
from rnnwords.lm.loading import Mixing, mixed
from rnnwords.prediction.predictor import Predictor
from tests.asking import ask, random_model, saved, vocabulary_of
from tests.cli.test_imports import HEAVY, without
from tests.lm.test_interpolation import OTHER, TEXT, with_ngram

BOTH = ("--blend", "auto", "--cache", "6")


@pytest.fixture(params=["windows", "stateful"])
def path(request, tmp_path):
    """A model with an n-gram, and a text beside it that its weights were tuned on."""
    (tmp_path / "other.txt").write_text(OTHER)
    model = random_model(vocabulary_of(TEXT, TextConfig(eos=True), max_size=11), reading=request.param)
    return saved(with_ngram(model, digest=digest_of([tmp_path / "other.txt"])), tmp_path)


@pytest.fixture
def run(capsys, monkeypatch, path):
    return lambda *arguments, stdin=None: ask(
        capsys, monkeypatch, arguments[0], "--model", path, *arguments[1:], stdin=stdin
    )


def test_every_command_asks_the_same_mixture(run, path):
    asked = mixed(Predictor.load(path), Mixing("auto", cache=6))
    text = path.parent / "other.txt"
    words = asked.score(OTHER)
    report = json.loads(run("eval", text, "--json", *BOTH)[1])
    assert report["loss"] == pytest.approx(-sum(word.log_probability for word in words) / len(words), rel=1e-5)
    rows = [json.loads(line) for line in run("score", text, "--json", *BOTH)[1].splitlines()]
    assert [row["logprob"] for row in rows] == pytest.approx([word.log_probability for word in words], abs=1e-5)
    lines = [json.loads(line) for line in run("score", text, "--json", "--fresh", *BOTH)[1].splitlines()]
    second = asked.score(OTHER.split("\n")[2] + "\n")
    assert [row["logprob"] for row in lines if row["line"] == 3] == pytest.approx(
        [word.log_probability for word in second], abs=1e-5
    )

    best = asked.rank("the cat sat on", 3)
    one = json.loads(run("predict", "the cat sat on", "-k", "3", "--json", *BOTH)[1])
    assert [p["probability"] for p in one["predictions"]] == pytest.approx([p.probability for p in best], abs=1e-6)
    many = run("predict", "-k", "3", "--json", *BOTH, stdin=b"the cat sat on\n" * 12)[1].splitlines()
    for line in many:
        found = [p["probability"] for p in json.loads(line)["predictions"]]
        assert found == pytest.approx([p.probability for p in best], abs=1e-5)
    written = "".join(asked.generate("the cat", n=4))
    assert run("generate", "the cat", "-n", "4", "--no-stream", *BOTH)[1] == f"the cat{written}\n"
    assert run("repl", "-n", "4", *BOTH, stdin=b"the cat\n")[1] == f"{written.strip()}\n"


def test_what_is_mixed_is_told(run, path):
    for command in (("predict", "the"), ("generate", "the"), ("score", "the cat"), ("eval", path.parent / "other.txt")):
        status, out, err = run(*command, *BOTH)
        assert status == 0
        assert "mixed: network and 3-gram, weights by count of the network (tuned on 900 held-out words" in err
        assert "cache of 6 words, weight 0.3, theta 0.25" in err
        assert "mixed" not in run(*command, *BOTH, "--quiet")[2]
    assert "mixed      network and 3-gram" in out
    assert "tuned on this very text, which flatters it" in " ".join(out.split())
    report = json.loads(run("eval", path.parent / "other.txt", "--json", *BOTH)[1])["mixture"]
    assert report["tuned_on_this_text"]
    assert (report["blend"]["kind"], report["cache"]["words"]) == ("count", 6)
    given = json.loads(run("eval", path.parent / "other.txt", "--json", "--blend", "0.9")[1])["mixture"]
    assert given["blend"] == {"kind": "given", "order": 3, "source": "given", "network": 0.9}
    assert not given["tuned_on_this_text"]


def test_what_is_off_changes_nothing(run, path, tmp_path, capsys, monkeypatch):
    (tmp_path / "plain").mkdir()
    plain = saved(random_model(Predictor.load(path).vocabulary, reading=Predictor.load(path).model.network.reading),
                  tmp_path / "plain")  # fmt: skip
    for command in (("predict", "the cat"), ("generate", "the cat"), ("score", "the cat sat")):
        expected = ask(capsys, monkeypatch, command[0], "--model", plain, *command[1:])
        assert run(*command) == expected
        assert run(*command, "--cache", "0") == expected
        assert run(*command, "--blend", "1", "--quiet")[1] == expected[1]
    report = json.loads(run("eval", tmp_path / "other.txt", "--json")[1])
    assert "mixture" not in report


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--blend", "best"), "'best' is none of auto, fixed, count, and no number between 0 and 1"),
        (("--blend", "1.5"), "1.5 is not in the range 0<=x<=1"),
        (("--blend", "nan"), "nan is not in the range"),
        (("--cache", "10001"), "10001 is not in the range 0<=x<=10000"),
        (("--cache-weight", "0.1"), "say how many words it has with --cache N"),
        (("--cache", "5", "--cache-weight", "1"), "is not in the range"),
        (("--cache", "5", "--cache-theta", "nan"), "is not in the range"),
    ],
)
def test_wrong_options_are_refused(run, options, message):
    status, out, err = run("predict", "the", *options)
    assert (status, out) == (2, "")
    assert message in err
    assert len(err.splitlines()) == 1 or "model" in err


def test_a_model_without_an_ngram_says_what_to_do(capsys, monkeypatch, tmp_path):
    plain = saved(random_model(vocabulary_of(TEXT)), tmp_path)
    for command in (("predict", "the"), ("generate", "the"), ("score", "the cat"), ("repl",), ("eval", "-")):
        status, out, err = ask(capsys, monkeypatch, *command, "--model", plain, "--blend", "auto", stdin=b"")
        assert (status, out) == (2, "")
        assert err == (
            "Error: this model has no n-gram to blend with; train one that has: rnnwords train TEXT --ngram 4\n"
        )


def test_info_names_the_ngram(run):
    status, out, _ = run("info")
    assert status == 0
    assert "n-grams of up to 3 words, " in out
    report = json.loads(run("info", "--json")[1])
    assert report["ngram"]["order"] == report["mixture"]["order"] == 3
    assert report["ngram"]["bytes"] > 100
    assert math.isclose(report["mixture"]["memory"]["cache"], 0.2)


def test_info_sees_a_damaged_ngram(run, path):
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    assert run("predict", "the")[0] == 0
    for command in (("info",), ("predict", "the", "--blend", "auto")):
        status, out, err = run(*command)
        assert (status, out) == (1, "")
        assert "is damaged" in err


def test_a_mixture_needs_no_tensorflow(path, tmp_path):
    done = without(HEAVY, "predict", "the cat", *BOTH, "--model", str(path), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
