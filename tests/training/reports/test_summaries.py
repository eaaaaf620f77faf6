"""Summaries for TensorBoard: samples are shown as they are."""

import html
import re
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rnnwords.training.reports.projector import label

plugins: Any = pytest.importorskip("tensorboard.plugin_util")
summaries: Any = pytest.importorskip("rnnwords.training.reports.summaries", exc_type=ImportError)


def shown(sample: str) -> list[list[str]]:
    """Return the words of each line of text that TensorBoard shows."""
    value = summaries.text("sample", sample).value[0]
    page = plugins.markdown_to_safe_html(value.tensor.string_val[0])
    assert set(re.findall("<([^ >]+)", page)) <= {"p", "/p", "br"}
    lines = html.unescape(re.sub("<[^>]*>", "", page)).split("\n")
    return [words for line in lines if (words := line.split())]


@given(st.text(st.sampled_from(" \n\\`*_{}[]()#+-.!<>&|~=:;/\"'$^1a")) | st.text())
@example("the <unk> said *no* and _yes_ to `all` | of & <b>it</b> &amp; [x](y) ![x](y) <http://x.org> http://x.org")
@example("a | b\n--- | ---\n1 | 2")
@example("text\n===\n\n---\n\n~~~\ncode\n~~~")
@example("10. ten\n11) eleven\n- one\n+ two\n> quoted\n# title\n: definition\n[x]: y\n*[x]: y")
@example("    indented    words")
@example("\x02klzzwxh:0000\x03")
def test_samples_are_shown_as_they_are(sample):
    assert shown(sample) == [words for line in sample.splitlines() if (words := label(line.strip()).split())]


def test_lines_of_a_sample_stay_lines():
    assert shown("one\ntwo and\n\nthree") == [["one"], ["two", "and"], ["three"]]


def test_hyperparameters_have_plain_values_only():
    values = {"units": 8, "tie": False, "cell": "lstm", "dropout": 0.5, "patience": None, "clusters": [1, 2]}
    summary = summaries.hyperparameters(values, "models/\udcff")
    assert [value.tag for value in summary.value] == ["_hparams_/session_start_info"]
    content = summary.value[0].metadata.plugin_data.content
    assert all(name.encode() in content for name in ("units", "tie", "cell", "dropout"))
    assert not any(name.encode() in content for name in ("patience", "clusters"))
