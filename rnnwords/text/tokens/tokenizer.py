"""Tokenizer: text to tokens, for any script; `detokenizer` is the way back.

`words`       Words, numbers, links and grapheme clusters: the rules are in `word_patterns`.
`whitespace`  The text is tokenized already; white space separates tokens.

Both give each word one form first (see `normalization`). A literal <unk> or <eos> in the text is that token.
"""

from rnnwords.config import TextConfig
from rnnwords.text.tokens.normalization import normalize
from rnnwords.text.tokens.segmentation import has_dictionary_script, mark_phrase_ends, segmented
from rnnwords.text.tokens.word_patterns import EOS, UNK, split_words, split_words_1

__all__ = ["EOS", "UNK", "chunks", "tokenize"]


def tokenize(text: str, config: TextConfig) -> list[str]:
    """Return the tokens of `text`, in order. With `config.eos` each line end (\\n only) is the token <eos>."""
    text = _marked(normalize(text, config), config)
    if config.eos:
        text = text.replace("\n", f" {EOS} ")
    if config.tokenizer == "whitespace":
        return text.split()
    if config.rules == 1:
        return split_words_1(text)
    tokens = split_words(text)
    return list(segmented(tokens)) if has_dictionary_script(text) else tokens


def chunks(text: str, config: TextConfig) -> list[str]:
    """Return `text` split at white space. Chunks can be tokenized one by one: no token spans white space."""
    text = _marked(text, config)
    return (text.replace("\n", f" {EOS} ") if config.eos else text).split()


def _marked(text: str, config: TextConfig) -> str:
    return mark_phrase_ends(text, config.eos) if config.tokenizer == "words" and config.rules > 1 else text
