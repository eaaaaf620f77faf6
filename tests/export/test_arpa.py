"""ARPA files against the n-gram they were made from: by the reader of the package, and by KenLM's own."""

import math
import os
import re
from pathlib import Path

import numpy as np
import pytest

from rnnwords.config import InterpolationConfig, TextConfig
from rnnwords.errors import ExportError, ModelError, UsageError
from rnnwords.export import arpa
from rnnwords.export.arpa_reader import ArpaFile, read_entries
from rnnwords.export.exporter import export
from rnnwords.lm.ngram import backoff
from rnnwords.lm.ngram.backoff import Backoff
from rnnwords.lm.ngram.kneser_ney import KneserNey
from rnnwords.lm.ngram.level import Level
from rnnwords.lm.parts import ngram_model
from rnnwords.prediction.predictor import Predictor
from tests.lm.interpolated import with_ngram
from tests.models import random_model, saved, vocabulary_of
from tests.processes import ask
from tests.texts import CATS, FABLE, FABLES, ROOT

WHITESPACE = TextConfig("whitespace", normalize="none")
# Marks and headings of the format, and characters at which a careless reader splits or ends a word.
ODD = (
    "<s> a b </s>\n<UNK> <unk> c <eos> \\data\\ \\end\\ \\1-grams: ngram 1=4 [s] [s]_ # -99 0.5 -pau- <S>\n"
    "a\0b \0 x\0 x\0_ x\u2400 \u200b\u202e \U0001f600 a\u0301 \xe9 \x01 \x7f | / \" ' a b c\n" * 3
)
TEXTS = {
    "sentences": (CATS, TextConfig(eos=True), {}),
    "running text": (CATS, TextConfig(), {}),
    "unknown words": (CATS, TextConfig(), {"min_count": 2}),
    "sentences with unknown words": (CATS, TextConfig(eos=True), {"min_count": 2}),
    "odd words": (ODD, WHITESPACE, {}),
    "odd sentences": (ODD, TextConfig("whitespace", eos=True, normalize="none"), {}),
    "one word": ("a", TextConfig(), {}),
    "empty sentences": ("\n\n\n", TextConfig(eos=True), {}),
}


def predictor_of(text, config=None, order=3, **limits):
    """Return a predictor of a model with an n-gram of the text."""
    vocabulary = vocabulary_of(text, config or TextConfig(), **limits)
    return Predictor(with_ngram(random_model(vocabulary), order, text), InterpolationConfig("off"))


def expected(predictor, ids):
    """Return (N,) log10 probabilities of the words of a text by the n-gram of the model."""
    model = ngram_model(predictor.model).kneser_ney
    return model.score(ids, [] if model.boundary is None else [model.boundary]) / math.log(10)


@pytest.mark.parametrize("order", [1, 2, 3, 5])
@pytest.mark.parametrize("name", TEXTS)
def test_log_probabilities_of_the_file_equal_those_of_the_ngram(tmp_path, name, order):
    text, config, limits = TEXTS[name]
    predictor = predictor_of(text, config, order, **limits)
    written = arpa.write(predictor, tmp_path / "a.arpa")
    ids = predictor.vocabulary.encode(predictor.vocabulary.tokenize(text))[:40]
    found = written.probabilities([ids[:length] for length in range(len(ids))])
    assert found.sum(axis=1) == pytest.approx(1, abs=1e-5)
    lm = ngram_model(predictor.model)
    states = [lm.initial_state(), *lm.advance_each(lm.initial_state(), ids)[:-1]]
    np.testing.assert_allclose(np.log10(found), lm.log_probs(states) / math.log(10), rtol=0, atol=3e-6)


@pytest.mark.parametrize("order", [1, 2, 3, 5])
@pytest.mark.parametrize("name", TEXTS)
def test_kenlm_reads_the_file_and_computes_the_same_log_probabilities(tmp_path, name, order):
    kenlm = pytest.importorskip("kenlm", reason="needs the package kenlm: pip install kenlm")
    text, config, limits = TEXTS[name]
    predictor = predictor_of(text, config, order, **limits)
    written = arpa.write(predictor, tmp_path / "a.arpa")
    found = kenlm_scores(kenlm, tmp_path / "a.arpa", written.words, ids_of(predictor, text), config.eos)
    np.testing.assert_allclose(found, expected(predictor, ids_of(predictor, text)), rtol=0, atol=3e-6)


def ids_of(predictor, text):
    """Return the token ids of a text."""
    return predictor.vocabulary.encode(predictor.vocabulary.tokenize(text))


def kenlm_scores(kenlm, path, words, ids, sentences):
    """Return (N,) log10 probabilities of the words of a text by KenLM, which keeps its state over the whole text."""
    model = kenlm.Model(str(path))
    begin = model.BeginSentenceWrite if sentences else model.NullContextWrite
    state, after, found = kenlm.State(), kenlm.State(), []
    begin(state)
    for token_id in ids:
        found.append(model.BaseScore(state, words[token_id], after))
        state, after = after, state
        if sentences and words[token_id] == "</s>":
            begin(state)
    return np.array(found)


@pytest.mark.slow
@pytest.mark.parametrize("order", [4, 5])
def test_every_word_of_the_penn_treebank_scores_in_kenlm_as_in_the_ngram(tmp_path, order):
    kenlm = pytest.importorskip("kenlm", reason="needs the package kenlm: pip install kenlm")
    folder = Path(os.environ.get("RNNWORDS_CORPORA", "")) / "ptb"
    if not (folder / "train.txt").is_file() or not (folder / "valid.txt").is_file():
        pytest.skip("needs RNNWORDS_CORPORA=<directory with ptb/train.txt and ptb/valid.txt>")
    train, valid = ((folder / f"{name}.txt").read_text(encoding="utf-8") for name in ("train", "valid"))
    predictor = predictor_of(train, TextConfig("whitespace", eos=True), order)
    assert export(predictor, tmp_path / "a.arpa").largest_difference < 3e-7
    ids = ids_of(predictor, valid)
    found = kenlm_scores(kenlm, tmp_path / "a.arpa", arpa.arpa_words(predictor.vocabulary), ids, sentences=True)
    assert np.abs(found - expected(predictor, ids)).max() < 3e-6  # log10; 7 digits of up to 6 numbers


def test_kenlm_scores_whole_sentences_and_unknown_words_as_the_ngram_does(tmp_path):
    kenlm = pytest.importorskip("kenlm", reason="needs the package kenlm: pip install kenlm")
    text = FABLES.read_text(encoding="utf-8")
    predictor = predictor_of(text, TextConfig(eos=True), 4, min_count=2)
    arpa.write(predictor, tmp_path / "a.arpa")
    model = kenlm.Model(str(tmp_path / "a.arpa"))
    for line in ["A Fox saw a Crow", "a zebra , said the Quagga", "", *text.splitlines()[:100]]:
        tokens = predictor.vocabulary.tokenize(line)
        ids = predictor.vocabulary.encode([*tokens, "<eos>"])
        assert model.score(" ".join(tokens)) == pytest.approx(expected(predictor, ids).sum(), abs=2e-6 * len(ids))


def test_kenlm_begins_a_running_text_alike_with_and_without_a_sentence_start(tmp_path):
    kenlm = pytest.importorskip("kenlm", reason="needs the package kenlm: pip install kenlm")
    arpa.write(predictor_of(CATS), tmp_path / "a.arpa")
    model = kenlm.Model(str(tmp_path / "a.arpa"))
    assert model.score("the cat", bos=True, eos=False) == model.score("the cat", bos=False, eos=False)


def test_kenlm_example_of_the_documentation_prints_what_the_ngram_computes(capsys, monkeypatch, tmp_path):
    pytest.importorskip("kenlm", reason="needs the package kenlm: pip install kenlm")
    page = (ROOT / "docs" / "export.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"^```py\n(import kenlm.*?)^```$", page, re.MULTILINE | re.DOTALL)
    predictor = predictor_of(FABLE.read_text(encoding="utf-8"), TextConfig(eos=True))
    export(predictor, tmp_path / "story.arpa")
    monkeypatch.chdir(tmp_path)
    exec(code, {})
    found = [float(line.split()[0]) for line in capsys.readouterr().out.splitlines()]
    ids = predictor.vocabulary.encode(predictor.vocabulary.tokenize("had a general council\n"))
    assert found == pytest.approx(expected(predictor, ids).tolist(), abs=3e-6)


def test_words_of_a_text_score_as_with_an_interpolation_weight_of_0(tmp_path):
    predictor = predictor_of(CATS, TextConfig(eos=True), 4, min_count=2)
    export(predictor, tmp_path / "a.arpa")
    scored = Predictor(predictor.model, InterpolationConfig(0.0)).score("the cat sat .\na zebra sat\n")
    ids = predictor.vocabulary.encode([score.word for score in scored])
    file = ArpaFile(tmp_path / "a.arpa", arpa.arpa_words(predictor.vocabulary))
    probs = file.probabilities([ids[:length] for length in range(len(ids))])[np.arange(len(ids)), ids]
    assert np.log(probs) == pytest.approx([score.log_prob for score in scored], abs=1e-5)


def test_file_has_the_layout_and_special_words_of_the_format(tmp_path):
    arpa.write(predictor_of("a b\nb a\n", TextConfig(eos=True), 2), tmp_path / "a.arpa")
    lines = (tmp_path / "a.arpa").read_text(encoding="utf-8").split("\n")
    assert lines[:5] == ["\\data\\", "ngram 1=5", "ngram 2=6", "", "\\1-grams:"]
    assert (lines[-2:], lines[-3]) == (["\\end\\", ""], "")
    unigrams = {fields[1]: fields for fields in (line.split("\t") for line in lines[5:10])}
    assert set(unigrams) == {"a", "b", "<s>", "</s>", "<unk>"}
    assert unigrams["<unk>"] == ["-99", "<unk>"]
    assert unigrams["<s>"][0] == "-99"
    assert float(unigrams["<s>"][2]) < 0  # a back-off weight
    assert len(unigrams["</s>"]) == 2
    pairs = {line.split("\t")[1] for line in lines if line.count(" ") == 1 and "\t" in line}
    assert pairs == {"<s> a", "a b", "b </s>", "<s> b", "b a", "a </s>"}


def test_running_text_lists_sentence_marks_that_have_no_probability(tmp_path):
    arpa.write(predictor_of(CATS), tmp_path / "a.arpa")
    marks = {
        entry.words: entry for entry in read_entries(tmp_path / "a.arpa") if {"<s>", "</s>"} & {*entry.words.split()}
    }
    assert {words: entry[2:] for words, entry in marks.items()} == {"<s>": (-99, 0), "</s>": (-99, 0)}


def test_words_reserved_in_the_format_get_names_of_their_own():
    words = arpa.arpa_words(vocabulary_of(ODD, TextConfig("whitespace", eos=True, normalize="none")))
    assert len(set(words)) == len(words)
    assert {"[s]__", "[/s]", "[UNK]", "[s]", "[s]_", "<unk>", "</s>", "<S>", "a\N{SYMBOL FOR NULL}b"} <= set(words)
    assert not {"<s>", "<UNK>", "<eos>"} & set(words)
    assert "<eos>" in arpa.arpa_words(vocabulary_of("a <eos> b", WHITESPACE))  # an ordinary word there


def test_file_is_written_and_read_in_pieces_of_any_size(tmp_path, monkeypatch):
    predictor = predictor_of(CATS, TextConfig(eos=True), 4)
    arpa.write(predictor, tmp_path / "whole")
    monkeypatch.setattr(backoff, "CHUNK", 3)
    arpa.write(predictor, tmp_path / "pieces")
    assert (tmp_path / "whole").read_bytes() == (tmp_path / "pieces").read_bytes()


@pytest.mark.parametrize("cut", ["\\3-grams:", "\\end\\", "the\tcat"])
def test_incomplete_file_is_refused(tmp_path, cut):
    written = arpa.write(predictor_of(CATS), tmp_path / "a.arpa")
    text = (tmp_path / "a.arpa").read_text(encoding="utf-8")
    if cut == "\\end\\":
        text = text.rpartition("\n\n")[0].rpartition("\n")[0]  # without the last n-gram
    elif "\t" in cut:
        text = text.replace("ngram 2=", "ngram 2=1")
    (tmp_path / "a.arpa").write_text(text.partition(cut)[0] if cut.startswith("\\3") else text, encoding="utf-8")
    with pytest.raises(ExportError, match="expected n-grams of each order as"):
        written.probabilities([[0]])


@pytest.mark.parametrize("missing", [(0, 1), (1, 2)])
def test_ngrams_that_no_text_can_have_are_refused(missing):
    model = KneserNey.train([0, 1, 2, 0, 1, 2, 1, 0, 2], 3, 3)
    level = model.levels[1]
    node = level.contexts.tolist().index(missing[0])  # of a context of one word
    kept = level.ngrams != node * 3 + missing[1]
    assert not kept.all()
    model.levels[1] = Level(level.contexts, level.ngrams[kept], level.counts[kept], 3)
    with pytest.raises(ModelError, match="n-gram of the model file is damaged: expected the context and the end"):
        Backoff(model)


def test_model_without_an_ngram_gives_an_error_that_names_the_option_of_training(capsys, monkeypatch, tmp_path):
    model = random_model(vocabulary_of(CATS))
    path = saved(model, tmp_path)
    with pytest.raises(UsageError, match="set `ngram`, for example 4"):
        export(Predictor(model), tmp_path / "a.arpa")
    found = ask(capsys, monkeypatch, "export", tmp_path / "a.arpa", "--model", path)
    assert found[:2] == (2, "")
    assert found[2].startswith("Error: expected a model with an n-gram, found a network alone; ")
    assert found[2].endswith(" set --ngram, for example 4\n")
    assert not (tmp_path / "a.arpa").exists()


def test_command_writes_the_ngram_whatever_the_interpolation(capsys, monkeypatch, tmp_path):
    predictor = predictor_of(CATS, TextConfig(eos=True))
    status, out, err = ask(
        capsys, monkeypatch, "export", tmp_path / "a.arpa", "--model", saved(predictor.model, tmp_path)
    )
    assert (status, out) == (0, "")
    assert "over 100 contexts" in err
    assert sum(1 for _ in read_entries(tmp_path / "a.arpa")) > 60
