"""benchmarks/panel.py: cost of settings, texts and tables."""

import importlib
import json
import sys
from typing import Any

import pytest

from tests.texts import ROOT


@pytest.fixture
def panel(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return the module."""
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    module = importlib.import_module("panel")
    yield module
    for name in ("panel", "panel_texts", "machine"):
        sys.modules.pop(name, None)


def test_settings_have_the_cost_of_the_defaults(panel, tmp_path):
    (tmp_path / "texts").mkdir()
    words = " ".join(f"w{number % 97} w{number % 89}" for number in range(7_000))
    (tmp_path / "texts" / "novel.train.txt").write_text(words)
    plain = panel.plan_of(tmp_path, "novel", {})
    cost = panel.steps_of(plain) * panel.cost_per_step(plain)
    for name, settings in panel.SETTINGS.items():
        plan = panel.plan_of(tmp_path, "novel", settings)
        steps = panel.iterations(plain, plan)
        assert steps * panel.cost_per_step(plan) == pytest.approx(cost, rel=0.01), name
    assert panel.iterations(plain, plain) == panel.steps_of(plain)


def result(text: str, setting: str, perplexity: float, bits: float, tokens: int = 100) -> dict[str, Any]:
    return {
        "text": text, "setting": setting, "words": 9_000, "test_words": 1_000, "tokens": tokens,
        "predictor": {"perplexity": perplexity, "bits_per_character": bits}, "network": {"perplexity": 60.0},
        "kneser_ney": {"perplexity": 70.0, "bits_per_character": 2.5},
    }  # fmt: skip


def test_perplexities_are_compared_for_equal_vocabularies_only(panel):
    results = [
        result("novel", "plain", 51.0, 2.1),
        result("novel", "rate 0.002", 50.0, 2.2),
        result("novel", "min-count 3", 30.0, 2.0, tokens=60),
    ]
    rows = panel.tables(results).splitlines()
    [row] = [row for row in rows if row.startswith("| novel |")]
    assert "| 50.0 (rate 0.002) | +2.0% | 2.100 | 2.500 | 2.000 (min-count 3) | +5.0% |" in row
    assert "| rate 0.002 | 2.200 (60.0, 50.0) |" in rows


def test_jobs_with_a_result_are_not_repeated(panel, tmp_path, monkeypatch, capsys):
    (tmp_path / "results").mkdir()
    done = {**result("novel", "plain", 51.0, 2.1), "machine": "this machine"}
    (tmp_path / "results" / "novel.plain.json").write_text(json.dumps(done))
    ran: list[tuple[str, str]] = []
    monkeypatch.setattr(panel, "run_jobs", lambda work, jobs, count, limit: ran.extend(jobs))
    command = ["panel.py", "--work", str(tmp_path), "--texts", "novel,ptb", "--settings", "plain,min-count 3"]
    monkeypatch.setattr(sys, "argv", command)
    panel.main()
    assert ran == [("ptb", "plain"), ("novel", "min-count 3"), ("ptb", "min-count 3")]
    assert capsys.readouterr().out.startswith("this machine\n")


def test_the_test_part_is_the_last_tenth(panel):
    texts = sys.modules["panel_texts"]
    lines = [f"line {number:02}" for number in range(100)]
    assert texts._cut(lines) in (89, 90)
    assert list(texts._words(iter(["a b", "c", "d e"]), 3)) == ["a b", "c"]
