"""Text to symbols and back: golden cases of many scripts, and what must hold for any text whatever."""

import gzip
import itertools
import os
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rnnwords.config import TextConfig
from rnnwords.text import tokenizer
from rnnwords.text.tokenizer import EOS, UNK, detokenize, pieces, tokenize
from tests.helpers import FABLE, FABLES, texts

WORDS = TextConfig()
configs = st.builds(TextConfig, tokenizer=st.just("words"), lowercase=st.booleans(), eos=st.booleans())

# text, its symbols with blanks between; `detokenize` must give the text again
GOLDEN = [
    ("The cat sat.", "The cat sat ."),
    ('"Run!" said the mouse, "run!"', '" Run ! " said the mouse , " run ! "'),
    ('She said: "Go." "Why?" he asked.', 'She said : " Go . " " Why ? " he asked .'),
    ("I don't know (yet).", "I don't know ( yet ) ."),
    ("The mice's bell and the dogs' bones", "The mice's bell and the dogs ' bones"),
    ("I don\u2019t know; \u201cwho does?\u201d", "I don\u2019t know ; \u201c who does ? \u201d"),
    ("\u2018Yes,\u2019 she said. \u2018No.\u2019", "\u2018 Yes , \u2019 she said . \u2018 No . \u2019"),
    ("a well-known cat \u2013 the old one\u2014sat", "a well - known cat \u2013 the old one \u2014 sat"),
    ("he stopped -- and ran", None),
    ("Wait ... what? No.... Yes\u2026", None),
    ("Wait... what? No.... Yes\u2026", "Wait ... what ? No .... Yes \u2026"),
    ("It cost $1,000.50 at 10:30, or 3.14%.", "It cost $ 1 , 000 . 50 at 10 : 30 , or 3 . 14 % ."),
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
    ("cafe\u0301s, nai\u0308ve", "cafe\u0301s , nai\u0308ve"),
    ("\u0645\u0631\u062d\u0628\u0627\u060c \u0643\u064a\u0641\u061f", "\u0645\u0631\u062d\u0628\u0627 \u060c \u0643\u064a\u0641 \u061f"),
    ("\u05e9\u05dc\u05d5\u05dd, \u05e2\u05d5\u05dc\u05dd", "\u05e9\u05dc\u05d5\u05dd , \u05e2\u05d5\u05dc\u05dd"),
    ("\ud55c\uad6d\uc5b4\ub97c \ubc30\uc6cc\uc694.", "\ud55c\uad6d\uc5b4\ub97c \ubc30\uc6cc\uc694 ."),
    ("so happy \U0001f600 \U0001f680", "so happy \U0001f600 \U0001f680"),
    ("a <unk> came", "a <unk> came"),
    ("", ""),
]  # fmt: skip


@pytest.mark.parametrize(("text", "symbols"), [case for case in GOLDEN if case[1] is not None])
def test_golden_cases_are_split_and_written_again(text, symbols):
    assert tokenize(text, WORDS) == symbols.split(" ") if symbols else not tokenize(text, WORDS)
    assert detokenize(tokenize(text, WORDS), WORDS) == text
