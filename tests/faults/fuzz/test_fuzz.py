"""Tests that run each fuzz target for about a second, and replay what fuzzing has found. `make fuzz` takes longer."""

import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rnnwords.errors import ModelError
from rnnwords.model_file import Model
from tests.faults.fuzz import engine
from tests.faults.fuzz.targets import CORPUS, TARGETS, check_of, limited
from tests.texts import ROOT

EXAMPLES = {
    "models": 150, "checkpoints": 100, "vocabularies": 800, "tokenizers": 600, "prompts": 60, "series": 500,
    "lines": 60, "formats": 300, "messages": 150,
}  # fmt: skip
FINDINGS = [(path.parent.name, path.name) for path in sorted(CORPUS.glob("*/*"))]


@pytest.mark.parametrize(("target", "name"), FINDINGS)
def test_earlier_findings_stay_corrected(target: str, name: str) -> None:
    limited(check_of(target), (CORPUS / target / name).read_bytes())


@pytest.mark.parametrize("target", TARGETS)
def test_fuzzing_finds_nothing(target: str) -> None:
    check = check_of(target)
    check(b"")  # imports, and makes the base files

    @settings(max_examples=EXAMPLES[target], derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(st.binary(max_size=200))
    def run(data: bytes) -> None:
        limited(check, data)

    run()


def test_a_finding_is_made_short_and_kept(tmp_path, monkeypatch, capsys) -> None:
    def check(data: bytes) -> None:
        if b"\xff" in data:
            raise ZeroDivisionError
        if b"\xfe" in data:
            raise SystemExit

    monkeypatch.setattr(engine, "CORPUS", tmp_path)
    fuzzing = engine.Fuzzing("x", 60)
    fuzzing.check = check
    for data in (b"abc", b"abcdefg\xffhij" * 9, b"\xff", b"a\xfe"):
        fuzzing.run(data)
    assert (fuzzing.runs, len(fuzzing.findings)) == (4, 2)
    assert sorted(path.read_bytes() for path in (tmp_path / "x").iterdir()) == [b"\xfe", b"\xff"]
    assert "ZeroDivisionError" in capsys.readouterr().out


def test_most_fuzzed_models_have_a_valid_checksum(monkeypatch) -> None:
    """Otherwise they would test the checksum alone."""
    outcomes = {"loaded": 0, "refused": 0, "checksum": 0}
    load = Model.load

    def counted(path: Path) -> Model:
        try:
            model = load(path)
        except ModelError as error:
            outcomes["checksum" if "checksum" in str(error) else "refused"] += 1
            raise
        outcomes["loaded"] += 1
        return model

    monkeypatch.setattr(Model, "load", staticmethod(counted))
    check = check_of("models")
    for number in range(200):
        check(bytes(number * place % 251 for place in range(1, 60)))
    assert outcomes["loaded"] > 20
    assert outcomes["refused"] > 20
    assert outcomes["checksum"] < outcomes["refused"]


def test_the_command_runs_a_target_for_some_seconds() -> None:
    words = [sys.executable, "-m", "tests.faults.fuzz", "vocabularies", "--seconds", "0.5"]
    start = time.monotonic()
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "vocabularies: " in done.stdout
    assert time.monotonic() - start > 0.5
