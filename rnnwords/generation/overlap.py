"""Never more than N words in a row copied from a text: which words would make one too many.

The last N words written are looked up in the text, in a suffix array (`prediction.suffixes`), and the words that follow
there are the ones held back. It is exact.

Shapes: M words of text, K positions.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from rnnwords.errors import UsageError
from rnnwords.generation.suffix_array import Suffixes, Words

MOST = 50  # words: the longest run that can be allowed


class Overlap:
    """A text from which at most `length` words in a row may be taken over."""

    def __init__(self, text: ArrayLike | Suffixes, length: int) -> None:
        """(M,) ids of the text, 0 or more, or these as suffixes of that depth. Raises UsageError for a length outside
        1 .. MOST."""
        if not 1 <= length <= MOST:
            raise UsageError(f"max-overlap must be between 1 and {MOST}; got {length:,}")
        self.length = length
        self._text = text if isinstance(text, Suffixes) else Suffixes(text, length)

    def following(self, words: Sequence[int]) -> Words:
        """(K,) ids that would make the last `length` of `words` one too many; none if there are fewer."""
        if len(words) < self.length:
            return np.empty(0, np.intp)
        return self._text.followers(words[-self.length :])
