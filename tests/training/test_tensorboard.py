"""TensorBoard logs of a tiny run, read with the reader of TensorBoard."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

from rnnwords.cli import run as run_program
from tests.processes import TINY, Killed
from tests.texts import FABLE

loading: Any = pytest.importorskip("tensorboard.backend.event_processing.event_file_loader")
accumulating: Any = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
tensors: Any = pytest.importorskip("tensorboard.util.tensor_util")

WEIGHTS = [
    "embedding/embeddings", "lstm_1/kernel", "lstm_1/recurrent_kernel", "lstm_1/bias", "output/kernel", "output/bias",
]  # fmt: skip


def event_files(run: Path) -> list[Path]:
    return sorted((run / "logs").glob("events.out.tfevents.*"))


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


def test_curves_graph_and_samples_are_logged(trained):
    (file,) = event_files(trained)
    events = events_of(file)
    values = values_of(events)
    history = history_of(trained)
    assert len(history) == 6
    for tag, key in (("loss", "loss"), ("accuracy", "accuracy"), ("learning rate", "learning_rate")):
        assert values[tag] == pytest.approx({report["step"]: report[key] for report in history})
    assert values["perplexity"] == pytest.approx({report["step"]: math.exp(report["loss"]) for report in history})
    assert values["sample"] == {report["step"]: report["sample"].encode() for report in history}
    assert set(values["words per second"]) == {report["step"] for report in history}
    for weight in WEIGHTS:
        norms = values[f"gradient norm/{weight}"]
        assert set(norms) == {report["step"] for report in history}
        assert all(norm > 0 for norm in norms.values())
    (graph,) = [event.graph_def for event in events if event.graph_def]
    assert len(graph) > 1_000


def test_validation_curves_and_histograms_are_logged(tmp_path):
    run = tmp_path / "run"
    options = ["--validation-split", "0.2", "--histograms", "--model", str(run), "--quiet"]
    assert run_program(["train", str(FABLE), *TINY, *options]) == 0
    values = values_of(events_of(event_files(run)[0]))
    history = history_of(run)
    assert values["validation/loss"] == pytest.approx({report["step"]: report["validation_loss"] for report in history})
    assert values["validation/accuracy"] == pytest.approx(
        {report["step"]: report["validation_accuracy"] for report in history}
    )
    assert set(values["validation/perplexity"]) == {report["step"] for report in history}
    for weight in WEIGHTS:
        for kind in ("weights", "gradients"):
            assert set(values[f"{kind}/{weight}"]) == {report["step"] for report in history}


def test_embeddings_are_written_for_the_projector(trained):
    words = (trained / "logs" / "words.tsv").read_text(encoding="utf-8").splitlines()
    vectors = (trained / "logs" / "embedding.tsv").read_text(encoding="utf-8").splitlines()
    assert (len(words), words[0]) == (112, ",")
    assert [len(line.split("\t")) for line in vectors] == [8] * 112
    assert "embedding.tsv" in (trained / "logs" / "projector_config.pbtxt").read_text(encoding="utf-8")


def test_curves_of_a_resumed_run_have_each_step_once(tmp_path, killed_after, monkeypatch):
    run = tmp_path / "run"
    command = [
        "train",
        str(FABLE),
        *TINY,
        "--model",
        str(run),
        "--log-every",
        "5",
        "--checkpoint-every",
        "30",
        "--quiet",
    ]
    killed_after(1)  # at step 60, with reports of the steps 35 to 60 and no checkpoint of them
    with pytest.raises(Killed):
        run_program(command)
    assert max(values_of(events_of(event_files(run)[0]))["loss"]) == 60
    monkeypatch.undo()
    assert run_program(command) == 0

    _, second = event_files(run)
    starts = [(event.step, event.session_log.status) for event in events_of(second) if event.HasField("session_log")]
    assert starts == [(31, 1)]  # drops the steps after the checkpoint of step 30
    board = accumulating.EventAccumulator(str(run / "logs"), size_guidance={accumulating.SCALARS: 0})
    board.Reload()
    steps = [event.step for event in board.Scalars("loss")]
    assert steps == [report["step"] for report in history_of(run)] == list(range(5, 91, 5))


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
