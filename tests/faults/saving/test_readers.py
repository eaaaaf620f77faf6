"""Rows 10 and 55: readers of a file that another process replaces get one whole save, its n-gram included."""

import itertools
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from rnnwords.config import InterpolationConfig, InterpolationWeights
from rnnwords.files import read_bounded
from rnnwords.lm.interpolation import InterpolatedModel
from rnnwords.lm.ngram.model import NgramModel
from rnnwords.lm.parts import ngram_model
from rnnwords.model_file import Model
from rnnwords.prediction.predictor import Predictor
from tests.lm.interpolated import with_ngram
from tests.models import random_model, small_model, vocabulary_of
from tests.processes import ask
from tests.signed_files import ngram_base, saved
from tests.texts import CATS, ROOT


def test_row_10_a_reader_gets_whole_files_while_another_process_writes(target):
    script = """
import sys
from pathlib import Path
from rnnwords.saving import replace_file
print("ready", flush=True)
for turn in range(10**9):
    letter = b"ab"[turn % 2 : turn % 2 + 1]
    replace_file(Path(sys.argv[1]), [letter * 100_000] * (2 + turn % 2))
"""
    target.write_bytes(b"a" * 200_000)
    with subprocess.Popen([sys.executable, "-c", script, str(target)], cwd=ROOT, stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"ready\n"
        try:
            deadline = time.monotonic() + 60  # a busy machine may not let the writer write for a while
            seen = {read_bounded(target, 1 << 20, "file") for _ in range(2_000)}
            while len(seen) < 2 and time.monotonic() < deadline:
                seen.add(read_bounded(target, 1 << 20, "file"))
            assert writer.poll() is None
        finally:
            writer.kill()
    assert seen == {b"a" * 200_000, b"b" * 300_000}


def test_row_10_reading_while_training_saves_gives_one_whole_model(tmp_path):
    path = tmp_path / "model.safetensors"
    models = [small_model(seed=seed) for seed in range(2)]
    whole = {model.weights["output/bias"].tobytes(): model for model in models}
    seen = set()
    with saving_in_turn(models, path):
        for _ in range(300):
            loaded = Model.load(path)
            model = whole[loaded.weights["output/bias"].tobytes()]
            assert all((loaded.weights[name] == weight).all() for name, weight in model.weights.items())
            assert loaded.training == model.training
            seen.add(loaded.training["seed"])
    assert seen == {0, 1}


class saving_in_turn:
    """Saves models in turn to one path, as fast as possible, while the block runs."""

    def __init__(self, models: list[Model], path: Path) -> None:
        self.models, self.path, self.ended = itertools.cycle(models), path, threading.Event()
        self.thread = threading.Thread(target=self._run)
        next(self.models).save(path)

    def _run(self) -> None:
        while not self.ended.is_set():
            next(self.models).save(self.path)

    def __enter__(self) -> None:
        self.thread.start()

    def __exit__(self, *error: object) -> None:
        self.ended.set()
        self.thread.join()


def of_order(order: int) -> Model:
    """Return a model that is known by the order of its n-gram."""
    model = random_model(vocabulary_of(CATS), seed=order)
    made: Model = with_ngram(model, order=order, with_ngram=InterpolationWeights(0.7))
    return made


def test_row_55_network_and_ngram_are_always_of_one_save(tmp_path):
    path = tmp_path / "model.safetensors"
    models = [of_order(2), of_order(3)]
    orders = {model.weights["output/bias"].tobytes(): ngram_model(model).order for model in models}
    seen = set()
    with saving_in_turn(models, path):
        for _ in range(300):
            predictor = Predictor.load(path, InterpolationConfig("auto"))
            assert isinstance(predictor.lm, InterpolatedModel)
            order = next(one.order for one in predictor.lm.models if isinstance(one, NgramModel))
            assert order == orders[predictor.model.weights["output/bias"].tobytes()]
            seen.add(order)
    assert seen == {2, 3}


@pytest.mark.parametrize("later", ["replaced", "removed"])
def test_row_55_the_ngram_of_a_loaded_model_is_read_after_the_file_is_gone(later, tmp_path):
    made = ngram_base()
    saved(tmp_path / "model", made)
    before = set(os.listdir("/proc/self/fd"))
    loaded = Model.load(tmp_path / "model")
    assert len(set(os.listdir("/proc/self/fd")) - before) == 1
    if later == "removed":
        (tmp_path / "model").unlink()
    else:
        saved(tmp_path / "model", of_order(2))
    assert loaded.ngram is not None
    assert made.ngram is not None
    tensors, expected = loaded.ngram.read(), made.ngram.read()
    assert all((tensors[name] == expected[name]).all() for name in expected)
    del loaded
    assert set(os.listdir("/proc/self/fd")) == before


def test_row_55_interpolation_works_while_a_fast_writer_saves(tmp_path, capsys, monkeypatch):
    path = tmp_path / "model.safetensors"
    models = [of_order(2), of_order(3)]
    with saving_in_turn(models, path):
        for words in (["predict", "the cat"], ["info"], ["score", "the cat"], ["generate", "the"]) * 5:
            extra = [] if words == ["info"] else ["--interpolate", "auto"]
            status, _, err = ask(capsys, monkeypatch, *words, *extra, "--model", path)
            assert status == 0, err
