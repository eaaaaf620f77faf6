"""Precision of matrix products: what the processor and oneDNN, TensorFlow's library of products, support.

oneDNN can be limited to older instruction sets by ONEDNN_MAX_CPU_ISA. TensorFlow does not read this variable, and ends
with a segmentation fault where it relies on bfloat16 products that a limited oneDNN does not have.
"""

import contextlib
import os
from pathlib import Path

from rnnwords.errors import TrainingError

NATIVE = {"avx512_bf16", "amx_bf16"}  # features of processors with bfloat16 products, in Linux
NATIVE_GPU = (8, 0)  # the first compute capability of NVIDIA with bfloat16 products
# Values of ONEDNN_MAX_CPU_ISA: without bfloat16, and with bfloat16 emulated in float32.
WITHOUT = ("SSE41", "AVX", "AVX2", "AVX2_VNNI")
EMULATED = ("AVX512_CORE", "AVX512_CORE_VNNI")


def bfloat16_is_slow() -> str:
    """Return why the processor computes bfloat16 products no faster than float32, or an empty string."""
    if not NATIVE & _features():
        return "the processor has neither AVX512-BF16 nor AMX"
    if os.environ.get("TF_ENABLE_ONEDNN_OPTS") == "0":
        return "TF_ENABLE_ONEDNN_OPTS is 0"
    return f"ONEDNN_MAX_CPU_ISA is {_limit()}" if _limit() in (*WITHOUT, *EMULATED) else ""


def bfloat16_crashes() -> str:
    """Return why a bfloat16 product would end the process, or an empty string."""
    unused = os.environ.get("TF_ENABLE_ONEDNN_OPTS") == "0" or "avx512f" not in _features()
    return "" if unused or _limit() not in WITHOUT else f"ONEDNN_MAX_CPU_ISA is {_limit()}, without bfloat16"


def onednn_setting() -> str | None:
    """Return the value of TF_ENABLE_ONEDNN_OPTS with which TensorFlow should be loaded; None leaves it unset.

    TensorFlow uses the operations of oneDNN by default only where the processor has instructions for neural networks
    (VNNI, BF16, AMX). On others with AVX2, float32 steps take 8 to 13 % less time with them (benchmarks/training.py):
    TensorFlow's own products copy their operands, and its memory is returned to the system and fetched again.
    """
    return os.environ.get("TF_ENABLE_ONEDNN_OPTS", "1" if "avx2" in _features() else None)


def choose_precision(setting: str) -> str:
    """Return the setting, or for `auto` bfloat16 where the hardware has products of it, else float32.

    The choice depends on the hardware alone: if it were measured, equal runs could differ. benchmarks/training.py has
    the gain. Raises TrainingError for bfloat16 where a product would end the process.
    """
    if setting == "bfloat16" and (reason := bfloat16_crashes()):
        raise TrainingError(f"expected products of bfloat16 for `precision`, found that {reason}; unset it")
    if setting != "auto":
        return setting
    has_bfloat16 = not bfloat16_crashes() and (all(_gpus()) if _gpus() else not bfloat16_is_slow())
    return "bfloat16" if has_bfloat16 else "float32"


def _gpus() -> list[bool]:
    """Return for each GPU whether it computes bfloat16 products."""
    import tensorflow as tf

    details = map(tf.config.experimental.get_device_details, tf.config.list_physical_devices("GPU"))
    return [one.get("compute_capability", (0, 0)) >= NATIVE_GPU for one in details]


def _limit() -> str:
    return (os.environ.get("ONEDNN_MAX_CPU_ISA") or os.environ.get("DNNL_MAX_CPU_ISA") or "").upper()


def _features() -> set[str]:
    with contextlib.suppress(OSError):
        return set(Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace").split())
    return set()
