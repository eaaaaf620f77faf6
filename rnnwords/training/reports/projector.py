"""The files of TensorBoard's page Projector: word embeddings, labelled with words and their counts."""

import unicodedata
from collections.abc import Sequence

from rnnwords.network.recurrent import Floats
from rnnwords.training.runs.run_directory import PROJECTOR_FILES

WORDS = 2_000  # the most frequent ones; more would make the page slow and unreadable
LABELS, VECTORS, CONFIG = PROJECTOR_FILES
_CONFIG = f'embeddings {{ tensor_name: "word embedding" tensor_path: "{VECTORS}" metadata_path: "{LABELS}" }}\n'


def projector_files(vectors: Floats, words: Sequence[str], counts: Sequence[int]) -> dict[str, str]:
    """Return name -> text of the files for the first words of (V, E) embeddings; the one that names the others last."""
    labels = [f"{label(word)}\t{count}" for word, count in zip(words[:WORDS], counts[:WORDS], strict=True)]
    rows = ["\t".join(f"{number:.5g}" for number in row) for row in vectors[:WORDS].tolist()]
    return {LABELS: _lines(["word\tcount", *labels]), VECTORS: _lines(rows), CONFIG: _CONFIG}


def label(word: str) -> str:
    """Return a word without tabs, line ends and other control characters, which are escaped as in Python."""
    if word.isprintable():
        return word
    kinds = ("Cc", "Cs", "Zl", "Zp")
    return "".join(ascii(char)[1:-1] if unicodedata.category(char) in kinds else char for char in word)


def _lines(lines: Sequence[str]) -> str:
    return "".join(f"{line}\n" for line in lines)
