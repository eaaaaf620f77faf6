"""Checkpoints without TensorFlow: valid ones of several kinds of runs, signed files of any content, old formats."""

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnwords.forecasting.series import Series
from rnnwords.forecasting.training import ForecastRequest, make_forecast_plan
from rnnwords.training.plan import make_plan
from rnnwords.training.runs.checkpoint import FORMAT, VERSION, RunDirectory
from rnnwords.training.runs.checkpoint_state import NEW_POSITION, OLD_POSITION, OLD_SETTINGS, CheckpointState, Position
from rnnwords.training.runs.checkpoint_tensors import STEPS, tensor_types
from rnnwords.training.runs.resume import run_identity
from rnnwords.training.settings.request import TrainRequest
from rnnwords.training.task import RunPlan
from tests.signed_files import assembled
from tests.texts import FABLE

State = dict[str, Any]
Tensors = dict[str, NDArray[Any]]

OLDER, NEWER, BUDGET = 50, 60, 100  # steps
_TYPES = {"<f8": "F64", "<f4": "F32", "<i8": "I64", "<u4": "U32", "<u2": "U16", "|u1": "U8"}
_SMALL: dict[str, Any] = {"units": 16, "embedding": 4, "layers": 1}
_TRAINING: dict[str, Any] = {"iterations": BUDGET, "precision": "float32"}


def _text(network: Mapping[str, Any], training: Mapping[str, Any], directory: Path) -> TrainRequest:
    return TrainRequest([FABLE], directory, network={**_SMALL, **network}, training={**_TRAINING, **training}, seed=1)


REQUESTS: dict[str, tuple[Mapping[str, Any], Mapping[str, Any]]] = {
    "windows": ({}, {"ema": 0.9, "optimizer": "adamw", "schedule": "cosine"}),
    "stateful": ({"stateful": True, "window": 5}, {"optimizer": "sgd", "batch_size": 3}),
    "gru": ({"cell": "gru", "input": "one-hot"}, {"optimizer": "rmsprop"}),
    "adaptive": ({"softmax": "adaptive", "cell": "simple"}, {"optimizer": "adam"}),
}
KINDS = (*REQUESTS, "series")


@dataclass(frozen=True)
class Run:
    """A run without files: its plan, and the number of training words (or values)."""

    plan: RunPlan
    words: int

    def state(self, step: int, finished: str | None = None) -> State:
        """Return a valid state after so many steps."""
        plan = self.plan
        position = Position(
            step,
            1.5,
            2.0,
            0.25,
            1,
            190,
            5,
            10.0,
            2.0,
            3,
            1.0,
            last_evaluation=(2.5, 0.2),
            finished=finished,
            best_probability=0.2,
            nearest_loss=2.0,
        )
        metrics = plan.task().metrics(position)
        identity = run_identity(plan.settings, plan.training.to_json(), "float32")
        state = CheckpointState(dict(plan.settings), position, plan.training, metrics, identity, "float32")
        values: State = json.loads(json.dumps(state.to_json()))
        return values

    def tensors(self, step: int) -> Tensors:
        """Return valid tensors after so many steps."""
        generator = np.random.default_rng(step)
        made: Tensors = {
            name: generator.uniform(0, 0.1, kind.shape).astype(kind.dtype)
            for name, kind in tensor_types(self.plan.network, self.plan.training).items()
        }
        return made | {STEPS: np.array(step, np.int64)}

    def resume(self, directory: Path, warnings: list[str]) -> Any:
        """Return the checkpoint from which the run would be resumed in a directory."""
        plan = self.plan
        return RunDirectory(directory).resumable(
            plan.settings, plan.training.seed, lambda _: plan.network, self.words, warnings.append
        )


@functools.cache
def run_of(kind: str) -> Run:
    """Return a run of a kind of KINDS."""
    nowhere = Path("/nonexistent/run")
    if kind == "series":
        values = np.sin(np.arange(120.0)) + 2
        series = Series("s.csv", "Close", values, None, "0" * 64)
        request = ForecastRequest(series, nowhere, 0.1, {"window": 5, "layers": 1, "units": 16}, _TRAINING, 1)
        forecast = make_forecast_plan(request, print)
        return Run(forecast, forecast.cut)
    plan = make_plan(request_of(kind, nowhere), print)
    return Run(plan, len(plan.prepared.train))


def request_of(kind: str, directory: Path) -> TrainRequest:
    """Return the request of a run on text."""
    network, training = REQUESTS[kind]
    return _text(network, training, directory)


def signed_checkpoint(tensors: Tensors, state: Any, version: tuple[int, int] = VERSION) -> bytes:
    """Return a file with a valid checksum, whatever its content is; NaN and infinity are written as Python does."""
    header: dict[str, Any] = {}
    data = b""
    for name, tensor in sorted(tensors.items(), key=lambda item: -item[1].dtype.itemsize):
        offsets = [len(data), len(data) + tensor.nbytes]
        header[name] = {"dtype": _TYPES[tensor.dtype.str], "shape": list(tensor.shape), "data_offsets": offsets}
        data += tensor.tobytes()
    header["__metadata__"] = {
        "format": FORMAT, "version": f"{version[0]}.{version[1]}", "program": "0.1.0", "configs": json.dumps(state),
    }  # fmt: skip
    return assembled(header, data)


def checkpoint_path(run: Path, step: int) -> Path:
    """Return the file of a checkpoint in a run directory, which is made if necessary."""
    (run / "checkpoints").mkdir(parents=True, exist_ok=True)
    return run / "checkpoints" / f"step-{step:010}.safetensors"


NEW_METRICS = {"mean_probability", "lowest_loss", "max_mean_probability"}  # that earlier formats lack


def as_format_2(state: State) -> State:
    """Return the state of a checkpoint with the names of format 2.0."""
    old = {new: name for name, new in (OLD_POSITION | OLD_SETTINGS).items()}
    settings = {old.get(name, name).replace("_", "-"): value for name, value in state["settings"].items()}
    if "column" in settings:
        settings["holdout"] = settings.pop("test-split")
    position = {old.get(name, name): value for name, value in state["position"].items() if name not in NEW_POSITION}
    training = {old.get(name, name): value for name, value in state["training"].items()}
    metrics = {
        "ceiling" if name == "max_accuracy" else name: value
        for name, value in state["metrics"].items() if name not in NEW_METRICS
    }  # fmt: skip
    if metrics["of"] == "validation text":
        metrics["of"] = "held-out text"
    return {"asked": settings, "position": position, "training": training, "precision": state["precision"],
            "metrics": metrics}  # fmt: skip


def as_format_1(state: State) -> State:
    """Return the state of a checkpoint as in format 1.0, which has losses instead of their sums."""
    state = as_format_2(state)
    position = state["position"]
    steps = position.pop("steps")
    position |= {name: [position[name] / max(1, steps)] * steps for name in ("losses", "hits")}
    position["reports"] = [{"step": 50}]
    del position["epoch_steps"], position["epoch_hits"]
    return state


FORMATS = {(1, 0): as_format_1, (2, 0): as_format_2, VERSION: lambda state: state}
