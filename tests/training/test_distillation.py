"""Learning from a teacher: what its outputs are, which of them belong to a batch, and the runs that have one."""

import dataclasses
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rnnwords.errors import UsageError
from rnnwords.model_file import Model
from rnnwords.network.config import NetworkConfig
from rnnwords.network.recurrent import Network
from rnnwords.training.batches import batches_of
from rnnwords.training.distillation import Teacher, load_teacher
from rnnwords.training.settings.config import TrainingConfig
from rnnwords.training.settings.request import TrainRequest
from tests.models import plain_vocabulary, small_weights
from tests.processes import here
from tests.texts import FABLE

V = 30


def teacher_model(mode: str = "stateful", **changes: Any) -> Model:
    config = NetworkConfig(V, mode, 3, "lstm", 2, 16, embedding=8, **changes)
    return Model(config, plain_vocabulary(V), small_weights(config))


def text(words: int) -> Any:
    return np.random.default_rng(1).integers(0, V, words).astype(np.uint16)


@pytest.mark.parametrize("tie", [False, True])
@pytest.mark.parametrize("mode", ["stateful", "windows"])
def test_outputs_of_a_teacher_give_its_predictions_after_each_word(mode, tie, tmp_path):
    model, ids = teacher_model(mode, tie=tie), text(300)
    student = NetworkConfig(V, "windows", 3, "gru", 1, 4, embedding=4)
    teacher = Teacher.of(model, ids, student, TrainingConfig(seed=1, batch_size=4), tmp_path)
    assert list(tmp_path.iterdir()) == []  # the outputs have no name that a killed process could leave
    logits = teacher.outputs.astype(np.float32) @ teacher.kernel + teacher.bias
    found = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    network = Network(model.network, model.weights)
    for end in (1, 2, 3, 10, 300):
        read = ids[:end] if mode == "stateful" else ids[max(0, end - 3) : end]
        np.testing.assert_allclose(found[end - 1], network.log_probs(network.forward(read[None])[0])[0], atol=5e-3)


@pytest.mark.parametrize("words", [1_999, 2_000, 12_345])
def test_streams_of_a_long_text_cover_every_word(words, tmp_path):
    student = NetworkConfig(V, "windows", 3, "gru", 1, 4, embedding=4)
    teacher = Teacher.of(teacher_model(), text(words), student, TrainingConfig(seed=1, batch_size=4), tmp_path)
    assert teacher.outputs.shape == (words, 16)
    assert teacher.outputs.any(axis=1).all()


@pytest.mark.parametrize(("mode", "order"), [("windows", "shuffled"), ("windows", "strides"), ("stateful", "shuffled")])
def test_each_target_has_the_output_of_the_teacher_at_the_word_before_it(mode, order, tmp_path):
    student = NetworkConfig(V, mode, 5, "gru", 1, 4, embedding=4)
    training = TrainingConfig(seed=1, batch_size=4, sampling_order=order)
    ids = np.arange(500, dtype=np.int32) % V
    teacher = Teacher.of(teacher_model(), ids, student, training, tmp_path)
    teacher = dataclasses.replace(teacher, outputs=np.arange(500, dtype=np.float16)[:, None])  # its position
    batches = batches_of(student, training, np.arange(500, dtype=np.int32))
    for step in range(3):
        expected = batches.batches(step, 1)
        expected = expected[..., :-1] if mode == "stateful" else expected[..., -2]
        assert (teacher.batches(step, 1)[..., 0] == expected).all()


def train(directory: Path, *options: Any) -> Any:
    directory.mkdir(exist_ok=True)
    return here(
        "train", FABLE, "--units", "16", "--layers", "1", "--embedding", "8", "--iterations", "20", "--seed", "1",
        "--model", "run", *options, cwd=directory,
    )  # fmt: skip


def weights(directory: Path) -> dict[str, Any]:
    return {name: weight.tobytes() for name, weight in Model.load(directory / "model.safetensors").weights.items()}


@pytest.mark.parametrize("kind", ["windows", "stateful"])
def test_run_with_a_teacher_learns_from_it_and_resumes(kind, tmp_path, capfd):
    options = ["--stateful", "--batch-size", "2", "--window", "5"] if kind == "stateful" else []
    assert train(tmp_path / "teacher", *options) == 0
    teacher = ["--teacher", tmp_path / "teacher" / "run"]
    for name, more in (("alone", []), ("hard", [*teacher, "--teacher-share", "0"]), ("soft", teacher)):
        assert train(tmp_path / name, *options, *more) == 0
    assert weights(tmp_path / "hard/run") == weights(tmp_path / "alone/run")
    assert weights(tmp_path / "soft/run") != weights(tmp_path / "alone/run")
    record = Model.load(tmp_path / "soft/run/model.safetensors").training
    assert record["teacher"]["run"] == Model.load(tmp_path / "teacher/run/model.safetensors").training["run"]
    assert train(tmp_path / "soft", *options, *teacher) == 0
    assert "this run is complete" in capfd.readouterr().err
    assert train(tmp_path / "soft", *options) == 2
    assert re.search("holds a run with --teacher", capfd.readouterr().err)


def test_network_that_learns_only_from_a_teacher_comes_near_its_predictions(tmp_path):
    assert train(tmp_path / "teacher", "--iterations", "150") == 0
    learned = ["--teacher", tmp_path / "teacher/run", "--teacher-share", "1", "--iterations", "300"]
    assert train(tmp_path / "student", *learned) == 0
    ids = np.random.default_rng(1).integers(0, 100, (50, 3))
    probs = []
    for name in ("teacher", "student"):
        model = Model.load(tmp_path / name / "run/model.safetensors")
        network = Network(model.network, model.weights)
        probs.append(np.exp(network.log_probs(network.forward(ids)[0])))
    assert np.abs(probs[0] - probs[1]).sum(axis=1).mean() < 1.0  # of at most 2; 1.8 for two words chosen by chance


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"training": {"teacher_share": 0.5}}, "`teacher_share`: expected a teacher, found none"),
        ({"teacher": True, "distribute": "mirrored"}, "expected a run on one device"),
        ({"teacher": True, "max_size": 10}, "no text settings and no limits of the vocabulary"),
    ],
)
def test_settings_that_contradict_a_teacher_are_refused(settings, expected, tmp_path):
    if settings.get("teacher"):
        teacher_model().save(tmp_path / "model.safetensors")
        settings = {**settings, "teacher": tmp_path / "model.safetensors"}
    with pytest.raises(UsageError, match=expected):
        load_teacher(TrainRequest([FABLE], tmp_path / "run", **settings))


def test_teacher_in_the_directory_of_the_run_is_refused_and_kept(tmp_path):
    path = tmp_path / "model.safetensors"
    teacher_model().save(path)
    before = path.read_bytes()
    for teacher in (tmp_path, path, tmp_path / ".." / tmp_path.name):
        request = TrainRequest([FABLE], tmp_path, teacher=teacher, restart=True)
        with pytest.raises(UsageError, match="`teacher`: expected another directory than that of the new run"):
            load_teacher(request)
    assert path.read_bytes() == before


def test_adaptive_softmax_cannot_be_a_teacher(tmp_path):
    teacher_model("windows", softmax="adaptive").save(tmp_path / "model.safetensors")
    with pytest.raises(UsageError, match="full softmax, found one of words with an adaptive softmax"):
        load_teacher(TrainRequest([FABLE], tmp_path / "run", teacher=tmp_path / "model.safetensors"))
