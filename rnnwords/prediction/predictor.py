"""`Predictor`: the Python API of prediction with a trained model, without TensorFlow.

>>> from rnnwords import Predictor
>>> predictor = Predictor.load("models/fable")
>>> predictor.rank("had a general", k=1)[0].word
'council'
>>> "".join(predictor.generate("had a general", n=6))
' council to consider what measures they'
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from rnnwords.config import InterpolationConfig
from rnnwords.errors import UsageError
from rnnwords.generation.sampling import RECENT
from rnnwords.generation.suffix_array import Overlap
from rnnwords.generation.writer import GeneratedText, GenerationRequest, Writer, draw_word
from rnnwords.lm.interface import LanguageModel
from rnnwords.lm.loading import interpolated, network_model
from rnnwords.lm.state_cache import StateCache
from rnnwords.model_file import Model, model_path
from rnnwords.prediction import prompts
from rnnwords.prediction.batch import answer_each
from rnnwords.prediction.ranking import Answer, Prediction, Ranker, entropy
from rnnwords.prediction.scoring import Scorer, WordScore, explain_steps, score_lines
from rnnwords.text.exclusion import exclusion
from rnnwords.text.reading.utf8 import lines_of
from rnnwords.text.vocabulary import Vocabulary

if TYPE_CHECKING:
    from rnnwords.personal.part import PersonalPart
    from rnnwords.prediction.adaptation import LineAdaptation
    from rnnwords.prediction.explanation import Explanation

REPEAT_WORDS = 1_000  # of a prompt in which no n-gram is repeated, whatever the network reads
FEW_STATES = 8  # kept with `low_memory`: those of the last few words of one text


class Predictor:
    """A model file with its language model. Prompts are text; unknown words follow one policy (see `encode`).

    Probabilities are 0 to 1, log-probabilities natural (nats).
    """

    def __init__(
        self, model: Model, interpolation: InterpolationConfig | None = None, low_memory: bool = False,
        exclude: Iterable[str] = (), personal: str | Path | None = None,
    ) -> None:  # fmt: skip
        """With `low_memory`, keep few states and no tables, which make many predictions faster. Words to `exclude`, in
        any case, are never ranked or generated. `personal` is a file of what a user has written, which need not exist;
        its words are known and ranked, too. Raises UsageError for a numeric model, for an interpolation with parts that
        the model lacks, and for another or a damaged personal file; SaveError for one that could not be written."""
        self.model = model
        self.excluded = exclusion(exclude, model.vocabulary)
        self.vocabulary: Vocabulary = model.vocabulary.excluding(self.excluded.ids)
        self.interpolation = interpolation or InterpolationConfig()
        self.adaptation = _line_adaptation(model) if self.interpolation.adapt else None
        self.network = self.adaptation.network if self.adaptation else network_model(model, low_memory=low_memory)
        self.lm: LanguageModel[Any] = interpolated(self.network, model, replace(self.interpolation, adapt=False))
        self.ranker = self._model_ranker = Ranker(self.vocabulary)
        self._states = StateCache(self.lm, FEW_STATES if low_memory else None)
        self.personal = None if personal is None else self._personal_part(Path(personal))
        if self.personal:
            self.learn({})

    @classmethod
    def load(
        cls, path: str | Path, interpolation: InterpolationConfig | None = None, low_memory: bool = False,
        exclude: Iterable[str] = (), personal: str | Path | None = None,
    ) -> Self:  # fmt: skip
        """Load a run directory or a model file. Raises ModelNotFoundError, or ModelError for a damaged one."""
        return cls(Model.load(model_path(Path(path))), interpolation, low_memory, exclude, personal)

    def _personal_part(self, path: Path) -> "PersonalPart":
        from rnnwords.personal.part import PersonalPart  # which few predictions need

        return PersonalPart(path, self.lm, self.vocabulary, self.excluded.has)

    @property
    def text_lm(self) -> LanguageModel[Any]:
        """The language model of running text; with `adapt`, its weights adapt to the text, from the trained ones on."""
        return interpolated(self.network, self.model, self.interpolation) if self.adaptation else self.lm

    def adapt(self, text: str) -> None:
        """Adapt the weights to the lines of a text that are new, for the predictions to come (dynamic evaluation).

        The weights change after each 20 words. Of a long text, only the end is read. Needs an interpolation with
        `adapt`; raises UsageError without.
        """
        if self.adaptation is None:
            raise UsageError("expected an interpolation with `adapt`, found one without")
        self.adaptation.add(lines_of(text))
        while self.adaptation.step():
            pass
        self._states.clear()

    @property
    def context_size(self) -> int | None:
        """Words that the network reads before a prediction; None: all of them, since it carries its state."""
        return None if self.model.network.stateful else self.model.network.window

    def learn(self, written: Mapping[tuple[str, ...], int]) -> None:
        """Count entries of a personal file, see `rnnwords.personal.entries`; predictions follow them from now on.

        Needs `personal`, whose `save` writes them to its file.
        """
        if self.personal is None:
            raise UsageError("expected `personal`, found none; set it to the path of a file")
        self.personal.learn(written)
        self.lm = self.personal.model
        if self.lm.vocabulary is not self.vocabulary:
            self.vocabulary = self.lm.vocabulary
            self.ranker = Ranker(self.vocabulary, self._model_ranker)

    def encode(self, prompt: str, oov: str | None = None) -> tuple[list[int], list[str]]:
        """Return a prompt as token ids, and its unknown words in order. All prompts follow this policy:

        - The text settings of the model split the prompt. If they keep capitals, `The` and `the` are two words; if they
          lowercase, a prompt may have any capitals.
        - `oov` decides about words outside the vocabulary: `unk` reads them as <unk>, `skip` leaves them out, `error`
          raises UnknownWordError, which names them and similar words. The default is `unk`, or `skip` for a model
          without <unk>.
        - A prompt shorter than the window is read as it is from a clean state, without padding. Before any word, the
          unigram frequencies of the training text are the prediction or, where line ends are tokens, what follows one.
        - Only the end of a long prompt counts: as many words as the window has (and at least 64, for the repetition
          penalty), or the last 1,000 for a model without a window.

        Raises UsageError for another `oov`, and for `unk` if the model has no <unk>.

        >>> predictor.encode("had a feline", oov="skip")[1]
        ['feline']
        """
        return prompts.encode(self._words(prompt), self.vocabulary, oov)

    def unknown(self, prompt: str) -> list[str]:
        """Return the words of the prompt outside the vocabulary, in order; of a long one, those that would be read."""
        return prompts.unknown_words(self._words(prompt), self.vocabulary)

    def _words(self, prompt: str) -> list[str]:
        return prompts.last_words(prompt, self.vocabulary, max(self.lm.prompt_size, RECENT))

    def state(self, ids: Sequence[int] = ()) -> Any:
        """Return the state of the language model after these ids from the beginning of a text.

        A model without a window keeps recent states, and reads only what is new.
        """
        if self.context_size is not None:
            return self.lm.advance(self.lm.initial_state(), ids)
        state = self._states.state(self._model_ids(ids))
        return state if self.personal is None else self.personal.model.state(state, ids)

    def _model_ids(self, ids: Sequence[int]) -> Sequence[int]:
        """Return the ids that the model reads, without those of personal words."""
        return ids if self.personal is None else self.personal.model.base_ids(ids)

    def read_ahead(self, prompt: str, words: int) -> bool:
        """Read up to `words` more of the words of a prompt that will come; return whether all of them are read.

        The prediction after it then takes no longer than after a prompt that extends an earlier one.
        """
        return self.context_size is not None or self._states.read_ahead(self._model_ids(self.encode(prompt)[0]), words)

    def rank(
        self, prompt: str, k: int = 5, *, prefix: str = "", exact: bool = False, oov: str | None = None
    ) -> list[Prediction]:
        """Return the `k` most probable next words, best first, <unk> left out; fewer if there are no more.

        Excluded words are left out too; the probabilities of the others stay those of the model.

        With `prefix`, only words that begin with it: first as typed, then regardless of case and diacritics, then with
        one typing error; with `exact`, only as typed. Each has its probability given that the word is one of all these.
        Raises UsageError for k below 1, UnknownWordError by the `oov` policy.

        >>> [prediction.word for prediction in predictor.rank("had a", k=1, prefix="ge")]
        ['general']
        """
        return self.answer(prompt, k, prefix=prefix, exact=exact, oov=oov).predictions

    def answer(
        self, prompt: str, k: int = 5, *, prefix: str = "", exact: bool = False, oov: str | None = None
    ) -> Answer:
        """Like `rank`, with the unknown words of the prompt and the entropy of the whole distribution in nats."""
        ids, unknown = self.encode(prompt, oov)
        log_probs = self.lm.log_probs([self.state(ids)])
        return Answer(prompt, self.ranker.rank(log_probs, k, prefix, exact)[0], unknown, float(entropy(log_probs[0])))

    def answer_each(
        self, prompts: Sequence[str], k: int = 5, *, prefix: str = "", exact: bool = False, oov: str | None = None,
        threads: int = 1,
    ) -> list[Answer]:  # fmt: skip
        """Like `answer` for each of B prompts, in batches: the same answers, several times faster.

        Thousands of prompts per call are best, since common beginnings are read once. `threads` work on batches in
        parallel; numpy's own should then be off (OPENBLAS_NUM_THREADS=1).

        >>> [answer.predictions[0].word for answer in predictor.answer_each(["had a", "a general"])]
        ['general', 'council']
        """
        encoded = [(prompt, *self.encode(prompt, oov)) for prompt in prompts]
        return answer_each(self.lm, self.ranker, encoded, k, prefix, exact, threads)

    def draw_word(self, seed: int) -> str:
        """Return a word to begin with, drawn by frequency; no mark, <unk> or <eos> where there is anything else."""
        return draw_word(self.vocabulary, seed)

    def generate(
        self,
        prompt: str = "",
        n: int = 32,
        *,
        temperature: float | None = None,
        top_k: int | None = None,
        top_p: float | None = None,
        repetition_penalty: float = 1.0,
        no_repeat_ngram: int | None = None,
        overlap: Overlap | None = None,
        until_sentence: bool = False,
        unk: bool = False,
        seed: int | None = None,
        oov: str | None = None,
        tokens: bool = False,
    ) -> Iterator[str]:
        """Yield up to `n` words that follow the prompt, each with the space that belongs before it.

        Greedy, unless `temperature`, `top_k` or `top_p` is given; `seed` makes sampling repeatable. `until_sentence`
        stops after the first end of a sentence. `overlap` limits how many consecutive words may be copied from a text.
        `no_repeat_ngram` counts the last 1,000 words of the prompt, too. <unk> is generated only with `unk`. `tokens`
        yields tokens as they are, without spaces. Raises UsageError for options out of range before anything is
        generated, UnknownWordError by the `oov` policy.

        >>> list(predictor.generate("had a", n=2))
        [' general', ' council']
        """
        request = GenerationRequest(
            temperature, top_k, top_p, repetition_penalty, no_repeat_ngram, n, until_sentence, unk, seed, overlap
        )
        return self.stream(prompt, request, oov=oov, tokens=tokens)

    def stream(
        self, prompt: str, request: GenerationRequest, *, oov: str | None = None, tokens: bool = False,
        on_word: Callable[[int], None] = lambda word: None,
    ) -> Iterator[str]:  # fmt: skip
        """Like `generate`, for a request. `on_word` is called with the id of each word."""
        writer = self._writer(prompt, request, oov)

        def words() -> Iterator[str]:
            for step in writer.steps():
                on_word(step.id)
                yield self.vocabulary.words[step.id]

        return words() if tokens else self.vocabulary.pieces(words(), before=prompt)

    def write(
        self, prompt: str, request: GenerationRequest, *, oov: str | None = None, tokens: bool = False
    ) -> GeneratedText:
        """Like `generate`, for a request: return the whole text and its log-probability."""
        steps = list(self._writer(prompt, request, oov).steps())
        ids = tuple(step.id for step in steps)
        return GeneratedText(self._text(prompt, ids, tokens), len(ids), sum(step.log_prob for step in steps), None, ids)

    def beams(
        self, prompt: str, request: GenerationRequest, width: int, *, oov: str | None = None, tokens: bool = False
    ) -> list[GeneratedText]:
        """Return the most probable texts of a beam search of `width`, best first. Raises what `generate` raises."""
        return [
            GeneratedText(self._text(prompt, beam.ids, tokens), len(beam.ids), beam.log_prob, beam.score, beam.ids)
            for beam in self._writer(prompt, request, oov).beams(width)
        ]

    def _writer(self, prompt: str, request: GenerationRequest, oov: str | None) -> Writer:
        ids, _ = self.encode(prompt, oov)
        past = ids
        if request.no_repeat_ngram:  # more words than the network reads: a loop may be longer
            words = prompts.last_words(prompt, self.vocabulary, REPEAT_WORDS)
            past, _ = prompts.encode(words, self.vocabulary, None if oov == "error" else oov)
        return Writer(self.lm, self.state(ids), past, request, self.vocabulary.excluded)

    def _text(self, prompt: str, ids: Sequence[int], tokens: bool) -> str:
        words = self.vocabulary.decode(ids)
        if tokens:
            return "".join(f" {word}" for word in words)
        return "".join(self.vocabulary.pieces(words, before=prompt))

    def score(self, text: str) -> list[WordScore]:
        """Return each word of a text with its natural log-probability given all words before it, and its rank.

        >>> [round(word.log_prob, 3) for word in predictor.score("a general council")[1:]]
        [-0.02, -0.02]
        """
        return [word for line in score_lines(Scorer(self.text_lm), [lines_of(text)]) for word in line.words]

    def explain(self, prompt: str, k: int = 5, *, oov: str | None = None) -> "Explanation":
        """Return what the network computes for each word of the prompt; of a long one, for the last 64 that it reads.

        Gates and states of every layer, the `k` best next words after each word, and the prediction without the word,
        from a context shorter by one. n-gram and cache take no part. Raises UsageError for k below 1, UnknownWordError
        by the `oov` policy.

        >>> explanation = predictor.explain("had a", k=1)
        >>> [word.predictions[0].word for word in explanation.words]
        ['a', 'general']
        >>> [f"without {one.word!r}: {one.predictions[0].word}" for one in explanation.omissions]
        ["without 'had': general", "without 'a': a"]
        """
        from rnnwords.prediction.explanation import explain  # takes 2 ms, which other predictions do not need

        ids, unknown = self.encode(prompt, oov)
        ids = list(self._model_ids(ids))
        eos, reach = self.vocabulary.eos_id, self.network.prompt_size
        read = ids if eos is None else [eos, *ids]
        if self.network.context_size is not None:
            read = read[-reach:]
        limit = max(reach, RECENT)
        truncated = len(ids) > reach or len(prompts.last_words(prompt, self.vocabulary, limit + 1)) > limit
        return explain(self.network, self._model_ranker, prompt, read, k, unknown, truncated)

    def explain_steps(
        self, text: str, k: int = 3, *, before: str = ""
    ) -> Iterator[tuple[str, float, list[Prediction]]]:
        """Yield for each known word of the text: the word, its probability given those before, and the `k` best words.

        `before` is the text read before it; only its end counts, like that of a prompt.
        """
        return explain_steps(self.lm, self.ranker, text, self.encode(before)[0], k)


def _line_adaptation(model: Model) -> "LineAdaptation":
    from rnnwords.prediction.adaptation import LineAdaptation  # which few predictions need

    return LineAdaptation(model)
