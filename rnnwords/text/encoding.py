"""A corpus as the words and token ids of a given vocabulary, and the two roles of <unk>.

In some texts <unk> replaces rare words from the start, as in the Penn Treebank of Mikolov et al. (2010). There it is a
token like any other: predicted, ranked, and right or wrong. Elsewhere <unk> only stands for words outside the
vocabulary, and never counts as a correct prediction.
"""

import array
from collections.abc import Iterator

import numpy as np

from rnnwords.errors import CorpusError
from rnnwords.text.encoded import EncodedText, Ids
from rnnwords.text.reading.corpus import Corpus, ProgressCallback
from rnnwords.text.tokens.tokenizer import EOS, UNK
from rnnwords.text.vocabulary import Vocabulary

CHECKED_IDS = 1 << 16  # at a time
SPECIAL_TOKENS = (UNK, EOS)  # the same in every vocabulary, so they do not show that a text fits it


def words_of(corpus: Corpus, vocabulary: Vocabulary, progress: ProgressCallback | None = None) -> Iterator[list[str]]:
    """Yield the words of a corpus block by block, split by the text settings of the vocabulary."""
    for block in corpus.blocks():
        yield vocabulary.tokenize(block.decode(corpus.encoding_errors))
        if progress:
            progress(len(block.data))


def has_literal_unk(corpus: Corpus, vocabulary: Vocabulary) -> bool:
    """Return whether the text itself contains the token <unk>. Reads up to the first one."""
    blocks = (block for block in corpus.blocks() if UNK.encode() in block.data.lower())
    return any(UNK in vocabulary.tokenize(block.decode(corpus.encoding_errors)) for block in blocks)


def ids_of(corpus: Corpus, vocabulary: Vocabulary) -> Ids:
    """Return the (N,) int32 token ids of a corpus, in memory. Other words become <unk>, or V if there is no <unk>.

    Raises CorpusError if no word of the corpus is in the vocabulary.
    """
    known_ids = vocabulary.ids
    unknown_id = len(vocabulary) if vocabulary.unk_id is None else vocabulary.unk_id
    ids, any_known = array.array("i"), False
    for words in words_of(corpus, vocabulary):
        any_known = any_known or any(word in known_ids for word in words if word not in SPECIAL_TOKENS)
        ids.extend([known_ids.get(word, unknown_id) for word in words])
    if not any_known:
        raise CorpusError(
            f"{', '.join(corpus.names)}: expected words of the vocabulary, found none; pass the text that the "
            "model was trained on"
        )
    return np.frombuffer(ids, np.intc)


def check_has_known_words(ids: EncodedText, vocabulary: Vocabulary, corpus: Corpus) -> None:
    """Raise CorpusError if no word of a text with these ids is in the given vocabulary: only <unk> could be learned."""
    special = [token_id for token_id in (vocabulary.unk_id, vocabulary.eos_id) if token_id is not None]
    parts = (ids[start : start + CHECKED_IDS] for start in range(0, len(ids), CHECKED_IDS))
    if all(np.isin(part, special).all() for part in parts):
        raise CorpusError(
            f"{', '.join(corpus.names)}: expected words of the vocabulary, found none; pass a text and a vocabulary "
            "of the same language and spelling"
        )
