"""Tests of `--interpolate` and `--cache`, which mean the same in every command that predicts."""

import json
import math

import pytest

from rnnwords.config import InterpolationConfig, TextConfig
from rnnwords.files import digest_of
from rnnwords.prediction.predictor import Predictor
from tests.lm.interpolated import OTHER, with_ngram
from tests.models import random_model, saved, vocabulary_of
from tests.processes import HEAVY, ask, without
from tests.texts import CATS

BOTH = ("--interpolate", "auto", "--cache", "6")


@pytest.fixture(params=["windows", "stateful"])
def path(request, tmp_path):
    """Return a model with an n-gram; in its directory is the text that the weights were fitted on."""
    (tmp_path / "other.txt").write_text(OTHER)
    model = random_model(vocabulary_of(CATS, TextConfig(eos=True), max_size=11), mode=request.param)
    return saved(with_ngram(model, validation_digest=digest_of([tmp_path / "other.txt"])), tmp_path)


@pytest.fixture
def run(capsys, monkeypatch, path):
    return lambda *arguments, stdin=None: ask(
        capsys, monkeypatch, arguments[0], "--model", path, *arguments[1:], stdin=stdin
    )


def test_every_command_uses_the_same_interpolated_model(run, path):
    predictor = Predictor.load(path, InterpolationConfig("auto", cache=6))
    text = path.parent / "other.txt"
    words = predictor.score(OTHER)
    report = json.loads(run("eval", text, "--json", *BOTH)[1])
    assert report["loss"] == pytest.approx(-sum(word.log_prob for word in words) / len(words), rel=1e-5)
    rows = [json.loads(line) for line in run("score", text, "--json", *BOTH)[1].splitlines()]
    assert [row["logprob"] for row in rows] == pytest.approx([word.log_prob for word in words], abs=1e-5)
    lines = [json.loads(line) for line in run("score", text, "--json", "--independent-lines", *BOTH)[1].splitlines()]
    second = predictor.score(OTHER.split("\n")[2] + "\n")
    assert [row["logprob"] for row in lines if row["line"] == 3] == pytest.approx(
        [word.log_prob for word in second], abs=1e-5
    )

    best = predictor.rank("the cat sat on", 3)
    one = json.loads(run("predict", "the cat sat on", "-k", "3", "--json", *BOTH)[1])
    assert [p["probability"] for p in one["predictions"]] == pytest.approx([p.probability for p in best], abs=1e-6)
    many = run("predict", "-k", "3", "--json", *BOTH, stdin=b"the cat sat on\n" * 12)[1].splitlines()
    for line in many:
        found = [p["probability"] for p in json.loads(line)["predictions"]]
        assert found == pytest.approx([p.probability for p in best], abs=1e-5)
    written = "".join(predictor.generate("the cat", n=4))
    assert run("generate", "the cat", "-n", "4", "--no-stream", *BOTH)[1] == f"the cat{written}\n"
    assert run("repl", "-n", "4", *BOTH, stdin=b"the cat\n")[1] == f"{written.strip()}\n"


def test_notes_and_reports_describe_the_interpolation(run, path):
    for command in (("predict", "the"), ("generate", "the"), ("score", "the cat"), ("eval", path.parent / "other.txt")):
        status, out, err = run(*command, *BOTH)
        assert status == 0
        assert "interpolated: network and 3-gram, weights by count (fitted on 900 words of validation text" in err
        assert "cache of 6 words, weight 0.3, sharpness 0.25" in err
        assert "interpolated" not in run(*command, *BOTH, "--quiet")[2]
    assert "model      network and 3-gram" in out
    assert "fitted on this text, so the figures are too good" in " ".join(out.split())
    report = json.loads(run("eval", path.parent / "other.txt", "--json", *BOTH)[1])["interpolation"]
    assert report["fitted_on_this_text"]
    assert (report["ngram"]["weights"], report["cache"]["words"]) == ("count", 6)
    given = json.loads(run("eval", path.parent / "other.txt", "--json", "--interpolate", "0.9")[1])["interpolation"]
    assert given["ngram"] == {"order": 3, "source": "given", "weights": "fixed", "network": 0.9}
    assert not given["fitted_on_this_text"]


def test_network_alone_needs_no_ngram_in_the_file(run, path, tmp_path, capsys, monkeypatch):
    (tmp_path / "plain").mkdir()
    model = Predictor.load(path).model
    plain = saved(random_model(model.vocabulary, mode=model.network.mode), tmp_path / "plain")
    for command in (("predict", "the cat"), ("generate", "the cat"), ("score", "the cat sat")):
        expected = ask(capsys, monkeypatch, command[0], "--model", plain, *command[1:])
        assert ask(capsys, monkeypatch, command[0], "--model", plain, *command[1:], "--interpolate", "auto") == expected
        assert run(*command, "--interpolate", "off") == expected
        assert run(*command, "--interpolate", "off", "--cache", "0") == expected
        assert run(*command, "--interpolate", "1", "--quiet")[1] == expected[1]
    report = json.loads(run("eval", tmp_path / "other.txt", "--json", "--interpolate", "off")[1])
    assert "interpolation" not in report


def test_whole_predictor_is_the_default_and_only_figures_name_it(run, path):
    for command in (("predict", "the cat"), ("generate", "the cat"), ("score", "the cat sat"), ("repl",)):
        stdin = b"the cat\n" if command == ("repl",) else None
        status, out, err = run(*command, stdin=stdin)
        assert status == 0
        asked = run(*command, "--interpolate", "auto", stdin=stdin)
        assert asked[:2] == (0, out)
        assert "interpolated: network and 3-gram" in asked[2]
        assert ("interpolated" in err) == (command[0] == "score")
    for extra in ((), ("--interpolate", "auto")):
        report = json.loads(run("eval", path.parent / "other.txt", "--json", *extra)[1])
        assert report["interpolation"]["ngram"]["weights"] == "count"


def test_compared_model_predicts_as_it_does_by_default(run, path):
    text = path.parent / "other.txt"

    def losses(*options):
        found = json.loads(run("eval", text, "--compare", path, "--json", *options)[1])["compare"]
        return found["loss"], found["other_loss"]

    whole = losses()
    assert whole[0] == whole[1]
    alone = losses("--interpolate", "off")
    assert alone[1] == whole[1] != alone[0]
    if Predictor.load(path).context_size:
        limited = losses("--max-context", "3")
        assert limited == (alone[0], alone[0])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ("--interpolate", "best"),
            "--interpolate: expected auto, off, fixed, count or a number between 0 and 1, found 'best'",
        ),
        (("--interpolate", "1.5"), "found '1.5'"),
        (("--interpolate", "nan"), "found 'nan'"),
        (("--cache", "10001"), "--cache: expected a whole number between 0 and 10,000, found 10001"),
        (
            ("--cache-weight", "0.1"),
            "--cache-weight and --cache-sharpness: expected a cache, found none; set --cache to a number of words",
        ),
        (("--cache", "5", "--cache-weight", "1"), "--cache-weight: expected a number between 0 and 0.99, found 1.0"),
        (
            ("--cache", "5", "--cache-sharpness", "nan"),
            "--cache-sharpness: expected a number between 0 and 100, found nan",
        ),
    ],
)
def test_invalid_interpolation_options_are_refused(run, options, message):
    status, out, err = run("predict", "the", *options)
    assert (status, out) == (2, "")
    assert message in err
    assert len(err.splitlines()) == 1 or "model" in err


def test_interpolate_without_an_ngram_names_the_option_of_train(capsys, monkeypatch, tmp_path):
    plain = saved(random_model(vocabulary_of(CATS)), tmp_path)
    for command in (("predict", "the"), ("generate", "the"), ("score", "the cat"), ("repl",), ("eval", "-")):
        status, out, err = ask(capsys, monkeypatch, *command, "--model", plain, "--interpolate", "fixed", stdin=b"")
        assert (status, out) == (2, "")
        assert err == (
            "Error: expected a model with an n-gram, found a network alone; train it with one: set --ngram, for "
            "example 4\n"
        )


def test_info_reports_the_ngram(run):
    status, out, _ = run("info")
    assert status == 0
    assert "n-grams of up to 3 words, " in out
    report = json.loads(run("info", "--json")[1])
    assert report["ngram"]["order"] == report["interpolation"]["ngram_order"] == 3
    assert report["ngram"]["bytes"] > 100
    assert math.isclose(report["interpolation"]["with_cache"]["cache"], 0.2)
    assert "prediction  network and 3-gram, weights by count (fitted on 900 words of validation text)" in out
    assert report["used"].keys() == {"ngram"}


def test_info_and_predict_report_a_damaged_ngram(run, path):
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    assert run("predict", "the", "--interpolate", "off")[0] == 0
    assert run("explain", "the")[0] == 0
    for command in (("info",), ("predict", "the")):
        status, out, err = run(*command)
        assert (status, out) == (1, "")
        assert "is damaged" in err
    assert err.endswith("; set --interpolate to off to use the network alone\n")


def test_interpolation_needs_no_tensorflow(path, tmp_path):
    done = without(HEAVY, "predict", "the cat", *BOTH, "--model", str(path), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
