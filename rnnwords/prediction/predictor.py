"""`Predictor`: a trained model, asked. The public Python API, without TensorFlow.

>>> from rnnwords import Predictor
>>> predictor = Predictor.load("models/belling_the_cat")
>>> predictor.rank("had a general", k=1)[0].word
'council'
>>> "".join(predictor.generate("had a general", n=6))
' council to consider what measures they'
"""

import functools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Self

from rnnwords.errors import ModelNotFoundError, UsageError
from rnnwords.generation.overlap import Overlap
from rnnwords.generation.sampling import RECENT
from rnnwords.generation.writer import Request, Text, Writer, first_word, told
from rnnwords.lm.context import Context, Memory
from rnnwords.model_file import Model
from rnnwords.network.recurrent import Floats, Ids, Network
from rnnwords.prediction import prompts
from rnnwords.prediction.batch import answer_each, scores_each
from rnnwords.prediction.explanation import Explanation, explain, word_steps
from rnnwords.prediction.ranking import Alphabet, Answer, Prediction, entropy, log_frequencies, rank
from rnnwords.prediction.scoring import OutputReader, StreamReader, WindowReader, WordScore, score_lines, scorer
from rnnwords.text.tokenizer import pieces
from rnnwords.text.vocabulary import Vocabulary

# Words of a prompt that a network without a window reads. Khandelwal et al. 2018 ("Sharp Nearby, Fuzzy Far Away") find
# that an LSTM makes use of about 200.
MEMORY = 1_000


class Predictor:
    """A model with the questions one asks of it. Prompts are text; unknown words follow one policy (see `encode`).

    Probabilities are 0 to 1, log-probabilities natural (nats). Letters in shapes: V vocabulary, B prompts.
    """

    def __init__(self, model: Model) -> None:
        """Raises UsageError for a model of numbers."""
        if model.series is not None:
            raise UsageError(
                f"this model forecasts numbers (column {model.series.column}), not words; use rnnwords forecast"
            )
        self.model = model
        self.vocabulary: Vocabulary = model.vocabulary
        self.network = Network(model.network, model.weights)
        self.terms: dict[str, Any] = {}  # what is mixed into its predictions, and how: see `prediction.mixed`

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
        return log_frequencies(self.vocabulary.counts)

    def encode(self, prompt: str, oov: str | None = None) -> tuple[list[int], list[str]]:
        """A prompt as ranks, and its unknown words, in order. The one policy for all prompts:

        - It becomes words by the model's own text settings: where those keep capitals, `The` and `the` are two words;
          where they lowercase, a prompt may have any.
        - `oov` says what becomes of words that the vocabulary lacks: `unk` reads them as <unk>, `skip` leaves them
          out, `error` raises UnknownWordError, which names them and near words. The default is `unk`, or `skip` for a
          model without <unk>.
        - A prompt shorter than the window is read as it is, from a clean state, with nothing to fill it up. Before any
          word the frequencies of the training text are the prediction or, where line ends are words, what follows one.
        - Of a long prompt only the end counts: as many words as the window has (and at least 64, for the penalties
          against repetition), or the last 1,000 for a model without a window.

        Raises UsageError for any other `oov`, and for `unk` if the model has no <unk>.

        >>> predictor.encode("had a feline", oov="skip")[1]
        ['feline']
        """
        return prompts.encode(self._words(prompt), self.vocabulary, oov)

    def unknown(self, prompt: str) -> list[str]:
        """The words of the prompt that the vocabulary lacks, in order; of a long one, those that would be read."""
        return [word for word in self._words(prompt) if word not in self.vocabulary.ranks]

    @property
    def reach(self) -> int:
        """Words of a prompt that count for a prediction, at most."""
        return self.window or MEMORY

    def _words(self, prompt: str) -> list[str]:
        return prompts.last_words(prompt, self.vocabulary, max(self.reach, RECENT))

    def context(self, ids: Sequence[int] = ()) -> Context:
        """The network after these ranks, from a clean state. Where line ends are symbols, one stands in front.

        A network without a window remembers where it stood of late, and reads only what is new.
        """
        words = self.led_in(ids)
        return Context(self.network, self.frequencies).read(words) if self.window else self._memory.context(words)

    def reader(self) -> OutputReader:
        """What predicts each word of a text from those before it."""
        return StreamReader(self) if self.window is None else WindowReader(self)

    def led_in(self, ids: Sequence[int]) -> tuple[int, ...]:
        """The ranks as the network reads them: behind a line end, where those are symbols; the last of a window."""
        eos = self.vocabulary.line_end
        words = (*ids,) if eos is None else (eos, *ids)
        return words[-self.window :] if self.window else words

    @functools.cached_property
    def _memory(self) -> Memory:
        return Memory(Context(self.network, self.frequencies))

    def rank(self, prompt: str, k: int = 5, *, prefix: str = "", oov: str | None = None) -> list[Prediction]:
        """The `k` most probable next words, best first, <unk> left out; fewer if there are no more.

        With `prefix` only words that begin so, their probabilities renormalised to sum to 1 over all such words.
        Raises UsageError for k below 1, UnknownWordError by the `oov` policy.

        >>> [prediction.word for prediction in predictor.rank("had a", k=1, prefix="ge")]
        ['general']
        """
        return self.answer(prompt, k, prefix=prefix, oov=oov).predictions

    def answer(self, prompt: str, k: int = 5, *, prefix: str = "", oov: str | None = None) -> Answer:
        """As `rank`, with the unknown words of the prompt and the entropy of the whole distribution, in nats."""
        ids, unknown = self.encode(prompt, oov)
        scores = self.context(ids).log_probabilities()
        return Answer(prompt, self.ranked(scores[None], k, prefix)[0], unknown, float(entropy(scores)))

    def answer_each(
        self, prompts: Sequence[str], k: int = 5, *, prefix: str = "", oov: str | None = None, threads: int = 1
    ) -> list[Answer]:
        """As `answer` for each of B prompts, in batches: the same answers up to rounding, many times faster.

        It is best with thousands of prompts a call, since those that begin alike are read together. `threads` work on
        batches side by side; numpy's own should then be off (OPENBLAS_NUM_THREADS=1).

        >>> [answer.predictions[0].word for answer in predictor.answer_each(["had a", "a general"])]
        ['general', 'council']
        """
        return answer_each(self, prompts, k, prefix, oov, threads)

    def scores_each(self, contexts: Sequence[tuple[int, ...]]) -> Iterator[tuple[Sequence[tuple[int, ...]], Floats]]:
        """Contexts as `led_in` gives them -> some at a time, with (B, V) natural log-probabilities after each."""
        return scores_each(self.network, contexts)

    def ranked(self, scores: Floats, k: int = 5, prefix: str = "") -> list[list[Prediction]]:
        """(B, V) natural log-probabilities -> the `k` best words of each, as `rank` has it."""
        if k < 1:
            raise UsageError(f"k must be 1 or more; got {k}")
        unk, words = self.vocabulary.unk, self.vocabulary.words
        candidates = None
        if prefix:
            candidates = self.starting_with(prefix)
            candidates = candidates if unk is None else candidates[candidates != unk]
            if not len(candidates):
                return [[] for _ in scores]
        best, shares = rank(scores, k + (unk is not None), candidates)
        return [
            [Prediction(words[word], share) for word, share in zip(*row, strict=True) if word != unk][:k]
            for row in zip(best.tolist(), shares.tolist(), strict=True)
        ]

    def starting_with(self, prefix: str) -> Ids:
        """Ranks of the words that begin with `prefix` (lowercased if the model's text is), in the order of letters."""
        return self._alphabet.starting_with(prefix.lower() if self.vocabulary.text.lowercase else prefix)

    @functools.cached_property
    def _alphabet(self) -> Alphabet:
        return Alphabet(self.vocabulary)

    def draw_word(self, seed: int) -> str:
        """A word to begin with, drawn by frequency; no mark, <unk> or <eos> where there is anything else."""
        return first_word(self.vocabulary, self.frequencies, seed)

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
        overlap: Overlap | None = None,
        until_sentence: bool = False,
        unk: bool = False,
        seed: int | None = None,
        oov: str | None = None,
        tokens: bool = False,
    ) -> Iterator[str]:
        """The text that follows: up to `n` words as they are made, each with the space that belongs in front of it.

        Greedy, unless `temperature`, `top_k` or `top_p` is given; `seed` makes those repeatable. `until_sentence` ends
        it behind the first end of a sentence. `overlap` holds a text of which not too many words in a row may be taken
        over. <unk> is made only if `unk` says so. `tokens` yields the symbols as they are, without spaces. Raises
        UsageError for options out of range before anything is made, UnknownWordError by the `oov` policy.

        >>> list(predictor.generate("had a", n=2))
        [' general', ' council']
        """
        request = Request(
            temperature, top_k, top_p, repetition_penalty, no_repeat, n, until_sentence, unk, seed, overlap
        )
        return self.stream(prompt, request, oov=oov, tokens=tokens)

    def stream(
        self, prompt: str, request: Request, *, oov: str | None = None, tokens: bool = False,
        written: Callable[[int], None] | None = None,
    ) -> Iterator[str]:  # fmt: skip
        """As `generate`, for a request. `written` is told the rank of each word."""
        steps = self._writer(prompt, request, oov).steps()
        ranks = (step.rank for step in steps) if written is None else told((step.rank for step in steps), written)
        words = (self.vocabulary.words[rank] for rank in ranks)
        return words if tokens else pieces(words, self.vocabulary.text, before=self._words(prompt))

    def write(self, prompt: str, request: Request, *, oov: str | None = None, tokens: bool = False) -> Text:
        """As `generate`, for a request: the whole text, with its log-probability."""
        steps = list(self._writer(prompt, request, oov).steps())
        ids = tuple(step.rank for step in steps)
        text = self._text(prompt, ids, tokens)
        return Text(text, len(steps), sum(step.log_probability for step in steps), None, ids)

    def beams(
        self, prompt: str, request: Request, width: int, *, oov: str | None = None, tokens: bool = False
    ) -> list[Text]:
        """The most probable texts that a beam search of `width` finds, best first. Raises what `generate` raises."""
        return [
            Text(self._text(prompt, beam.ids, tokens), len(beam.ids), beam.log_probability, beam.score, tuple(beam.ids))
            for beam in self._writer(prompt, request, oov).beams(width)
        ]

    def _writer(self, prompt: str, request: Request, oov: str | None) -> Writer:
        ids, _ = self.encode(prompt, oov)
        return Writer(self.vocabulary, self.context(ids), ids, request)

    def _text(self, prompt: str, ids: Sequence[int], tokens: bool) -> str:
        words = self.vocabulary.decode(ids)
        if tokens:
            return "".join(f" {word}" for word in words)
        return "".join(pieces(words, self.vocabulary.text, before=self._words(prompt)))

    def score(self, text: str) -> list[WordScore]:
        """Each word of a text with its natural log-probability given all words before it, and its rank there.

        >>> [round(word.log_probability, 3) for word in predictor.score("a general council")[1:]]
        [-0.02, -0.02]
        """
        return [word for line in score_lines(scorer(self), [[text]]) for word in line.words]

    def explain(self, prompt: str, k: int = 5, *, oov: str | None = None) -> Explanation:
        """What the network does with each word of the prompt, of a long one with the last 64 that it reads.

        Gates and states of every layer, the `k` best next words after each, and what would be predicted without it,
        from a window that is shorter by one. Raises UsageError for k below 1, UnknownWordError by the `oov` policy.

        >>> explanation = predictor.explain("had a", k=1)
        >>> [step.predictions[0].word for step in explanation.steps]
        ['a', 'general']
        >>> [f"without {one.word!r}: {one.predictions[0].word}" for one in explanation.omissions]
        ["without 'had': general", "without 'a': a"]
        """
        return explain(self, prompt, k, oov)

    def explain_steps(
        self, text: str, k: int = 3, *, before: str = ""
    ) -> Iterator[tuple[str, float, list[Prediction]]]:
        """For each known word of the text: it, its probability given those before, and the `k` likeliest there.

        `before` is what was read already: its end counts as that of a prompt does.
        """
        return word_steps(self, text, before, k)
