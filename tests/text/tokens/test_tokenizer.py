"""Tokenizer and detokenizer: golden cases of many scripts, and properties of any text."""

import gzip
import itertools
import os
from pathlib import Path

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from rnnwords.config import TextConfig
from rnnwords.text.spacing.detokenizer import detokenize, pieces
from rnnwords.text.tokens import word_patterns
from rnnwords.text.tokens.normalization import normalize
from rnnwords.text.tokens.segmentation import PHRASE_END, has_dictionary_script
from rnnwords.text.tokens.tokenizer import EOS, UNK, tokenize
from tests.texts import FABLE, FABLES, texts

WORDS = TextConfig()
configs = st.builds(TextConfig, tokenizer=st.just("words"), lowercase=st.booleans(), eos=st.booleans())

# text, its tokens separated by spaces; `detokenize` returns the text
GOLDEN = [
    ("The cat sat.", "The cat sat ."),
    ('"Run!" said the mouse, "run!"', '" Run ! " said the mouse , " run ! "'),
    ('She said: "Go." "Why?" he asked.', 'She said : " Go . " " Why ? " he asked .'),
    ("I don't know (yet).", "I don't know ( yet ) ."),
    ("The mice's bell and the dogs' bones", "The mice's bell and the dogs ' bones"),
    ("I don\u2019t know; \u201cwho does?\u201d", "I don\u2019t know ; \u201c who does ? \u201d"),
    ("\u2018Yes,\u2019 she said. \u2018No.\u2019", "\u2018 Yes , \u2019 she said . \u2018 No . \u2019"),
    ("a well-known cat \u2013 the old one\u2014sat", "a well - known cat \u2013 the old one \u2014 sat"),
    ("Wait... what? No.... Yes\u2026", "Wait ... what ? No .... Yes \u2026"),
    ("It cost $1,000.50 at 10:30, or 3.14%.", "It cost $ 1,000.50 at 10 : 30 , or 3.14 % ."),
    ("from 1914\u20131918 on", "from 1914 \u2013 1918 on"),
    ("In 1812, 30 men came.", "In 1812 , 30 men came ."),
    ("an _emphatic_ word", "an _ emphatic _ word"),
    ("Er rief: \u201eKomm her!\u201c Sie kam.", "Er rief : \u201e Komm her ! \u201c Sie kam ."),
    ("Sie sagte: \u00bbJa, \u203agut\u2039.\u00ab", "Sie sagte : \u00bb Ja , \u203a gut \u2039 . \u00ab"),
    ("Das glaub' ich; stra\u00dfe, \u00dcbung.", "Das glaub ' ich ; stra\u00dfe , \u00dcbung ."),
    ("L'\u00e9t\u00e9: \u00abBonjour\u00bb, dit-il.", "L'\u00e9t\u00e9 : \u00ab Bonjour \u00bb , dit - il ."),
    ("\u00bfQu\u00e9? \u00a1No!", "\u00bf Qu\u00e9 ? \u00a1 No !"),
    (
        "\u4ed6\u8bf4\uff1a\u201c\u597d\u7684\u3002\u201d\u5979\u8d70\u4e86\u3002",
        "\u4ed6 \u8bf4 \uff1a \u201c \u597d \u7684 \u3002 \u201d \u5979 \u8d70 \u4e86 \u3002",
    ),
    ("\u201c\u55e4\u201d\u7684\u4e00\u58f0\u2026\u2026", "\u201c \u55e4 \u201d \u7684 \u4e00 \u58f0 \u2026 \u2026"),
    (
        "\u300c\u732b\u306f\u3001\u9ed2\u3044\u3002\u300d",
        "\u300c \u732b \u306f \u3001 \u9ed2 \u3044 \u3002 \u300d",
    ),
    (
        "\u0939\u093f\u0928\u094d\u0926\u0940 \u092e\u0947\u0902 \u0915\u094d\u092f\u093e \u0939\u0948\u0964",
        "\u0939\u093f\u0928\u094d\u0926\u0940 \u092e\u0947\u0902 \u0915\u094d\u092f\u093e \u0939\u0948 \u0964",
    ),
    ("caf\u00e9s, na\u00efve", "caf\u00e9s , na\u00efve"),
    ("\u0645\u0631\u062d\u0628\u0627\u060c \u0643\u064a\u0641\u061f",
     "\u0645\u0631\u062d\u0628\u0627 \u060c \u0643\u064a\u0641 \u061f"),
    ("\u05e9\u05dc\u05d5\u05dd, \u05e2\u05d5\u05dc\u05dd", "\u05e9\u05dc\u05d5\u05dd , \u05e2\u05d5\u05dc\u05dd"),
    ("\ud55c\uad6d\uc5b4\ub97c \ubc30\uc6cc\uc694.", "\ud55c\uad6d\uc5b4\ub97c \ubc30\uc6cc\uc694 ."),
    ("so happy \U0001f600 \U0001f680", "so happy \U0001f600 \U0001f680"),
    ("a <unk> came", "a <unk> came"),
    ("", ""),
]  # fmt: skip


@pytest.mark.parametrize(("text", "tokens"), GOLDEN)
def test_golden_texts_are_tokenized_and_detokenized(text, tokens):
    assert tokenize(text, WORDS) == tokens.split()
    assert detokenize(tokenize(text, WORDS), WORDS) == text


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("the cat , the dog .", "the cat, the dog."),
        ("he stopped -- and ran", "he stopped--and ran"),
        ("Why ? - no one knows", "Why? - no one knows"),
        ("o ' the mice , th ' old", "o' the mice, th' old"),
        ("Yes , 'tis he . ' Now , ' said one .", "Yes, 'tis he. 'Now,' said one."),
        ("- - -- -", "- - -- -"),
        ("don ' t", "don' t"),
        ("< unk > < eos >", "< unk > < eos >"),
        ("1 , 2 , 3 or 1,000 and 1 , 000", "1, 2, 3 or 1,000 and 1, 000"),
    ],
)
def test_detokenized_text_is_spaced_as_people_write(text, written):
    assert detokenize(text.split(), WORDS) == written
    assert tokenize(detokenize(text.split(), WORDS), WORDS) == text.split()


def test_spacing_recovers_after_a_missing_quotation_mark():
    """After an unclosed quotation, spacing is right again after the next pair of marks."""
    text = '" We are many . The cat said : " I see . " " Who ? " asked he . " You ! "'
    assert detokenize(text.split(), WORDS).endswith('The cat said: "I see." "Who?" asked he. "You!"')


@given(texts, configs)
@example("a'b 'c' ''d", TextConfig())
@example("<unk<eos>>", TextConfig(eos=True))
@example("\u0130\u03a3", TextConfig(lowercase=True))
@example("a \r\x85\u2028\u2029\x1c\x0b b", TextConfig(eos=True))
def test_detokenized_tokens_are_tokenized_as_themselves(text, config):
    assume(not has_dictionary_script(text))  # a word of these scripts can be split otherwise beside others
    tokens = tokenize(text, config)
    assert tokenize(detokenize(tokens, config), config) == tokens


TOKENS = [*tokenize(" ".join(case[1] for case in GOLDEN), WORDS), EOS, "--", "_", "'", "<", ">"]


@given(st.lists(st.sampled_from(TOKENS)), configs)
def test_tokens_in_any_order_are_tokenized_as_themselves(tokens, config):
    """A network may generate any token after any other."""
    tokens = [token.lower() if config.lowercase else token for token in tokens]
    assert tokenize(detokenize(tokens, config), config) == tokens


@given(texts, configs, st.integers(0, 20))
def test_pieces_of_a_stream_join_to_the_detokenized_text(text, config, cut):
    tokens = tokenize(text, config)
    assert "".join(pieces(tokens, config)) == detokenize(tokens, config)
    joined = "".join(
        itertools.chain(
            pieces(tokens[:cut], config), pieces(tokens[cut:], config, before=detokenize(tokens[:cut], config))
        )
    )
    assert joined == detokenize(tokens, config)


@given(texts, st.builds(TextConfig, tokenizer=st.sampled_from(["words", "whitespace"]), eos=st.booleans()))
def test_tokens_hold_every_character_except_white_space(text, config):
    tokens = tokenize(text, config)
    assert all(token.split() == [token] for token in tokens)
    written = "".join(tokens).replace(PHRASE_END, "")
    text = normalize(text, config).replace(PHRASE_END, "")
    assert written == "".join((text.replace("\n", f" {EOS} ") if config.eos else text).split())


@given(st.text(st.characters(max_codepoint=0x7F), max_size=40))
@example("A&B&Cd")
@example("e.g. R&D 'tis AT&Ts x_1 __init__ 1,000.5 U.S.A. 16:9 a:b EU:s '90s n't--...")
def test_pattern_for_ascii_equals_the_full_one(text):
    assert word_patterns._ascii()(text) == word_patterns._unicode(False)(text)


@given(st.text(st.characters(max_codepoint=0x2FF), max_size=40))
def test_simple_pattern_of_rules_1_equals_the_full_one_below_combining_marks(text):
    assert word_patterns._rules_1(True)(text) == word_patterns._rules_1(False)(text)


@given(texts)
def test_only_newline_becomes_eos(text):
    ends = tokenize(text, TextConfig(eos=True)).count(EOS)
    assert ends == text.count("\n") + tokenize(text, TextConfig()).count(EOS)


@pytest.mark.parametrize("name", ["words", "whitespace"])
def test_literal_unk_and_eos_are_one_token(name):
    config = TextConfig(tokenizer=name, eos=True)
    assert tokenize("a <unk> b <eos> c\n", config) == ["a", UNK, "b", EOS, "c", EOS]
    assert detokenize(["a", UNK, EOS, "b"], config) == "a <unk>\nb"
    assert tokenize("A <UNK> \n", TextConfig(tokenizer=name, lowercase=True)) == ["a", UNK]


def test_literal_unk_is_a_token_without_spaces_around_it():
    assert tokenize("x<unk>y<eos>z <unk <eos", WORDS) == ["x", UNK, "y", EOS, "z", "<", "unk", "<", "eos"]


def test_pretokenized_text_is_split_at_spaces_and_detokenized():
    config = TextConfig(tokenizer="whitespace")
    text = "mr. smith did n't say the cat 's bell , u.s. $ 5 % ."
    tokens = tokenize(text, config)
    assert tokens == text.split(" ")
    assert detokenize(tokens, config) == "mr. smith didn't say the cat's bell, u.s. $ 5%."


@pytest.mark.parametrize("path", [FABLE, FABLES], ids=lambda path: path.name)
def test_bundled_texts_are_tokenized_and_detokenized(path):
    text, config = path.read_text(encoding="utf-8"), TextConfig(eos=True)
    written = detokenize(tokenize(text, config), config)
    assert tokenize(written, config) == tokenize(text, config)
    if path == FABLES:
        assert written == text  # to the last character


def corpora() -> list[Path]:
    directory = Path(os.environ.get("RNNWORDS_CORPORA", "/nonexistent"))
    return sorted(path for path in directory.rglob("*") if path.name.endswith((".txt", ".txt.gz")))


@pytest.mark.skipif(not corpora(), reason="RNNWORDS_CORPORA names no directory with texts")
def test_real_texts_are_tokenized_and_detokenized():
    for path in corpora():
        with gzip.open(path) if path.suffix == ".gz" else open(path, "rb") as stream:
            text = stream.read(300_000).decode("utf-8", "ignore")
        for config in (WORDS, TextConfig(eos=True, lowercase=True)):
            tokens = tokenize(text, config)
            assert len(tokens) > 100, path
            assert tokenize(detokenize(tokens, config), config) == tokens, path


@settings(max_examples=20)
@given(st.integers(2, 200_000))
def test_long_runs_are_tokenized_in_linear_time(length):
    """No text makes the pattern backtrack exponentially."""
    for run in ("a'" * (length // 2) + "'", "<unk" * (length // 4), "\u0301" * length, "-'" * (length // 2)):
        assert "".join(tokenize(run, WORDS)) == run
