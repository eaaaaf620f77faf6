"""Recipes: the story predictor as published, and the book generator."""

import json
import re

import keras
import numpy as np
import pytest
import tensorflow as tf

from rnnwords.config import TrainingConfig
from rnnwords.model_file import Model
from rnnwords.network.keras_network import KerasNetwork
from rnnwords.network.recurrent import Network
from rnnwords.prediction.predictor import Predictor
from rnnwords.text.corpus import Strides
from rnnwords.training.optimization.optimizers import make_optimizer
from rnnwords.training.recipes import RECIPES, with_recipe
from rnnwords.training.reports.samples import SAMPLE
from tests.helpers import FABLE, FABLES, small_model
from tests.processes import only_error, rnnwords

TEXT = np.arange(204)


def test_what_is_given_wins_over_the_recipe():
    options = {"layers": 1, "window": None, "iterations": None, "epochs": 3, "time": None, "holdout": None}
    taken = with_recipe("tutorial", {"layers", "epochs"}, options)
    assert taken["layers"] == 1
    assert taken["window"] == 3
    assert (taken["epochs"], taken["iterations"]) == (3, None)  # another budget takes the place of the recipe's
    assert taken["order"] == "strides"
    assert "holdout" in RECIPES["tutorial"]
    assert with_recipe("tutorial", {"valid"}, options)["holdout"] is None


def test_strides_are_windows_one_behind_the_other():
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


def test_strides_follow_from_seed_and_step_alone():
    data, again = Strides(TEXT, 3, 2, seed=1), Strides(TEXT, 3, 2, seed=1)
    whole = data.batches(25, 25)
    assert (np.concatenate([again.batches(45, 5), again.batches(25, 20)])[[*range(5, 25), *range(5)]] == whole).all()
    assert any((Strides(TEXT, 3, 2, seed).batches(25, 25) != whole).any() for seed in range(2, 6))


def test_a_text_too_short_for_strides_is_refused(tmp_path):
    text = tmp_path / "short.txt"
    text.write_text("one two three four five six")
    done = rnnwords("train", text, "--recipe", "tutorial", "--units", "4", "--quiet", cwd=tmp_path)
    only_error(done, 1, "the text has 6 words for training; 8 are needed")


def test_the_output_of_the_tutorial_begins_normal():
    model = small_model(units=300, layers=1, input="scalar")
    network = KerasNetwork(model.network, 3, output_start="normal")
    for name in ("output/kernel", "output/bias"):
        start = network.variables[name].numpy()
        assert abs(start.mean()) < 3 / np.sqrt(start.size)
        assert start.std() == pytest.approx(1, abs=3 / np.sqrt(start.size))
    assert KerasNetwork(model.network, 3).variables["output/bias"].numpy().std() == 0
    forget = network.variables["lstm_1/bias"].numpy()[300:600]
    assert (forget == 1).all()


def test_rmsprop_is_that_of_keras():
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


def test_samples_show_the_text_and_the_guess():
    model = small_model()
    network = Network(model.network, model.weights)
    ids = np.array([0, 3, 5, 6])
    best = model.vocabulary.words[int(network.scores(network.read(ids[None, :-1])[0]).argmax())]
    generator = np.random.default_rng(0)
    assert SAMPLE["classic"](network, model.vocabulary, ids, generator) == f"['the', 'cat', 'a'] - [bell] vs [{best}]"
    assert SAMPLE["word"](network, model.vocabulary, ids, generator) == f"the cat a -> {best} (bell)"


@pytest.mark.parametrize("reading", ["windows", "stateful"])
def test_a_sample_text_is_drawn_and_repeatable(reading):
    model = small_model(("a", "<unk>", "b", "c"), reading=reading)
    network = Network(model.network, model.weights)
    texts = [
        SAMPLE["text"](network, model.vocabulary, np.array([0, 2, 3, 0]), np.random.default_rng(s)) for s in (1, 1, 2)
    ]
    assert texts[0] == texts[1] != texts[2]
    assert len(texts[0].split()) == 30
    assert set(texts[0].split()) <= {"a", "b", "c"}


def test_the_tutorial_reports_as_the_tutorial_does(tmp_path):
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
    assert (settings["schedule"], settings["dropout"], settings["order"]) == ("constant", 0.0, "strides")
    again = rnnwords("train", FABLE, "--recipe", "tutorial", *more, cwd=tmp_path)
    assert again.returncode == 0
    assert "complete" in again.stderr
    assert Predictor.load(run).rank("had a general", k=1)


def test_a_chapter_is_written_from_any_word(tmp_path):
    options = ["--recipe", "chapter", "--cell", "gru", "--units", "16", "--input", "one-hot", "--max-size", "150"]
    done = rnnwords("train", FABLES, *options, "--epochs", "1", "--seed", "1", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["perplexity"] > 1
    run = tmp_path / "models" / "fables"
    last = json.loads((run / "history.jsonl").read_text().splitlines()[-1])
    assert len(last["sample"].split()) >= 15  # a text, not a word
    assert "<unk>" not in last["sample"]
    model = Model.load(run / "model.safetensors")
    assert (model.network.reading, model.network.cell, model.network.input) == ("stateful", "gru", "one-hot")
    assert model.vocabulary.text.eos
    predictor = Predictor.load(run)
    assert len(list(predictor.generate(predictor.draw_word(3), 40, temperature=0.8, seed=3))) == 40


def test_strides_need_a_whole_stretch():
    assert Strides(np.arange(7), 3, 1, 0).steps == 0
    assert Strides(np.arange(8), 3, 1, 0).steps == 1
