"""Any text, tokenized and detokenized by each tokenizer."""

import unicodedata

from rnnwords.config import TextConfig
from rnnwords.text.spacing.detokenizer import detokenize, pieces
from rnnwords.text.tokens.normalization import normalize
from rnnwords.text.tokens.segmentation import PHRASE_END, has_dictionary_script
from rnnwords.text.tokens.tokenizer import EOS, chunks, tokenize
from tests.faults.fuzz.choices import Choices
from tests.texts import ODD

PARTS = (
    *ODD[0], *ODD[1], "'", '"', "_", "-", "*", "=", ".", ",", "a", "A", "1", "1,000", "n't", "tis", "<", ">", " ",
    "\u2019", "\u201c", "\u201e", "\u0130", "\u1e9e", "\u03a3", "\u00ab", "\u200b", "\u180e", "\U000e0100", "\u0345",
)  # fmt: skip


def check(data: bytes) -> None:
    """Raise only on a finding."""
    choices = Choices(data)
    config = TextConfig(choices.one_of(("words", "whitespace")), bool(choices.below(2)), bool(choices.below(2)))
    cut = choices.below(20)
    text = choices.text(60, PARTS).encode("utf-8", "replace").decode()  # as read from a file
    tokens = tokenize(text, config)
    assert all(token.split() == [token] for token in tokens)
    written = detokenize(tokens, config)
    assert (
        "".join([*pieces(tokens[:cut], config), *pieces(tokens[cut:], config, before=detokenize(tokens[:cut], config))])
        == written
    )
    if not config.lowercase:
        assert [token for chunk in chunks(text, config) for token in tokenize(chunk, _inner(config))] == tokens
        plain = normalize(text, config).replace(PHRASE_END, "")
        plain = plain.replace("\n", f" {EOS} ") if config.eos else plain
        assert "".join(tokens).replace(PHRASE_END, "") == "".join(plain.split())
    if config.tokenizer == "words" and not has_dictionary_script(text):
        assert tokenize(written, config) == tokens, (text, tokens, written)
        assert tokenize(unicodedata.normalize("NFC", written), config) is not None


def _inner(config: TextConfig) -> TextConfig:
    return TextConfig(config.tokenizer, config.lowercase)
