"""The part of a corpus from which its spacing is learned: all of a small one, pieces from everywhere of a large one."""

import re

from rnnwords.text.reading.corpus import Corpus

SAMPLE = 300_000  # bytes of a corpus of several blocks; more costs time and changes few decisions
MAX_PIECES = 128
_LAST_SPACE = re.compile(r".*\s", re.DOTALL)


def spacing_sample(corpus: Corpus, share: float = 1.0) -> list[str]:
    """Return pieces of about the first `share` of a corpus, each ending at white space where it has any.

    Raises CorpusError as `Corpus.blocks`.
    """
    pieces: list[tuple[int, bytes]] = []  # bytes of the corpus before the piece, and the piece
    size, step = 0, 1
    for number, block in enumerate(corpus.blocks()):
        if number % step == 0:
            pieces.append((size, block.data[:SAMPLE] if number else block.data))
            if len(pieces) > MAX_PIECES:
                pieces, step = pieces[::2], 2 * step
        size += len(block.data)
    end = int(size * share)
    longest = SAMPLE // len(pieces) if len(pieces) > 1 else size
    return [_whole_words(data, min(longest, end - start)) for start, data in pieces if start < end]


def _whole_words(data: bytes, size: int) -> str:
    """Return at most `size` bytes of a text, without a word that is cut."""
    text = data[:size].decode("utf-8", "ignore")
    space = _LAST_SPACE.match(text) if size < len(data) else None
    return space[0] if space else text
