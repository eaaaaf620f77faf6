"""Vocabularies: order of ids, limits, <unk>, the file, and messages about unknown words."""

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnwords.config import TextConfig
from rnnwords.errors import ModelError, ModelNotFoundError, UnknownWordError, UsageError
from rnnwords.text.counting import count_words
from rnnwords.text.reading.corpus import Corpus
from rnnwords.text.tokens.tokenizer import UNK, tokenize
from rnnwords.text.vocabulary import Vocabulary
from rnnwords.text.vocabulary_file import MAX_TOKENS
from tests.texts import FABLE, texts, write

PLAIN = TextConfig()
HEADER = '# rnnwords-vocabulary {"tokenizer": "words", "lowercase": false, "eos": false}\n'
letters = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(lambda word: word.split() == [word])
symbols = st.one_of(st.sampled_from(["a", "b", "c", UNK, "\u00e9", "\u4e2d", "#", "\U0001f600"]), letters)
counted = st.dictionaries(symbols, st.integers(1, 50), min_size=1, max_size=30)


def of_text(text: str, **options: Any) -> Vocabulary:
    return Vocabulary.build(Counter(text.split()), PLAIN, **options)


def test_ids_are_in_order_of_count_then_of_first_appearance():
    vocabulary = of_text("d c b a b d d e")
    assert list(zip(vocabulary.words, vocabulary.counts, strict=True)) == [
        ("d", 3),
        ("b", 2),
        ("c", 1),
        ("a", 1),
        ("e", 1),
    ]
    assert vocabulary.ids["d"] == 0
    assert vocabulary.unk_id is None


def test_the_fable_has_112_tokens_and_204_words():
    counts = count_words(Corpus([FABLE]), PLAIN)
    vocabulary = Vocabulary.build(counts.counts, PLAIN)
    assert (counts.total, len(vocabulary), sum(vocabulary.counts)) == (204, 112, 204)
    assert vocabulary.words[:2] == [",", "the"]
    assert vocabulary.counts[0] == max(Counter(tokenize(FABLE.read_text(), PLAIN)).values())
    assert vocabulary.unk_id is None
    report = vocabulary.report()
    assert (report["words"], report["symbols"], report["rarest_count"]) == (204, 112, 1)
    assert report["coverage"] == {100: (204 - 12) / 204, 112: 1.0}


def test_max_size_adds_cut_words_to_unk():
    vocabulary = of_text("a a a b b c d e", max_size=3)
    assert (vocabulary.words, vocabulary.counts) == (["a", UNK, "b"], [3, 3, 2])
    assert of_text("a a b", max_size=2).words == ["a", "b"]
    assert of_text("a a b", max_size=1).words == [UNK]
    assert of_text("a a b", max_size=1).counts == [3]


def test_min_count_adds_cut_words_to_unk():
    vocabulary = of_text("a a a b b c d", min_count=2)
    assert (vocabulary.words, vocabulary.counts) == (["a", "b", UNK], [3, 2, 2])  # after words of equal count
    assert of_text("a b c", min_count=2).words == [UNK]
    assert of_text("a a b b", min_count=2).words == ["a", "b"]


def test_unk_is_a_token_if_kept_or_in_the_text_or_pruned():
    assert of_text("a a b", keep_unk=True).counts == [2, 1, 0]
    assert of_text("a a b <unk>", max_size=3).counts == [2, 1, 1]
    assert of_text("a <unk> <unk> b", max_size=2).words == [UNK, "a"]
    assert of_text("a <unk> <unk> b", max_size=2).counts == [3, 1]
    vocabulary = of_text("a a b", pruned=7)
    assert (vocabulary.words, vocabulary.counts) == ([UNK, "a", "b"], [7, 2, 1])


def test_vocabulary_of_no_words_is_an_error():
    with pytest.raises(UsageError, match="expected a text with at least one word, found none"):
        Vocabulary.build({}, PLAIN)


@given(counted, st.integers(1, 12), st.integers(1, 4), st.booleans(), st.integers(0, 20))
def test_counts_of_a_limited_vocabulary_add_up_to_the_words_of_the_text(counts, max_size, min_count, keep_unk, pruned):
    vocabulary = Vocabulary.build(
        counts, PLAIN, max_size=max_size, min_count=min_count, keep_unk=keep_unk, pruned=pruned
    )
    assert len(vocabulary) <= max_size
    assert sum(vocabulary.counts) == sum(counts.values()) + pruned
    assert list(vocabulary.counts) == sorted(vocabulary.counts, reverse=True)
    assert all(
        counts[word] == count for word, count in zip(vocabulary.words, vocabulary.counts, strict=True) if word != UNK
    )
    kept = [word for word in vocabulary.words if word != UNK]
    order = {word: place for place, word in enumerate(counts)}
    assert kept == sorted(kept, key=lambda word: (-counts[word], order[word]))
    cut = [word for word in counts if word not in kept and word != UNK]
    assert not cut or vocabulary.unk_id is not None
    if cut and kept:
        assert max(counts[word] for word in cut) <= counts[kept[-1]] or max(counts[word] for word in cut) < min_count


@given(counted, st.lists(symbols))
def test_decode_inverts_encode_for_known_words(counts, other):
    vocabulary = Vocabulary.build(counts, PLAIN, keep_unk=True)
    known = list(counts)
    assert vocabulary.decode(vocabulary.encode(known)) == known
    assert vocabulary.encode(vocabulary.decode(range(len(vocabulary)))) == list(range(len(vocabulary)))
    assert vocabulary.decode(vocabulary.encode(other)) == [word if word in vocabulary.ids else UNK for word in other]


@given(counted, texts, st.builds(TextConfig, st.sampled_from(["words", "whitespace"]), st.booleans(), st.booleans()))
def test_loaded_vocabulary_equals_the_saved_one_byte_for_byte(tmp_path_factory, counts, text, config):
    for word in tokenize(text, config):
        counts.setdefault(word, 1)
    path = tmp_path_factory.mktemp("vocabulary") / "v.tsv"
    made = Vocabulary.build(counts, config, keep_unk=True)
    made.save(path)
    read = Vocabulary.load(path)
    assert read == made
    assert read.text == config
    assert path.read_bytes() == made.to_bytes() == read.to_bytes()


def test_vocabularies_with_other_counts_or_settings_are_unequal():
    made = of_text("a a b")
    assert made != of_text("a b b")
    assert made != Vocabulary(made.words, made.counts, TextConfig(eos=True))
    assert made != "a"


@pytest.mark.parametrize(
    ("lines", "number", "message"),
    [
        ("a\t3\nb 2\n", 3, "expected word<TAB>count"),
        ("a\t3\n\nb\t2\n", 3, "expected word<TAB>count"),
        ("a\t3\n\t2\n", 3, "expected word<TAB>count"),
        ("a\t3\nb\t2\r\n", 3, "expected word<TAB>count"),
        ("a\tmany\n", 2, "expected word<TAB>count"),
        ("a\t-1\n", 2, "expected word<TAB>count"),
        ("a\t\u0663\n", 2, "expected word<TAB>count"),
        ("a\t1e3\n", 2, "expected word<TAB>count"),
        (f"a\t{10**18}\n", 2, "expected word<TAB>count"),
        ("a\t3\nb\t2\na\t1\n", 4, "expected each token once, found 'a' again"),
        ("a\t3\nb\t2\nc\t4\n", 4, "expected a count between 0 and the previous one, 2, found 4"),
        ("a\t3\nb c\t2\n", 3, "white space"),
        ("a\t3\nb\t\t2\n", 3, "white space"),
        ("a\t3\n\u3000\t2\n", 3, "white space"),
    ],
)
def test_error_names_the_malformed_line(tmp_path, lines, number, message):
    path = write(tmp_path / "v.tsv", HEADER + lines)
    with pytest.raises(ModelError) as caught:
        Vocabulary.load(path)
    assert f"{path}, line {number}: " in str(caught.value)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "content",
    [
        "", "a\t3\n", HEADER, HEADER.rstrip("\n"), HEADER + "a\t3", "\ufeff" + HEADER + "a\t3\n", b"\xff", b"\0" * 100,
        HEADER.replace("words", "letters") + "a\t1\n", HEADER.replace("}", ', "x": 1}') + "a\t1\n",
        HEADER.replace("{", "[") + "a\t1\n", HEADER.replace("false", "0") + "a\t1\n", HEADER.encode() + b"\xe9\t1\n",
        "# rnnwords-vocabulary " + "[" * 100_000 + "\na\t1\n",
    ],
)  # fmt: skip
def test_file_of_another_format_is_refused(tmp_path, content):
    path = write(tmp_path / "v.tsv", content)
    with pytest.raises(ModelError, match=r"v\.tsv"):
        Vocabulary.load(path)


def test_missing_file_raises_model_not_found(tmp_path):
    with pytest.raises(ModelNotFoundError, match="expected a file, found none"):
        Vocabulary.load(tmp_path / "none.tsv")


@pytest.mark.parametrize(
    ("words", "counts", "message"),
    [
        ([], [], "expected 1 to 1,000,000 tokens, found "),
        (["a"] * (MAX_TOKENS + 1), [], "expected 1 to 1,000,000 tokens, found "),
        (["a", "b"], [1], "found 2 tokens and 1 counts"),
        (["a", "a"], [1, 1], "expected each token once, found 'a' again"),
        (["a", "b"], [1, 2], "expected a count between 0 and the previous one, 1, found 2"),
        (["a", "b"], [1, -1], "expected a count between 0 and the previous one, 1, found -1"),
        (["a", ""], [1, 1], "expected a token without white space, found ''"),
        (["a", "b\nc"], [1, 1], "expected a token without white space"),
    ],
)
def test_invalid_tokens_or_counts_are_refused(words, counts, message):
    with pytest.raises(ModelError, match=message):
        Vocabulary(words, counts, PLAIN)


def test_unknown_word_error_suggests_similar_words():
    vocabulary = of_text("council council counsel general The the")
    with pytest.raises(UnknownWordError) as caught:
        vocabulary.encode(["general", "councel", "nowhere"])
    assert str(caught.value).startswith("'councel' is not in the vocabulary of 5 tokens; similar words: ")
    assert {"council", "counsel"} == set(vocabulary.similar_words("councel"))
    assert vocabulary.similar_words("THE")[:2] == ["the", "The"]
    assert vocabulary.similar_words("THE", count=1) == ["the"]
    assert vocabulary.unknown_message("zzzz") == "'zzzz' is not in the vocabulary of 5 tokens"


def test_unknown_word_message_is_short_for_a_long_word():
    assert len(of_text("a b").unknown_message("x" * 1_000_000)) < 200


def test_coverage_excludes_unk():
    vocabulary = of_text("a a a b c d", max_size=2)
    assert vocabulary.counts == [3, 3]
    assert vocabulary.report() == {"words": 6, "symbols": 2, "coverage": {2: 0.5}, "rarest_count": 3}
    assert of_text("a b", max_size=1).report()["rarest_count"] == 0


def test_eos_id_exists_only_if_line_ends_are_tokens():
    counts = {"the": 3, "<eos>": 2}
    assert Vocabulary.build(counts, TextConfig(eos=True)).eos_id == 1
    assert Vocabulary.build(counts, TextConfig()).eos_id is None  # there <eos> is an ordinary word
    assert Vocabulary.build({"the": 3}, TextConfig(eos=True)).eos_id is None
