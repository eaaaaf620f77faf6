"""The words of late, as a model of the next one: what was just said is said again.

A network that carries its state on remembers where each word of late came: its own output before it. The more alike the
output now is to that one, the likelier that word comes again: the continuous cache of Grave, Joulin & Usunier 2017
("Improving Neural Language Models with a Continuous Cache", equations 2 and 3). For a network with a window, whose
outputs forget, the words count by their age alone (Kuhn & De Mori 1990; Clarkson & Robinson 1997 let them decay):

    p(w) = sum over the words i of late that are w of exp(theta * likeness(i)) / the same sum over all of them

likeness is the product of the two outputs, or minus the words between. The next prediction is (1 - weight) of the
network's and weight of this one; where there is no word yet, it is the network's alone.

Shapes: B predictions, one behind the other, n words before the first, H units, V vocabulary, U different words.
"""

from dataclasses import dataclass

import numpy as np

from rnnwords.network.recurrent import Floats, Ids


@dataclass(frozen=True)
class Cache:
    """How much the words of late count, and how."""

    size: int  # words remembered
    weight: float  # of the cache; the rest is the network's
    theta: float  # 0: all words of late count alike
    states: bool  # whether likeness is that of outputs

    def likeness(self, words: Ids, outputs: Floats, ids: Ids, now: Floats) -> Floats:
        """How like each word of late is to each prediction: (B, n + B - 1); -inf where it is out of sight.

        `words` (n,) and `outputs` (n, H), those before each of them, came before the text; `ids` (B - 1,) are words of
        the text, and `now` (B, H) the outputs of all predictions. Prediction b sees the words before it, and no other.
        """
        ages = (len(words) + np.arange(len(now)))[:, None] - np.arange(len(words) + len(ids))  # 1: the word just before
        if self.states:
            likeness = now @ np.concatenate([outputs, now[: len(ids)]]).T
        else:
            likeness = (1 - ages).astype(np.float32)
        found: Floats = np.where((ages > 0) & (ages <= self.size), likeness, np.float32(-np.inf))
        return found

    def shares(self, likeness: Floats) -> Floats:
        """(B, n) -> what each word of late makes up of each prediction: each row sums to 1, or to 0 without any."""
        if not likeness.size:
            return likeness
        seen = likeness > -np.inf
        highest = np.where(seen.any(axis=1), likeness.max(axis=1), 0)[:, None]
        with np.errstate(invalid="ignore"):  # 0 times infinity, where nothing is seen
            shares: Floats = np.where(seen, np.exp(np.float32(self.theta) * (likeness - highest)), np.float32(0))
        shares /= np.maximum(shares.sum(axis=1, keepdims=True), np.finfo(np.float32).tiny)
        return shares

    def mix(self, scores: Floats, words: Ids, outputs: Floats, ids: Ids, now: Floats) -> None:
        """Mix the cache into (B, V) natural log-probabilities, in place; the rest as in `likeness`."""
        shares = self.shares(self.likeness(words, outputs, ids, now))
        if not shares.size or not self.weight:
            return
        late = np.concatenate([words, ids])
        order = np.argsort(late, kind="stable")
        different, starts = np.unique(late[order], return_index=True)  # (U,)
        sums = np.add.reduceat(shares[:, order], starts, axis=1)  # (B, U)
        scores += np.where(shares.any(axis=1), np.float32(np.log1p(-self.weight)), np.float32(0))[:, None]
        with np.errstate(divide="ignore"):  # the logarithm of 0 is -inf, to which nothing is added
            scores[:, different] = np.logaddexp(scores[:, different], np.log(np.float32(self.weight) * sums))
