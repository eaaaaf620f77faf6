"""How far to cut the vocabulary: bits per character of a Kneser-Ney n-gram by `min_count` and `max_size`.

    python benchmarks/vocabulary.py [--order 5] TEXT... > benchmarks/results/vocabulary.md

The last tenth of each text, from a line start, is the test part. Unknown words cost <unk> and their letters, as in
`rnnwords eval`. The n-gram needs no training, so that many vocabularies can be compared; a network also needs time for
each word of its vocabulary.

With a `min_count` of 1, <unk> never occurs in the training part, so it has next to no probability in the test part. The
rows `1, half` show what it could have: every second word that occurs once is <unk> in the training part.
"""

import argparse
from collections import Counter
from pathlib import Path

import numpy as np
from machine import machine, table

from rnnwords.config import TextConfig
from rnnwords.evaluation.metrics import bits_per_character
from rnnwords.lm.ngram.kneser_ney import KneserNey
from rnnwords.lm.spelling import SpellingModel
from rnnwords.text.reading.corpus import Corpus
from rnnwords.text.tokens.tokenizer import tokenize
from rnnwords.text.vocabulary import Vocabulary

MIN_COUNTS = {"1": 1, "1, half": 1, "2": 2, "3": 3, "5": 5}
MAX_SIZES = (None, 30_000, 20_000, 10_000, 5_000)
HEAD = ["min_count", "tokens", "unknown", "perplexity", "bits of an unknown word", "bits per character"]


def row(train: str, test: str, min_count: str, max_size: int | None, order: int) -> list[str]:
    """Return the row of a vocabulary."""
    config = TextConfig()
    words, tested = tokenize(train, config), tokenize(test, config)
    counts = Counter(words)
    vocabulary = Vocabulary.build(counts, config, min_count=MIN_COUNTS[min_count], max_size=max_size, keep_unk=True)
    ids = np.array(vocabulary.encode(words))
    if "half" in min_count:
        once = [word for word, count in counts.items() if count == 1 and word in vocabulary.ids][::2]
        ids[np.isin(ids, vocabulary.encode(once))] = vocabulary.unk_id
    ngram = KneserNey.train(ids, len(vocabulary), order)
    spelling = SpellingModel.train(counts, vocabulary.words)
    assert spelling is not None
    unknown = [word for word in tested if word not in vocabulary.ids]
    nats = -float(ngram.score(vocabulary.encode(tested), ids[-order:]).sum())
    letters = -float(spelling.log_probs(unknown).sum())
    return [
        min_count, f"{len(vocabulary):,}", f"{len(unknown) / len(tested):.1%}", f"{np.exp(nats / len(tested)):,.1f}",
        f"{letters / np.log(2) / max(1, len(unknown)):.1f}", f"{bits_per_character(nats + letters, len(test)):.4f}",
    ]  # fmt: skip


def main() -> None:
    """Print a table per text."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("texts", nargs="+", type=Path)
    parser.add_argument("--order", type=int, default=5)
    options = parser.parse_args()
    names = " ".join(path.name for path in options.texts)
    print(f"# How far to cut the vocabulary\n\n`python benchmarks/vocabulary.py {names}`, {machine()}. A Kneser-Ney "
          f"{options.order}-gram on the last tenth of each text.")  # fmt: skip
    for path in options.texts:
        text = "".join(Corpus([path]).texts())
        cut = text.rfind("\n", 0, len(text) * 9 // 10) + 1
        rows: list[list[str]] = []
        for min_count in MIN_COUNTS:
            for max_size in MAX_SIZES:
                found = row(text[:cut], text[cut:], min_count, max_size, options.order)
                rows += [found] if found not in rows else []  # a limit above the number of words changes nothing
        print(f"\n## {path.name}, {len(tokenize(text[:cut], TextConfig())):,} words\n\n{table(HEAD, rows)}", flush=True)


if __name__ == "__main__":
    main()
