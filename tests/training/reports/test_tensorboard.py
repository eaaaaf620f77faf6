"""TensorBoard logs of a tiny run, read with the reader of TensorBoard."""

import json
import math
import shutil
from pathlib import Path
from typing import Any

import pytest

from rnnwords.cli import run as run_program
from rnnwords.training.runs.checkpoint import RunDirectory
from tests.processes import TINY, Killed
from tests.texts import FABLE

loading: Any = pytest.importorskip("tensorboard.backend.event_processing.event_file_loader")
accumulating: Any = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
tensors: Any = pytest.importorskip("tensorboard.util.tensor_util")

WEIGHTS = [
    "embedding/embeddings", "lstm_1/kernel", "lstm_1/recurrent_kernel", "lstm_1/bias", "output/kernel", "output/bias",
]  # fmt: skip
FIGURES = {"loss", "accuracy", "perplexity"}


def event_files(run: Path, part: str = "training") -> list[Path]:
    return sorted((run / "logs" / part).glob("events.out.tfevents.*"))


def events_of(file: Path) -> list[Any]:
    return list(loading.EventFileLoader(str(file)).Load())


def history_of(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "history.jsonl").read_text(encoding="utf-8").splitlines()]


def values_of(events: list[Any]) -> dict[str, dict[int, Any]]:
    """tag -> step -> number or text."""
    found: dict[str, dict[int, Any]] = {}
    for event in events:
        for value in event.summary.value:
            array = tensors.make_ndarray(value.tensor) if value.HasField("tensor") else None
            number = array.reshape(-1)[0] if array is not None and array.size else None
            found.setdefault(value.tag, {})[event.step] = number
    return found


def points(run: Path, part: str) -> dict[str, list[int]]:
    """Return tag -> steps of the points that TensorBoard shows."""
    board = accumulating.EventAccumulator(str(run / "logs" / part), size_guidance={accumulating.SCALARS: 0})
    board.Reload()
    return {tag: [event.step for event in board.Scalars(tag)] for tag in board.Tags()["scalars"]}


def test_curves_graph_and_samples_are_logged(trained):
    assert [item.name for item in (trained / "logs").iterdir()] == ["training"]  # there is no validation text
    (file,) = event_files(trained)
    events = events_of(file)
    values = values_of(events)
    history = history_of(trained)
    assert len(history) == 6
    for tag, key in (("loss", "loss"), ("accuracy", "accuracy"), ("training/learning rate", "learning_rate")):
        assert values[tag] == pytest.approx({report["step"]: report[key] for report in history})
    assert values["perplexity"] == pytest.approx({report["step"]: math.exp(report["loss"]) for report in history})
    assert values["sample"] == {report["step"]: report["sample"].encode() for report in history}
    assert set(values["training/words per second"]) == {report["step"] for report in history}
    for weight in WEIGHTS:
        norms = values[f"training gradient norm/{weight}"]
        assert set(norms) == {report["step"] for report in history}
        assert all(norm > 0 for norm in norms.values())
    assert len([event.graph_def for event in events if event.graph_def]) == 1
    assert "_hparams_/session_start_info" in values


def test_training_and_validation_have_equal_tags_in_two_runs(tmp_path):
    run = tmp_path / "run"
    options = ["--validation-split", "0.2", "--histograms", "--model", str(run), "--quiet"]
    assert run_program(["train", str(FABLE), *TINY, *options]) == 0
    training, validation = (values_of(events_of(event_files(run, part)[0])) for part in ("training", "validation"))
    history = history_of(run)
    steps = {report["step"] for report in history}
    assert validation["loss"] == pytest.approx({report["step"]: report["validation_loss"] for report in history})
    assert validation["accuracy"] == pytest.approx(
        {report["step"]: report["validation_accuracy"] for report in history}
    )
    for tag in FIGURES:
        assert set(training[tag]) == set(validation[tag]) == steps
    for weight in WEIGHTS:
        for kind in ("weights", "gradients"):
            assert set(training[f"training {kind}/{weight}"]) == steps
    # The settings are in the run whose figures are compared. Curves of training alone follow in the alphabet.
    assert set(validation) == {*FIGURES, "_hparams_/session_start_info"}
    assert "_hparams_/session_start_info" not in training
    curves = sorted(tag for tag, numbers in training.items() if set(numbers) == steps and tag != "sample")
    assert curves[:3] == sorted(FIGURES)


def test_embeddings_are_written_for_the_projector(trained):
    place = trained / "logs" / "training"
    header, *words = (place / "words.tsv").read_text(encoding="utf-8").splitlines()
    vectors = (place / "embedding.tsv").read_text(encoding="utf-8").splitlines()
    assert (header, len(words), words[0]) == ("word\tcount", 112, ",\t14")
    assert [len(line.split("\t")) for line in vectors] == [8] * 112
    assert "embedding.tsv" in (place / "projector_config.pbtxt").read_text(encoding="utf-8")


COMMAND = ["train", str(FABLE), *TINY, "--validation-split", "0.2", "--log-every", "2", "--checkpoint-every", "30"]


def test_curves_of_a_resumed_run_have_each_step_once(tmp_path, killed_after, monkeypatch):
    run = tmp_path / "run"
    command = [*COMMAND, "--model", str(run), "--quiet"]
    killed_after(1)  # at step 60, with reports of the steps 32 to 60 and no checkpoint of them
    with pytest.raises(Killed):
        run_program(command)
    assert max(values_of(events_of(event_files(run)[0]))["loss"]) == 60
    monkeypatch.undo()
    assert run_program(command) == 0

    history = history_of(run)
    evaluated = [report["step"] for report in history if report["validation_loss"] is not None]
    for part, expected in (("training", [report["step"] for report in history]), ("validation", evaluated)):
        _, second = event_files(run, part)
        starts = [
            (event.step, event.session_log.status) for event in events_of(second) if event.HasField("session_log")
        ]
        assert starts == [(31, 1)]  # drops the steps after the checkpoint of step 30
        steps = points(run, part)
        assert steps["loss"] == steps["accuracy"] == steps["perplexity"] == expected
    assert max(evaluated) == history[-1]["step"]
    assert len(evaluated) < len(history)  # a validation point appears where an evaluation was


def test_a_run_of_a_version_without_parts_is_continued_in_the_training_run(tmp_path, killed_after, monkeypatch):
    run = tmp_path / "run"
    command = [*COMMAND, "--model", str(run), "--quiet"]
    killed_after(1)
    with pytest.raises(Killed):
        run_program(command)
    monkeypatch.undo()
    shutil.rmtree(run / "logs" / "validation")
    for item in (run / "logs" / "training").iterdir():
        item.rename(run / "logs" / item.name)
    (run / "logs" / "training").rmdir()
    (run / "logs" / "words.tsv").write_text(",\n", encoding="utf-8")
    (run / "logs" / "notes.txt").write_text("mine", encoding="utf-8")
    assert run_program(command) == 0
    assert sorted(item.name for item in (run / "logs").iterdir()) == ["notes.txt", "training", "validation"]
    assert len(event_files(run)) == 2
    assert points(run, "training")["loss"] == [report["step"] for report in history_of(run)]


def test_a_restart_removes_the_logs_and_no_other_files(run):
    others = ["notes.txt", "training/notes.txt", "validation/notes.txt"]
    old = ["events.out.tfevents.1.host.1.0", "training/words.tsv", "validation/events.out.tfevents.1.host.1.0"]
    (run / "logs" / "validation").mkdir()
    for name in [*others, *old]:
        (run / "logs" / name).write_text("", encoding="utf-8")
    directory = RunDirectory(run)
    with directory.locked():
        directory.clear()
    assert sorted(str(item.relative_to(run / "logs")) for item in (run / "logs").rglob("*.*")) == sorted(others)


def test_log_files_are_ordered_by_session_even_with_a_wrong_clock(tmp_path, killed_after, monkeypatch):
    run = tmp_path / "run"
    command = ["train", str(FABLE), *TINY, "--model", str(run), "--checkpoint-every", "30", "--quiet"]
    killed_after(1)
    with pytest.raises(Killed):
        run_program(command)
    monkeypatch.undo()
    (first,) = event_files(run)
    future = first.rename(first.with_name(first.name.replace(first.name.split(".")[3], "9000000000")))
    assert run_program(command) == 0
    assert event_files(run)[0] == future
    assert len(event_files(run)) == 2
