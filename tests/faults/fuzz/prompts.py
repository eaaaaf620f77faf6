"""Any prompt, prefix and setting of a prediction with a good model."""

import math
from functools import cache

from rnnwords.config import InterpolationConfig, TextConfig
from rnnwords.errors import RnnwordsError
from rnnwords.prediction.predictor import Predictor
from tests.faults.fuzz.choices import Choices
from tests.faults.fuzz.programs import check_message
from tests.lm.interpolated import with_ngram
from tests.models import random_model, vocabulary_of
from tests.texts import CATS, ODD

PARTS = ("the cat ", "sat ", ". ", "<unk> ", "<eos>\n", "quagga ", "THE ", " ", *ODD[0], *ODD[1])


@cache
def _predictors() -> tuple[Predictor, ...]:
    vocabularies = (
        vocabulary_of(CATS), vocabulary_of(CATS, max_size=9), vocabulary_of(CATS, TextConfig("words", True, True)),
        vocabulary_of(CATS, TextConfig("whitespace")),
    )  # fmt: skip
    models = [random_model(vocabulary, mode=mode) for vocabulary in vocabularies for mode in ("windows", "stateful")]
    plain = [Predictor(model) for model in models]
    return (*plain, *(Predictor(with_ngram(model), InterpolationConfig("auto", 9)) for model in models))


def check(data: bytes) -> None:
    """Raise only on a finding."""
    choices = Choices(data)
    predictor = choices.one_of(_predictors())
    oov = choices.one_of((None, "unk", "skip", "error", "x"))
    k = choices.one_of((5, 1, 100, 0, -1))
    prefix = choices.text(2, ("t", "c", "", ",", "T", "<", "\u732b")) if choices.below(3) == 1 else ""
    prompt = choices.text(40, PARTS)
    try:
        answer = predictor.answer(prompt, k, prefix=prefix, oov=oov)
        answers = predictor.answer_each([prompt, "the", prompt], k, prefix=prefix, oov=oov)
        texts = list(predictor.generate(prompt, 3, seed=k, temperature=1.0, oov=oov))
        explanation = predictor.explain(prompt, k, oov=oov)
    except RnnwordsError as error:
        check_message(error)
        return
    assert len(answer.predictions) <= k
    assert all(0 <= one.probability <= 1 + 1e-6 for one in answer.predictions)
    assert math.isfinite(answer.entropy)
    assert [one.word for one in answers[0].predictions] == [one.word for one in answers[2].predictions]
    assert len(texts) <= 3
    assert len(explanation.omissions) == len(explanation.words)
    words = predictor.score(prompt.encode("utf-8", "replace").decode())
    assert len(words) == len(predictor.vocabulary.tokenize(prompt.encode("utf-8", "replace").decode()))
    assert all(not math.isnan(word.log_prob) for word in words)
