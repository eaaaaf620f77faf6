"""`Predictor`: a trained model, asked. The public Python API, without TensorFlow.

>>> from rnnwords import Predictor
>>> predictor = Predictor.load("models/belling_the_cat")
>>> predictor.rank("had a general", k=1)[0].word
'council'
>>> "".join(predictor.generate("had a general", n=6))
' council to consider what measures they'
"""

import bisect
import functools
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np

from rnnwords.errors import ModelNotFoundError, UnknownWordError, UsageError
from rnnwords.model_file import Model
from rnnwords.network.arrays import Floats, Ids, Network
from rnnwords.network.batches import read_each
from rnnwords.prediction.choices import OOV_POLICIES
from rnnwords.prediction.context import Context
from rnnwords.prediction.generation import Request, Writer
from rnnwords.prediction.ranking import Answer, Prediction, entropy, rank
from rnnwords.prediction.sampling import RECENT
from rnnwords.text.tokenizer import EOS, pieces
from rnnwords.text.vocabulary import Vocabulary

# Words of a prompt that a network without a window reads. Khandelwal et al. 2018 ("Sharp Nearby, Fuzzy Far Away") find
# that an LSTM makes use of about 200.
MEMORY = 1_000
BATCH_CELLS = 1 << 22  # gates, or scores, that a batch may hold: 16 MB


class Text(NamedTuple):
    """A text that was written."""

    text: str
    words: int
    log_probability: float  # nats: the sum over its words, by the model, before temperature and penalties
    score: float | None  # of a beam search: the log-probability after penalties, over the length penalty


class Predictor:
    """A model with the questions one asks of it. Prompts are text; unknown words follow one policy (see `encode`).

    Probabilities are 0 to 1, log-probabilities natural (nats). V is the size of the vocabulary.
    """

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
        """A prompt as ranks, and its unknown words, in order.

        The one policy for every prompt:

        - it becomes words by the model's own text settings: where those keep capitals, `The` and `the` are two words,
          and where they don't, a prompt may have any;
        - `oov` says what becomes of words that the vocabulary lacks: `unk` reads them as <unk>, `skip` leaves them
          out, `error` raises UnknownWordError, which names them and near words. The default is `unk`, or `skip` for a
          model without <unk>;
        - a prompt shorter than the window is read as it is, from a clean state, without anything to fill it up; before
          the first word of all the frequencies of the training text are the prediction, or, where line ends are words,
          what follows a line end;
        - of a long prompt only the end counts: as many words as the window has (at least 64, for the penalties against
          repetition), or the last 1,000 for a model without a window.

        Raises UsageError for another `oov`, and for `unk` if the model has no <unk>.
        """
        unk = self.vocabulary.unk
        if oov is None:
            oov = "skip" if unk is None else "unk"
        if oov not in OOV_POLICIES:
            raise UsageError(f"oov must be one of {', '.join(OOV_POLICIES)}; got {oov!r}")
        words = self._words(prompt)
        unknown = [word for word in words if word not in self.vocabulary.ranks]
        if unknown and oov == "error":
            raise UnknownWordError("; ".join(map(self.vocabulary.unknown_message, list(dict.fromkeys(unknown))[:3])))
        if unknown and oov == "unk" and unk is None:
            raise UsageError(
                "this model has no <unk>, since nothing was cut from its vocabulary; use --oov skip or error"
            )
        if unknown and oov == "skip":
            words = [word for word in words if word in self.vocabulary.ranks]
        return self.vocabulary.encode(words), unknown

    def unknown(self, prompt: str) -> list[str]:
        """The words of the prompt that the vocabulary lacks, in order; of a long prompt those that would be read."""
        return [word for word in self._words(prompt) if word not in self.vocabulary.ranks]

    def _words(self, prompt: str) -> list[str]:
        """The last words of a prompt, as many as count, without splitting all of a long one."""
        wanted = MEMORY if self.window is None else max(self.window, RECENT)
        size = 16 * wanted  # characters
        while True:
            end = prompt[-size:]
            if len(end) < len(prompt) and (space := re.search(r"\s", end[:size // 2])):
                end = end[space.start() :]  # the first word may be cut
            words = self.vocabulary.tokenize(end.encode("utf-8", "replace").decode())
            if len(words) >= wanted or len(end) == len(prompt):
                return words[-wanted:]
            size *= 4

    def context(self, ids: Sequence[int] = ()) -> Context:
        """The network after these words, from a clean state. Where line ends are symbols, one stands in front."""
        eos = self.vocabulary.ranks.get(EOS) if self.vocabulary.text.eos else None
        return Context(self.network, self.frequencies).read([*([] if eos is None else [eos]), *ids])

    def rank(self, prompt: str, k: int = 5, *, prefix: str = "", oov: str | None = None) -> list[Prediction]:
        """The `k` most probable next words, best first, <unk> left out; fewer if there are no more.

        With `prefix` only words that begin so, their probabilities renormalised to sum to 1 over all such words.
        Raises UsageError for k below 1, UnknownWordError by the `oov` policy.

        >>> predictor.rank("had a", k=1, prefix="ge")
        [Prediction(word='general', probability=1.0)]
        """
        return self.answer(prompt, k, prefix=prefix, oov=oov).predictions

    def answer(self, prompt: str, k: int = 5, *, prefix: str = "", oov: str | None = None) -> Answer:
        """As `rank`, with the unknown words of the prompt and the entropy of the whole distribution, in nats."""
        ids, unknown = self.encode(prompt, oov)
        scores = self.context(ids).log_probabilities()
        return Answer(prompt, self._ranked(scores[None], k, prefix)[0], unknown, float(entropy(scores)))

    def answer_each(
        self, prompts: Sequence[str], k: int = 5, *, prefix: str = "", oov: str | None = None, threads: int = 1
    ) -> list[Answer]:
        """As `answer` for each of many prompts, in batches: the same answers up to rounding, many times faster.

        Best with thousands of prompts at a time, since those that begin alike are read together. `threads` work on
        batches side by side; numpy's own threads should then be off (OPENBLAS_NUM_THREADS=1).
        """
        encoded = [self.encode(prompt, oov) for prompt in prompts]
        contexts = [self.context(ids).waiting for ids, _ in encoded]
        answers: list[Any] = [None] * len(prompts)
        order = sorted((place for place, context in enumerate(contexts) if context), key=contexts.__getitem__)
        size = max(1, BATCH_CELLS // (self.model.network.gates * self.model.network.units))
        batches = [order[start : start + size] for start in range(0, len(order), size)]

        def answer_batch(places: list[int]) -> None:
            outputs = read_each(self.network, [contexts[place] for place in places])
            rows = max(1, BATCH_CELLS // len(self.vocabulary))
            for start in range(0, len(places), rows):
                fill(places[start : start + rows], self.network.scores(outputs[start : start + rows]))

        def fill(places: list[int], scores: Floats) -> None:
            found = zip(places, self._ranked(scores, k, prefix), entropy(scores).tolist(), strict=True)
            for place, predictions, information in found:
                answers[place] = Answer(prompts[place], predictions, encoded[place][1], information)

        for place, context in enumerate(contexts):
            if not context:
                fill([place], self.frequencies[None])
        if threads == 1 or len(batches) < 2:
            for batch in batches:
                answer_batch(batch)
        else:
            with ThreadPoolExecutor(threads) as pool:
                list(pool.map(answer_batch, batches))
        return answers

    def rank_scores(self, scores: Floats, k: int = 5, prefix: str = "") -> list[Prediction]:
        """As `rank`, from (V,) natural log-probabilities."""
        return self._ranked(scores[None], k, prefix)[0]

    def _ranked(self, scores: Floats, k: int, prefix: str) -> list[list[Prediction]]:
        """(B, V) natural log-probabilities -> the `k` best of each."""
        if k < 1:
            raise UsageError(f"k must be 1 or more; got {k}")
        unk, words = self.vocabulary.unk, self.vocabulary.words
        candidates = self.starting_with(prefix) if prefix else None
        if candidates is not None:
            candidates = candidates[candidates != unk]
            if not len(candidates):
                return [[] for _ in scores]
        best, shares = rank(scores, k + (unk is not None), candidates)
        return [
            [Prediction(words[word], share) for word, share in zip(*row, strict=True) if word != unk][:k]
            for row in zip(best.tolist(), shares.tolist(), strict=True)
        ]

    def starting_with(self, prefix: str) -> Ids:
        """Ranks of the words that begin with `prefix` (lowercased if the model's text is), in the order of letters."""
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

    def draw_word(self, seed: int) -> str:
        """A word to begin with, drawn by frequency; no mark, <unk> or <eos> where there is anything else."""
        chance = np.exp(self.frequencies.astype(np.float64))
        words = np.array([any(char.isalnum() for char in word) and word[0] != "<" for word in self.vocabulary.words])
        chance = chance * words if words.any() else chance
        rank = np.random.default_rng(seed).choice(len(chance), p=chance / chance.sum())
        return self.vocabulary.words[int(rank)]

    def generate(
        self, prompt: str = "", n: int = 32, *, oov: str | None = None, tokens: bool = False, **options: Any
    ) -> Iterator[str]:
        """The text that follows: up to `n` words as they are made, each with the space that belongs in front of it.

        Greedy, unless `temperature`, `top_k` or `top_p` is given; `seed` then makes it repeatable. The other options
        are the fields of `Request`: `repetition_penalty`, `no_repeat`, `until_sentence`, `overlap`, `unk`; without the
        last <unk> is never made. `tokens` yields the symbols as they are. Raises UsageError for options out of range
        before anything is made, UnknownWordError by the `oov` policy.

        >>> list(predictor.generate("had a", n=2))
        [' general', ' council']
        """
        writer = self._writer(prompt, n, oov, options)
        words = (self.vocabulary.words[step.rank] for step in writer.steps())
        return words if tokens else pieces(words, self.vocabulary.text, before=self._words(prompt))
