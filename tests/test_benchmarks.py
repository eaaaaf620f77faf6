"""Benchmarks name what a processor does not support, and measure the rest."""

import argparse
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.texts import ROOT

# As much of torch as steps use before their first forward pass, which fails.
FAKE_TORCH = """
from contextlib import nullcontext
from types import SimpleNamespace
from torch import nn
Tensor, bfloat16 = object, None
optim = SimpleNamespace(Optimizer=object, Adam=lambda *_, **__: SimpleNamespace(zero_grad=lambda **_: None))
from_numpy, autocast = (lambda ids: ids), (lambda *_, **__: nullcontext())
"""
FAKE_NN = """
class Module:
    def parameters(self):
        return []
    def __call__(self, *arguments):
        return self.forward(*arguments)
def fails(*_):
    raise ERROR("could not create a primitive descriptor for the LSTM forward propagation primitive")
def layer(*_, **__):
    return fails
Dropout = Embedding = LSTM = Linear = layer
"""
REASON = "the processor has neither AVX512-BF16 nor AMX"


@pytest.fixture
def training(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return the module of benchmarks/training.py on a processor without bfloat16, with recorded measurements."""
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    spec = importlib.util.spec_from_file_location("training_benchmark", ROOT / "benchmarks" / "training.py")
    assert spec is not None
    assert spec.loader is not None
    module: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "bfloat16_is_slow", lambda: REASON)
    return module


def test_rows_of_bfloat16_are_not_measured_on_a_processor_without_it(training: Any, monkeypatch: Any) -> None:
    started = []

    def measured(*command: object) -> dict[str, float]:
        started.append(command)
        return {"words": 10.0, "flops": 1.0, "gemm": 2.0}

    monkeypatch.setattr(training, "run_json", measured)
    rows = training.speed(argparse.Namespace(repeats=2, torch="python"))
    missing = ["not supported by this processor", REASON]
    ratio = ["1.00 x", "10 and 10 words/s"]
    assert [row[2:] for row in rows] == [ratio, missing, ratio, missing]
    assert "bfloat16" not in {word for command in started for word in command}


def test_the_row_of_autocast_says_that_pytorch_has_no_bfloat16_lstm(training: Any, monkeypatch: Any) -> None:
    missing = "PyTorch has no bfloat16 LSTM on this processor"

    def measured(*command: object) -> dict[str, Any]:
        if "step_torch.py" in str(command[1]) and "bfloat16" in command:
            return {"unsupported": missing}
        return {"words": 10.0, "flops": 1.0, "gemm": 2.0}

    monkeypatch.setattr(training, "bfloat16_is_slow", str)
    monkeypatch.setattr(training, "run_json", measured)
    rows = training.speed(argparse.Namespace(repeats=2, torch="python"))
    ratio = ["1.00 x", "10 and 10 words/s"]
    unsupported = ["not supported by this processor", missing]
    assert [row[2:] for row in rows] == [ratio, unsupported, ratio, ["50%", "FLOP of the step / s"]]


@pytest.mark.parametrize("error", ["RuntimeError", "NotImplementedError"])
def test_the_steps_of_pytorch_report_a_missing_bfloat16_lstm(tmp_path: Path, error: str) -> None:
    module = tmp_path / "torch"
    (module / "nn").mkdir(parents=True)
    (module / "nn" / "__init__.py").write_text(FAKE_NN.replace("ERROR", error))
    (module / "__init__.py").write_text(FAKE_TORCH)
    step = [sys.executable, str(ROOT / "benchmarks" / "step_torch.py")]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}

    def run(*more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*step, *more], capture_output=True, text=True, env=environment, check=False)

    done = run("--precision", "bfloat16")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == {"unsupported": "PyTorch has no bfloat16 LSTM on this processor"}
    assert error in run("--precision", "float32").stderr


def test_the_precision_row_names_the_reason(training: Any) -> None:
    ((*_, measured, reason),) = training.precision(argparse.Namespace(novel=None))
    assert (measured, reason) == ("not supported by this processor", REASON)
