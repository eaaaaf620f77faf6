"""`Predictor`: a trained model, asked. The public Python API, without TensorFlow.

>>> from rnnwords import Predictor
>>> predictor = Predictor.load("models/belling_the_cat")    # doctest: +SKIP
>>> predictor.rank("had a general", k=2)                    # doctest: +SKIP
[Prediction(word='council', probability=0.98), Prediction(word='applause', probability=0.01)]
"""

import bisect
import functools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np

from rnnwords.errors import ModelNotFoundError, UnknownWordError, UsageError
from rnnwords.model_file import Model
from rnnwords.network.arrays import Floats, Ids, Network, State
from rnnwords.prediction.choices import OOV_POLICIES
from rnnwords.prediction.sampling import History, Sampling, choose
from rnnwords.text.tokenizer import EOS, pieces
from rnnwords.text.vocabulary import Vocabulary

SENTENCE_ENDS = frozenset({".", "!", "?", "...", "\u2026", "\u3002", "\uff01", "\uff1f", "\u0964", EOS})
MEMORY = 3_000  # words: how far back a network without a window reads a prompt


class Prediction(NamedTuple):
    """A next word and its probability."""

    word: str
    probability: float


class Context:
    """The network after some words. Immutable: `read` gives a new context."""

    def __init__(
        self, predictor: "Predictor", window: tuple[int, ...], state: State | None, output: Floats | None
    ) -> None:
        self._predictor, self._window = predictor, window
        self._state, self._output = state, output  # carried by stateful networks; output (1, H)

    def read(self, ids: Sequence[int]) -> "Context":
        """The context after these words too. Constant cost a word: a window forgets, a state is carried."""
        if not len(ids):
            return self
        config = self._predictor.model.network
        if not config.stateful:
            return Context(self._predictor, (*self._window, *ids)[-config.window :], None, None)
        output, state = self._predictor.network.read(np.array([ids]), self._state)
        return Context(self._predictor, (), state, output)

    def log_probabilities(self) -> Floats:
        """(V,) natural log-probabilities of the next word. Before any word: the frequencies of the training text."""
        scores: Floats = self._scores
        return scores

    @functools.cached_property
    def _scores(self) -> Floats:
        network = self._predictor.network
        if self._output is None and not self._window:
            return self._predictor.frequencies
        output = network.read(np.array([self._window]))[0] if self._output is None else self._output
        scores: Floats = network.scores(output)[0]
        return scores


class Predictor:
    """A model with the questions one asks of it. Prompts are text; unknown words follow one policy (see `encode`)."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.vocabulary: Vocabulary = model.vocabulary
        self.network = Network(model.network, model.weights)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Load a run directory or a model file. Raises ModelNotFoundError, or ModelError for a damaged one."""
        path = Path(path)
        if path.is_dir():
            path = path / "model.safetensors"
        if not path.exists():
            raise ModelNotFoundError(f"there is no model at {path}; train one with: rnnwords train TEXT")
        return cls(Model.load(path))

    @property
    def window(self) -> int | None:
        """Words that a prediction sees; None for a network that carries its state on."""
        return None if self.model.network.stateful else self.model.network.window

    @functools.cached_property
    def frequencies(self) -> Floats:
        """(V,) natural log-probabilities by frequency, one added to each count."""
        counts = np.asarray(self.vocabulary.counts, np.float64) + 1
        scores: Floats = np.log(counts / counts.sum()).astype(np.float32)
        return scores

    def encode(self, prompt: str, oov: str | None = None) -> tuple[list[int], list[str]]:
        """A prompt as ranks, and its unknown words.

        `oov` says what becomes of those: `unk` reads them as <unk>, `skip` leaves them out, `error` raises
        UnknownWordError, which names the first and near words. The default is `unk`, or `skip` for a model without
        <unk>. A prompt longer than what the network can make use of is cut at its front.
        """
        words = self._words(prompt)
        unknown = [word for word in words if word not in self.vocabulary.ranks]
        unk = self.vocabulary.unk
        if oov is None:
            oov = "skip" if unk is None else "unk"
        if oov not in OOV_POLICIES:
            raise UsageError(f"oov must be one of {', '.join(OOV_POLICIES)}; got {oov!r}")
        if unknown and oov == "error":
            raise UnknownWordError(self.vocabulary.unknown_message(unknown[0]))
        if unknown and oov == "unk" and unk is None:
            raise UsageError(
                "this model has no <unk>, since nothing was cut from its vocabulary; use --oov skip or error"
            )
        if oov == "unk" and unk is not None:
            return self.vocabulary.encode(words), unknown
        return [self.vocabulary.ranks[word] for word in words if word in self.vocabulary.ranks], unknown

    def _words(self, prompt: str) -> list[str]:
        needed = 64 * (self.window or MEMORY)  # characters that surely hold enough words
        if len(prompt) > needed:
            prompt = prompt[-needed:].split(maxsplit=1)[-1]
        return self.vocabulary.tokenize(prompt.encode("utf-8", "replace").decode())

    def unknown(self, prompt: str) -> list[str]:
        """The words of the prompt that the vocabulary lacks, in order."""
        return [word for word in self._words(prompt) if word not in self.vocabulary.ranks]

    def context(self, ids: Sequence[int] = ()) -> Context:
        """The network after these words, from a clean state. Where line ends are symbols, one stands in front."""
        start = Context(self, (), None, None)
        if not ids and not self.vocabulary.text.eos:
            return start
        eos = self.vocabulary.ranks.get(EOS) if self.vocabulary.text.eos else None
        return start.read([*([] if eos is None else [eos]), *ids])

    def rank(self, prompt: str, k: int = 5, *, prefix: str = "", oov: str | None = None) -> list[Prediction]:
        """The `k` most probable next words, best first, <unk> left out.

        With `prefix` only words that begin so, their probabilities renormalised to sum to 1 over all such words.
        Raises UsageError for k below 1, UnknownWordError by the `oov` policy.
        """
        ids, _ = self.encode(prompt, oov)
        return self.rank_scores(self.context(ids).log_probabilities(), k, prefix)

    def rank_scores(self, scores: Floats, k: int = 5, prefix: str = "") -> list[Prediction]:
        """As `rank`, from (V,) natural log-probabilities."""
        if k < 1:
            raise UsageError(f"k must be 1 or more; got {k}")
        if prefix:
            candidates = self.starting_with(prefix)
        else:
            candidates = np.arange(len(scores))
        if self.vocabulary.unk is not None:
            candidates = candidates[candidates != self.vocabulary.unk]
        if not len(candidates):
            return []
        chosen = scores[candidates].astype(np.float64)
        if prefix:
            top = chosen.max()
            chosen = chosen - top - np.log(np.exp(chosen - top).sum())
        count = min(k, len(chosen))
        best = np.argpartition(-chosen, count - 1)[:count] if count < len(chosen) else np.arange(count)
        best = best[np.lexsort((candidates[best], -chosen[best]))]
        return [Prediction(self.vocabulary.words[candidates[i]], float(np.exp(chosen[i]))) for i in best]

    def draw_word(self, seed: int) -> str:
        """A word to begin with, drawn by frequency; no mark, <unk> or <eos> where there is anything else."""
        chance = np.exp(self.frequencies.astype(np.float64))
        words = np.array([any(char.isalnum() for char in word) and word[0] != "<" for word in self.vocabulary.words])
        chance = chance * words if words.any() else chance
        rank = np.random.default_rng(seed).choice(len(chance), p=chance / chance.sum())
        return self.vocabulary.words[int(rank)]

    @staticmethod
    def entropy(scores: Floats) -> float:
        """Of (V,) natural log-probabilities, in nats."""
        return float(-(np.exp(scores.astype(np.float64)) * scores).sum())

    def starting_with(self, prefix: str) -> Ids:
        """Ranks of the words that begin with `prefix` (lowercased if the model's text is)."""
        if self.vocabulary.text.lowercase:
            prefix = prefix.lower()
        words, ranks = self._alphabet
        first = bisect.bisect_left(words, prefix)
        last = bisect.bisect_right(words, prefix + "\U0010ffff" * 4)
        return ranks[first:last]

    @functools.cached_property
    def _alphabet(self) -> tuple[list[str], Ids]:
        order = sorted(range(len(self.vocabulary)), key=self.vocabulary.words.__getitem__)
        return [self.vocabulary.words[rank] for rank in order], np.array(order)

    def generate(
        self,
        prompt: str = "",
        n: int = 32,
        *,
        temperature: float | None = None,
        top_k: int | None = None,
        top_p: float | None = None,
        repetition_penalty: float = 1.0,
        no_repeat: int | None = None,
        until_sentence: bool = False,
        seed: int | None = None,
        oov: str | None = None,
        tokens: bool = False,
    ) -> Iterator[str]:
        """The text that follows, word by word as it is made, each with the space that belongs in front of it.

        Greedy without temperature, top_k and top_p. `tokens` yields the symbols as they are. <unk> is never made.
        Raises UsageError for options out of range before anything is made, UnknownWordError by the `oov` policy.
        """
        sampling = Sampling(temperature, top_k, top_p, repetition_penalty, no_repeat)
        ids, _ = self.encode(prompt, oov)
        if not 1 <= n <= 10_000_000:
            raise UsageError(f"words must be between 1 and 10,000,000; got {n:,}")
        made = self.continue_ids(ids, n, sampling, np.random.default_rng(seed), until_sentence)
        words = (self.vocabulary.words[rank] for rank in made)
        if tokens:
            return words
        return pieces(words, self.vocabulary.text, before=self.vocabulary.decode(ids[-200:]))

    def continue_ids(
        self,
        ids: Sequence[int],
        n: int,
        sampling: Sampling,
        generator: np.random.Generator,
        until_sentence: bool = False,
    ) -> Iterator[int]:
        """Up to `n` ranks that follow `ids`; ends early behind the end of a sentence if asked to."""
        context = self.context(ids)
        history = History(ids, sampling.no_repeat)
        for _ in range(n):
            scores = context.log_probabilities()
            if self.vocabulary.unk is not None:
                scores = scores.copy()
                scores[self.vocabulary.unk] = -np.inf
            word = choose(scores, history, sampling, generator)
            yield word
            if until_sentence and self.vocabulary.words[word] in SENTENCE_ENDS:
                return
            history.append(word)
            context = context.read([word])

    def explain_steps(self, prompt: str, k: int = 3) -> list[tuple[str, float, list[Prediction]]]:
        """For each known word of the text: it, its probability given those before, and the `k` likeliest there."""
        found = []
        ids, _ = self.encode(prompt)
        context = self.context()
        for rank in ids:
            scores = context.log_probabilities()
            found.append((self.vocabulary.words[rank], float(np.exp(scores[rank])), self.rank_scores(scores, k)))
            context = context.read([rank])
        return found
