"""Blend and cache against slow twins that go by the definition, and every way of asking against every other."""

import dataclasses
import itertools
import math
from typing import Any

import numpy as np
import pytest

from rnnwords.config import TextConfig
from rnnwords.errors import ModelError, UsageError
from rnnwords.evaluation.eval_settings import with_context
from rnnwords.generation.beam_search import evaluate_each
from rnnwords.generation.writer import Request
from rnnwords.lm.cache import Cache
from rnnwords.lm.interpolation import COUNTS, Mixture, bins, bins_of
from rnnwords.lm.kneser_ney import KneserNey
from rnnwords.lm.loading import FIXED, Mixing, described, mixed
from rnnwords.model_file import Model
from rnnwords.network.mixture import MixtureConfig, Weights
from rnnwords.prediction import scoring
from rnnwords.prediction.predictor import Predictor
from rnnwords.prediction.scoring import scorer
from rnnwords.tensor_file import Apart
from rnnwords.text.tokenizer import EOS
from tests.asking import random_model, saved, vocabulary_of

TEXT = "the cat sat on the mat , the cats sat . a dog saw the cat and the cat saw a hen .\n\n the mat sat on a cart . "
OTHER = "the dog sat , the zebra saw a cat .\nzebra quagga\nthe cat , the cat sat and hens sat on a mat .\n"
ORDER = 3
BY_COUNT = tuple(round(0.05 + 0.9 * number / (bins(ORDER) - 1), 4) for number in range(bins(ORDER)))
TUNED = {
    "blend": Weights(0.7, BY_COUNT),
    "memory": Weights(cache=0.2, theta=0.5),
    "both": Weights(0.6, BY_COUNT[::-1], 0.3, 0.25),
}


def with_ngram(model, order=ORDER, **settings):
    """The model with an n-gram of TEXT beside it, and weights as if they had been tuned."""
    vocabulary = model.vocabulary
    eos = vocabulary.ranks.get(EOS) if vocabulary.text.eos else None
    words = [word for word in vocabulary.tokenize(TEXT) if word in vocabulary.ranks or vocabulary.unk is not None]
    ngram = KneserNey.train(vocabulary.encode(words), len(vocabulary), order, eos)
    tensors = ngram.to_tensors()
    config = MixtureConfig(**{"order": order, "ngrams": ngram.size, "words": 900, "cache": 7, **TUNED, **settings})
    return dataclasses.replace(model, mixture=config, ngram=held(tensors))


def held(tensors):
    """Tensors in memory as if they stood apart in a file."""
    return Apart(sum(tensor.nbytes for tensor in tensors.values()), lambda: tensors)


MODELS = {
    "windows": lambda: random_model(vocabulary_of(TEXT)),
    "unk": lambda: random_model(vocabulary_of(TEXT, max_size=9), window=1),
    "stateful": lambda: random_model(vocabulary_of(TEXT, max_size=9), reading="stateful", cell="gru"),
    "eos": lambda: random_model(vocabulary_of(TEXT, TextConfig(eos=True), max_size=11), window=2),
    "stateful eos": lambda: random_model(vocabulary_of(TEXT, TextConfig(eos=True)), reading="stateful"),
    "adaptive": lambda: random_model(vocabulary_of(TEXT + " b c d e f g h i j ."), softmax="adaptive", units=16),
}
MIXINGS = {
    "fixed": Mixing("fixed"),
    "count": Mixing("count"),
    "weight": Mixing(0.25),
    "cache": Mixing(cache=4),
    "long cache": Mixing(cache=100, cache_weight=0.5, cache_theta=1.5),
    "flat cache": Mixing(cache=5, cache_theta=0.0),
    "both": Mixing("auto", cache=6),
}


@pytest.fixture(params=MODELS)
def predictor(request):
    return Predictor(with_ngram(MODELS[request.param]()))


@pytest.fixture(params=["count", "long cache", "both"])
def mixing(request):
    return MIXINGS[request.param]


def slow_twin(predictor, mixing, ids):
    """The distribution after each beginning of the text, by the definition: (N + 1, V)."""
    model = predictor.model
    ngram = KneserNey.from_tensors(model.ngram.read(), len(predictor.vocabulary))
    eos = ngram.boundary
    both = mixing.blend is not None and bool(mixing.cache)
    found = []
    for at in range(len(ids) + 1):
        before = [*([] if eos is None else [eos]), *ids[:at]]
        chances = np.exp(predictor.context(ids[:at]).log_probabilities().astype(np.float64))
        if mixing.cache:
            weights: Any = TUNED["both" if both else "memory"]
            share = weights.cache if mixing.cache_weight is None else mixing.cache_weight
            theta = weights.theta if mixing.cache_theta is None else mixing.cache_theta
            late: dict[int, float] = {}  # word -> sum
            for one in range(max(0, at - mixing.cache), at):
                if predictor.window is None:
                    likeness = output(predictor, ids[:one]) @ output(predictor, ids[:at])
                else:
                    likeness = one - at + 1
                late[ids[one]] = late.get(ids[one], 0.0) + math.exp(theta * likeness)
            if late:
                chances *= 1 - share
                for word, mass in late.items():
                    chances[word] += share * mass / sum(late.values())
        if mixing.blend is not None:
            weights = TUNED["both" if both else "blend"]
            if mixing.blend in ("count", "auto"):
                context = np.array([[-1, -1, *before][-2:]])
                length, times = (int(one[0]) for one in ngram.seen(context))
                own = weights.by_count[length * 11 + sum(times >= limit for limit in COUNTS)]
            else:
                own = weights.network if mixing.blend == "fixed" else mixing.blend
            grams = ngram.probabilities([before[-2:]])[0]
            chances = own * chances + (1 - own) * grams
        found.append(chances)
    return np.array(found)


def output(predictor, ids):
    found = predictor.context(ids).settled().output
    return np.zeros(8) if found is None else found[0].astype(np.float64)


def known_ids(predictor, text=OTHER):
    return [
        rank for rank in map(predictor.vocabulary.ranks.get, predictor.vocabulary.tokenize(text)) if rank is not None
    ]


@pytest.mark.parametrize("mixing", [Mixing(0.3), Mixing(0.0), Mixing(cache=6)], ids=str)
def test_a_mixture_has_no_shorter_context(predictor, mixing):
    with pytest.raises(UsageError, match="for the network alone"):
        with_context(mixed(predictor, mixing), 1)


@pytest.mark.parametrize("mixing", MIXINGS.values(), ids=MIXINGS)
@pytest.mark.parametrize("batch", [1, 5])
def test_a_text_is_scored_as_by_the_slow_twin_and_as_it_is_asked(predictor, mixing, monkeypatch, batch):
    monkeypatch.setattr(scoring, "BATCH", batch)
    ids = known_ids(predictor)
    expected = np.log(slow_twin(predictor, mixing, ids))
    asked = mixed(predictor, mixing)
    reader = asked.reader()
    steps = [reader.predict(np.array(ids[start : start + batch]))() for start in range(0, len(ids), batch)]
    np.testing.assert_allclose(np.concatenate(steps), expected[:-1], atol=1e-5)
    words = [predictor.vocabulary.words[rank] for rank in ids]
    scored = [one for batch in scorer(asked, 2).score(words) for one in batch.log_probabilities.tolist()]
    np.testing.assert_allclose(scored, expected[np.arange(len(ids)), ids], atol=1e-5)
    if batch == 1:
        whole = [asked.context(ids[:at]).log_probabilities() for at in range(len(ids) + 1)]
        np.testing.assert_allclose(whole, expected, atol=1e-5)
        context, stepwise = asked.context(), []
        for word in ids:
            stepwise.append(context.log_probabilities())
            context = context.read([word])
        np.testing.assert_allclose(stepwise, expected[:-1], atol=1e-5)


def test_every_distribution_sums_to_one(predictor, mixing):
    ids = known_ids(predictor)
    asked = mixed(predictor, mixing)
    scores = asked.reader().predict(np.array(ids))()
    assert scores.dtype == np.float32
    np.testing.assert_allclose(np.exp(scores).sum(axis=1), 1, atol=1e-5)
    assert np.exp(asked.context(ids).log_probabilities()).sum() == pytest.approx(1, abs=1e-5)


def test_many_prompts_are_answered_as_one_by_one(predictor, mixing):
    asked = mixed(predictor, mixing)
    prompts = [
        "the cat sat",
        "",
        "the cat",
        "a dog saw the cat and the cat",
        "the cat sat",
        "zebra",
        "sat on the mat ,",
    ]
    for answer, prompt in zip(asked.answer_each(prompts, 4, threads=2), prompts, strict=True):
        one = asked.answer(prompt, 4)
        assert answer.entropy == pytest.approx(one.entropy, abs=1e-4)
        assert [p.probability for p in answer.predictions] == pytest.approx(
            [p.probability for p in one.predictions], abs=1e-5
        )


def test_a_beam_reads_its_contexts_as_each_would_be_read(predictor, mixing):
    start = mixed(predictor, mixing).context(known_ids(predictor)[:4])
    contexts = [start.read([word]) for word in (1, 2, 0)]
    np.testing.assert_allclose(contexts[0].together(contexts), evaluate_each(contexts), atol=1e-5)
    best = mixed(predictor, mixing).beams("the cat", Request(words=3), 2)[0]
    written = mixed(predictor, mixing).score("the cat" + best.text)
    assert sum(word.log_probability for word in written[-best.words :]) == pytest.approx(best.log_probability, abs=1e-4)


def test_written_words_are_the_likeliest_of_the_mixture(predictor):
    asked = mixed(predictor, Mixing(0.3, cache=6))
    ids = known_ids(predictor, "the cat sat")
    written = list(asked.generate("the cat sat", n=5, unk=True, tokens=True))
    for word in written:
        best = int(asked.context(ids).log_probabilities().argmax())
        assert word == predictor.vocabulary.words[best]
        ids.append(best)


def test_a_reader_forgets_where_a_text_ends(predictor, mixing):
    reader = mixed(predictor, mixing).reader()
    ids = np.array(known_ids(predictor)[:6])
    first = reader.predict(ids)()
    reader.predict(ids)
    reader.restart()
    np.testing.assert_allclose(reader.predict(ids)(), first, atol=1e-6)


def test_no_prediction_knows_what_comes_after_it(predictor, mixing):
    ids = np.array(known_ids(predictor))
    other = ids.copy()
    other[5:] = ids[5:][::-1]
    one, two = (mixed(predictor, mixing).reader().predict(words)() for words in (ids, other))
    np.testing.assert_allclose(one[:6], two[:6], atol=1e-6)


def test_all_is_the_network_and_nothing_is_the_ngram(predictor):
    ids = np.array(known_ids(predictor))
    own = predictor.reader().predict(ids)()
    np.testing.assert_array_equal(mixed(predictor, Mixing(1.0)).reader().predict(ids)(), own)
    ngram = KneserNey.from_tensors(predictor.model.ngram.read(), len(predictor.vocabulary))
    history = [] if ngram.boundary is None else [ngram.boundary]
    found = mixed(predictor, Mixing(0.0)).reader().predict(ids)()
    np.testing.assert_allclose(found[np.arange(len(ids)), ids], ngram.score(ids, history), atol=1e-5)
    weightless = mixed(predictor, Mixing(cache=5, cache_weight=0.0)).reader().predict(ids)()
    np.testing.assert_array_equal(weightless, own)


def test_what_is_off_is_not_there(predictor):
    assert mixed(predictor, Mixing()) is predictor
    assert mixed(predictor, Mixing(cache=0)) is predictor
    assert type(predictor.reader()) in (scoring.WindowReader, scoring.StreamReader)


def test_a_cache_forgets_what_is_too_long_ago():
    cache = Cache(3, 0.5, 0.0, False)
    words, nothing = np.array([4, 4, 2]), np.empty((3, 0), np.float32)
    scores = np.log(np.full((1, 5), 0.2, np.float32))
    cache.mix(scores, words, nothing, np.empty(0, int), np.empty((1, 0), np.float32))
    np.testing.assert_allclose(np.exp(scores[0]), [0.1, 0.1, 0.1 + 0.5 / 3, 0.1, 0.1 + 1 / 3], rtol=1e-5)
    longer = Mixture(None, cache).after(
        Mixture(None, cache).start((), 8), np.array([1, 4, 4, 2]), np.empty((4, 0), np.float32)
    )
    assert longer.words.tolist() == [4, 4, 2]


def test_a_cache_leaves_no_word_without_a_chance():
    scores = np.array([[0.0, -200.0, -200.0]], np.float32)
    Cache(5, 0.3, 9.0, False).mix(
        scores, np.array([0, 1]), np.empty((2, 0), np.float32), np.empty(0, int), np.empty((1, 0), np.float32)
    )
    assert np.isfinite(scores).all()


def test_bins_know_length_and_count():
    ngram = KneserNey.train([0, 1, 2, 0, 1, 2, 0, 1, 3], 5, 3)
    contexts = np.array([[0, 1], [3, 1], [4, 4], [-1, -1]])
    lengths, times = ngram.seen(contexts)
    assert lengths.tolist() == [2, 1, 0, 0]
    assert times[0] == 3  # 0 1 was gone on from three times
    assert times[2] == times[3]
    found = bins_of(ngram, contexts)
    assert found[2] == found[3] < found[1] < found[0] < bins(3)


# --- what is asked, and what the model has ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"blend": "best"}, "auto, fixed, count or a number between 0 and 1"),
        ({"blend": 1.5}, "a number between 0 and 1"),
        ({"blend": math.nan}, "a number between 0 and 1"),
        ({"cache": -1}, "cache must be between 0 and 10,000"),
        ({"cache": 5, "cache_weight": 1.0}, "cache-weight must be between"),
        ({"cache": 5, "cache_theta": math.inf}, "cache-theta must be between"),
        ({"cache_theta": 1.0}, "say how many words it has with --cache N"),
        ({"cache": 0, "cache_weight": 0.1}, "say how many words it has with --cache N"),
    ],
)
def test_what_cannot_be_asked(settings, message):
    with pytest.raises(UsageError, match=message):
        Mixing(**settings)


def test_a_model_without_an_ngram_says_how_to_train_one():
    predictor = Predictor(random_model(vocabulary_of(TEXT)))
    with pytest.raises(UsageError, match="no n-gram to blend with; train one that has: rnnwords train TEXT --ngram 4"):
        mixed(predictor, Mixing("auto"))
    asked = mixed(predictor, Mixing(cache=5))
    assert asked.terms["cache"]["source"] == "default, not tuned"


def test_what_was_not_tuned_is_half_and_half():
    plain = {"words": 0, "cache": None, "blend": Weights(), "memory": Weights(), "both": Weights()}
    predictor = Predictor(with_ngram(random_model(vocabulary_of(TEXT)), **plain))
    for blend in ("auto", "fixed"):
        asked = mixed(predictor, Mixing(blend))
        assert asked.terms["blend"]["network"] == FIXED
        assert "not tuned, for want of held-out text" in described(asked.terms)
    with pytest.raises(UsageError, match="use --blend fixed"):
        mixed(predictor, Mixing("count"))


def test_the_weights_are_those_of_the_combination():
    predictor = Predictor(with_ngram(random_model(vocabulary_of(TEXT))))
    found = mixed(predictor, Mixing("fixed", cache=5)).terms
    assert (found["blend"]["network"], found["cache"]["weight"], found["cache"]["theta"]) == (0.6, 0.3, 0.25)
    assert mixed(predictor, Mixing("fixed")).terms["blend"]["network"] == 0.7
    assert mixed(predictor, Mixing(cache=5)).terms["cache"]["weight"] == 0.2
    given = mixed(predictor, Mixing(0.9, cache=5, cache_weight=0.4)).terms
    assert (given["blend"]["source"], given["cache"]["theta"]) == ("given", 0.25)
    assert given["cache"]["source"].startswith("tuned on 900 held-out words")  # theta is
    assert given["cache"]["source"].endswith("; weight given")
    given = mixed(predictor, Mixing(cache=5, cache_weight=0.4, cache_theta=1.0)).terms
    assert given["cache"]["source"] == "given"
    assert "tuned on 900 held-out words in training" in described(mixed(predictor, Mixing("auto")).terms)


# --- in the model file -----------------------------------------------------------------------------------------------


def same(one, other):
    return one.keys() == other.keys() and all(
        (one[n] == other[n]).all() and one[n].dtype == other[n].dtype for n in one
    )


def test_an_ngram_is_saved_and_loaded_when_it_is_needed(tmp_path):
    made = with_ngram(random_model(vocabulary_of(TEXT, TextConfig(eos=True))))
    path = saved(made, tmp_path)
    content = path.read_bytes()
    loaded = Model.load(path)
    assert loaded.mixture == made.mixture
    assert loaded.ngram is not None
    assert loaded.ngram.size == made.ngram.size
    assert same(loaded.ngram.read(), made.ngram.read())
    saved(loaded, tmp_path)
    assert path.read_bytes() == content
    assert saved(dataclasses.replace(made, mixture=None, ngram=None), tmp_path).stat().st_size < len(content)


def test_damage_to_an_ngram_is_seen_by_whoever_needs_it(tmp_path):
    made = with_ngram(random_model(vocabulary_of(TEXT)))
    path = saved(made, tmp_path)
    content = path.read_bytes()
    loaded = Model.load(path)
    assert loaded.ngram is not None
    for place in (len(content) - made.ngram.size, len(content) - 1):
        damaged = bytearray(content)
        damaged[place] ^= 16
        path.write_bytes(damaged)
        assert Model.load(path).mixture == made.mixture  # which does not need it
        with pytest.raises(ModelError, match=r"is damaged, or was replaced since it was loaded"):
            mixed(Predictor(Model.load(path)), Mixing("auto"))
    for cut in range(1, made.ngram.size, 7):
        path.write_bytes(content[:-cut])
        with pytest.raises(ModelError, match="is damaged"):
            Model.load(path)
    saved(random_model(vocabulary_of(OTHER)), tmp_path)
    with pytest.raises(ModelError, match="was replaced since"):
        loaded.ngram.read()


@pytest.mark.parametrize(
    "change",
    [
        lambda c: c.update(order=4),
        lambda c: c.update(order=None, ngrams=None),
        lambda c: c.update(order=0),
        lambda c: c.update(ngrams=None),
        lambda c: c.update(ngrams=7),
        lambda c: c.update(words=-1),
        lambda c: c.update(digest=7),
        lambda c: c.update(blend=7),
        lambda c: c.update(blend={"network": 2}),
        lambda c: c.update(blend={"by_count": 0.5}),
        lambda c: c.update(blend={"by_count": []}),
        lambda c: c.update(blend={"by_count": [0.5, "1"]}),
        lambda c: c.update(blend={"by_count": [0.5] * 7}),
        lambda c: c.update(blend={"surprise": 1}),
        lambda c: c.update(memory={"cache": 1.0}),
        lambda c: c.update(surprise=1),
    ],
)
def test_a_mixture_that_makes_no_sense_is_refused(tmp_path, monkeypatch, change):
    made = with_ngram(random_model(vocabulary_of(TEXT)))
    values = made.mixture.to_json()
    change(values)
    monkeypatch.setattr(MixtureConfig, "to_json", lambda self: values)
    path = saved(made, tmp_path)
    with pytest.raises(ModelError):
        mixed(Predictor(Model.load(path)), Mixing("count"))


def test_every_damaged_tensor_of_an_ngram_is_refused():
    made = with_ngram(random_model(vocabulary_of(TEXT)))
    tensors = made.ngram.read()
    for name, cut in itertools.product(tensors, (True, False)):
        damaged = {other: tensor for other, tensor in tensors.items() if other != name}
        if cut:
            damaged[name] = tensors[name][:-1]
        model = dataclasses.replace(made, ngram=held(damaged))
        with pytest.raises(ModelError):
            mixed(Predictor(model), Mixing("auto"))
