"""Rows 24 and 26: unusual characters, and texts that contain <unk> and <eos>."""

from collections import Counter

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rnnwords.config import TextConfig
from rnnwords.text.counting import count_words
from rnnwords.text.reading.corpus import Corpus
from rnnwords.text.spacing.detokenizer import detokenize
from rnnwords.text.tokens.tokenizer import EOS, UNK, chunks, tokenize
from rnnwords.text.vocabulary import Vocabulary
from tests.processes import TINY, ask, here
from tests.texts import texts, write

every_text = st.text(st.characters(), max_size=30) | texts  # with lone surrogates

every_config = st.builds(
    TextConfig, tokenizer=st.sampled_from(["words", "whitespace"]), lowercase=st.booleans(), eos=st.booleans()
)


@given(every_text, every_config)
@example(". . - - _ _ ' s", TextConfig())  # tokens that would become one if they were written without spaces
def test_row_24_any_text_is_tokenized_into_words_without_white_space(text, config):
    tokens = tokenize(text, config)
    assert all(token.split() == [token] for token in tokens)
    detokenize(tokens, config)
    if config.tokenizer == "words":
        assert tokenize(detokenize(tokens, config), config) == tokens
    inner = TextConfig(tokenizer=config.tokenizer, lowercase=config.lowercase)
    assert [word for chunk in chunks(text, config) for word in tokenize(chunk, inner)] == tokens  # as it is counted


@given(every_text, every_config)
def test_row_24_words_survive_encoding_and_decoding(text, config):
    tokens = tokenize(text, config)
    if any(token not in (UNK, EOS) for token in tokens):
        vocabulary = Vocabulary.build(Counter(tokens), config)
        assert vocabulary.decode(vocabulary.encode(tokens)) == tokens


@pytest.mark.parametrize("character", ["\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c", "\x1d", "\x1e"])
def test_row_24_only_line_feeds_are_line_ends(character, tmp_path):
    path = write(tmp_path / "text", f"one{character}two\n")
    assert count_words(Corpus([path]), TextConfig(eos=True)).counts == {"one": 1, "two": 1, EOS: 1}
    assert tokenize(f"one{character}two\n", TextConfig(eos=True)) == ["one", "two", EOS]


def test_row_24_prompts_with_odd_characters_are_answered(trained, tmp_path, capsys, monkeypatch):
    prompts = "the \0 cat\nthe \u2028 cat\nthe \x85 cat\n\u202e\u05d0 the cat\nthe cat\u0301\n"
    status, out, err = ask(
        capsys, monkeypatch, "predict", "--json", "--oov", "skip", "--model", trained, stdin=prompts.encode()
    )
    assert status == 0, err
    assert len(out.split("\n")) == 6
    assert ask(capsys, monkeypatch, "predict", "the \ud800 cat", "--oov", "skip", "--model", trained)[0] == 0


LITERAL = "the cat <unk> sat <eos> on<unk>the mat\n<UNK> the <EOS> cat <eos>\n" * 4


@pytest.mark.parametrize("lowercase", [False, True])
@pytest.mark.parametrize("eos", [False, True])
@pytest.mark.parametrize("tokenizer", ["words", "whitespace"])
@pytest.mark.parametrize("options", [{}, {"keep_unk": True}, {"max_size": 4}, {"min_count": 8}])
def test_row_26_literal_unk_and_eos_are_the_tokens_of_these_names(options, tokenizer, eos, lowercase, tmp_path):
    config = TextConfig(tokenizer=tokenizer, lowercase=lowercase, eos=eos)
    counts = count_words(Corpus([write(tmp_path / "text", LITERAL)]), config).counts
    vocabulary = Vocabulary.build(counts, config, **options)
    words = Counter(tokenize(LITERAL, config))
    assert words == counts
    assert len(set(vocabulary.words)) == len(vocabulary)
    literal = 4 * ({"words": 2, "whitespace": 1}[tokenizer] + lowercase)
    cut = sum(count for word, count in words.items() if word not in vocabulary.ids)
    assert words[UNK] == literal
    assert vocabulary.counts[vocabulary.words.index(UNK)] == literal + cut
    assert words[EOS] == 4 * (2 + 2 * eos + lowercase)
    path = tmp_path / "vocabulary.tsv"
    vocabulary.save(path)
    assert Vocabulary.load(path) == vocabulary


@pytest.mark.parametrize(
    "options", [[], ["--eos"], ["--eos", "--lowercase", "--max-size", "4"], ["--tokenizer", "whitespace"]]
)
def test_row_26_a_text_with_literal_unk_and_eos_is_trained_on_and_prompted_with(options, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "text.txt", LITERAL)
    assert here("train", "text.txt", *TINY, "--epochs", "2", "--model", "new", *options, cwd=tmp_path) == 0
    for command in (["predict"], ["generate", "-n", "5"], ["score"], ["explain"]):
        for prompt in ("the cat <unk>", "the <eos> cat", "<unk>", "<eos>", "<eos> <unk> <eos>"):
            status, out, err = ask(capsys, monkeypatch, *command, prompt, "--model", "new")
            assert (status, bool(out)) == (0, True), err
    assert ask(capsys, monkeypatch, "eval", "text.txt", "--model", "new")[0] == 0


def test_row_26_a_text_of_nothing_but_unk_is_refused(refused, tmp_path):
    write(tmp_path / "text.txt", "<unk> <unk> <eos>\n" * 100)
    for command in ("build-vocab", "train"):
        refused(command, "text.txt", "expected a text with at least one word, found none")
