"""Recipes: the word predictor of a tutorial, and a text generator for books."""

import json
import re
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from rnnwords.model_file import Model
from rnnwords.network.keras_network import KerasNetwork
from rnnwords.network.recurrent import Network
from rnnwords.prediction.predictor import Predictor
from rnnwords.training.batches import Strides
from rnnwords.training.optimization.optimizers import make_optimizer
from rnnwords.training.settings.config import TrainingConfig
from rnnwords.training.settings.recipes import with_recipe
from rnnwords.training.settings.request import TrainRequest
from rnnwords.training.task import SAMPLE
from tests.models import small_model
from tests.processes import only_error, rnnwords
from tests.texts import FABLE, FABLES

TEXT = np.arange(204)


def with_tutorial(**changes: Any) -> TrainRequest:
    return with_recipe(TrainRequest([FABLE], Path("run"), recipe="tutorial", **changes))


def test_given_settings_have_priority_over_a_recipe():
    request = with_tutorial(network={"layers": 1, "window": None}, training={"epochs": 3})
    assert (request.network["layers"], request.network["window"]) == (1, 3)
    assert request.training["epochs"] == 3
    assert "iterations" not in request.training  # a budget replaces the budget of the recipe
    assert request.training["sampling_order"] == "strides"
    assert (request.validation_split, request.min_count) == (0.0, 1)
    assert with_tutorial(validation_split=0.2).validation_split == 0.2
    assert with_tutorial(validation=FABLE).validation_split is None
    assert with_tutorial(vocabulary=FABLE).min_count is None


def test_a_recipe_is_optional():
    request = TrainRequest([FABLE], Path("run"))
    assert with_recipe(request) is request


def test_strides_are_adjacent_windows_from_random_starts():
    data = Strides(TEXT, 3, 1, seed=7)
    assert data.steps == 50
    starts = set()
    for epoch in range(40):
        ids = data.batches(epoch * data.steps, data.steps)
        assert ids.shape == (50, 1, 4)
        first = int(ids[0, 0, 0])
        assert (ids[:, 0] == first + np.arange(200).reshape(50, 4)).all()
        starts.add(first)
    assert starts == {0, 1, 2, 3, 4}


def test_strides_depend_only_on_seed_and_step():
    data, again = Strides(TEXT, 3, 2, seed=1), Strides(TEXT, 3, 2, seed=1)
    whole = data.batches(25, 25)
    assert (np.concatenate([again.batches(45, 5), again.batches(25, 20)])[[*range(5, 25), *range(5)]] == whole).all()
    assert any((Strides(TEXT, 3, 2, seed).batches(25, 25) != whole).any() for seed in range(2, 6))


def test_a_text_too_short_for_strides_is_refused(tmp_path):
    text = tmp_path / "short.txt"
    text.write_text("one two three four five six")
    done = rnnwords("train", text, "--recipe", "tutorial", "--units", "4", "--quiet", cwd=tmp_path)
    only_error(done, 1, "expected 8 or more words for training, found 6")


def test_output_weights_of_the_tutorial_are_normally_distributed():
    model = small_model(units=300, layers=1, input="scalar")
    network = KerasNetwork(model.network, 3, output_init="normal")
    for name in ("output/kernel", "output/bias"):
        start = network.variables[name].numpy()
        assert abs(start.mean()) < 3 / np.sqrt(start.size)
        assert start.std() == pytest.approx(1, abs=3 / np.sqrt(start.size))
    assert KerasNetwork(model.network, 3).variables["output/bias"].numpy().std() == 0
    forget_gate = network.variables["lstm_1/bias"].numpy()[300:600]
    assert (forget_gate == 1).all()


def test_rmsprop_updates_as_in_keras():
    start = np.random.default_rng(0).normal(size=(5, 7)).astype(np.float32)
    ours, theirs = keras.Variable(start), keras.Variable(start)
    one = make_optimizer(TrainingConfig(seed=0, optimizer="rmsprop"), [ours])
    one.learning_rate.assign(0.01)
    other = keras.optimizers.RMSprop(0.01)
    other.build([theirs])
    for step in range(20):
        gradient = np.random.default_rng(step).normal(size=start.shape).astype(np.float32)
        one.apply([tf.constant(gradient)], [ours])
        other.apply([tf.constant(gradient)], [theirs])
    np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=1e-5, atol=1e-6)
    assert np.abs(ours.numpy() - start).max() > 0.05


def test_samples_show_the_text_and_the_prediction():
    model = small_model()
    network = Network(model.network, model.weights)
    ids = np.array([0, 3, 5, 6])
    best = model.vocabulary.words[int(network.log_probs(network.forward(ids[None, :-1])[0]).argmax())]
    generator = np.random.default_rng(0)
    assert SAMPLE["tutorial"](network, model.vocabulary, ids, generator) == f"['the', 'cat', 'a'] - [bell] vs [{best}]"
    assert SAMPLE["word"](network, model.vocabulary, ids, generator) == f"the cat a -> {best} (bell)"


@pytest.mark.parametrize("reading", ["windows", "stateful"])
def test_text_samples_depend_on_the_seed(reading):
    model = small_model(("a", "<unk>", "b", "c"), mode=reading)
    network = Network(model.network, model.weights)
    texts = [
        SAMPLE["text"](network, model.vocabulary, np.array([0, 2, 3, 0]), np.random.default_rng(s)) for s in (1, 1, 2)
    ]
    assert texts[0] == texts[1] != texts[2]
    assert len(texts[0].split()) == 30
    assert set(texts[0].split()) <= {"a", "b", "c"}


def test_the_recipe_tutorial_reports_in_the_format_of_the_tutorial(tmp_path):
    more = ["--units", "8", "--iterations", "400", "--log-every", "100", "--seed", "1"]
    done = rnnwords("train", FABLE, "--recipe", "tutorial", *more, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert len(re.findall(r"\['\S+', '\S+', '\S+'\] - \[\S+\] vs \[\S+\]$", done.stderr, re.MULTILINE)) == 4
    run = tmp_path / "models" / "belling_the_cat"
    assert [json.loads(line)["step"] for line in (run / "history.jsonl").read_text().splitlines()] == [
        100,
        200,
        300,
        400,
    ]
    model = Model.load(run / "model.safetensors")
    settings = model.training["settings"]
    assert (model.network.input, model.network.layers, model.network.window) == ("scalar", 2, 3)
    assert (settings["batch_size"], settings["optimizer"], settings["learning_rate"]) == (1, "rmsprop", 0.001)
    assert (settings["schedule"], settings["dropout"], settings["sampling_order"]) == ("constant", 0.0, "strides")
    again = rnnwords("train", FABLE, "--recipe", "tutorial", *more, cwd=tmp_path)
    assert again.returncode == 0
    assert "complete" in again.stderr
    assert Predictor.load(run).rank("had a general", k=1)


@pytest.mark.slow
def test_the_recipe_chapter_trains_a_text_generator(tmp_path):
    options = ["--recipe", "chapter", "--cell", "gru", "--units", "16", "--input", "one-hot", "--max-size", "150"]
    done = rnnwords("train", FABLES, *options, "--epochs", "1", "--seed", "1", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["perplexity"] > 1
    run = tmp_path / "models" / "fables"
    last = json.loads((run / "history.jsonl").read_text().splitlines()[-1])
    assert len(last["sample"].split()) >= 15  # a text, not one word
    assert "<unk>" not in last["sample"]
    model = Model.load(run / "model.safetensors")
    assert (model.network.mode, model.network.cell, model.network.input) == ("stateful", "gru", "one-hot")
    assert model.vocabulary.text.eos
    predictor = Predictor.load(run)
    assert len(list(predictor.generate(predictor.draw_word(3), 40, temperature=0.8, seed=3))) == 40


def test_strides_need_two_windows():
    assert Strides(np.arange(7), 3, 1, 0).steps == 0
    assert Strides(np.arange(8), 3, 1, 0).steps == 1
