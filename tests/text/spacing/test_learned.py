"""Learned spacing: what a text shows is repeated, in a line and across lines; its place in a model file."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnwords.config import ReadConfig, TextConfig
from rnnwords.errors import ModelError
from rnnwords.model_file import Model
from rnnwords.text.reading.corpus import Corpus
from rnnwords.text.spacing import sample
from rnnwords.text.spacing.detokenizer import detokenize, pieces
from rnnwords.text.spacing.learned import Spacing, learn_spacing
from rnnwords.text.spacing.logistic import fit, logit, probability
from rnnwords.text.spacing.quotation import CLOSING, OPENING, learn_quotation, true_roles
from rnnwords.text.spacing.sample import spacing_sample
from rnnwords.text.spacing.spacing_lines import MAX_LINES, read_spacing, spacing_lines
from rnnwords.text.tokens.normalization import normalize
from rnnwords.text.tokens.tokenizer import tokenize
from tests.models import small_model
from tests.texts import texts, write

WORDS, LINES = TextConfig(), TextConfig(eos=True)
# A text that shows the spacing, and another one with the same spacing.
TEXTS = [
    ("The bread costs 3 \u20ac, the fish 12 \u20ac.", "The fish costs 12 \u20ac."),
    ("It costs \u20ac3, not \u20ac12.", "It costs \u20ac12, not \u20ac3."),
    ("It is 20 \u00b0C, not 5 \u00b0C. 5 % of 8 %.", "5 % is 20 \u00b0C."),
    ("\u00ab Ah ! \u00bb dit-il ; \u00ab Oh ! \u00bb", "\u00ab Oh ! \u00bb dit-il ; \u00ab Ah ! \u00bb"),
    ("\u201dJa\u201d, sade hon. \u201dNej\u201d, sade han.", "\u201dNej\u201d, sade hon. \u201dJa\u201d, sade han."),
    (
        "\u2014S\u00ed \u2014dijo\u2014. No \u2014pens\u00f3\u2014. \u2014S\u00ed.",
        "\u2014No \u2014dijo\u2014. \u2014S\u00ed.",
    ),
    ("He came - late - and sat - so - down.", "He sat - late - down."),
    ("the cat , the \" dog \" .", "the dog , the \" cat \" ."),
    ("well-known and old-new words, a-b", "old-new, a-b and well-known"),
    ("so good \U0001f600 (yes) and (no)", "so good \U0001f600 (no)"),
    (
        "\u732b\u306f\u300c\u3078\u3048\u300d\u3002\u72ac\u306f\u300c\u3044\u3048\u300d\u3002",
        "\u72ac\u306f\u300c\u3078\u3048\u300d\u3002",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("shown", "text"), TEXTS)
def test_text_is_spaced_as_the_training_text(shown, text):
    spacing = learn_spacing([shown], WORDS)
    assert detokenize(tokenize(shown, WORDS), WORDS, spacing) == shown
    assert detokenize(tokenize(text, WORDS), WORDS, spacing) == text


def test_quotations_go_on_across_lines_and_end_at_a_blank_line():
    text = 'He said: "We go\ntoday." She said: "Go\nnow."\n\n"You ask\nme," she said.\n' * 4
    spacing = learn_spacing([text], LINES)
    assert detokenize(tokenize(text, LINES), LINES, spacing) == text
    missing = 'He said: "We go\ntoday.\n\n"You ask\nme," she said.\n'
    assert detokenize(tokenize(missing, LINES), LINES, spacing) == missing


def test_marks_that_the_text_does_not_show_are_spaced_by_hand_made_rules():
    spacing = learn_spacing(["one two three"], WORDS)
    assert detokenize(tokenize('one (two), "three"!', WORDS), WORDS, spacing) == 'one (two), "three"!'


def test_a_space_is_left_out_only_where_the_tokens_stay_the_same():
    spacing = learn_spacing(["a-b c-d 1-2 x-y"], WORDS)
    assert detokenize(["1", ",", "000"], WORDS, spacing) == "1, 000"
    assert detokenize(["-", "-"], WORDS, spacing) == "- -"


@given(texts, st.booleans(), st.booleans())
def test_learned_spacing_never_changes_the_tokens_of_its_own_text(text, lowercase, eos):
    config = TextConfig(lowercase=lowercase, eos=eos)
    tokens = tokenize(text, config)
    written = detokenize(tokens, config, learn_spacing([text], config))
    assert "".join(normalize(written, config).split()) == "".join(normalize(text, config).split()) or eos


@given(texts)
def test_pieces_of_a_text_go_on_after_the_text_before_them(text):
    spacing = learn_spacing(['He said: "Yes, no." - "No!" (So.)'], WORDS)
    tokens = tokenize(text, WORDS)
    assert "".join(pieces(tokens, WORDS, spacing)) == detokenize(tokens, WORDS, spacing)


def test_text_before_decides_the_state_of_quotation_marks():
    spacing = learn_spacing(['He said: "Yes." She said: "No." They said: "So."'], WORDS)
    assert "".join(pieces(["."], WORDS, spacing, before='He said: "No')) == "."
    assert "".join(pieces(["Yes", ".", '"'], WORDS, spacing, before='She said: "')) == 'Yes."'
    assert "".join(pieces(['"', "Yes"], WORDS, spacing, before="She said:")) == ' "Yes'


def test_roles_of_marks_follow_their_spaces_and_else_alternate():
    spaced = [('"', True), ("Yes", False), ('"', False), ("and", True), ('"', True), ("no", True), ('"', True)]
    assert [role for _, role, _ in true_roles(spaced)] == [OPENING, CLOSING, OPENING, CLOSING]


def test_a_mark_with_one_role_needs_no_token_after_it():
    tokens = [("\u201c", True), ("a", False), ("\u201d", False), ("b", True)] * 3
    quotation = learn_quotation(tokens, true_roles(tokens), 100)
    assert not quotation.is_open_choice("\u201c")
    assert quotation.probability("\u201d", ("", "a", "\u201d", "b"), 0.0) == 0.0


def test_logistic_regression_separates_what_its_features_separate():
    examples = [(["bias", "a"], True), (["bias", "b"], False), (["bias", "a", "c"], True)] * 10
    weights = fit(examples)
    assert probability(logit(["bias", "a"], weights)) > 0.9
    assert probability(logit(["bias", "b"], weights)) < 0.1
    assert probability(1e9) == pytest.approx(1)
    assert probability(-1e9) < 1e-12


@given(texts)
def test_lines_of_spacing_give_the_same_spacing(text):
    spacing = learn_spacing([text, 'He said: "Yes - no." - "No!" So-so and and - and and-so.'], WORDS)
    assert "and" in spacing.frequencies
    assert read_spacing(spacing_lines(spacing)) == spacing


def test_no_lines_are_no_spacing():
    assert read_spacing([]) is None


@pytest.mark.parametrize(
    "line",
    [
        "", "gap", "gap\ta\tb\t1", "gap\ta\tb\t-1\t0", "gap\ta\tb\t1\t1e3", f"gap\ta\tb\t1\t{10**16}",
        "gap\ta\tb\t\u0663\t1", "other\ta\tb\t1\t2", "weight\ta\tnan", "weight\ta\tinf", "weight\ta\t1e9",
        "opening\ta\tx", "frequent\ta", "frequent\ta\t-1", 'quotation\t"\tsideways\t1\t2', "gap\t" + "a" * 1_000,
    ],
)  # fmt: skip
def test_invalid_lines_of_spacing_are_refused(line):
    with pytest.raises(ModelError, match="expected"):
        read_spacing(["gap\ta\tb\t1\t2", line])


def test_too_many_lines_of_spacing_are_refused():
    with pytest.raises(ModelError, match="at most 100,000 lines"):
        read_spacing("weight\ta\t1" for _ in range(MAX_LINES + 1))


def test_model_file_keeps_the_spacing(tmp_path):
    model = small_model()
    spacing = learn_spacing(['the cat , the mouse . " the bell "'], model.vocabulary.text)
    vocabulary = model.vocabulary.with_spacing(spacing)
    dataclasses.replace(model, vocabulary=vocabulary).save(tmp_path / "model")
    loaded = Model.load(tmp_path / "model").vocabulary
    assert loaded.spacing == spacing
    assert "".join(loaded.pieces(["the", "cat", ","])) == "the cat ,"
    assert "".join(model.vocabulary.pieces(["the", "cat", ","])) == "the cat,"


def test_sample_is_all_of_a_small_corpus_and_pieces_of_a_large_one(tmp_path, monkeypatch):
    path = write(tmp_path / "text", "one two three four\n" * 100)
    assert spacing_sample(Corpus([path], ReadConfig())) == ["one two three four\n" * 100]
    (half,) = spacing_sample(Corpus([path], ReadConfig()), 0.5)
    assert half == "one two three four\n" * 50
    monkeypatch.setattr("rnnwords.text.reading.corpus.BLOCK_SIZE", 100)
    monkeypatch.setattr(sample, "SAMPLE", 400)
    pieces = spacing_sample(Corpus([path], ReadConfig()))
    assert len(pieces) > 5
    assert sum(map(len, pieces)) <= 400
    assert all(piece == piece.rstrip() + piece[-1] for piece in pieces if piece)


def test_spacing_without_counts_leaves_all_to_the_rules():
    assert detokenize(["the", "cat", "."], WORDS, Spacing()) == "the cat."
