"""Texts by the words of a model: the one to be judged, and the one that it learned from."""

import array
from collections.abc import Callable, Iterator

import numpy as np

from rnnwords.errors import CorpusError
from rnnwords.model_file import Model
from rnnwords.network.arrays import Ids
from rnnwords.text.reading import Corpus
from rnnwords.text.vocabulary import Vocabulary


def words_of(
    corpus: Corpus, vocabulary: Vocabulary, progress: Callable[[int], None] | None = None
) -> Iterator[list[str]]:
    """The words of a corpus, chunk by chunk, by the text settings of a model. `progress` is told the bytes read."""
    for block in corpus.blocks():
        yield vocabulary.tokenize(block.decode(corpus.encoding_errors))
        if progress:
            progress(len(block.data))


def ids_of(corpus: Corpus, vocabulary: Vocabulary) -> Ids:
    """(N,) int32 ranks of all words of a corpus, in memory. Those that the vocabulary lacks are <unk>, or V without it.

    Raises CorpusError if the vocabulary has none of them.
    """
    ranks = vocabulary.ranks
    other = len(vocabulary) if vocabulary.unk is None else vocabulary.unk
    ids, known = array.array("i"), False
    for words in words_of(corpus, vocabulary):
        known = known or any(word in ranks for word in words)
        ids.extend([ranks.get(word, other) for word in words])
    if not known:
        raise CorpusError(f"{', '.join(corpus.names)}: no word that the model knows; name the text it was trained on")
    return np.frombuffer(ids, np.intc)


def trained_part(ids: Ids, model: Model) -> Ids:
    """Of the ranks of a text (N,), those that training saw: without what it held out, and without unknown words."""
    words = model.training.get("words")
    seen = ids[:words] if isinstance(words, int) else ids
    return seen[seen < len(model.vocabulary)]
