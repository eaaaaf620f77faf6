"""Benchmarks name what a processor does not support, and measure the rest."""

import argparse
import importlib.util
from typing import Any

import pytest

from tests.texts import ROOT

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


def test_the_precision_row_names_the_reason(training: Any) -> None:
    ((*_, measured, reason),) = training.precision(argparse.Namespace(novel=None))
    assert (measured, reason) == ("not supported by this processor", REASON)
