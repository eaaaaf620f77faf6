"""Summaries of TensorBoard: curves, texts, histograms and hyperparameters."""

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from tensorboard.compat.proto import summary_pb2
from tensorboard.plugins.histogram.metadata import create_summary_metadata
from tensorboard.plugins.hparams import summary_v2 as hparams
from tensorboard.plugins.text.summary_v2 import text_pb
from tensorboard.util.tensor_util import make_tensor_proto

from rnnwords.network.recurrent import Floats
from rnnwords.training.reports.projector import label

BINS = 30  # of a histogram
_INLINE = re.compile(r"[\\`*_\[\]<&|]")  # characters with a meaning in Markdown, anywhere in a line
_FIRST = re.compile(r"^[#>+~=:\d-]")  # and at its beginning: a digit begins a list


def scalars(values: Mapping[str, float]) -> Any:
    """Return a point for each curve."""
    summary = summary_pb2.Summary()
    for tag, number in values.items():
        summary.value.add(tag=tag, simple_value=number)
    return summary


def text(tag: str, literal: str) -> Any:
    """Return a text for the page Text, which takes it for Markdown: escaped, so that its characters and lines stay."""
    return text_pb(tag, "  \n".join(map(_escaped, literal.splitlines())))


def _escaped(line: str) -> str:
    line = _INLINE.sub(_reference, label(line.strip()))
    return _FIRST.sub(_reference, line)


def _reference(match: "re.Match[str]") -> str:
    """Return the numeric character reference of a character, which has no meaning in Markdown."""
    return f"&#{ord(match[0])};"


def histograms(values: Mapping[str, Floats]) -> Any:
    """Return a histogram of equal bins for each name."""
    summary = summary_pb2.Summary()
    for tag, numbers in values.items():
        counts, edges = np.histogram(numbers, bins=BINS)
        bins = make_tensor_proto(np.stack([edges[:-1], edges[1:], counts], axis=1), dtype=np.float64)
        summary.value.add(tag=tag, metadata=create_summary_metadata(None, None), tensor=bins)
    return summary


def hyperparameters(values: Mapping[str, Any], trial: str) -> Any:
    """Return the settings of a run for the page HParams, which compares the `trial` with others."""
    plain = {name: value for name, value in values.items() if isinstance(value, bool | int | float | str)}
    summary = hparams.hparams_pb(plain, trial_id=trial.encode("utf-8", "replace").decode())
    return summary_pb2.Summary.FromString(summary.SerializeToString())
