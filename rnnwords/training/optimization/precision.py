"""Which number type the matrix products of training use."""

import time
from pathlib import Path

import tensorflow as tf

WORTH = 1.2  # bfloat16 must be so many times as fast to be taken


def choose_precision(asked: str) -> str:
    """`auto`: bfloat16 where the processor has it in hardware and a short measurement shows a gain, else float32.

    Takes about 50 ms where there is something to measure.
    """
    if asked != "auto":
        return asked
    if not tf.config.list_physical_devices("GPU") and not _has_bfloat16():
        return "float32"
    times = {name: min(_seconds(name) for _ in range(3)) for name in ("float32", "bfloat16")}
    return "bfloat16" if times["float32"] >= WORTH * times["bfloat16"] else "float32"


def _has_bfloat16() -> bool:
    """Whether the processor says so (Linux)."""
    try:
        flags = set(Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace").split())
    except OSError:
        return False
    return bool(flags & {"avx512_bf16", "amx_bf16"})


def _seconds(name: str) -> float:
    """Of one product (256, 512) x (512, 2048), the size that a default network spends its time on."""
    dtype = tf.as_dtype(name)
    left, right = tf.ones((256, 512), dtype), tf.ones((512, 2048), dtype)
    tf.matmul(left, right).numpy()
    start = time.perf_counter()
    tf.matmul(left, right).numpy()
    return time.perf_counter() - start
