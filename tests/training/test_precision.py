"""The choice between bfloat16 and float32 on processors that have, emulate or lack bfloat16."""

import os

import pytest

from rnnwords.errors import TrainingError
from rnnwords.training.optimization import precision
from rnnwords.training.optimization.precision import bfloat16_crashes, bfloat16_is_slow, choose_precision
from rnnwords.training.tensorflow_loading import tensorflow_required

pytest.importorskip("tensorflow")
AVX2 = {"sse4_1", "avx", "avx2"}
AVX512 = {*AVX2, "avx512f"}
WITH_BFLOAT16 = {*AVX512, "avx512_bf16"}


@pytest.fixture
def machine(monkeypatch):
    """Return a function that sets the processor's features, a limit of oneDNN, and GPUs with or without bfloat16."""

    def give(features: set[str], limit: str = "", onednn: str = "1", gpus: tuple[bool, ...] = ()) -> None:
        monkeypatch.delenv("DNNL_MAX_CPU_ISA", raising=False)
        monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", limit)
        monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", onednn)
        monkeypatch.setattr(precision, "_features", lambda: features)
        monkeypatch.setattr(precision, "_gpus", lambda: list(gpus))

    return give


@pytest.mark.parametrize(
    ("features", "limit", "onednn", "chosen"),
    [
        (AVX2, "", "1", "float32"),
        (AVX512, "", "1", "float32"),
        (WITH_BFLOAT16, "", "1", "bfloat16"),
        (WITH_BFLOAT16, "", "0", "float32"),
        (WITH_BFLOAT16, "avx2", "1", "float32"),
        (WITH_BFLOAT16, "AVX512_CORE", "1", "float32"),
        (WITH_BFLOAT16, "DEFAULT", "1", "bfloat16"),
        (set(), "", "1", "float32"),
    ],
)
def test_auto_chooses_bfloat16_only_where_the_processor_has_it(machine, features, limit, onednn, chosen):
    machine(features, limit, onednn)
    assert [choose_precision("auto") for _ in range(3)] == [chosen] * 3
    assert bool(bfloat16_is_slow()) == (chosen == "float32")


@pytest.mark.parametrize(("gpus", "chosen"), [((True,), "bfloat16"), ((True, False), "float32"), ((False,), "float32")])
def test_auto_chooses_bfloat16_on_gpus_only_if_all_have_it(machine, gpus, chosen):
    machine(WITH_BFLOAT16, gpus=gpus)
    assert choose_precision("auto") == chosen
    machine(AVX2, gpus=gpus)
    assert choose_precision("auto") == chosen


def test_bfloat16_is_refused_where_it_would_crash(machine):
    """TensorFlow uses oneDNN's bfloat16 on every processor with AVX-512, and its own on others."""
    machine(AVX512, "AVX2")
    assert choose_precision("float32") == "float32"
    with pytest.raises(TrainingError, match=r"for `precision`, found that ONEDNN_MAX_CPU_ISA is AVX2, without"):
        choose_precision("bfloat16")
    for features, limit, onednn in ((AVX2, "AVX2", "1"), (AVX512, "AVX2", "0"), (AVX512, "AVX512_CORE", "1")):
        machine(features, limit, onednn)
        assert not bfloat16_crashes()
        assert choose_precision("bfloat16") == "bfloat16"


@pytest.mark.parametrize(
    ("features", "given", "expected"),
    [(AVX2, None, "1"), (WITH_BFLOAT16, None, "1"), ({"avx"}, None, None), (AVX2, "0", "0"), (set(), "1", "1")],
)
def test_onednn_is_used_on_every_processor_with_avx2_unless_it_is_set(machine, monkeypatch, features, given, expected):
    """TensorFlow itself uses it only on processors with instructions for neural networks."""
    machine(features)
    if given is None:
        monkeypatch.delenv("TF_ENABLE_ONEDNN_OPTS")
    else:
        monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", given)
    with tensorflow_required():
        assert os.environ.get("TF_ENABLE_ONEDNN_OPTS") == expected
    assert os.environ.get("TF_ENABLE_ONEDNN_OPTS") == given
