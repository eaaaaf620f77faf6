"""Keystroke savings of a list of predicted words (Trnka & McCoy 2008, "Evaluating Word Prediction: Framing Keystroke
Savings").

A typist sees the 3 most probable words that begin with the letters typed so far, before the first letter and after each
keystroke, and takes the word with one key as soon as it is listed; otherwise types all letters and a space. A line end
is one key and never listed. <unk> in the text itself is left out, since nobody types it.
"""

import functools

import numpy as np

from rnnwords.lm.interface import Floats, Ids
from rnnwords.prediction.ranking import Ranker
from rnnwords.prediction.scoring import ScoredBatch
from rnnwords.text.tokens.tokenizer import EOS, UNK
from rnnwords.text.vocabulary import Vocabulary

LISTED = 3  # words that a typist sees


class KeystrokeSavings:
    """Counts keystrokes over batches of scored words."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.vocabulary = vocabulary
        self.ranker = Ranker(vocabulary)
        eos = vocabulary.eos_id
        self.not_typed = {UNK} if eos is None else {UNK, EOS}
        self.not_listed = [token for token in (vocabulary.unk_id, eos) if token is not None]
        self.candidates = functools.lru_cache(maxsize=100_000)(self._candidates)

    def count(self, batch: ScoredBatch) -> tuple[int, int]:
        """Return the keystrokes that the words take without a list, and how many of them the list saves."""
        keys = saved = 0
        columns = zip(batch.words, batch.ids.tolist(), batch.ranks.tolist(), batch.ranking_log_probs, strict=True)
        for word, token, rank, log_probs in columns:
            if word not in self.not_typed:
                keys += len(word) + 1
                saved += self.saved(token, rank, log_probs) if rank else 0
            elif word == EOS:
                keys += 1
        return keys, saved

    def saved(self, token: int, rank: int, log_probs: Floats) -> int:
        """Return the keystrokes saved for a word by its id, its rank by (V,) log-probabilities, and these."""
        word = self.vocabulary.words[token]
        rank -= sum((log_probs[other], -other) > (log_probs[token], -token) for other in self.not_listed)
        if rank <= LISTED:
            return len(word)  # one of len + 1 keys is left
        for typed in range(1, len(word)):
            candidates = self.candidates(word[:typed])
            others, own = log_probs[candidates], log_probs[token]
            if np.count_nonzero((others > own) | ((others == own) & (candidates < token))) < LISTED:
                return len(word) - typed
        return 0

    def _candidates(self, prefix: str) -> Ids:
        return np.setdiff1d(self.ranker.with_prefix(prefix), self.not_listed)
