"""ARPA: the n-gram of a model as a back-off file for KenLM, SRILM and other readers.

The file is text: for each order the n-grams, each with the log10 of its probability and of its back-off weight. Line
ends that are tokens are sentence ends there, `</s>`, and the word after one follows `<s>`. Without them both marks are
listed, since KenLM requires them, with -99, which means a probability of 0.
"""

import math
from collections.abc import Iterator, Sequence
from pathlib import Path

from rnnwords.export.arpa_reader import BEGIN, END, UNKNOWN, ArpaFile
from rnnwords.lm.ngram.backoff import Backoff, Ngrams
from rnnwords.lm.parts import ngram_model
from rnnwords.prediction.predictor import Predictor
from rnnwords.text.vocabulary import Vocabulary

# Logarithms have 7 digits, as many as the float32 of KenLM. The largest difference on the Penn Treebank is 1.2e-7.
TOLERANCE = 1e-6
ZERO = "-99"  # log10 of 0 by the convention of the format
# Words that mean something else in an ARPA file. KenLM reads <UNK> as <unk>.
RESERVED = {BEGIN: "[s]", END: "[/s]", "<UNK>": "[UNK]"}
NUL = "\N{SYMBOL FOR NULL}"  # in place of a byte at which readers in C end a word


def write(predictor: Predictor, path: Path) -> ArpaFile:
    """Write the n-gram of the model. Raises UsageError if it has none, ModelError if that is damaged."""
    ngram = ngram_model(predictor.model)
    words = arpa_words(predictor.vocabulary)
    backoff = Backoff(ngram.kneser_ney)
    with open(path, "w", encoding="utf-8", newline="\n") as stream:
        stream.writelines(_lines(backoff, words))
    return ArpaFile(path, words)


def arpa_words(vocabulary: Vocabulary) -> list[str]:
    """Return the words of the file by token id: <eos> of line ends is `</s>`, and reserved words are renamed.

    No token has white space, which separates words in the file.
    """
    words, taken = list(vocabulary.words), set(vocabulary.words)
    for token_id, word in enumerate(words):
        name = RESERVED.get(word, word).replace("\0", NUL)
        if name != word:
            while name in taken:
                name += "_"
            words[token_id] = name
            taken.add(name)
    if vocabulary.eos_id is not None:
        words[vocabulary.eos_id] = END
    return words


def _lines(backoff: Backoff, words: Sequence[str]) -> Iterator[str]:
    """Yield the file, in pieces of bounded size."""
    extra = [mark for mark in (END, UNKNOWN) if mark not in words]
    counts = backoff.counts()
    counts[0] += len(extra)
    while not counts[-1]:
        counts.pop()
    if len(counts) == 1:
        counts.append(0)  # KenLM reads no unigram model
    yield "\\data\\\n"
    yield from (f"ngram {order}={count}\n" for order, count in enumerate(counts, start=1))
    names = [*words, BEGIN]
    for order in range(1, len(counts) + 1):
        yield f"\n\\{order}-grams:\n"
        for ngrams in backoff.ngrams(order) if counts[order - 1] else ():
            yield from _ngram_lines(ngrams, names)
        if order == 1:
            yield from (f"{ZERO}\t{mark}\n" for mark in extra)
    yield "\n\\end\\\n"


def _ngram_lines(ngrams: Ngrams, names: Sequence[str]) -> Iterator[str]:
    columns = zip(ngrams.ids.tolist(), ngrams.probs.tolist(), ngrams.weights.tolist(), strict=True)
    for ids, prob, weight in columns:
        text = " ".join([names[one] for one in ids])
        # A rounded sum can exceed 1, and KenLM accepts no positive logarithm of a probability.
        log_prob = f"{math.log10(min(prob, 1.0)):.7g}" if prob else ZERO
        yield f"{log_prob}\t{text}\n" if math.isnan(weight) else f"{log_prob}\t{text}\t{math.log10(weight):.7g}\n"
