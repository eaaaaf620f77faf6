"""The weights of mixtures against a search through all of them, and how `train` puts an n-gram beside a network."""

import dataclasses
import json
from typing import Any

import numpy as np
import pytest

from rnnwords.config import TextConfig
from rnnwords.lm.interpolation import bins
from rnnwords.lm.kneser_ney import KneserNey
from rnnwords.lm.loading import Mixing, mixed
from rnnwords.model_file import Model
from rnnwords.network.mixture import MixtureConfig
from rnnwords.prediction import scoring
from rnnwords.prediction.predictor import Predictor
from rnnwords.tensor_file import Apart
from rnnwords.text.tokenizer import EOS
from rnnwords.training.post_training import tuning
from rnnwords.training.post_training.tuning import Wanted, complete, tuned
from tests.asking import random_model, saved, vocabulary_of
from tests.helpers import FABLES
from tests.processes import contents, here, rnnwords

WORDS = " ".join(f"w{rank}" for rank in range(12))


def some_ids(length, seed):
    """Words of which one often follows its neighbour, and what was said of late is said again."""
    random = np.random.default_rng(seed)
    ids = [0]
    while len(ids) < length:
        draw = random.random()
        if draw < 0.5:
            ids.append((ids[-1] * 5 + 3) % 12)
        else:
            ids.append(int(random.choice(ids[-8:])) if draw < 0.8 else int(random.integers(0, 12)))
    return np.array(ids)


@pytest.fixture(scope="module", params=["windows", "stateful"])
def world(request):
    """A network, an n-gram, a cache size, held-out text."""
    vocabulary = vocabulary_of(WORDS, TextConfig("whitespace"))
    predictor = Predictor(random_model(vocabulary, reading=request.param))
    return predictor, KneserNey.train(some_ids(2_000, 1), 12, 3), 6, some_ids(400, 2)


def loss(predictor, ngram, ids, mixing, **weights):
    """Nats a word from the tenth on, with these weights."""
    order, size = (ngram.order, ngram.size) if ngram else (None, None)
    config = MixtureConfig(order=order, ngrams=size, words=1, cache=6, **weights)
    apart = Apart(0, ngram.to_tensors) if ngram else None
    model = dataclasses.replace(predictor.model, mixture=config, ngram=apart)
    scores = mixed(Predictor(model), mixing).reader().predict(ids)()
    return -float(scores[np.arange(len(ids)), ids][10:].mean())


def test_no_other_weight_is_better(world):
    predictor, ngram, size, ids = world
    weights = tuned(predictor, ngram, size, ids, 10)
    assert weights.keys() == {"blend", "memory", "both"}

    best = loss(predictor, ngram, ids, Mixing("fixed"), **weights)
    for weight in np.linspace(0, 1, 21).tolist():
        assert best <= loss(predictor, ngram, ids, Mixing(weight), **weights) + 1e-5
    assert loss(predictor, ngram, ids, Mixing("count"), **weights) < best

    memory = weights["memory"]
    best = loss(predictor, ngram, ids, Mixing(cache=size), **weights)
    for weight in np.linspace(0, 0.95, 20).tolist():
        other = Mixing(cache=size, cache_weight=weight, cache_theta=memory.theta)
        assert best <= loss(predictor, ngram, ids, other, **weights) + 1e-5
    for theta in tuning.THETAS if predictor.window is None else tuning.DECAYS:
        other = Mixing(cache=size, cache_weight=memory.cache, cache_theta=theta)
        assert best <= loss(predictor, ngram, ids, other, **weights) + 1e-3

    both = weights["both"]
    best = loss(predictor, ngram, ids, Mixing("fixed", cache=size), **weights)
    for blend in np.linspace(0, 1, 11).tolist():
        for cache in (0.0, both.cache, 0.9):
            other = Mixing(blend, cache=size, cache_weight=cache, cache_theta=both.theta)
            assert best <= loss(predictor, ngram, ids, other, **weights) + 1e-5
    assert best <= loss(predictor, ngram, ids, Mixing("fixed"), **weights) + 1e-5


def test_parts_are_tuned_alone_too(world):
    predictor, ngram, size, ids = world
    whole = tuned(predictor, ngram, size, ids, 10)
    assert tuned(predictor, ngram, None, ids, 10) == {"blend": whole["blend"]}
    assert tuned(predictor, None, size, ids, 10) == {"memory": whole["memory"]}
    assert len(whole["blend"].by_count) == bins(3)


def test_batches_change_nothing(world, monkeypatch):
    predictor, ngram, size, ids = world
    whole = tuned(predictor, ngram, size, ids, 10)
    monkeypatch.setattr(scoring, "BATCH", 7)
    assert tuned(predictor, ngram, size, ids, 10) == whole


def test_a_bin_that_was_hardly_seen_has_the_weight_of_all():
    chances = np.array([0.9] * 300 + [0.1] * 201), np.array([0.1] * 300 + [0.9] * 201)
    found: Any = tuning._blended(*chances, np.array([0] * 500 + [1]), 3)
    assert found.by_count[2] == found.network
    assert found.network - 0.02 < found.by_count[1] < found.network


# --- in a model file -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("eos", [False, True])
def test_what_is_put_beside_a_network_stays_there(tmp_path, eos):
    config = TextConfig("whitespace", eos=eos)
    vocabulary = vocabulary_of(f"{WORDS}\n" * 3, config)
    path = saved(random_model(vocabulary), tmp_path)
    plain = path.read_bytes()
    told: list[str] = []
    wanted = Wanted(3, 5, 3, "d" * 64)
    train, held_out = some_ids(500, 3), some_ids(100, 4)
    mixture = complete(path, train, held_out, wanted, told.append)
    content = path.read_bytes()
    assert told == ["counting the 3-grams of 500 words", "tuning on 97 held-out words"]
    assert (mixture.order, mixture.cache, mixture.words, mixture.digest) == (3, 5, 97, "d" * 64)
    model = Model.load(path)
    assert model.mixture == mixture
    assert model.ngram is not None
    boundary = vocabulary.ranks[EOS] if eos else None
    expected = KneserNey.train(train, len(vocabulary), 3, boundary).to_tensors()
    assert all((expected[name] == tensor).all() for name, tensor in model.ngram.read().items())
    assert mixed(Predictor(model), Mixing("auto", cache=5)).terms["blend"]["kind"] == "count"

    assert complete(path, train, held_out, wanted, told.append) == mixture
    assert len(told) == 2
    path.write_bytes(plain)
    complete(path, train, held_out, wanted)
    assert path.read_bytes() == content


def test_without_held_out_text_nothing_is_tuned(tmp_path):
    path = saved(random_model(vocabulary_of(WORDS)), tmp_path)
    for held_out in (None, some_ids(3, 1)):
        mixture = complete(path, some_ids(300, 3), held_out, Wanted(2, 5, 3, None))
        assert (mixture.words, mixture.blend.network, mixture.memory.cache) == (0, None, None)
    assert mixed(Predictor.load(path), Mixing("auto")).terms["blend"]["network"] == 0.5


TRAIN = ("train", FABLES, "--units", "8", "--layers", "1", "--embedding", "6", "--epochs", "1", "--seed", "3",
         "--holdout", "0.2", "--precision", "float32", "--model", "run")  # fmt: skip


def test_train_puts_an_ngram_beside_the_network(tmp_path, capsys):
    command = (*TRAIN, "--ngram", "3", "--cache", "50")
    assert here(*command, cwd=tmp_path) == 0
    assert "beside it: 3-gram of " in capsys.readouterr().err
    path = tmp_path / "run" / "model.safetensors"
    content, before = path.read_bytes(), contents(tmp_path / "run")
    assert here(*command, cwd=tmp_path) == 0
    assert contents(tmp_path / "run") == before

    model = Model.load(path)  # as it is if the run was killed between the last step and the n-gram
    dataclasses.replace(model, mixture=None, ngram=None).save(path)
    assert here(*command, cwd=tmp_path) == 0
    assert path.read_bytes() == content

    (tmp_path / "other").mkdir()
    assert here(*command, cwd=tmp_path / "other") == 0
    assert (tmp_path / "other" / "run" / "model.safetensors").read_bytes() == content

    assert here(*TRAIN, cwd=tmp_path) == 0  # what is not asked for again stays
    assert path.read_bytes() == content
    dataclasses.replace(model, mixture=None, ngram=None).save(path)  # a finished run that had asked for neither
    capsys.readouterr()
    assert here(*TRAIN, "--cache", "50", cwd=tmp_path) == 0
    assert "-gram" not in capsys.readouterr().err
    assert here(*TRAIN, "--ngram", "3", cwd=tmp_path) == 0
    assert path.read_bytes() == content
    assert here(*TRAIN, "--ngram", "2", cwd=tmp_path) == 0
    mixture = Model.load(path).mixture
    assert mixture is not None
    assert (mixture.order, mixture.cache) == (2, 50)
    assert here(*command, cwd=tmp_path) == 0
    assert path.read_bytes() == content
    asked = rnnwords(
        "predict", "the mouse", "--blend", "auto", "--cache", "20", "--json", "--model", "run", cwd=tmp_path
    )
    assert asked.returncode == 0
    assert len(json.loads(asked.stdout)["predictions"]) == 5
    assert "tuned on " in asked.stderr
