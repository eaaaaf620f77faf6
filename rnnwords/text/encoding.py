"""Texts by the words of a model: the one to be judged, and the one that it learned from.

In some texts rare words were replaced by <unk> before anybody got them, as in the Penn Treebank of Mikolov et al.
(2010). There it is a word like any other, which is predicted, ranked, and right or wrong. Elsewhere it only stands for
words that a vocabulary lacks, and is no prediction that could be right.
"""

import array
from collections.abc import Callable, Iterator

import numpy as np

from rnnwords.errors import CorpusError
from rnnwords.model_file import Model
from rnnwords.network.recurrent import Ids
from rnnwords.text.reading import Corpus
from rnnwords.text.tokenizer import EOS, UNK
from rnnwords.text.vocabulary import Vocabulary

MARKS = (UNK, EOS)  # in every vocabulary the same, so that knowing them tells nothing of a text


def words_of(
    corpus: Corpus, vocabulary: Vocabulary, progress: Callable[[int], None] | None = None
) -> Iterator[list[str]]:
    """The words of a corpus, chunk by chunk, by the text settings of a model. `progress` is told the bytes read."""
    for block in corpus.blocks():
        yield vocabulary.tokenize(block.decode(corpus.encoding_errors))
        if progress:
            progress(len(block.data))


def has_literal_unk(corpus: Corpus, vocabulary: Vocabulary) -> bool:
    """Whether <unk> stands in the text itself, split as the vocabulary has it. Reads up to the first one."""
    found = (block for block in corpus.blocks() if UNK.encode() in block.data.lower())
    return any(UNK in vocabulary.tokenize(block.decode(corpus.encoding_errors)) for block in found)


def ids_of(corpus: Corpus, vocabulary: Vocabulary) -> Ids:
    """(N,) int32 ranks of all words of a corpus, in memory. Those that the vocabulary lacks are <unk>, or V without it.

    Raises CorpusError if the vocabulary has none of them.
    """
    ranks = vocabulary.ranks
    other = len(vocabulary) if vocabulary.unk is None else vocabulary.unk
    ids, known = array.array("i"), False
    for words in words_of(corpus, vocabulary):
        known = known or any(word in ranks for word in words if word not in MARKS)
        ids.extend([ranks.get(word, other) for word in words])
    if not known:
        raise CorpusError(f"{', '.join(corpus.names)}: no word that the model knows; name the text it was trained on")
    return np.frombuffer(ids, np.intc)


def part_in_training(model: Model, digest: str) -> str | None:
    """What a text of this SHA-256 was in the training of the model, as far as its file tells.

    `learned`: what it learned from; `held out`: what chose its best weights. None: neither, or only a part of one.
    """
    if digest == model.training.get("corpus"):
        return "learned"
    held_out = {model.training.get("valid"), model.mixture.digest if model.mixture else None}
    return "held out" if digest in held_out else None


def trained_part(ids: Ids, model: Model) -> Ids:
    """Of the ranks of a text (N,), those that training saw: without what it held out, and without unknown words."""
    words = model.training.get("words")
    seen = ids[:words] if isinstance(words, int) else ids
    return seen[seen < len(model.vocabulary)]
