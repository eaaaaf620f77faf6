"""Ranks, cuts, <unk>, the file, and what is said about unknown words."""

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnwords.config import TextConfig
from rnnwords.errors import ModelError, ModelNotFoundError, UnknownWordError, UsageError
from rnnwords.text.counting import count_words
from rnnwords.text.reading import Corpus
from rnnwords.text.tokenizer import UNK, tokenize
from rnnwords.text.vocabulary import MAX_SYMBOLS, Vocabulary
from tests.helpers import FABLE, texts, write

PLAIN = TextConfig()
HEADER = '# rnnwords-vocabulary {"tokenizer": "words", "lowercase": false, "eos": false}\n'
letters = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(lambda word: word.split() == [word])
symbols = st.one_of(st.sampled_from(["a", "b", "c", UNK, "\u00e9", "\u4e2d", "#", "\U0001f600"]), letters)
counted = st.dictionaries(symbols, st.integers(1, 50), min_size=1, max_size=30)


def of_text(text: str, **options: Any) -> Vocabulary:
    return Vocabulary.build(Counter(text.split()), PLAIN, **options)


def test_ranks_fall_by_count_and_ties_keep_the_order_of_first_appearance():
    found = of_text("d c b a b d d e")
    assert list(zip(found.words, found.counts, strict=True)) == [("d", 3), ("b", 2), ("c", 1), ("a", 1), ("e", 1)]
    assert found.ranks["d"] == 0
    assert found.unk is None


def test_the_fable_has_112_symbols_and_204_words():
    counts = count_words(Corpus([FABLE]), PLAIN)
    found = Vocabulary.build(counts.counts, PLAIN)
    assert (counts.total, len(found), sum(found.counts)) == (204, 112, 204)
    assert found.words[:2] == [",", "the"]
    assert found.counts[0] == max(Counter(tokenize(FABLE.read_text(), PLAIN)).values())
    assert found.unk is None
    report = found.report()
    assert (report["words"], report["symbols"], report["rarest_count"]) == (204, 112, 1)
    assert report["coverage"] == {100: (204 - 12) / 204, 112: 1.0}


def test_cutting_by_size_puts_what_was_cut_into_unk():
    found = of_text("a a a b b c d e", max_size=3)
    assert (found.words, found.counts) == (["a", UNK, "b"], [3, 3, 2])
    assert of_text("a a b", max_size=2).words == ["a", "b"]
    assert of_text("a a b", max_size=1).words == [UNK]
    assert of_text("a a b", max_size=1).counts == [3]


def test_cutting_by_count_puts_what_was_cut_into_unk():
    found = of_text("a a a b b c d", min_count=2)
    assert (found.words, found.counts) == (["a", "b", UNK], [3, 2, 2])  # behind words as frequent
    assert of_text("a b c", min_count=2).words == [UNK]
    assert of_text("a a b b", min_count=2).words == ["a", "b"]


def test_unk_is_a_symbol_when_asked_for_found_in_the_text_or_pruned():
    assert of_text("a a b", keep_unk=True).counts == [2, 1, 0]
    assert of_text("a a b <unk>", max_size=3).counts == [2, 1, 1]
    assert of_text("a <unk> <unk> b", max_size=2).words == [UNK, "a"]
    assert of_text("a <unk> <unk> b", max_size=2).counts == [3, 1]
    found = of_text("a a b", pruned=7)
    assert (found.words, found.counts) == ([UNK, "a", "b"], [7, 2, 1])


def test_a_text_without_words_has_no_vocabulary():
    with pytest.raises(UsageError, match="no words"):
        Vocabulary.build({}, PLAIN)


@given(counted, st.integers(1, 12), st.integers(1, 4), st.booleans(), st.integers(0, 20))
def test_a_cut_vocabulary_counts_every_word_once(counts, max_size, min_count, keep_unk, pruned):
    found = Vocabulary.build(counts, PLAIN, max_size=max_size, min_count=min_count, keep_unk=keep_unk, pruned=pruned)
    assert len(found) <= max_size
    assert sum(found.counts) == sum(counts.values()) + pruned
    assert list(found.counts) == sorted(found.counts, reverse=True)
    assert all(counts[word] == count for word, count in zip(found.words, found.counts, strict=True) if word != UNK)
    kept = [word for word in found.words if word != UNK]
    order = {word: place for place, word in enumerate(counts)}
    assert kept == sorted(kept, key=lambda word: (-counts[word], order[word]))
    cut = [word for word in counts if word not in kept and word != UNK]
    assert not cut or found.unk is not None
    if cut and kept:
        assert max(counts[word] for word in cut) <= counts[kept[-1]] or max(counts[word] for word in cut) < min_count


@given(counted, st.lists(symbols))
def test_encode_and_decode_are_inverse_for_known_words(counts, other):
    found = Vocabulary.build(counts, PLAIN, keep_unk=True)
    known = list(counts)
    assert found.decode(found.encode(known)) == known
    assert found.encode(found.decode(range(len(found)))) == list(range(len(found)))
    assert found.decode(found.encode(other)) == [word if word in found.ranks else UNK for word in other]


@given(counted, texts, st.builds(TextConfig, st.sampled_from(["words", "whitespace"]), st.booleans(), st.booleans()))
def test_a_saved_vocabulary_is_read_back_byte_for_byte(tmp_path_factory, counts, text, config):
    for word in tokenize(text, config):
        counts.setdefault(word, 1)
    path = tmp_path_factory.mktemp("vocabulary") / "v.tsv"
    made = Vocabulary.build(counts, config, keep_unk=True)
    made.save(path)
    read = Vocabulary.load(path)
    assert read == made
    assert read.text == config
    assert path.read_bytes() == made.to_bytes() == read.to_bytes()


def test_a_vocabulary_differs_from_others_and_from_other_things():
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
        ("a\t3\nb\t2\na\t1\n", 4, "'a' stands twice"),
        ("a\t3\nb\t2\nc\t4\n", 4, "count 4 after 2"),
        ("a\t3\nb c\t2\n", 3, "white space"),
        ("a\t3\nb\t\t2\n", 3, "white space"),
        ("a\t3\n\u3000\t2\n", 3, "white space"),
    ],
)
def test_a_malformed_line_is_named(tmp_path, lines, number, message):
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
def test_what_is_no_vocabulary_file_is_refused(tmp_path, content):
    path = write(tmp_path / "v.tsv", content)
    with pytest.raises(ModelError, match=r"v\.tsv"):
        Vocabulary.load(path)


def test_a_missing_file_is_told_from_a_damaged_one(tmp_path):
    with pytest.raises(ModelNotFoundError, match="does not exist"):
        Vocabulary.load(tmp_path / "none.tsv")


@pytest.mark.parametrize(
    ("words", "counts", "message"),
    [
        ([], [], "1 to 1,000,000 symbols"),
        (["a"] * (MAX_SYMBOLS + 1), [], "1 to 1,000,000 symbols"),
        (["a", "b"], [1], "2 words but 1 counts"),
        (["a", "a"], [1, 1], "'a' stands twice"),
        (["a", "b"], [1, 2], "count 2 after 1"),
        (["a", "b"], [1, -1], "count -1 after 1"),
        (["a", ""], [1, 1], "'' is no symbol"),
        (["a", "b\nc"], [1, 1], "is no symbol"),
    ],
)
def test_what_can_be_no_vocabulary_is_refused(words, counts, message):
    with pytest.raises(ModelError, match=message):
        Vocabulary(words, counts, PLAIN)


def test_an_unknown_word_without_unk_is_named_with_near_words():
    found = of_text("council council counsel general The the")
    with pytest.raises(UnknownWordError) as caught:
        found.encode(["general", "councel", "nowhere"])
    assert str(caught.value).startswith("'councel' is not among the 5 symbols of the vocabulary; near words: ")
    assert {"council", "counsel"} == set(found.near("councel"))
    assert found.near("THE")[:2] == ["the", "The"]
    assert found.near("THE", count=1) == ["the"]
    assert found.unknown_message("zzzz") == "'zzzz' is not among the 5 symbols of the vocabulary"


def test_a_message_about_an_endless_word_is_short():
    assert len(of_text("a b").unknown_message("x" * 1_000_000)) < 200


def test_coverage_counts_known_words_only():
    found = of_text("a a a b c d", max_size=2)
    assert found.counts == [3, 3]
    assert found.report() == {"words": 6, "symbols": 2, "coverage": {2: 0.5}, "rarest_count": 3}
    assert of_text("a b", max_size=1).report()["rarest_count"] == 0


def test_a_line_end_has_a_rank_where_line_ends_are_symbols():
    counts = {"the": 3, "<eos>": 2}
    assert Vocabulary.build(counts, TextConfig(eos=True)).line_end == 1
    assert Vocabulary.build(counts, TextConfig()).line_end is None  # there it is a word like any other
    assert Vocabulary.build({"the": 3}, TextConfig(eos=True)).line_end is None
