"""`train` from Python: requests, events, resuming, stopping and post-training."""

import io
import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import rnnwords
from rnnwords.config import TextConfig
from rnnwords.errors import MissingDependencyError, ResumeError, TrainingError, UsageError
from rnnwords.model_file import Model
from rnnwords.training.events import (
    Event,
    Finished,
    Note,
    Planned,
    PostTrained,
    Report,
    Saved,
    Started,
    StepProgress,
    Warned,
)
from rnnwords.training.native_output import native_output_to
from rnnwords.training.runs.checkpoint import RunDirectory
from rnnwords.training.settings.recipes import RECIPES
from rnnwords.training.settings.request import StopRequest, TrainRequest
from rnnwords.training.train import train
from tests.processes import run_python
from tests.texts import FABLE

NETWORK = {"layers": 1, "units": 8, "embedding": 6}
SMALL: dict[str, Any] = {
    "network": NETWORK,
    "training": {"epochs": 10, "precision": "float32", "dropout": 0.3},
    "seed": 3,
}


def request(directory: Path, **changes: Any) -> TrainRequest:
    """Return a request for a run of 30 steps, with the settings of SMALL replaced by `changes`."""
    return TrainRequest([FABLE], directory, **{**SMALL, **changes})


def model_bytes(directory: Path) -> bytes:
    return (directory / "model.safetensors").read_bytes()


def weight_bytes(directory: Path) -> dict[str, bytes]:
    """Return the bytes of the weights, which do not depend on settings such as the checkpoint interval."""
    return {name: weight.tobytes() for name, weight in Model.load(directory / "model.safetensors").weights.items()}


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Event], Path]:
    """Run SMALL without an interruption: its events and its directory, which tests do not change."""
    directory = tmp_path_factory.mktemp("api") / "run"
    return list(train(request(directory))), directory


def test_events_come_in_order_and_the_model_file_is_written(unbroken):
    events, directory = unbroken
    planned, started, *between, finished = events
    assert isinstance(planned, Planned)
    assert isinstance(started, Started)
    assert isinstance(finished, Finished)
    assert {type(event) for event in between} == {StepProgress, Report, Saved}
    assert (planned.directory, planned.words, planned.validation_words) == (directory, 204, 0)
    assert (planned.prompt, len(planned.vocabulary)) == ("long ago ,", 112)
    assert (planned.network.units, planned.training.seed) == (8, 3)
    assert (planned.resumed_step, planned.complete) == (None, False)
    assert started.precision == "float32"
    steps = [event.step for event in between if isinstance(event, StepProgress)]
    assert steps == sorted(steps)
    history = (directory / "history.jsonl").read_text(encoding="utf-8").splitlines()
    reports = [event for event in between if isinstance(event, Report)]
    assert [json.loads(line)["loss"] for line in history] == [report.loss for report in reports]
    assert isinstance(between[-1], Saved)
    assert (finished.reason, finished.step) == ("budget", 30)
    model = Model.load(directory / "model.safetensors")
    assert model.training["metrics"] == finished.metrics
    assert finished.metrics["loss"] > 0


def test_nothing_happens_before_the_first_event(tmp_path):
    events = train(request(tmp_path / "run"))
    assert not (tmp_path / "run").exists()
    events.close()
    assert not (tmp_path / "run").exists()


def test_settings_are_optional(tmp_path):
    events = train(TrainRequest([FABLE], tmp_path / "run"))
    planned = next(events)
    events.close()
    assert isinstance(planned, Planned)
    assert (planned.network.layers, planned.network.units, planned.network.window) == (2, 512, 3)
    assert planned.training.epochs == 500
    assert not (tmp_path / "run").exists()  # it was not started, so nothing is left


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"network": {"unit": 8}}, r"`unit`: expected a network setting, one of window, stateful, layers, units"),
        ({"training": {"epoch": 8}}, r"`epoch`: expected a training setting, one of batch_size, optimizer"),
        ({"training": {"seed": 8}}, r"`seed`: expected a training setting"),
    ],
)
def test_unknown_settings_are_refused_at_once(changes, message, tmp_path):
    with pytest.raises(UsageError, match=message):
        request(tmp_path, **changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"training": {"learning_rate": 200}}, r"`learning_rate`: expected a number between .*, found 200"),
        ({"network": {"units": 0}}, r"`units`: expected a whole number between .*, found 0"),
        ({"recipe": "novel"}, r"`recipe`: expected one of tutorial, chapter, found 'novel'"),
        ({"distribute": "magic"}, r"`distribute`: expected one of mirrored, multiworker, found 'magic'"),
        ({"validation": FABLE, "validation_split": 0.1}, r"expected `validation` or `validation_split`, found both"),
        ({"training": {"schedule": "one-cycle", "warmup": 0.1}}, r"`warmup`: expected none with `schedule` one-cycle"),
    ],
)
def test_bad_settings_are_refused_and_leave_nothing(changes, message, tmp_path):
    with pytest.raises(UsageError, match=message):
        next(train(request(tmp_path / "run", **changes)))
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_run_resumes_with_equal_weights(unbroken, tmp_path):
    stop = StopRequest()
    directory = tmp_path / "run"
    for event in train(request(directory), stop=stop):
        if isinstance(event, StepProgress) and event.step >= 10:
            stop.reason = "SIGTERM"
    assert isinstance(event, Finished)
    assert event.reason == "SIGTERM"
    assert 10 <= event.step < 30
    planned, *_, finished = train(request(directory))
    assert isinstance(planned, Planned)
    assert (planned.resumed_step, planned.complete) == (event.step, False)
    assert isinstance(finished, Finished)
    assert finished.reason == "budget"
    assert model_bytes(directory) == model_bytes(unbroken[1])


def test_closing_the_events_leaves_a_run_that_resumes_with_equal_weights(unbroken, tmp_path):
    settings = {**SMALL["training"], "checkpoint_every": 10}
    events = train(request(tmp_path / "run", training=settings))
    for event in events:
        if isinstance(event, Saved) and event.what == "checkpoint":
            break
    events.close()
    newest = RunDirectory(tmp_path / "run").newest(pytest.fail)
    assert newest is not None
    assert newest.step == 10
    *_, finished = train(request(tmp_path / "run"))
    assert isinstance(finished, Finished)
    assert finished.step == 30
    assert weight_bytes(tmp_path / "run") == weight_bytes(unbroken[1])


def test_a_finished_run_is_reported_and_not_repeated(unbroken):
    before = model_bytes(unbroken[1])
    planned, finished = train(request(unbroken[1]))
    assert isinstance(planned, Planned)
    assert (planned.resumed_step, planned.complete) == (30, True)
    last = unbroken[0][-1]
    assert isinstance(last, Finished)
    assert isinstance(finished, Finished)
    assert (finished.reason, finished.metrics) == ("already", last.metrics)
    assert model_bytes(unbroken[1]) == before


def test_other_settings_in_the_directory_of_a_run_are_refused_unless_it_restarts(unbroken, tmp_path):
    with pytest.raises(ResumeError, match=r"holds a run with `units` 8, found `units` 9; .*`restart`"):
        list(train(request(unbroken[1], network={**NETWORK, "units": 9})))
    list(train(request(tmp_path / "run")))
    *_, finished = train(request(tmp_path / "run", network={**NETWORK, "units": 9}, restart=True))
    assert isinstance(finished, Finished)
    assert finished.reason == "budget"
    assert Model.load(tmp_path / "run" / "model.safetensors").network.units == 9


def test_a_directory_in_use_is_refused(tmp_path):
    events = train(request(tmp_path / "run"))
    next(events)
    with pytest.raises(TrainingError, match=r"is in use by process \d+"):
        next(train(request(tmp_path / "run")))
    events.close()


def test_post_training_is_part_of_the_run_and_done_once(tmp_path):
    wanted = request(tmp_path / "run", validation_split=0.2, ngram=3, cache=20, calibrate=True)
    events = list(train(wanted))
    kinds = [type(event) for event in events]
    assert kinds[-2:] == [PostTrained, Finished]
    assert Note in kinds[kinds.index(Started) :]
    post_trained = events[-2]
    assert isinstance(post_trained, PostTrained)
    assert post_trained.interpolation is not None
    assert post_trained.held_out is None  # 40 validation words are too few to be divided
    assert (post_trained.interpolation.ngram_order, post_trained.interpolation.cache_size) == (3, 20)
    model = Model.load(tmp_path / "run" / "model.safetensors")
    assert model.interpolation == post_trained.interpolation
    assert "temperature_scaling" in model.training
    before = model_bytes(tmp_path / "run")
    *_, finished = train(wanted)
    assert isinstance(finished, Finished)
    assert finished.reason == "already"
    assert model_bytes(tmp_path / "run") == before


def test_post_training_can_be_added_to_a_finished_run(tmp_path):
    list(train(request(tmp_path / "run")))
    assert Model.load(tmp_path / "run" / "model.safetensors").interpolation is None
    assert [type(event) for event in train(request(tmp_path / "run", ngram=2))][-2:] == [PostTrained, Finished]
    fitted = Model.load(tmp_path / "run" / "model.safetensors").interpolation
    assert fitted is not None
    assert fitted.ngram_order == 2


def test_damaged_checkpoints_are_warnings(tmp_path):
    settings = {**SMALL["training"], "checkpoint_every": 10}
    list(train(request(tmp_path / "run", training=settings)))
    newest = max((tmp_path / "run" / "checkpoints").iterdir())
    newest.write_bytes(newest.read_bytes()[:100])
    warned, planned, *_ = train(request(tmp_path / "run", training=settings))
    assert isinstance(warned, Warned)
    assert "is damaged" in warned.message
    assert isinstance(planned, Planned)
    assert planned.resumed_step == 20


def test_a_text_is_read_with_progress(tmp_path):
    read: dict[str, list[int]] = {}

    def progress(what: str, size: int | None) -> Any:
        assert size == FABLE.stat().st_size
        return read.setdefault(what, []).append

    events = train(request(tmp_path / "run"), progress=progress)
    next(events)
    events.close()
    size = FABLE.stat().st_size
    assert {what: sum(sizes) for what, sizes in read.items()} == {"counting": size, "encoding": size}


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_fills_settings_that_are_missing(name, tmp_path):
    events = train(TrainRequest([FABLE], tmp_path / "run", network={"units": 8}, recipe=name, seed=1))
    planned = next(events)
    events.close()
    assert isinstance(planned, Planned)
    assert planned.network.units == 8
    assert planned.network.layers == RECIPES[name].network["layers"]
    assert planned.vocabulary.text == TextConfig(eos=name == "chapter")


def test_train_is_offered_by_the_package():
    assert rnnwords.train is train
    assert rnnwords.TrainRequest is TrainRequest


LAZY = """
import sys
from pathlib import Path
import rnnwords
from rnnwords.training.events import Started
heavy = {"tensorflow", "keras"}
for event in rnnwords.train(rnnwords.TrainRequest(
    [Path(sys.argv[1])], Path(sys.argv[2]), network={"layers": 1, "units": 4}, training={"epochs": 1}
)):
    print(type(event).__name__, bool(heavy & set(sys.modules)))
    if isinstance(event, Started):
        break
"""


def test_tensorflow_is_loaded_after_planning(tmp_path):
    done = run_python(LAZY, FABLE, tmp_path / "run")
    assert done.stdout.splitlines() == ["Planned False", "Started True"], done.stderr
    assert done.stderr == ""


def test_a_missing_tensorflow_is_an_error_that_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "rnnwords.training.distributed.team", None)
    events = train(request(tmp_path / "run"))
    assert isinstance(next(events), Planned)
    with pytest.raises(
        MissingDependencyError, match=r"training needs .*, which is not installed; install it with: pip"
    ):
        next(events)
    assert list(tmp_path.iterdir()) == []


def test_standard_error_is_only_replaced_where_it_is_descriptor_2(tmp_path, monkeypatch):
    notebook = io.StringIO()
    monkeypatch.setattr(sys, "stderr", SimpleNamespace(flush=notebook.flush, encoding="utf-8", write=notebook.write))
    stream = sys.stderr
    with native_output_to(tmp_path / "log"):
        assert sys.stderr is stream
    monkeypatch.setattr(sys, "stderr", SimpleNamespace(flush=lambda: None, encoding="utf-8", fileno=lambda: 2))
    stream = sys.stderr
    with native_output_to(tmp_path / "log"):
        assert sys.stderr is not stream
    assert sys.stderr is stream


@pytest.mark.parametrize("cell", ["lstm", "gru", "simple"])
def test_windows_of_one_word_train_although_recurrent_kernels_have_no_gradient(cell: str, tmp_path: Path) -> None:
    network, training = (
        {**NETWORK, "window": 1, "cell": cell},
        {"epochs": 2, "precision": "float32", "histograms": True},
    )
    [*_, finished] = train(request(tmp_path / "run", network=network, training=training))
    assert isinstance(finished, Finished)
    assert finished.reason == "budget"
    assert Model.load(tmp_path / "run" / "model.safetensors").network.window == 1
