"""`eval` in bits per character: what counts as a character, models without a value, baselines and comparison."""

import dataclasses
import json
import math
from collections import Counter

import pytest

from rnnwords.config import TextConfig
from rnnwords.evaluation.report import evaluate
from rnnwords.lm.spelling import SpellingModel
from tests.evaluation.texts import OTHER, WITHOUT_UNK
from tests.lm.interpolated import deferred
from tests.models import chain, random_model, saved, vocabulary_of
from tests.processes import ask
from tests.texts import CATS, GOLDEN


def spelling_model(model):
    """Return the model with a spelling model of its text."""
    spelling = SpellingModel.train(Counter(model.vocabulary.tokenize(CATS)), model.vocabulary.words)
    assert spelling is not None
    return dataclasses.replace(model, spelling=deferred(spelling.to_tensors()))


def made(text=None, size=9):
    return spelling_model(random_model(vocabulary_of(CATS, text or TextConfig(), max_size=size)))


@pytest.fixture
def bits(tmp_path, monkeypatch):
    """Return the report on a text, given as bytes, of a model."""
    monkeypatch.chdir(tmp_path)

    def report(model, text, **settings):
        (tmp_path / "text.txt").write_bytes(text)
        return evaluate(saved(model, tmp_path), "text.txt", **settings)

    return report


@pytest.mark.parametrize(
    ("text", "characters"),
    [
        (b"the cat sat\n", 12), (b"the cat sat", 12), (b"the cat\r\nsat\r\n", 12), (b"the cat\rsat", 12),
        (b"\xef\xbb\xbfthe cat sat", 12), (b"the   cat\n\n sat\n", 16), ("the cat caf\u00e9".encode(), 13),
        ("the cat cafe\u0301".encode(), 14), ("the cat \U0001f600".encode(), 10),
    ],
)  # fmt: skip
def test_characters_are_those_of_the_text_for_every_tokenizer(text, characters, bits):
    configs = [
        TextConfig(),
        TextConfig("whitespace"),
        TextConfig(lowercase=True),
        TextConfig(normalize="none", eos=True),
    ]
    for config in configs:
        report = bits(made(config), text)
        assert report["characters"] == characters
        assert 0 < report["bits_per_character"] < 100


def test_unknown_words_cost_unk_and_their_letters(bits):
    model = made()
    spelling = SpellingModel.from_tensors(model.spelling.read())
    for words in ("the zebra", "the quagga", "the <unk>", "the cat"):
        report = bits(model, words.encode())
        letters = [word for word in words.split() if word not in model.vocabulary.ids]
        nats = 2 * report["loss"] - spelling.log_probs(letters).sum()
        assert report["bits_per_character"] == pytest.approx(nats / math.log(2) / (len(words) + 1))
    one, other = (bits(model, b"the " + word) for word in (b"zebra", b"quagga"))
    assert one["loss"] == other["loss"]
    assert one["bits_per_character"] != other["bits_per_character"]


def test_model_of_an_earlier_version_has_bits_for_known_words_only(tmp_path, capsys, monkeypatch):
    for path in sorted(GOLDEN.glob("model-[123].[012].safetensors")):
        for text, is_known in (("the cat said .", True), ("the cat said quagga", False)):
            words = ["eval", "-", "--model", path]
            status, out, _ = ask(capsys, monkeypatch, *words, "--json", stdin=text.encode())
            report = json.loads(out)
            assert status == 0
            assert (report["bits_per_character"] is not None) == is_known
        shown = ask(capsys, monkeypatch, *words, stdin=b"the cat said quagga")[1]
        assert "bits       infinite: the vocabulary has no <unk>" in shown


def test_report_names_why_there_are_no_bits(capsys, monkeypatch, tmp_path):
    old = dataclasses.replace(made(), spelling=None)
    for model, text, expected in (
        (made(), OTHER, f" per character, of {len(OTHER)} with white space; unknown words with their letters"),
        (old, OTHER, "bits none: the model file has no spelling model"),
        (old, "the cat sat", " per character, of 12 with white space"),
        (chain(CATS), WITHOUT_UNK, "bits infinite: the vocabulary has no <unk>"),
    ):
        path = saved(model, tmp_path)
        status, out, _ = ask(capsys, monkeypatch, "eval", "-", "--model", path, stdin=text.encode())
        assert status == 0
        assert expected in " ".join(out.split())


def test_baselines_and_comparison_show_bits(capsys, monkeypatch, tmp_path):
    for name, size in (("this", 9), ("other", 12)):
        (tmp_path / name).mkdir()
        saved(made(size=size), tmp_path / name)
    (tmp_path / "text.txt").write_text(WITHOUT_UNK * 20)
    (tmp_path / "train.txt").write_text(CATS)
    monkeypatch.chdir(tmp_path)
    words = ("eval", "text.txt", "--model", "this", "--baseline", "--train-text", "train.txt", "--compare", "other",
             "--seed", "1")  # fmt: skip
    report = json.loads(ask(capsys, monkeypatch, *words, "--json")[1])
    assert all(0 < row["bits_per_character"] < 50 for row in report["baselines"])
    assert report["compare"]["bits_per_character"] == pytest.approx(report["bits_per_character"])
    assert report["compare"]["other_bits_per_character"] == pytest.approx(
        evaluate("other", "text.txt")["bits_per_character"]
    )
    out = ask(capsys, monkeypatch, *words)[1]
    assert "perplexity    bits   top 1" in out
    assert "\nbits per character " in out
    assert " its bits per character are " in out
    lines = out.splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("baseline "))
    assert max(map(len, lines[start : start + 5])) <= 80
    old = dataclasses.replace(made(size=12), spelling=None)
    saved(old, tmp_path / "other")
    out = ask(capsys, monkeypatch, *words)[1]
    assert "\nbits per character " not in out
    saved(old, tmp_path / "this")
    assert " none " in ask(capsys, monkeypatch, *words)[1]


def test_damaged_spelling_is_one_clear_line(capsys, monkeypatch, tmp_path):
    model = made()
    tensors = {**model.spelling.read()}
    del tensors["spelling/unknown"]
    path = saved(dataclasses.replace(model, spelling=deferred(tensors)), tmp_path)
    for words in (("eval", "-"), ("info",)):
        status, out, err = ask(capsys, monkeypatch, *words, "--model", path, stdin=b"the cat")
        assert (status, out, err.count("\n")) == (1, "", 1)
        assert "the spelling model of the model file is damaged: tensor 'spelling/unknown': expected a number" in err
    status, out, _ = ask(capsys, monkeypatch, "predict", "the cat", "--model", path)
    assert (status, bool(out)) == (0, True)
